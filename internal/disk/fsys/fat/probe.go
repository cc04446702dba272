package fat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// backupSector is where FAT32 keeps the copy of its boot sector.
const backupSector = 6

// readBoot reads the boot sector, or its copy where the first one is bad, and
// holds it against the FAT, without which it would be too little evidence.
func readBoot(src block.Source) (bootSector, table, []string, error) {
	if src.Size() < 1024 {
		return bootSector{}, table{}, nil, block.ErrNotThis
	}
	b := make([]byte, 512)
	rerr := block.ReadFull(src, b, 0)
	if rerr == nil {
		if string(b[424:440]) == bitLockerToGo {
			return bootSector{}, table{}, nil, fmt.Errorf("boot sector: BitLocker To Go: %w", block.ErrEncrypted)
		}
		s, err := parseBoot(b)
		if err == nil {
			fat, notes, err := probeTable(src, s)
			return s, fat, notes, err
		}
		if !errors.Is(err, block.ErrNotThis) || other(b) {
			return s, table{}, nil, err
		}
	}
	if s, fat, notes, ok := readBackup(src); ok {
		return s, fat, slices.Insert(notes, 0, "the boot sector is bad: read by its copy"), nil
	}
	if rerr != nil {
		return bootSector{}, table{}, nil, fmt.Errorf("read boot sector: %w", rerr)
	}
	return bootSector{}, table{}, nil, block.ErrNotThis
}

// bitLockerToGo is the GUID in the boot sector of an encrypted volume that
// shows a small FAT32 with a reader to those who have no key.
const bitLockerToGo = "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"

// other tells whether a boot sector is that of another file system, which may
// have been made over a FAT32 whose copy is still there.
func other(b []byte) bool {
	switch string(b[3:11]) {
	case "NTFS    ", "EXFAT   ", "-FVE-FS-", "ReFS\x00\x00\x00\x00":
		return true
	}
	switch string(b[:4]) {
	case "XFSB", "hsqs", "LUKS", "SQSH":
		return true
	}
	return false
}

// readBackup looks for the copy of a FAT32's boot sector. A copy alone may be
// left from an older file system: the FAT must be where it says, too.
func readBackup(src block.Source) (bootSector, table, []string, bool) {
	b := make([]byte, 512)
	for sector := int64(512); sector <= 4096; sector *= 2 {
		if block.ReadFull(src, b, backupSector*sector) != nil {
			continue
		}
		s, err := parseBoot(b)
		if err != nil || !s.signed || s.bits != 32 || s.sector != sector || le.Uint16(b[50:]) != backupSector {
			continue
		}
		fat, notes, err := probeTable(src, s)
		if err == nil && len(notes) == 0 {
			return s, fat, notes, true
		}
	}
	return bootSector{}, table{}, nil, false
}

// probeTable finds the FAT to read: the active one, or the first, and the others
// after it where all are the same. Entry 0 holds the media type.
func probeTable(src block.Source, s bootSector) (table, []string, error) {
	t := table{src: src, bits: s.bits, count: s.clusters}
	if s.rootStart() > src.Size() {
		return t, nil, block.ErrNotThis
	}
	for i := range s.fats {
		if s.active < 0 || s.active == i {
			t.starts = append(t.starts, (s.reserved+int64(i)*s.fatSectors)*s.sector)
		}
	}
	for i, at := range t.starts {
		v, err := t.entryAt(at, 0)
		if err != nil || !mediaType(byte(v)) || v>>8 != t.mask()>>8 {
			continue
		}
		if i == 0 {
			return t, nil, nil
		}
		copy(t.starts[1:i+1], t.starts[:i])
		t.starts[0] = at
		return t, []string{fmt.Sprintf("the first FAT is bad: read by copy %d", i+1)}, nil
	}
	if !s.signed {
		return t, nil, block.ErrNotThis
	}
	return t, []string{"no FAT begins as one does: chains may be wrong"}, nil
}
