package profile

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// shellVars reads NAME=value as os-release(5) has it.
func shellVars(data []byte) map[string]string {
	out := map[string]string{}
	for l := range strings.Lines(string(data)) {
		k, v, ok := strings.Cut(strings.TrimSpace(l), "=")
		if ok && !strings.HasPrefix(k, "#") && len(out) < 200 {
			out[strings.TrimSpace(k)] = clean(strings.Trim(strings.TrimSpace(v), `"'`))
		}
	}
	return out
}

// readSystem tells the system, its kernel and its name.
func (p *Profile) readSystem(v *volume) {
	o := &p.out
	var name, id, version, from string
	for _, f := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if data := v.read(f); len(data) > 0 {
			vars := shellVars(data)
			if name = vars["PRETTY_NAME"]; name == "" {
				name = strings.TrimSpace(vars["NAME"] + " " + vars["VERSION"])
			}
			id, version, from = vars["ID"], vars["VERSION_ID"], f
			break
		}
	}
	for _, f := range []struct{ path, id string }{{"/etc/redhat-release", "rhel"}, {"/etc/centos-release", "centos"}, {"/etc/SuSE-release", "suse"}, {"/etc/debian_version", "debian"}, {"/etc/alpine-release", "alpine"}} {
		l := v.line(f.path)
		if l == "" || from != "" && f.id != id {
			continue
		}
		if from == "" {
			name, id, from = l, f.id, f.path
			if strings.HasPrefix(l, "CentOS") {
				id = "centos"
			}
			if f.id == "debian" || f.id == "alpine" {
				name = map[string]string{"debian": "Debian ", "alpine": "Alpine Linux "}[f.id] + l
			}
			version = firstVersion(l)
		} else if f.id == "debian" && strings.HasPrefix(l, version+".") {
			version = l // 12.5 says more than 12
		}
		break
	}
	if from == "" {
		switch {
		case v.exists("/Windows/System32/ntoskrnl.exe"):
			name, id, from = "Windows", "windows", "/Windows/System32/ntoskrnl.exe"
		case v.exists("/System/Library/CoreServices/SystemVersion.plist"):
			from, id, name = "/System/Library/CoreServices/SystemVersion.plist", "macos", "macOS"
			if m := plistVersion.FindSubmatch(v.read(from)); m != nil {
				version = clean(string(m[1]))
				name += " " + version
			}
		case v.exists("/bin/freebsd-version"):
			name, id, from = "FreeBSD", "freebsd", "/bin/freebsd-version"
			if m := bsdVersion.FindSubmatch(v.read(from)); m != nil {
				version = clean(string(m[1]))
				name += " " + version
			}
		}
	}
	if from == "" {
		return
	}
	v.system = true
	for _, dir := range []string{"/lib/modules", "/usr/lib/modules"} {
		for _, f := range v.list(dir) {
			v.kernel = newer(v.kernel, base(f))
		}
	}
	host := v.line("/etc/hostname")
	if host == "" {
		host = shellVars(v.read("/etc/sysconfig/network"))["HOSTNAME"]
	}
	if o.OS == "" {
		o.OS, o.OSID, o.Version, o.Hostname = name, id, version, host
	}
	p.fact(classOS, v.place(from), "The system is "+name+".", "系统为 "+name+"。")
}

var (
	plistVersion = regexp.MustCompile(`<key>ProductVersion</key>\s*<string>([0-9.]{1,20})</string>`)
	bsdVersion   = regexp.MustCompile(`USERLAND_VERSION="([^"\n]{1,40})"`)
	someVersion  = regexp.MustCompile(`[0-9]+(\.[0-9]+)*`)
)

func firstVersion(s string) string { return someVersion.FindString(s) }

func (p *Profile) trace(v *volume, provider, name, value, file string) {
	if len(p.traces) < 200 {
		p.traces[lenscap.Trace{Provider: clean(provider), Name: name, Value: clean(value), Path: v.place(file)}] = true
	}
}

// agents are directories and files that a cloud's own programs leave.
var agents = []struct{ provider, path string }{
	{"aws", "/var/lib/amazon/ssm"},
	{"aws", "/etc/amazon/ssm"},
	{"aws", "/opt/aws"},
	{"aws", "/Program Files/Amazon/EC2Launch"},
	{"aws", "/Program Files/Amazon/SSM"},
	{"azure", "/var/lib/waagent"},
	{"azure", "/etc/waagent.conf"},
	{"azure", "/WindowsAzure"},
	{"gcp", "/etc/default/instance_configs.cfg"},
	{"gcp", "/usr/bin/google_guest_agent"},
	{"gcp", "/Program Files/Google/Compute Engine"},
	{"alibaba", "/usr/local/share/aliyun-assist"},
	{"alibaba", "/usr/local/aegis"},
	{"alibaba", "/usr/local/cloudmonitor"},
	{"tencent", "/usr/local/qcloud"},
	{"tencent", "/usr/local/qcloud/YunJing"},
	{"tencent", "/usr/local/qcloud/monitor/barad"},
	{"huawei", "/usr/local/hostguard"},
	{"huawei", "/usr/local/telescope"},
	{"huawei", "/usr/local/uniagent"},
	{"oracle", "/var/lib/oracle-cloud-agent"},
	{"oracle", "/etc/oracle-cloud-agent"},
	{"oracle", "/usr/libexec/oracle-cloud-agent"},
}

// clouds maps what cloud-init calls a cloud or its data source.
var clouds = map[string]string{
	"ec2": "aws", "aws": "aws", "azure": "azure", "gce": "gcp", "aliyun": "alibaba", "oracle": "oracle", "hetzner": "hetzner", "digitalocean": "digitalocean",
	"vultr": "vultr", "openstack": "openstack", "ibmcloud": "ibm", "scaleway": "scaleway", "upcloud": "upcloud", "exoscale": "exoscale", "tencentcloud": "tencent", "huaweicloud": "huawei",
}

func cloud(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "datasource")
	for _, suffix := range []string{"", "local"} {
		if c := clouds[strings.TrimSuffix(s, suffix)]; c != "" {
			return c
		}
	}
	return ""
}

var instanceID = regexp.MustCompile(`^(i-[0-9a-z]{8,24}|m?i-[0-9a-f]{17}|ins-[0-9a-z]{8}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]{6,20}|ocid1\.instance\.[a-z0-9._-]{20,120})$`)

// readTraces looks for what clouds leave.
func (p *Profile) readTraces(v *volume) {
	for _, a := range agents {
		if v.filled(a.path) || v.exists(a.path) {
			p.trace(v, a.provider, "agent", a.path[strings.LastIndexByte(a.path, '/')+1:], a.path)
		}
	}
	provider := ""
	set := func(s string) {
		if c := cloud(s); c != "" && provider == "" {
			provider = c
		}
	}
	const instance, run = "/var/lib/cloud/instance", "/run/cloud-init"
	set(v.line(run + "/cloud-id"))
	source := v.line(instance + "/datasource") // DataSourceEc2Local: DataSourceEc2
	first, _, _ := strings.Cut(source, ":")
	set(first)
	var data struct {
		V1 map[string]any `json:"v1"`
	}
	for _, f := range []string{run + "/instance-data.json", instance + "/instance-data.json"} {
		if json.Unmarshal(v.read(f), &data) != nil {
			continue
		}
		text := func(k string) string { s, _ := data.V1[k].(string); return s }
		for _, k := range []string{"cloud_name", "cloud_id", "platform"} {
			set(text(k))
		}
		for _, k := range []string{"region", "availability_zone", "instance_id"} {
			if s := text(k); s != "" {
				p.trace(v, provider, k, s, f)
			}
		}
	}
	if source != "" {
		p.trace(v, provider, "datasource", first, instance+"/datasource")
	}
	for _, f := range []string{"/var/lib/cloud/data/instance-id", run + "/.instance-id", "/var/lib/cloud/data/previous-instance-id"} {
		if id := v.line(f); instanceID.MatchString(id) {
			p.trace(v, provider, "instance_id", id, f)
		}
	}
	for _, f := range v.list("/var/lib/cloud/instances") {
		if id := base(f); instanceID.MatchString(id) {
			p.trace(v, provider, "instance_id", id, f.Path)
		}
	}
	for _, f := range v.list("/var/lib/amazon/ssm") {
		if id := base(f); strings.HasPrefix(id, "i-") && instanceID.MatchString(id) {
			p.trace(v, "aws", "instance_id", id, f.Path)
		}
	}
	for _, f := range []struct{ provider, name, path string }{
		{"azure", "instance_id", "/var/lib/waagent/provisioned"},
		{"alibaba", "region", "/usr/local/share/aliyun-assist/region-id"},
		{"alibaba", "instance_id", "/usr/local/share/aliyun-assist/hybrid/instance-id"},
		{"alibaba", "region", "/usr/local/share/aliyun-assist/hybrid/region-id"},
	} {
		if s := v.line(f.path); s != "" && (f.name == "region" && regionName.MatchString(s) || instanceID.MatchString(s)) {
			p.trace(v, f.provider, f.name, s, f.path)
		}
	}
	const google = "/etc/default/instance_configs.cfg"
	if id := shellVars(v.read(google))["instance_id"]; instanceID.MatchString(id) {
		p.trace(v, "gcp", "instance_id", id, google)
	}
}

var regionName = regexp.MustCompile(`^[a-z]{2,12}(-[a-z0-9]{1,16}){1,4}$`)

// hashKind names the kind of a hash as crypt(5) has it; the hash itself is
// not kept.
func hashKind(s string) string {
	switch {
	case s == "":
		return "none"
	case s[0] == '!' || s[0] == '*' || s == "x":
		return "locked"
	}
	for _, k := range []struct{ prefix, name string }{
		{"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"}, {"$7$", "scrypt"}, {"$2", "bcrypt"}, {"$6$", "sha512"}, {"$5$", "sha256"}, {"$1$", "md5"}, {"$sha1$", "sha1"}, {"$3$", "nt"}, {"_", "bsdi"},
	} {
		if strings.HasPrefix(s, k.prefix) {
			return k.name
		}
	}
	if len(s) == 13 {
		return "des"
	}
	return "other"
}

// readUsers reads passwd(5), shadow(5), group(5), sudoers(5) and counts keys.
func (p *Profile) readUsers(v *volume) {
	hashes := map[string]string{}
	for l := range strings.Lines(string(v.read("/etc/shadow"))) {
		if f := strings.Split(strings.TrimRight(l, "\r\n"), ":"); len(f) >= 2 {
			hashes[f[0]] = hashKind(f[1])
		}
	}
	admins, adminGroups := map[string]bool{}, map[string]bool{}
	for l := range strings.Lines(string(v.read("/etc/group"))) {
		f := strings.Split(strings.TrimSpace(l), ":")
		if len(f) >= 4 && slices.Contains([]string{"sudo", "wheel", "admin", "root"}, f[0]) {
			adminGroups[f[2]] = true
			for u := range strings.SplitSeq(f[3], ",") {
				admins[strings.TrimSpace(u)] = true
			}
		}
	}
	sudoers := [][]byte{v.read("/etc/sudoers")}
	for _, f := range v.list("/etc/sudoers.d") {
		if len(sudoers) < 100 {
			sudoers = append(sudoers, v.read(f.Path))
		}
	}
	for _, data := range sudoers {
		for l := range strings.Lines(string(data)) {
			if f := strings.Fields(l); len(f) >= 2 && strings.Contains(f[1], "=") && !strings.ContainsAny(f[0][:1], "#%@") && f[0] != "Defaults" {
				admins[f[0]] = true
			}
		}
	}
	for l := range strings.Lines(string(v.read("/etc/passwd"))) {
		f := strings.Split(strings.TrimSpace(l), ":")
		if len(f) != 7 || f[0] == "" || len(p.out.Users) >= maxResults {
			continue
		}
		u := lenscap.User{Name: clean(f[0]), ID: clean(f[2]), Home: cleanPath(f[5]), Shell: cleanPath(f[6])}
		u.Password = hashKind(f[1])
		if f[1] == "x" {
			if u.Password = hashes[f[0]]; u.Password == "" {
				u.Password = "locked"
			}
		}
		u.Admin = f[2] == "0" || admins[f[0]] || adminGroups[f[3]]
		if strings.HasPrefix(f[5], "/") && f[5] != "/" && f[5] != "/nonexistent" {
			for _, name := range []string{"authorized_keys", "authorized_keys2"} {
				u.Keys += countKeys(v.read(strings.TrimRight(f[5], "/") + "/.ssh/" + name))
			}
		}
		shell := f[6] == "" || !slices.Contains([]string{"nologin", "false", "sync", "halt", "shutdown"}, f[6][strings.LastIndexByte(f[6], '/')+1:])
		u.Login = shell && (u.Password != "locked" || u.Keys > 0)
		p.out.Users = append(p.out.Users, u)
	}
}

// countKeys counts the lines of authorized_keys, see sshd(8).
func countKeys(data []byte) int {
	n := 0
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' && (strings.Contains(l, "ssh-") || strings.Contains(l, "ecdsa-") || strings.Contains(l, "sk-")) {
			n++
		}
	}
	return n
}
