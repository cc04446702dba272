package detect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"strings"

	"github.com/lenscap/lenscap/internal/detect/registry"
)

// windowsFiles finds files of Windows whose headers tell more than that they are
// there: a domain's accounts, memory of the security authority, keys of the data
// protection.
type windowsFiles struct{}

func (windowsFiles) Name() string { return "windows_files" }

// dumpLimit bounds what is read of a dump, in bytes: what is in memory comes
// behind the list of modules.
const dumpLimit = 4 << 20

func (windowsFiles) Wants(f File) int64 {
	base := strings.ToLower(path.Base(f.Path))
	switch {
	case base == "ntds.dit" && !shippedWindows(strings.ToLower(f.Path)),
		guid(base) && strings.Contains(strings.ToLower(f.Path), "/protect/"):
		return upTo(f, presenceLimit)
	}
	switch path.Ext(base) {
	case ".dmp", ".mdmp", ".hdmp":
		return upTo(f, dumpLimit)
	}
	return 0
}

// shippedWindows tells whether a file lies where Windows keeps what it was
// installed from.
func shippedWindows(low string) bool {
	return strings.HasSuffix(low, "/windows/system32/ntds.dit") || strings.Contains(low, "/winsxs/")
}

// guid tells whether a name is 8-4-4-4-12 hex digits.
func guid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch hyphen := i == 8 || i == 13 || i == 18 || i == 23; {
		case hyphen != (s[i] == '-'), !hyphen && !strings.ContainsRune("0123456789abcdef", rune(s[i])):
			return false
		}
	}
	return true
}

func (windowsFiles) Detect(f File, data []byte) []Hit {
	var h Hit
	ok := false
	switch base := strings.ToLower(path.Base(f.Path)); {
	case base == "ntds.dit":
		h, ok = domainDatabase(f, data)
	case guid(base):
		h, ok = masterKey(base, data)
	default:
		h, ok = authorityDump(base, data)
	}
	if !ok {
		return nil
	}
	h.End = min(len(data), presenceLimit)
	return []Hit{h}
}

// domainDatabase reads the header of an Extensible Storage Engine database: its
// signature at 4, kind at 12, state at 52, size of pages at 236, in bytes.
func domainDatabase(f File, data []byte) (Hit, bool) {
	if len(data) < 240 || !bytes.Equal(data[4:8], []byte{0xEF, 0xCD, 0xAB, 0x89}) || binary.LittleEndian.Uint32(data[12:]) != 0 {
		return Hit{}, false
	}
	page := int64(binary.LittleEndian.Uint32(data[236:]))
	if page == 0 {
		page = 4096
	}
	if page < 2048 || page > 32768 || page&(page-1) != 0 {
		return Hit{}, false
	}
	state := "in an unknown state"
	switch binary.LittleEndian.Uint32(data[52:]) {
	case 1:
		state = "just created"
	case 2:
		state = "not closed cleanly: newer changes may lie in its logs"
	case 3:
		state = "closed cleanly"
	}
	return Hit{
		Type: "windows_domain_database", Class: Secret, Severity: High, Checked: "yes",
		TitleEn: "accounts of a Windows domain", TitleZh: "Windows 域的账户数据库",
		Detail: fmt.Sprintf("%d pages of %d bytes, %s; the boot key in SYSTEM opens the hashes", f.Size/page, page, state),
	}, true
}

// masterKey reads the header of a master key of the data protection: version,
// its GUID in UTF-16 at 12, and the sizes of four parts from 96, in bytes.
func masterKey(name string, data []byte) (Hit, bool) {
	const head = 128
	if len(data) < head || !strings.EqualFold(registry.UTF16(data[12:84]), name) {
		return Hit{}, false
	}
	version := binary.LittleEndian.Uint32(data)
	var part [4]uint64
	for i := range part {
		part[i] = binary.LittleEndian.Uint64(data[96+8*i:])
		if part[i] > 64<<10 {
			return Hit{}, false
		}
	}
	if version < 1 || version > 3 || part[0] == 0 {
		return Hit{}, false
	}
	h := Hit{
		Type: "dpapi_master_key", Class: Artefact, Severity: Low, Checked: "yes", Public: name,
		TitleEn: "master key of Windows' data protection", TitleZh: "Windows 数据保护（DPAPI）的主密钥",
		Detail: fmt.Sprintf("version %d, protected by its owner's password", version),
	}
	if part[3] > 0 {
		h.Detail += " and by the domain's key"
	}
	return h, true
}

// authorityDump tells whether a dump is of the process that knows who is logged
// in and their passwords: lsass.exe is among its modules.
func authorityDump(base string, data []byte) (Hit, bool) {
	if len(data) < 32 || string(data[:4]) != "MDMP" || binary.LittleEndian.Uint16(data[4:]) != 0xA793 {
		return Hit{}, false
	}
	h := Hit{
		Type: "lsass_dump", Class: Secret, Severity: High,
		TitleEn: "memory of the Windows security authority", TitleZh: "Windows 本地安全机构进程（LSASS）的内存",
		Detail: "it holds hashes and tickets of those who were logged in, often their passwords",
	}
	if moduleIn(data, "lsass.exe") {
		h.Checked = "yes"
		return h, true
	}
	return h, strings.Contains(base, "lsass")
}

// moduleIn reads the directory of a minidump, and in its list of modules their
// names. Offsets are from the file's start.
func moduleIn(data []byte, name string) bool {
	u32 := func(at uint64) uint64 {
		if at+4 > uint64(len(data)) {
			return 0
		}
		return uint64(binary.LittleEndian.Uint32(data[at:]))
	}
	streams, dir := min(u32(8), 256), u32(12)
	for i := range streams {
		const modules = 4
		at := u32(dir + 12*i + 8)
		if u32(dir+12*i) != modules || at == 0 {
			continue
		}
		for m := range min(u32(at), 1024) {
			text := u32(at + 4 + 108*m + 20)
			n := min(u32(text), 1024)
			if text == 0 || text+4+n > uint64(len(data)) {
				continue
			}
			full := strings.ToLower(registry.UTF16(data[text+4 : text+4+n]))
			if full[strings.LastIndexByte(full, '\\')+1:] == name {
				return true
			}
		}
		return false
	}
	return false
}
