package detect

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/lenscap/lenscap/internal/detect/registry"
)

// windowsRegistry finds secrets in hives of the Windows registry. It decrypts
// nothing: what Windows protects with its boot key is told to be there, with the
// protected bytes as its value.
type windowsRegistry struct{}

func (windowsRegistry) Name() string { return "windows_registry" }

// hiveLimit bounds what is read of a hive, in bytes. Hives with programs'
// settings grow beyond it; then a hit tells that their rest was not looked at.
const hiveLimit = 16 << 20

// hiveHits bounds the hits in one hive, and the keys and values that are asked for
// each kind of them.
const hiveHits = 1000

var (
	hiveNames = map[string]bool{"sam": true, "security": true, "system": true, "software": true, "default": true}
	hiveEnds  = map[string]bool{".sav": true, ".save": true, ".hiv": true, ".hive": true, ".bak": true, ".old": true}
	hiveDirs  = map[string]bool{"config": true, "regback": true, "repair": true, "registry": true}
)

func (windowsRegistry) Wants(f File) int64 {
	if !isHive(f) {
		return 0
	}
	return upTo(f, hiveLimit)
}

// isHive tells whether a file's place is one of a hive.
func isHive(f File) bool {
	if f.Size < 8<<10 {
		return false
	}
	base := strings.ToLower(path.Base(f.Path))
	ext := path.Ext(base)
	return base == "ntuser.dat" || base == "ntuser.man" ||
		hiveEnds[ext] && (hiveNames[strings.TrimSuffix(base, ext)] || strings.HasPrefix(base, "ntuser")) ||
		hiveNames[base] && hiveDirs[strings.ToLower(path.Base(path.Dir(f.Path)))]
}

func (windowsRegistry) Detect(f File, data []byte) []Hit {
	h, err := registry.OpenBytes(data)
	if err != nil {
		return nil // another file with such a name
	}
	s := hiveScan{hive: h}
	s.all()
	switch {
	case s.more:
		s.damage(data, tooMany)
	case !h.Truncated:
	case f.Size > int64(len(data)):
		s.damage(data, fmt.Sprintf("only the first %d MiB were looked at", len(data)>>20))
	default:
		s.damage(data, "parts of it are damaged")
	}
	return s.hits()
}

// BigHive tells whether a file is a hive that is too large to be read from its
// start, as [Detector] does: [ReadHive] reads all of it.
func BigHive(f File) bool { return isHive(f) && f.Size > hiveLimit }

// ReadHive finds secrets in a hive of any size. It reads the parts that it needs
// and holds a few MiB of them. The error wraps [registry.ErrFormat] when the file
// is no hive.
func ReadHive(f File, r Reader, found func(Found)) error {
	h, err := registry.Open(r, r.Size())
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	s := hiveScan{hive: h}
	s.all()
	if h.Truncated || s.more {
		detail := "parts of it are damaged"
		if s.more {
			detail = tooMany
		}
		head := make([]byte, presenceLimit)
		n, err := r.ReadAt(head, 0)
		if n < len(head) && err != nil {
			return fmt.Errorf("read %s: base block at offset 0: %w", f.Path, err)
		}
		s.damage(head, detail)
	}
	for _, h := range s.found {
		found(h)
	}
	return nil
}

// tooMany is told of a hive with more than hiveHits.
const tooMany = "there is more in it than is told"

// all looks everywhere.
func (s *hiveScan) all() {
	root, ok := s.hive.Root()
	if !ok {
		return // the hive is damaged
	}
	if s.hive.Dirty {
		s.notes = "the hive was in use: newer changes may lie in its log"
	}
	s.accounts(root)
	s.lsa(root)
	s.system(root)
	s.programs(root)
	if under, ok := root.Key("Software"); ok {
		s.programs(under)
	}
}

// damage tells that not all of a hive could be read; its base block stands for it.
func (s *hiveScan) damage(head []byte, detail string) {
	n := min(len(head), presenceLimit)
	s.found = append(s.found, Found{Value: head[:n], Hit: Hit{
		Type: "registry_hive", Class: Artefact, Severity: Low, End: n, Detail: detail,
		TitleEn: "registry hive of Windows that was not read in full", TitleZh: "未能完整读取的 Windows 注册表配置单元",
	}})
}

type hiveScan struct {
	hive  *registry.Hive
	notes string
	found []Found
	more  bool // there are more than were taken
}

// hits gives what was found in a hive that lies in memory from its start.
func (s *hiveScan) hits() []Hit {
	var out []Hit
	for _, f := range s.found {
		out = append(out, f.Hit)
	}
	return out
}

// add puts the value's bytes, n of them from offset from, into a find.
func (s *hiveScan) add(h Hit, v registry.Value, from, n int) {
	if from >= 0 && n >= 0 && from+n <= v.Contiguous() {
		s.addBytes(h, v.Data[from:from+n], v.At+int64(from))
	}
}

// addBytes puts bytes that lie at an offset of the file into a find.
func (s *hiveScan) addBytes(h Hit, b []byte, at int64) {
	if len(s.found) >= hiveHits {
		s.more = true
		return
	}
	h.Start, h.End = int(at), int(at)+len(b)
	if s.notes != "" {
		h.Detail = strings.TrimPrefix(h.Detail+"; "+s.notes, "; ")
	}
	s.found = append(s.found, Found{Hit: h, Offset: at, Value: b})
}

// accounts finds local accounts with a password's hash in a SAM.
func (s *hiveScan) accounts(root registry.Key) {
	users, ok := root.Key("SAM", "Domains", "Account", "Users")
	if !ok {
		return
	}
	n := 0
	for k := range users.Keys() {
		v, ok := k.Value("V")
		if !ok || n >= hiveHits {
			continue
		}
		a, ok := samAccount(v.Data)
		if !ok {
			continue
		}
		n++
		h := Hit{
			Type: "windows_password_hash", Class: Secret, Severity: Medium,
			TitleEn: "password hash of a Windows account", TitleZh: "Windows 账户的密码哈希", Public: public([]byte(a.name)),
		}
		h.Detail = a.kind + "; the boot key in SYSTEM opens it"
		if f, ok := k.Value("F"); ok && len(f.Data) >= 0x3A {
			h.Detail = samFlags(f.Data) + h.Detail
		}
		s.add(h, v, a.start, a.n)
	}
}

// samUser is what the V value of an account tells.
type samUser struct {
	name, kind string
	start, n   int // of the hash with its header
}

// samAccount reads V: 17 entries of an offset, a length and a word not used
// here, in bytes; offsets count from their end. Only an account with a hash is ok.
func samAccount(v []byte) (samUser, bool) {
	const head = 17 * 12
	part := func(at int) (start, n int, ok bool) {
		if len(v) < head {
			return 0, 0, false
		}
		o, l := int64(binary.LittleEndian.Uint32(v[at:])), int64(binary.LittleEndian.Uint32(v[at+4:]))
		if o+head+l > int64(len(v)) {
			return 0, 0, false
		}
		return int(o) + head, int(l), true
	}
	at, n, ok := part(0x0C)
	if !ok || n == 0 || n%2 != 0 || n > 512 {
		return samUser{}, false
	}
	a := samUser{name: registry.UTF16(v[at : at+n])}
	// The NT hash stands at 0xA8, the LAN Manager one at 0x9C. A header of 4 bytes
	// and an encrypted hash, or since Windows 10 a header of 24 and some more.
	for _, h := range []struct {
		at   int
		kind string
	}{{0xA8, "NT"}, {0x9C, "LAN Manager"}} {
		at, n, ok := part(h.at)
		if !ok || n < 4 {
			continue
		}
		switch revision := v[at+2]; {
		case revision == 1 && n == 20:
			a.kind = h.kind + " hash, RC4"
		case revision == 2 && n >= 24+16:
			a.kind = h.kind + " hash, AES"
		default:
			continue
		}
		a.start, a.n = at, n
		return a, true
	}
	return samUser{}, false
}

// samFlags reads F: the account's number at 0x30, its flags at 0x38.
func samFlags(f []byte) string {
	out := fmt.Sprintf("account number %d, ", binary.LittleEndian.Uint32(f[0x30:]))
	flags := binary.LittleEndian.Uint16(f[0x38:])
	if flags&0x0001 != 0 {
		out += "disabled, "
	}
	if flags&0x0004 != 0 {
		out += "may have no password, "
	}
	return out
}

// lsa finds what the local security authority keeps in a SECURITY hive.
func (s *hiveScan) lsa(root registry.Key) {
	if secrets, ok := root.Key("Policy", "Secrets"); ok {
		n := 0
		for k := range secrets.Keys() {
			if n >= hiveHits {
				break
			}
			now, ok := k.Key("CurrVal")
			if !ok {
				continue
			}
			v, ok := now.Value("")
			if !ok || len(v.Data) < 16 {
				continue // an empty one
			}
			n++
			h := lsaHit(k.Name())
			s.add(h, v, 0, v.Contiguous())
		}
	}
	cache, ok := root.Key("Cache")
	if !ok {
		return
	}
	n, first := 0, registry.Value{}
	for v := range cache.Values() {
		// A used slot has the length of the user's name first, and is larger than
		// its header of 96 bytes.
		if number, ok := strings.CutPrefix(strings.ToUpper(v.Name), "NL$"); ok && number != "" && strings.Trim(number, "0123456789") == "" &&
			len(v.Data) > 96 && binary.LittleEndian.Uint16(v.Data) != 0 {
			if n++; n == 1 {
				first = v
			}
		}
	}
	if n > 0 {
		s.add(Hit{
			Type: "windows_cached_logon", Class: Secret, Severity: Medium, Count: n,
			TitleEn: "cached domain logons", TitleZh: "缓存的域登录凭据",
			Detail: "slow hashes of domain users' passwords; the boot key in SYSTEM opens them",
		}, first, 0, first.Contiguous())
	}
}

// lsaHit tells what a secret of the local security authority is by its name.
func lsaHit(name string) Hit {
	h := Hit{
		Type: "windows_lsa_secret", Class: Secret, Severity: Low, Public: public([]byte(name)),
		TitleEn: "secret of the Windows security authority", TitleZh: "Windows 本地安全机构的机密",
		Detail: "the boot key in SYSTEM opens it",
	}
	low := strings.ToLower(name)
	switch {
	case low == "defaultpassword":
		h.Type, h.Severity = "windows_logon_password", Medium
		h.TitleEn, h.TitleZh = "password of Windows' automatic logon", "Windows 自动登录的密码"
	case strings.HasPrefix(low, "_sc_"):
		h.Type, h.Severity, h.Public = "windows_service_password", Medium, public([]byte(name[4:]))
		h.TitleEn, h.TitleZh = "password of a Windows service's account", "Windows 服务账户的密码"
	case low == "$machine.acc":
		h.Type, h.Severity = "windows_machine_password", Medium
		h.TitleEn, h.TitleZh = "password of the machine in its domain", "该机器在域中的密码"
	case strings.HasPrefix(low, "aspnet_"):
		h.Type, h.Severity = "windows_service_password", Medium
		h.TitleEn, h.TitleZh = "password of the ASP.NET account", "ASP.NET 账户的密码"
	case low == "dpapi_system":
		h.Type = "windows_dpapi_system"
		h.TitleEn, h.TitleZh = "key of Windows' data protection", "Windows 数据保护（DPAPI）的系统密钥"
	}
	return h
}

// system looks into the control set of a SYSTEM hive that was in use last, and
// into the environments of NTUSER.DAT.
func (s *hiveScan) system(root registry.Key) {
	if k, ok := root.Key("Environment"); ok {
		s.environment(k, "")
	}
	set := "ControlSet001"
	var current registry.Value
	if k, ok := root.Key("Select"); ok {
		if v, ok := k.Value("Current"); ok && len(v.Data) == 4 {
			current = v
			set = fmt.Sprintf("ControlSet%03d", binary.LittleEndian.Uint32(v.Data)%1000)
		}
	}
	k, ok := root.Key(set)
	if !ok {
		return
	}
	if control, ok := k.Key("Control"); ok {
		s.bootKey(control, current)
		if env, ok := control.Key("Session Manager", "Environment"); ok {
			s.environment(env, "")
		}
	}
	services, ok := k.Key("Services")
	if !ok {
		return
	}
	s.communities(services)
	n := 0
	for service := range services.Keys() {
		if n++; n > hiveServices || s.more {
			break
		}
		s.environment(service, service.Name())
		if p, ok := service.Key("Parameters"); ok {
			s.environment(p, service.Name())
		}
	}
}

// communities finds those of the SNMP service: the names of values are the
// passwords.
func (s *hiveScan) communities(services registry.Key) {
	valid, ok := services.Key("SNMP", "Parameters", "ValidCommunities")
	if !ok {
		return
	}
	n := 0
	for v := range valid.Values() {
		if n++; n > hiveHits {
			break
		}
		if _, _, ok := checkCommunity([]byte(v.Name)); !ok {
			continue
		}
		h := Hit{
			Type: "snmp_community", Class: Secret, Severity: Medium, Detail: inClear,
			TitleEn: "SNMP community of a Windows machine", TitleZh: "Windows 机器的 SNMP 团体名",
		}
		// 8 is to write: more than to read.
		if len(v.Data) == 4 && binary.LittleEndian.Uint32(v.Data) >= 8 {
			h.Severity, h.Detail = High, "it may write, "+inClear
		}
		s.addBytes(h, v.RawName, v.NameAt)
	}
}

// hiveServices bounds the services of one hive.
const hiveServices = 4000

// environment finds secrets in variables: each a value of its own, or for a
// service in a list of NAME=value.
func (s *hiveScan) environment(k registry.Key, service string) {
	n := 0
	for v := range k.Values() {
		if n++; n > hiveHits {
			break
		}
		if v.Type != registry.MultiText {
			if service == "" {
				s.variable(v, v.Name, "", 0, min(v.Contiguous(), valueLimit)&^1)
			}
			continue
		}
		low := strings.ToLower(v.Name)
		if service == "" || low != "environment" && low != "appenvironment" && low != "appenvironmentextra" {
			continue
		}
		b := v.Data[:min(v.Contiguous(), valueLimit)&^1]
		for at := 0; at < len(b); {
			end := at
			for end < len(b) && (b[end] != 0 || b[end+1] != 0) {
				end += 2
			}
			if name, _, ok := strings.Cut(registry.UTF16(b[at:end]), "="); ok {
				s.variable(v, name, service, at+2*len(utf16.Encode([]rune(name)))+2, end)
			}
			at = end + 2
		}
	}
}

// variable takes the text between two places of a value as a variable's.
func (s *hiveScan) variable(v registry.Value, name, service string, start, end int) {
	low := strings.ToLower(name)
	if start >= end || !containsAny([]byte(low), "passw", "secret", "token", "apikey", "api_key", "accesskey", "access_key", "private_key", "credential") {
		return
	}
	t := []byte(registry.UTF16(v.Data[start:end]))
	if noValue(t) || !secretValue(low, t) || len(t) > 2 && t[1] == ':' && t[2] == '\\' {
		return
	}
	for end-2 >= start && v.Data[end-1] == 0 && v.Data[end-2] == 0 {
		end -= 2
	}
	h := Hit{
		Type: "environment_secret", Class: Secret, Severity: Medium, Public: public([]byte(name)),
		TitleEn: "secret in an environment variable of Windows", TitleZh: "Windows 环境变量中的机密", Detail: inClear,
	}
	if service != "" {
		h.Detail = "for the service " + public([]byte(service)) + ", " + inClear
	}
	s.add(h, v, start, end-start)
}

// bootKey tells that a SYSTEM hive holds the key to SAM and SECURITY, and whose
// machine it was. The key lies in the classes of four keys.
func (s *hiveScan) bootKey(control registry.Key, current registry.Value) {
	for _, name := range []string{"JD", "Skew1", "GBG", "Data"} {
		k, ok := control.Key("Lsa", name)
		if !ok || len(k.Class()) != 8 || strings.Trim(strings.ToLower(k.Class()), "0123456789abcdef") != "" {
			return
		}
	}
	h := Hit{
		Type: "windows_boot_key", Class: Artefact, Severity: Info,
		TitleEn: "boot key of Windows", TitleZh: "Windows 启动密钥（SYSKEY）",
		Detail: "it opens the hashes in SAM and the secrets in SECURITY",
	}
	at := current
	if k, ok := control.Key("ComputerName", "ComputerName"); ok {
		if v, ok := k.Value("ComputerName"); ok {
			h.Public, at, h.ValuePublic = public([]byte(v.Text())), v, true
		}
	}
	s.add(h, at, 0, at.Contiguous())
}

// hiveSecret is a value that a program keeps its secret in.
type hiveSecret struct {
	path    []string // below SOFTWARE; "*" is every key there
	names   []string
	publics []string // values beside it that tell whose it is
	kind    string
	level   Severity
	en, zh  string
	detail  string
	text    bool // a text that has to be more than a placeholder
}

const (
	fixedKey = "hidden with a key that everybody knows"
	inClear  = "in the clear"
)

var hiveSecrets = []hiveSecret{
	{
		path: []string{"Microsoft", "Windows NT", "CurrentVersion", "Winlogon"}, names: []string{"DefaultPassword", "AltDefaultPassword"},
		publics: []string{"DefaultDomainName", "DefaultUserName"}, kind: "windows_logon_password", level: High, text: true, detail: inClear,
		en: "password of Windows' automatic logon", zh: "Windows 自动登录的密码",
	},
	vnc("RealVNC", "vncserver"), vnc("RealVNC", "WinVNC4"), vnc("TigerVNC", "WinVNC4"), vnc("TightVNC", "Server"),
	vnc("ORL", "WinVNC3"), vnc("ORL", "WinVNC3", "Default"), vnc("UltraVNC", "Server"),
	{
		path: []string{"Martin Prikryl", "WinSCP 2", "Sessions", "*"}, names: []string{"Password", "TunnelPassword"}, publics: []string{"UserName", "HostName"},
		kind: "ftp_password", level: High, text: true, detail: "hidden with a key that everybody knows, unless there is a master password",
		en: "password saved by WinSCP", zh: "WinSCP 保存的密码",
	},
	navicat("Navicat"), navicat("NavicatMARIADB"), navicat("NavicatPG"), navicat("NavicatMSSQL"), navicat("NavicatOra"), navicat("NavicatMONGODB"),
	{
		path: []string{"HeidiSQL", "Servers", "*"}, names: []string{"Password"}, publics: []string{"User", "Host"},
		kind: "database_password", level: High, text: true, detail: "hidden without a key",
		en: "database password saved by HeidiSQL", zh: "HeidiSQL 保存的数据库密码",
	},
	{
		path: []string{"SimonTatham", "PuTTY", "Sessions", "*"}, names: []string{"ProxyPassword"}, publics: []string{"ProxyUsername", "ProxyHost"},
		kind: "proxy_password", level: High, text: true, detail: inClear,
		en: "proxy password saved by PuTTY", zh: "PuTTY 保存的代理密码",
	},
	{
		path: []string{"OpenSSH", "Agent", "Keys", "*"}, names: []string{""}, publics: []string{"comment"},
		kind: "ssh_agent_key", level: Medium, detail: "protected by Windows' data protection",
		en: "private key in Windows' SSH agent", zh: "Windows SSH 代理中的私钥",
	},
	{
		path: []string{"TeamViewer"}, names: []string{"SecurityPasswordAES", "OptionsPasswordAES", "SecurityPasswordExported", "ProxyPasswordAES"}, publics: []string{"ClientID"},
		kind: "remote_access_password", level: High, detail: fixedKey,
		en: "password of TeamViewer", zh: "TeamViewer 的密码",
	},
}

// navicat is where the editions of a database client keep passwords.
func navicat(edition string) hiveSecret {
	return hiveSecret{
		path: []string{"PremiumSoft", edition, "Servers", "*"}, names: []string{"Pwd"}, publics: []string{"UserName", "Host"},
		kind: "database_password", level: High, text: true, detail: fixedKey,
		en: "database password saved by Navicat", zh: "Navicat 保存的数据库密码",
	}
}

// vnc is where a VNC server keeps its passwords, of eight bytes each.
func vnc(path ...string) hiveSecret {
	return hiveSecret{
		path: path, names: []string{"Password", "Password2", "PasswordViewOnly", "ControlPassword"},
		kind: "vnc_password", level: High, detail: fixedKey, en: "password of a VNC server", zh: "VNC 服务器的密码",
	}
}

// programs finds what programs keep, below the key for software.
func (s *hiveScan) programs(soft registry.Key) {
	s.software(soft)
	for _, under := range []string{"Wow6432Node", "Policies"} {
		if k, ok := soft.Key(under); ok {
			s.software(k)
		}
	}
}

func (s *hiveScan) software(soft registry.Key) {
	for _, p := range hiveSecrets {
		all := p.path[len(p.path)-1] == "*"
		k, ok := soft.Key(strings.Split(strings.TrimSuffix(strings.Join(p.path, `\`), `\*`), `\`)...)
		if !ok {
			continue
		}
		if !all {
			s.secrets(p, k)
			continue
		}
		n := 0
		for sub := range k.Keys() {
			if n++; n > hiveHits {
				break
			}
			s.secrets(p, sub)
		}
	}
}

// secrets finds one program's secrets among a key's values.
func (s *hiveScan) secrets(p hiveSecret, k registry.Key) {
	var found []registry.Value
	beside := make([]string, len(p.publics))
	auto := ""
	n := 0
	for v := range k.Values() {
		if n++; n > hiveHits {
			break
		}
		for i, name := range p.publics {
			if strings.EqualFold(v.Name, name) {
				beside[i] = public([]byte(v.Text()))
			}
		}
		if strings.EqualFold(v.Name, "AutoAdminLogon") {
			auto = v.Text()
		}
		if slices.ContainsFunc(p.names, func(name string) bool { return strings.EqualFold(v.Name, name) }) {
			found = append(found, v)
		}
	}
	who := strings.Trim(strings.Join(beside, `\`), `\`)
	for _, v := range found {
		n := v.Contiguous()
		if p.text {
			t := v.Text()
			if t == "" || placeholder([]byte(t)) {
				continue
			}
			n = min(n, len(v.Data)&^1)
			for n >= 2 && v.Data[n-1] == 0 && v.Data[n-2] == 0 {
				n -= 2
			}
			if strings.Contains(who, t) && len(t) > 3 {
				who = ""
			}
		} else if n < 8 || distinct(v.Data[:n]) < 3 {
			continue
		}
		h := Hit{Type: p.kind, Class: Secret, Severity: p.level, TitleEn: p.en, TitleZh: p.zh, Public: who, Detail: p.detail}
		if auto != "" {
			h.Detail += "; automatic logon is off"
			if auto != "0" {
				h.Detail = strings.TrimSuffix(h.Detail, "off") + "on"
			}
		}
		s.add(h, v, 0, n)
	}
}
