package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/packages"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// memory is a volume of files by path. One that starts with -> is a link.
type memory map[string]string

type content struct{ *bytes.Reader }

func (c content) Size() int64 { return c.Reader.Size() }

func (m memory) Open(p string) (detect.Reader, error) {
	data, ok := m[p]
	for range 5 {
		to, link := strings.CutPrefix(data, "->")
		if !ok || !link {
			break
		}
		data, ok = m[to]
	}
	if !ok {
		return nil, fs.ErrNotExist
	}
	return content{bytes.NewReader([]byte(data))}, nil
}

func (m memory) List(dir string, yield func(detect.File) bool) error {
	seen := map[string]bool{}
	for p, data := range m {
		rest, ok := strings.CutPrefix(p, strings.TrimSuffix(dir, "/")+"/")
		if !ok {
			continue
		}
		name, _, deep := strings.Cut(rest, "/")
		if seen[name] {
			continue
		}
		seen[name] = true
		f := detect.File{Path: dir + "/" + name, Size: int64(len(data)), Modified: time.Unix(1, 0)}
		if deep {
			f.Mode = fs.ModeDir
		}
		if !yield(f) {
			break
		}
	}
	return nil
}

// look makes the profile of volumes; what is of dpkg's lists is owned.
func look(t testing.TB, volumes map[string]memory) *lenscap.Profile {
	t.Helper()
	p := New()
	for _, name := range slices.Sorted(maps.Keys(volumes)) {
		files := volumes[name]
		m, err := packages.Read(t.Context(), files)
		if err != nil {
			t.Fatal(err)
		}
		p.Volume(name, files, m)
		for f, data := range files {
			mode := fs.FileMode(0o644)
			if strings.HasPrefix(data, "->") {
				mode |= fs.ModeSymlink
			}
			p.See(name, f, int64(len(data)), mode, m.Owns(f))
		}
	}
	return p.Result()
}

func debian() memory {
	return memory{
		"/etc/os-release":     "->/usr/lib/os-release",
		"/usr/lib/os-release": "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n",
		"/etc/debian_version": "12.5\n", "/etc/hostname": "web-1\n",
		"/lib/modules/6.1.0-9-amd64/x": "", "/lib/modules/6.1.0-18-amd64/x": "",
		"/etc/passwd":                    "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:d:/usr/sbin:/usr/sbin/nologin\nops:x:1000:1000::/home/ops:/bin/bash\nplain:x:1001:1001::/home/plain:/bin/sh\nold:$1$abc$HASHHASH:1002:1002::/:/bin/sh\n",
		"/etc/shadow":                    "root:!:1::::::\ndaemon:*:1::::::\nops:$y$j9T$SALTSALT$HASHHASH:1::::::\nplain::1::::::\n",
		"/etc/group":                     "sudo:x:27:ops\n",
		"/home/ops/.ssh/authorized_keys": "# mine\nssh-ed25519 AAAA ops\nfrom=\"10.0.0.1\" ssh-rsa AAAA two\n",
		"/etc/systemd/system/multi-user.target.wants/ssh.service": "->/usr/lib/systemd/system/ssh.service",
		"/usr/lib/systemd/system/ssh.service":                     "[Service]\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n",
		"/etc/crontab":                                            "# m\nSHELL=/bin/sh\n17 * * * * root cd / && run-parts --report /etc/cron.hourly\n",
		"/var/lib/dpkg/status":                                    "Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\nMaintainer: S <s@debian.org>\n\n",
		"/var/lib/dpkg/info/base-files.list":                      "/usr/lib/os-release\n",
		"/var/lib/dpkg/info/base-files.md5sums":                   "",
	}
}

func with(m memory, more memory) memory {
	maps.Copy(m, more)
	return m
}

func TestPlainSystem(t *testing.T) {
	t.Parallel()
	p := look(t, map[string]memory{"p1": debian()})
	if p.OS != "Debian GNU/Linux 12 (bookworm)" || p.OSID != "debian" || p.Version != "12.5" || p.Kernel != "6.1.0-18-amd64" || p.Hostname != "web-1" {
		t.Errorf("system: %q %q %q %q %q", p.OS, p.OSID, p.Version, p.Kernel, p.Hostname)
	}
	if !slices.Equal(p.Class, []string{classOS}) {
		t.Errorf("class %v: %+v", p.Class, p.Facts)
	}
	want := []lenscap.User{
		{Name: "daemon", ID: "1", Home: "/usr/sbin", Shell: "/usr/sbin/nologin", Password: "locked"},
		{Name: "old", ID: "1002", Home: "/", Shell: "/bin/sh", Password: "md5", Login: true},
		{Name: "ops", ID: "1000", Home: "/home/ops", Shell: "/bin/bash", Password: "yescrypt", Keys: 2, Login: true, Admin: true},
		{Name: "plain", ID: "1001", Home: "/home/plain", Shell: "/bin/sh", Password: "none", Login: true},
		{Name: "root", ID: "0", Home: "/root", Shell: "/bin/bash", Password: "locked", Admin: true},
	}
	if !slices.Equal(p.Users, want) {
		t.Errorf("users:\n%+v\nexpected\n%+v", p.Users, want)
	}
	services := []lenscap.Daemon{
		{Name: "cron: run-parts", Path: "p1:/etc/crontab", Command: "run-parts"},
		{Name: "ssh.service", Path: "p1:/etc/systemd/system/multi-user.target.wants/ssh.service", Command: "/usr/sbin/sshd", Base: true},
	}
	if !slices.Equal(p.Services, services) {
		t.Errorf("services: %+v", p.Services)
	}
	if len(p.Packages) != 1 || p.PackageBytes == 0 || p.FileBytes <= p.PackageBytes {
		t.Errorf("packages: %+v, %d of %d bytes", p.Packages, p.PackageBytes, p.FileBytes)
	}
	out, _ := json.Marshal(p)
	for _, secret := range []string{"HASHHASH", "SALTSALT", "SSHD_OPTS", "AAAA"} {
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("the profile tells %s", secret)
		}
	}
}

func TestClasses(t *testing.T) {
	t.Parallel()
	app := memory{"/usr/sbin/nginx": "x", "/etc/nginx/nginx.conf": "x", "/srv/shop/package.json": `{"name":"shop","version":"2.1.0"}`, "/srv/shop/node_modules/a/package.json": `{"name":"a"}`}
	emptyPG := memory{"/var/lib/postgresql/15/main/PG_VERSION": "15\n", "/var/lib/postgresql/15/main/base/5/PG_VERSION": "15\n", "/var/lib/postgresql/15/main/base/5/1259": "x", "/var/lib/postgresql/15/main/base/5/2619_fsm": "x"}
	for name, c := range map[string]struct {
		volumes map[string]memory
		want    []string
	}{
		"nothing":                {map[string]memory{"p1": {}}, nil},
		"system":                 {map[string]memory{"p1": debian()}, []string{classOS}},
		"application":            {map[string]memory{"p1": with(debian(), app)}, []string{classApplication, classOS}},
		"empty store":            {map[string]memory{"p1": with(debian(), emptyPG)}, []string{classOS}},
		"filled store":           {map[string]memory{"p1": with(with(debian(), emptyPG), memory{"/var/lib/postgresql/15/main/base/16384/16390": "rows"})}, []string{classData, classOS}},
		"user table in postgres": {map[string]memory{"p1": with(with(debian(), emptyPG), memory{"/var/lib/postgresql/15/main/base/5/16390": "rows"})}, []string{classData, classOS}},
		"empty mysql":            {map[string]memory{"p1": with(debian(), memory{"/var/lib/mysql/ibdata1": "x", "/var/lib/mysql/mysql/user.frm": "x", "/var/lib/mysql/sys/sys_config.ibd": "x", "/var/lib/mysql/mysql.ibd": "x"})}, []string{classOS}},
		"mysql":                  {map[string]memory{"p1": with(debian(), memory{"/var/lib/mysql/ibdata1": "x", "/var/lib/mysql/shop/orders.ibd": "x"})}, []string{classData, classOS}},
		"second disk":            {map[string]memory{"p1": debian(), "p2": {"/invoices/1.pdf": "x"}}, []string{classData, classOS}},
		"data disk":              {map[string]memory{"whole": {"/ibdata1": "x", "/shop/orders.ibd": "x"}}, []string{classData}},
		"not postgresql":         {map[string]memory{"p1": with(debian(), memory{"/srv2/base/1/20000": "x"})}, []string{classOS}},
	} {
		p := look(t, c.volumes)
		if p == nil {
			if c.want != nil {
				t.Errorf("%s: no profile", name)
			}
			continue
		}
		if !slices.Equal(p.Class, c.want) {
			t.Errorf("%s: expected %v, found %v: %+v", name, c.want, p.Class, p.Facts)
		}
		again, _ := json.Marshal(look(t, c.volumes))
		if first, _ := json.Marshal(p); !bytes.Equal(first, again) {
			t.Errorf("%s: two looks differ", name)
		}
		for _, f := range p.Facts {
			if f.Text.En == "" || f.Text.Zh == "" {
				t.Errorf("%s: a fact without words: %+v", name, f)
			}
		}
	}
	p := look(t, map[string]memory{"p1": with(debian(), app)})
	var got []string
	for _, a := range p.Applications {
		got = append(got, strings.Join(append([]string{a.Name, a.Version, a.Path}, a.Config...), " "))
	}
	if want := []string{"nginx  p1:/usr/sbin/nginx p1:/etc/nginx", "shop 2.1.0 p1:/srv/shop/package.json"}; !slices.Equal(got, want) {
		t.Errorf("applications: %q", got)
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	p := look(t, map[string]memory{"p1": with(debian(), memory{
		"/var/lib/postgresql/15/main/PG_VERSION": "15\n", "/var/lib/postgresql/15/main/base/16384/16390": strings.Repeat("x", 5000), "/var/log/syslog": "line",
	})})
	want := []lenscap.Directory{
		{Volume: "p1", Path: "/var/lib/postgresql/15/main", Size: 5003, Files: 2, What: "postgresql"},
		{Volume: "p1", Path: "/home", Size: int64(len(debian()["/home/ops/.ssh/authorized_keys"])), Files: 1, What: "home"},
		{Volume: "p1", Path: "/var/log", Size: 4, Files: 1, What: "logs"},
	}
	for i := range p.Directories {
		p.Directories[i].Classes = nil
	}
	if fmt.Sprint(p.Directories) != fmt.Sprint(want) {
		t.Errorf("directories: %+v\nexpected %+v", p.Directories, want)
	}
}

func TestTraces(t *testing.T) {
	t.Parallel()
	p := look(t, map[string]memory{"p1": with(debian(), memory{
		"/var/lib/cloud/data/instance-id":                  "i-0123456789abcdef0\n",
		"/var/lib/cloud/instance/datasource":               "DataSourceEc2Local: DataSourceEc2Local\n",
		"/run/cloud-init/instance-data.json":               `{"v1":{"cloud_name":"aws","region":"eu-west-1","availability_zone":"eu-west-1b"},"ds":{"user_data":"SECRETSECRET"}}`,
		"/var/lib/amazon/ssm/i-0123456789abcdef0/x":        "x",
		"/usr/local/share/aliyun-assist/region-id":         "cn-hangzhou",
		"/usr/local/qcloud/YunJing/x":                      "x",
		"/var/lib/waagent/provisioned":                     "12345678-1234-1234-1234-123456789abc",
		"/var/lib/cloud/instances/not an id/user-data.txt": "password",
	})})
	var got []string
	for _, tr := range p.Traces {
		got = append(got, tr.Provider+" "+tr.Name+" "+tr.Value)
	}
	for _, want := range []string{
		"aws agent ssm", "aws instance_id i-0123456789abcdef0", "aws region eu-west-1", "aws availability_zone eu-west-1b", "aws datasource DataSourceEc2Local",
		"alibaba agent aliyun-assist", "alibaba region cn-hangzhou", "tencent agent YunJing", "azure agent waagent", "azure instance_id 12345678-1234-1234-1234-123456789abc",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("expected %q in %q", want, got)
		}
	}
	if s := fmt.Sprint(p); strings.Contains(s, "SECRET") || strings.Contains(s, "not an id") {
		t.Error("the profile tells what is no trace")
	}
}

func TestOtherSystems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files       memory
		id, version string
	}{
		"centos":  {memory{"/etc/redhat-release": "CentOS release 6.10 (Final)\n"}, "centos", "6.10"},
		"alpine":  {memory{"/etc/alpine-release": "3.19.1\n"}, "alpine", "3.19.1"},
		"windows": {memory{"/Windows/System32/ntoskrnl.exe": "MZ"}, "windows", ""},
		"macos":   {memory{"/System/Library/CoreServices/SystemVersion.plist": "<key>ProductVersion</key>\n<string>14.2</string>"}, "macos", "14.2"},
		"freebsd": {memory{"/bin/freebsd-version": "USERLAND_VERSION=\"14.0-RELEASE\"\n"}, "freebsd", "14.0-RELEASE"},
	} {
		if p := look(t, map[string]memory{"p1": c.files}); p.OSID != c.id || p.Version != c.version || !slices.Contains(p.Class, classOS) {
			t.Errorf("%s: %q %q %q %v", name, p.OS, p.OSID, p.Version, p.Class)
		}
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	p := New()
	for i := range 200_000 {
		p.See("p1", fmt.Sprintf("/d%d/%d/\x1b[31m/PG_VERSION", i, i), 1, 0o644, false)
	}
	if v := p.volumes[0]; len(v.nodes) > maxNodes || len(v.databases) > 500 || len(v.marks) > maxMarks {
		t.Errorf("%d nodes, %d databases, %d marks", len(v.nodes), len(v.databases), len(v.marks))
	}
	r := p.Result()
	if len(r.Directories) > maxPlaces || strings.Contains(fmt.Sprint(r), "\x1b") {
		t.Errorf("%d directories, or a control character", len(r.Directories))
	}
}

func FuzzProfile(f *testing.F) {
	paths := slices.Sorted(maps.Keys(with(debian(), memory{
		"/run/cloud-init/instance-data.json": "", "/srv/a/package.json": "", "/var/lib/docker/image/overlay2/repositories.json": "", "/var/lib/docker/containers/a/config.v2.json": "", "/srv/wp/wp-includes/version.php": "",
	})))
	for i, p := range paths {
		f.Add(uint8(i), debian()[p])
	}
	f.Add(uint8(0), `{"v1":{"region":5},"Repositories":{"a":{"a:1":"x"}},"Name":"/n"}`)
	f.Fuzz(func(t *testing.T, which uint8, data string) {
		if strings.HasPrefix(data, "->") {
			return
		}
		p := New()
		files := with(debian(), memory{paths[int(which)%len(paths)]: data})
		m, _ := packages.Read(t.Context(), files)
		p.Volume("p1", files, m)
		for name := range files {
			p.See("p1", name, 5, 0o644, false)
		}
		r := p.Result()
		out, err := json.Marshal(r)
		if err != nil || strings.ContainsAny(r.OS+r.Hostname+r.Version+r.Kernel, "\x00\x1b\n") || len([]rune(r.OS)) > 100 {
			t.Fatalf("%v: %d bytes", err, len(out))
		}
	})
}

func BenchmarkSee(b *testing.B) {
	p := New()
	names := make([]string, 4096)
	for i := range names {
		names[i] = fmt.Sprintf("/var/lib/app%d/some/dir%d/file-%d.dat", i%7, i%31, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.See("p1", names[i%len(names)], 100, 0o644, i%2 == 0)
	}
}

// folder is a directory of the machine as a volume.
type folder string

func (d folder) Open(p string) (detect.Reader, error) {
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	data, err := root.ReadFile(strings.TrimPrefix(p, "/"))
	if err != nil {
		return nil, err
	}
	return content{bytes.NewReader(data)}, nil
}

func (d folder) List(dir string, yield func(detect.File) bool) error {
	entries, err := os.ReadDir(filepath.Join(string(d), dir))
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			return err
		}
		if !yield(detect.File{Path: dir + "/" + e.Name(), Size: st.Size(), Mode: st.Mode(), Modified: st.ModTime()}) {
			break
		}
	}
	return err
}

// TestDebian profiles a real root.
func TestDebian(t *testing.T) {
	dir := os.Getenv("LENSCAP_TEST_ROOT")
	if dir == "" {
		if testing.Short() || os.Geteuid() != 0 {
			t.Skip("needs a Debian root in LENSCAP_TEST_ROOT, or root's rights to install one")
		}
		dir = filepath.Join(t.TempDir(), "root")
		disktest.Run(t, disktest.Tool(t, "debootstrap"), "--variant=minbase", "--include=openssh-server", "bookworm", dir)
	}
	files := folder(dir)
	m, err := packages.Read(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	p := New()
	p.Volume("p1", files, m)
	if err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := e.Info()
		if err == nil {
			rel := strings.TrimPrefix(name, dir)
			p.See("p1", rel, st.Size(), st.Mode(), m.Owns(rel))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r := p.Result()
	for _, f := range r.Facts {
		t.Logf("%s %s %s %s", f.Class, f.Path, f.Text.En, f.Text.Zh)
	}
	for _, s := range r.Services {
		t.Logf("%+v", s)
	}
	t.Logf("%s %s, %d packages, %d users, applications %+v, directories %+v", r.OS, r.Version, len(r.Packages), len(r.Users), r.Applications, r.Directories)
	if r.OSID != "debian" || !strings.HasPrefix(r.Version, "12.") || !slices.Contains(r.Class, classOS) || len(r.Packages) < 80 || r.PackageBytes*10 < r.FileBytes*3 {
		t.Errorf("%s %s %v, %d packages, %d of %d bytes", r.OSID, r.Version, r.Class, len(r.Packages), r.PackageBytes, r.FileBytes)
	}
	if !slices.ContainsFunc(r.Services, func(s lenscap.Daemon) bool {
		return s.Name == "ssh.service" && s.Command == "/usr/sbin/sshd" && s.Base
	}) && m.Owns("/usr/sbin/sshd") {
		t.Error("expected ssh.service with /usr/sbin/sshd")
	}
	if os.Getenv("LENSCAP_TEST_ROOT") == "" && !slices.Equal(r.Class, []string{classOS}) {
		t.Errorf("a bare system is %v", r.Class)
	}
}
