package tar

import (
	"encoding/binary"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// packed are the endings of names that say how a disk is compressed.
var packed = []string{".gz", ".xz", ".zst", ".zstd"}

// endings are those of names of disks.
var endings = []string{".raw", ".img", ".vmdk", ".vhd", ".vhdx", ".vdi", ".qcow2", ".qcow", ".iso", ".ova"}

// diskName tells whether a name is one that disks have.
func diskName(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, p := range packed {
		base = strings.TrimSuffix(base, p)
	}
	// ._NAME holds what macOS knows of a file besides its content.
	return !strings.HasPrefix(base, "._") && slices.Contains(endings, path.Ext(base))
}

// extentName matches files that belong to a VMDK, which is NAME.vmdk.
var extentName = regexp.MustCompile(`(?i)^(.+)-(?:[sf]\d{3,}|flat|delta|sesparse|rdmp?|ctk)\.vmdk$`)

// extent tells whether a member is part of another one.
func (a *archive) extent(m *member) bool {
	s := extentName.FindStringSubmatch(m.name)
	return s != nil && a.byName[s[1]+".vmdk"] != nil
}

// minDisk is the least size of a disk that is known by its bytes alone.
const minDisk = 64 << 10

// diskBytes tells whether a member begins as a disk does.
func diskBytes(src block.Source) bool {
	if src.Size() < minDisk {
		return false
	}
	b := make([]byte, 68<<10)
	n, _ := src.ReadAt(b, 0)
	clear(b[n:])
	for off, magics := range map[int][]string{
		0:       {"QFI\xfb", "KDMV", "COWD", "# Disk Desc", "vhdxfile", "conectix", "XFSB", "LUKS\xba\xbe", "hsqs"},
		64:      {"\x7f\x10\xda\xbe"}, // VDI
		510:     {"\x55\xaa"},         // MBR, FAT, NTFS
		512:     {"EFI PART", "LABELONE"},
		4096:    {"EFI PART"},
		32769:   {"CD001"},
		0x10040: {"_BHRfS_M"},
	} {
		if slices.ContainsFunc(magics, func(m string) bool { return string(b[off:off+len(m)]) == m }) {
			return true
		}
	}
	return binary.LittleEndian.Uint16(b[1080:]) == 0xEF53 // ext
}

// choose marks the members that are disks: those that the description of a
// virtual machine names, those with a disk's name and, without any of these,
// those with a disk's bytes.
func (a *archive) choose() {
	for _, m := range a.members {
		if strings.EqualFold(path.Ext(m.name), ".ovf") && !strings.HasPrefix(path.Base(m.name), "._") {
			a.ovfDisks(m)
			m.used, a.machine = true, true
		}
	}
	mark := func(is func(m *member) bool) (any bool) {
		for _, m := range a.members {
			m.disk = m.disk || !m.used && m.size > 0 && is(m)
			any = any || m.disk
		}
		return any
	}
	if mark(func(m *member) bool { return diskName(m.name) && !a.extent(m) }) {
		return
	}
	if a.skipped > 0 {
		a.lose("%d of its %d files were not looked at", a.skipped, a.count)
	}
	if mark(func(m *member) bool { return m.err == nil && diskBytes(&mapped{a.src, m.size, m.pieces}) }) {
		return
	}
	if a.machine { // its disks are what is large
		mark(func(m *member) bool { return m.size >= minUnknown })
	}
}

// minUnknown is the least size of a disk of which nothing else is known.
const minUnknown = 1 << 20
