package detect_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/detecttest"
	"github.com/lenscap/lenscap/internal/detect/registry/registrytest"
)

func ntds(state, page uint32) string {
	b := make([]byte, 4*8192)
	copy(b, noise(20, 64))
	for at, v := range map[int]uint32{4: 0x89ABCDEF, 8: 0x620, 12: 0, 52: state, 232: 0x14, 236: page} {
		binary.LittleEndian.PutUint32(b[at:], v)
	}
	return string(b)
}

const keyName = "3f2a1b0c-9d8e-4f7a-b6c5-d4e3f2a1b0c9"

func masterKeyFile(name string, domain uint64) string {
	b := make([]byte, 128)
	b[0] = 2
	copy(b[12:], registrytest.UTF16(name))
	for i, n := range []uint64{176, 144, 20, domain} {
		binary.LittleEndian.PutUint64(b[96+8*i:], n)
		b = append(b, noise(30+i, int(n))...)
	}
	return string(b)
}

// minidump is a dump with two streams: system information and modules.
func minidump(modules ...string) string {
	b := make([]byte, 32+24)
	copy(b, "MDMP\x93\xa7\x00\x00")
	put := binary.LittleEndian.PutUint32
	put(b[8:], 2)
	put(b[12:], 32)
	put(b[32:], 7)
	put(b[44:], 4)
	put(b[52:], uint32(len(b)))
	list := len(b)
	b = append(b, make([]byte, 4+108*len(modules))...)
	put(b[list:], uint32(len(modules)))
	for i, m := range modules {
		put(b[list+4+108*i+20:], uint32(len(b)))
		text := registrytest.UTF16(m)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
		b = append(append(b, text...), 0, 0)
	}
	return string(b)
}

func TestWindowsFiles(t *testing.T) {
	t.Parallel()
	db, key, key2 := ntds(3, 8192), masterKeyFile(keyName, 0), masterKeyFile(keyName, 300)
	lsass := minidump(`C:\Windows\System32\lsass.exe`, `C:\Windows\System32\ntdll.dll`)
	other := minidump(`C:\Windows\System32\notepad.exe`, `C:\x\lsass.exe.mui`)
	d := byName(t, "windows_files")
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: "/Windows/NTDS/ntds.dit", Data: db, Want: []string{"windows_domain_database " + db[:4096]}},
		{Path: "/backup/Active Directory/NTDS.DIT", Data: ntds(2, 0), Want: []string{"windows_domain_database " + ntds(2, 0)[:4096]}},
		{Path: "/Users/bob/AppData/Roaming/Microsoft/Protect/S-1-5-21-1-2-3-1001/" + keyName, Data: key, Want: []string{"dpapi_master_key " + key}},
		{Path: "/Windows/System32/Microsoft/Protect/S-1-5-18/User/" + strings.ToUpper(keyName), Data: key2, Want: []string{"dpapi_master_key " + key2}},
		{Path: "/Users/bob/AppData/Local/Temp/lsass.DMP", Data: lsass, Want: []string{"lsass_dump " + lsass}},
		{Path: "/tmp/a.dmp", Data: lsass, Want: []string{"lsass_dump " + lsass}},
		{Path: "/tmp/lsass_1.dmp", Data: other, Want: []string{"lsass_dump " + other}},
		// Look-alikes.
		{Path: "/tmp/b.dmp", Data: other},
		{Path: "/srv/lsass.dmp", Data: strings.Repeat("a note ", 100)},
		{Path: "/srv/ntds.dit", Data: strings.Repeat("a note ", 100)},
		{Path: "/srv/x/ntds.dit", Data: ntds(3, 5000)},
		{Path: "/Users/b/Protect/S-1-5-21/" + keyName, Data: masterKeyFile("0f2a1b0c-9d8e-4f7a-b6c5-d4e3f2a1b0c9", 0)},
		{Path: "/Users/b/Protect/S-1-5-21/Preferred", Data: key, Unwanted: true},
		{Path: "/Windows/System32/ntds.dit", Data: db, Unwanted: true},
	})
	detecttest.Noise(t, d, "/Windows/NTDS/ntds.dit", "/x/Protect/y/"+keyName, "/x.dmp")
	for text, f := range map[string]struct{ path, data string }{
		"4 pages of 8192 bytes, closed cleanly; the boot key in SYSTEM opens the hashes":                                        {"/x/ntds.dit", db},
		"8 pages of 4096 bytes, not closed cleanly: newer changes may lie in its logs; the boot key in SYSTEM opens the hashes": {"/x/ntds.dit", ntds(2, 0)},
		"version 2, protected by its owner's password":                                                                          {"/Protect/" + keyName, key},
		"version 2, protected by its owner's password and by the domain's key":                                                  {"/Protect/" + keyName, key2},
	} {
		if h := d.Detect(detect.File{Path: f.path, Size: int64(len(f.data))}, []byte(f.data)); len(h) != 1 || h[0].Detail != text {
			t.Errorf("want %q, got %+v", text, h)
		}
	}
}
