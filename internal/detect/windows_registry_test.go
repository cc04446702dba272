package detect_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/detecttest"
	"github.com/lenscap/lenscap/internal/detect/registry"
	"github.com/lenscap/lenscap/internal/detect/registry/registrytest"
)

type (
	hiveKey   = registrytest.Key
	hiveValue = registrytest.Value
)

// under puts keys below a path of names.
func under(path string, k ...*hiveKey) *hiveKey {
	names := strings.Split(path, `\`)
	top := &hiveKey{Name: names[0], Keys: k}
	if len(names) > 1 {
		top.Keys = []*hiveKey{under(strings.Join(names[1:], `\`), k...)}
	}
	return top
}

func hive(keys ...*hiveKey) string {
	return string(registrytest.Hive(&hiveKey{Name: "ROOT", Keys: keys}, "lh"))
}

// noise is bytes without order, the same for the same seed.
func noise(seed, n int) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 12345
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func samHash(revision byte, n int) []byte {
	b := noise(int(revision)+n, n)
	copy(b, []byte{1, 0, revision, 0})
	return b
}

// samUser makes the key of an account: V with 17 entries, F with its number and
// flags.
func samUser(name string, rid uint32, flags uint16, lm, nt []byte) *hiveKey {
	v := make([]byte, 17*12)
	part := func(at int, data []byte) {
		binary.LittleEndian.PutUint32(v[at:], uint32(len(v)-17*12))
		binary.LittleEndian.PutUint32(v[at+4:], uint32(len(data)))
		v = append(v, data...)
		for len(v)%4 != 0 {
			v = append(v, 0)
		}
	}
	part(0x0C, registrytest.UTF16(name))
	part(0x18, nil)
	part(0x24, nil)
	part(0x9C, lm)
	part(0xA8, nt)
	f := make([]byte, 0x50)
	binary.LittleEndian.PutUint32(f, 0x00010002)
	binary.LittleEndian.PutUint32(f[0x30:], rid)
	binary.LittleEndian.PutUint16(f[0x38:], flags)
	return &hiveKey{Name: fmt.Sprintf("%08X", rid), Values: []hiveValue{{Name: "F", Type: 3, Data: f}, {Name: "V", Type: 3, Data: v}}}
}

func samHive() string {
	names := &hiveKey{Name: "Names"}
	for name, rid := range map[string]uint32{"Administrator": 500, "Guest": 501, "bob": 1001, "alice": 1002} {
		names.Keys = append(names.Keys, &hiveKey{Name: name, Values: []hiveValue{{Type: rid}}})
	}
	domain := make([]byte, 0x110)
	binary.LittleEndian.PutUint32(domain, 0x00010003)
	account := under("Users",
		samUser("Administrator", 500, 0x0210, samHash(2, 24), samHash(2, 56)),
		samUser("Guest", 501, 0x0215, samHash(2, 24), samHash(2, 24)),
		samUser("bob", 1001, 0x0215, samHash(1, 4), samHash(1, 20)),
		samUser("alice", 1002, 0x0010, samHash(1, 4), samHash(1, 4)),
		names)
	aliases := under("Users", &hiveKey{Name: "00000220"})
	return hive(under("SAM", under("Domains",
		&hiveKey{Name: "Account", Values: []hiveValue{{Name: "F", Type: 3, Data: domain}}, Keys: []*hiveKey{account}},
		&hiveKey{Name: "Builtin", Keys: []*hiveKey{aliases}})))
}

func secret(name string, data []byte) *hiveKey {
	return under(name, &hiveKey{Name: "CurrVal", Values: []hiveValue{{Name: "", Type: 0, Data: data}}})
}

func securityHive() string {
	cached := noise(9, 160)
	copy(cached, []byte{6, 0})
	return hive(
		under("Policy", under("Secrets",
			secret("DefaultPassword", noise(1, 60)), secret("_SC_backup", noise(2, 64)), secret("$MACHINE.ACC", noise(3, 300)),
			secret("DPAPI_SYSTEM", noise(4, 120)), secret("L$empty", nil), &hiveKey{Name: "old"})),
		&hiveKey{Name: "Cache", Values: []hiveValue{
			{Name: "NL$Control", Type: 3, Data: noise(5, 160)},
			{Name: "NL$1", Type: 3, Data: cached},
			{Name: "NL$2", Type: 3, Data: cached},
			{Name: "NL$3", Type: 3, Data: make([]byte, 160)},
		}})
}

func systemHive() string {
	text := registrytest.Text
	class := func(name, class string) *hiveKey { return &hiveKey{Name: name, Class: class} }
	return hive(
		&hiveKey{Name: "Select", Values: []hiveValue{{Name: "Current", Type: 4, Data: []byte{2, 0, 0, 0}}}},
		under("ControlSet002", under("Services",
			&hiveKey{Name: "web", Keys: []*hiveKey{{Name: "Parameters", Values: []hiveValue{
				text("Application", `C:\web.exe`), {Name: "AppEnvironmentExtra", Type: 7, Data: registrytest.UTF16("LANG=C\x00API_TOKEN=a8Kd93jfLs02mQzX\x00\x00")},
			}}}},
			under("SNMP", under("Parameters", &hiveKey{Name: "ValidCommunities", Values: []hiveValue{{Name: "public", Type: 4, Data: []byte{4, 0, 0, 0}}, {Name: "Zk29fjQm", Type: 4, Data: []byte{8, 0, 0, 0}}}})),
			&hiveKey{Name: "db", Values: []hiveValue{{Name: "Environment", Type: 7, Data: registrytest.UTF16(`PASSWORD_FILE=C:\pw` + "\x00=\x00\x00")}}}),
			under("Control",
				under("Session Manager", &hiveKey{Name: "Environment", Values: []hiveValue{
					text("DB_PASSWORD", "Zk29fjQm"), text("SECRET_STORE", `C:\secrets\store1.bin`), text("Path", "%SystemRoot%"), text("TOKEN", "%TOKEN%"),
				}}),
				under("Lsa", class("Data", "0a1b2c3d"), class("GBG", "11223344"), class("JD", "deadbeef"), class("Skew1", "99887766")),
				under("ComputerName", &hiveKey{Name: "ComputerName", Values: []hiveValue{registrytest.Text("ComputerName", "WEB-01")}}))))
}

func winlogon(values ...hiveValue) *hiveKey {
	return under(`Microsoft\Windows NT\CurrentVersion`, &hiveKey{Name: "Winlogon", Values: values})
}

func TestWindowsRegistry(t *testing.T) {
	t.Parallel()
	utf16 := func(s string) string { return string(registrytest.UTF16(s)) }
	text := registrytest.Text
	cached := noise(9, 160)
	copy(cached, []byte{6, 0})
	ntuser := hive(&hiveKey{Name: "Environment", Values: []hiveValue{text("AWS_SECRET_ACCESS_KEY", "q8Zt0c/Vx2Lr5pYk9NwEj3Hs7Dg1Fb4Mu6TaXo+C"), text("OneDrive", `C:\Users\bob`)}}, under("Software",
		under("Martin Prikryl", under("WinSCP 2", under("Sessions", &hiveKey{Name: "bob@h", Values: []hiveValue{text("HostName", "h"), text("UserName", "bob"), text("Password", "A35C4A5E39253F2C")}}))),
		under("SimonTatham", under("PuTTY", under("Sessions",
			&hiveKey{Name: "empty", Values: []hiveValue{text("ProxyPassword", "")}},
			&hiveKey{Name: "web", Values: []hiveValue{text("ProxyHost", "p"), text("ProxyUsername", "eve"), text("ProxyPassword", "Zk29fjQm")}}))),
		under("PremiumSoft", under("Navicat", under("Servers", &hiveKey{Name: "prod", Values: []hiveValue{text("Host", "db1"), text("UserName", "root"), text("Pwd", "833E4ABBC56C89041A9070F043641E3B")}}))),
		under("HeidiSQL", under("Servers", &hiveKey{Name: "Unnamed", Values: []hiveValue{text("Host", "db2"), text("User", "sa"), text("Password", "5B6C33333A716E7E1")}})),
		under("TightVNC", &hiveKey{Name: "Server", Values: []hiveValue{{Name: "Password", Type: 3, Data: noise(6, 8)}, {Name: "UsePassword", Type: 4, Data: []byte{1, 0, 0, 0}}}}),
		under("OpenSSH", under("Agent", under("Keys", &hiveKey{Name: "SHA256", Values: []hiveValue{{Name: "", Type: 3, Data: noise(7, 400)}, text("comment", "me@pc")}}))),
	))
	d := byName(t, "windows_registry")
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: "/Windows/System32/config/SAM", Data: samHive(), Want: []string{"windows_password_hash " + string(samHash(2, 56)), "windows_password_hash " + string(samHash(1, 20))}},
		{Path: "/WINDOWS/system32/CONFIG/security", Data: securityHive(), Want: []string{
			"windows_logon_password " + string(noise(1, 60)), "windows_service_password " + string(noise(2, 64)), "windows_machine_password " + string(noise(3, 300)),
			"windows_dpapi_system " + string(noise(4, 120)), "windows_cached_logon " + string(cached),
		}},
		{Path: "/Windows/System32/config/RegBack/SYSTEM", Data: systemHive(), Want: []string{
			"windows_boot_key " + utf16("WEB-01") + "\x00\x00", "environment_secret " + utf16("Zk29fjQm"), "snmp_community Zk29fjQm", "environment_secret " + utf16("a8Kd93jfLs02mQzX"),
		}},
		{Path: "/Windows/System32/config/SOFTWARE", Data: hive(winlogon(text("AutoAdminLogon", "1"), text("DefaultUserName", "bob"), text("DefaultDomainName", "PC"), text("DefaultPassword", "Zk29fjQm"))), Want: []string{"windows_logon_password " + utf16("Zk29fjQm")}},
		{Path: "/backup/software.hiv", Data: hive(under("Wow6432Node", &hiveKey{Name: "TeamViewer", Values: []hiveValue{{Name: "SecurityPasswordAES", Type: 3, Data: noise(8, 32)}}})), Want: []string{"remote_access_password " + string(noise(8, 32))}},
		{Path: "/Users/bob/NTUSER.DAT", Data: ntuser, Want: []string{"environment_secret " + utf16("q8Zt0c/Vx2Lr5pYk9NwEj3Hs7Dg1Fb4Mu6TaXo+C"), "vnc_password " + string(noise(6, 8)), "ftp_password " + utf16("A35C4A5E39253F2C"), "database_password " + utf16("833E4ABBC56C89041A9070F043641E3B"), "database_password " + utf16("5B6C33333A716E7E1"), "proxy_password " + utf16("Zk29fjQm"), "ssh_agent_key " + string(noise(7, 400))}},
		// Look-alikes.
		{Path: "/Windows/System32/config/SOFTWARE", Data: hive(winlogon(text("AutoAdminLogon", "0"), text("DefaultUserName", "bob"), text("DefaultPassword", "")))},
		{Path: "/Windows/System32/config/DEFAULT", Data: hive(under("Software", under("TightVNC", &hiveKey{Name: "Server", Values: []hiveValue{{Name: "Password", Type: 3, Data: make([]byte, 8)}}})))},
		{Path: "/Windows/System32/config/SYSTEM", Data: hive(under("ControlSet001", under("Control", under("Lsa", &hiveKey{Name: "JD", Class: "x"}))))},
		{Path: "/srv/config/system", Data: strings.Repeat("no hive\n", 2000)},
		{Path: "/etc/security", Data: samHive(), Unwanted: true},
		{Path: "/Windows/System32/config/SAM.LOG1", Data: samHive(), Unwanted: true},
		{Path: "/Users/bob/AppData/Local/Microsoft/Windows/UsrClass.dat", Data: samHive(), Unwanted: true},
	})
	detecttest.Noise(t, d, "/Windows/System32/config/SAM")
}

// TestWindowsRegistryFacts holds what hits say beside the value.
func TestWindowsRegistryFacts(t *testing.T) {
	t.Parallel()
	d := byName(t, "windows_registry")
	run := func(path, data string) []detect.Hit {
		return d.Detect(detect.File{Path: path, Size: int64(len(data))}, []byte(data))
	}
	h := run("/Windows/System32/config/SAM", samHive())
	if len(h) != 2 || h[0].Public != "Administrator" || h[0].Detail != "account number 500, NT hash, AES; the boot key in SYSTEM opens it" ||
		h[1].Public != "bob" || h[1].Detail != "account number 1001, disabled, may have no password, NT hash, RC4; the boot key in SYSTEM opens it" || h[1].Severity != detect.Medium {
		t.Errorf("SAM: %+v", h)
	}
	h = run("/x/SECURITY.save", securityHive())
	if len(h) != 5 || h[1].Public != "backup" || h[4].Count != 2 || h[3].Severity != detect.Low {
		t.Errorf("SECURITY: %+v", h)
	}
	h = run("/x/SYSTEM.save", systemHive())
	if len(h) != 4 || h[0].Public != "WEB-01" || h[0].Severity != detect.Info || h[2].Severity != detect.High || h[3].Public != "API_TOKEN" || h[3].Detail != "for the service web, in the clear" {
		t.Errorf("SYSTEM: %+v", h)
	}
	soft := hive(winlogon(registrytest.Text("AutoAdminLogon", "1"), registrytest.Text("DefaultUserName", "bob"), registrytest.Text("DefaultDomainName", "PC"), registrytest.Text("DefaultPassword", "Zk29fjQm")))
	h = run("/x/SOFTWARE.save", soft)
	if len(h) != 1 || h[0].Public != `PC\bob` || h[0].Severity != detect.High || h[0].Detail != "in the clear; automatic logon is on" {
		t.Errorf("SOFTWARE: %+v", h)
	}
	// Not closed cleanly.
	dirty := []byte(soft)
	dirty[4]++
	if h = run("/x/SOFTWARE.save", string(dirty)); len(h) != 1 || !strings.Contains(h[0].Detail, "was in use") {
		t.Errorf("dirty: %+v", h)
	}
	// Damaged, and read in part.
	sam := samHive()
	bad := strings.Replace(sam, "\x00Users", "\x00Uzers", 1)
	bad = strings.Replace(bad, "lh\x02\x00", "zz\x02\x00", 1)
	if h = run("/x/SAM.save", bad); len(h) != 1 || h[0].Type != "registry_hive" || h[0].Detail != "parts of it are damaged" {
		t.Errorf("damaged: %+v", h)
	}
	h = d.Detect(detect.File{Path: "/x/SAM.save", Size: int64(len(sam)) + 1<<20}, []byte(sam[:6144]))
	if len(h) == 0 || h[len(h)-1].Type != "registry_hive" || !strings.Contains(h[len(h)-1].Detail, "looked at") {
		t.Errorf("in part: %+v", h)
	}
}

// TestReadHive holds that a hive is read the same at random as from its start,
// whatever its size.
func TestReadHive(t *testing.T) {
	t.Parallel()
	d := byName(t, "windows_registry")
	for name, data := range map[string]string{"SAM": samHive(), "SECURITY": securityHive(), "SYSTEM": systemHive()} {
		f := detect.File{Path: "/Windows/System32/config/" + name, Size: int64(len(data))}
		var got []string
		if err := detect.ReadHive(f, strings.NewReader(data), func(h detect.Found) {
			got = append(got, h.Type+h.Public+data[h.Offset:h.Offset+int64(len(h.Value))])
			if string(h.Value) != data[h.Offset:h.Offset+int64(len(h.Value))] {
				t.Errorf("%s: the value of a %s lies elsewhere", name, h.Type)
			}
		}); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, h := range d.Detect(f, []byte(data)) {
			want = append(want, h.Type+h.Public+data[h.Start:h.End])
		}
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: at random %d, from the start %d finds", name, len(got), len(want))
		}
		big := detect.File{Path: f.Path, Size: 100 << 20}
		if detect.BigHive(f) || !detect.BigHive(big) || d.Wants(big) != 16<<20 {
			t.Errorf("%s: sizes", name)
		}
	}
	if err := detect.ReadHive(detect.File{Path: "/x/SAM.bak"}, strings.NewReader("no hive"), nil); !errors.Is(err, registry.ErrFormat) {
		t.Errorf("no hive: %v", err)
	}
	// Far away from the start, and large.
	filler := &hiveKey{Name: "Aaa"}
	for i := range 40 {
		filler.Values = append(filler.Values, hiveValue{Name: fmt.Sprint(i), Type: 3, Data: make([]byte, 500_000)})
	}
	data := hive(filler, winlogon(registrytest.Text("DefaultUserName", "bob"), registrytest.Text("DefaultPassword", "Zk29fjQm")))
	f := detect.File{Path: "/Windows/System32/config/SOFTWARE", Size: int64(len(data))}
	if h := d.Detect(f, []byte(data[:d.Wants(f)])); len(h) != 1 || h[0].Type != "registry_hive" || h[0].Detail != "only the first 16 MiB were looked at" {
		t.Errorf("the first 16 MiB: %+v", h)
	}
	n := 0
	if err := detect.ReadHive(f, strings.NewReader(data), func(h detect.Found) { n++ }); err != nil || n != 1 || !detect.BigHive(f) {
		t.Errorf("all of %d bytes: %d finds, %v", len(data), n, err)
	}
}

// TestWindowsAccounts lets another program list the accounts of the SAM that the
// tests write: it must know their names, numbers and which are disabled.
func TestWindowsAccounts(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("chntpw")
	if err != nil {
		if tool = "/usr/sbin/chntpw"; !executable(tool) {
			t.Skip("chntpw is not here; scripts/tools.sh installs it")
		}
	}
	file := filepath.Join(t.TempDir(), "SAM")
	if err := os.WriteFile(file, []byte(samHive()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "-l", file).CombinedOutput()
	for _, want := range []string{"01f4", "Administrator", "03e9", "bob", "03ea", "alice"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("chntpw does not tell %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%v\n%s", err, out)
	}
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode()&0o111 != 0
}

// FuzzWindows runs the detectors of Windows' own files, and both ways to read a
// hive, which must agree.
func FuzzWindows(f *testing.F) {
	paths := []string{"/Windows/System32/config/SAM", "/Windows/NTDS/ntds.dit", "/x/Protect/S-1-5-18/" + keyName, "/a.dmp"}
	for _, data := range []string{samHive(), securityHive(), systemHive()} {
		f.Add(0, []byte(data))
	}
	f.Add(1, []byte(ntds(3, 8192)))
	f.Add(2, []byte(masterKeyFile(keyName, 10)))
	f.Add(3, []byte(minidump(`C:\lsass.exe`)))
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		file := detect.File{Path: paths[uint(which)%uint(len(paths))], Size: int64(len(data))}
		for _, d := range detect.All() {
			if d.Name() != "windows_registry" && d.Name() != "windows_files" {
				continue
			}
			for _, h := range d.Detect(file, data) {
				if h.Start < 0 || h.End < h.Start || h.End > len(data) {
					t.Errorf("%s: hit %d:%d of %d", d.Name(), h.Start, h.End, len(data))
				}
			}
		}
		_ = detect.ReadHive(file, bytes.NewReader(data), func(h detect.Found) {
			if h.Type != "registry_hive" && !bytes.Equal(data[h.Offset:int(h.Offset)+len(h.Value)], h.Value) {
				t.Errorf("the value of a %s lies elsewhere", h.Type)
			}
		})
	})
}

// TestHostileHive holds that a small hive whose services are all one key with
// many large variables takes bounded time.
func TestHostileHive(t *testing.T) {
	t.Parallel()
	one := &hiveKey{Name: "s0000"}
	for i := range 900 {
		one.Values = append(one.Values, hiveValue{Name: fmt.Sprintf("Environment%d", i), Type: 7, Data: registrytest.UTF16(fmt.Sprintf("PASSWORD%d=Zk29fjQm", i))})
	}
	big := hiveValue{Name: "Environment", Type: 7, Data: registrytest.UTF16(strings.Repeat("PASSWORD=Zk29fjQm\x00", 400))}
	one.Values = append(one.Values, big)
	services := under("Services", one)
	for i := range 400 {
		services.Keys = append(services.Keys, &hiveKey{Name: fmt.Sprintf("s%04d", i+1)})
	}
	data := registrytest.Hive(&hiveKey{Name: "ROOT", Keys: []*hiveKey{under("ControlSet001", services)}}, "li")
	at := bytes.LastIndex(data, []byte("li\x91\x01")) // 401 keys
	if at < 0 {
		t.Fatal("no list")
	}
	for i := range 401 { // all of them the first
		copy(data[at+4+4*i:], data[at+4:at+8])
	}
	start := time.Now()
	h := byName(t, "windows_registry").Detect(detect.File{Path: "/x/SYSTEM.hiv", Size: int64(len(data))}, data)
	took := time.Since(start)
	t.Logf("%d bytes, %d hits in %v", len(data), len(h), took)
	if took > 10*time.Second || len(h) != 1001 || h[1000].Detail != "there is more in it than is told" {
		t.Errorf("%d hits in %v", len(h), took)
	}
}
