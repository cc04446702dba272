package lvm

import (
	"fmt"
	"hash/crc32"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// physical is a physical volume as its label tells of it.
type physical struct {
	id    string // 32 characters
	areas []block.Extent
	// newest is the newest metadata in its areas; nil when there is none.
	newest *text
	// damaged tells that an area could not be read.
	damaged bool
}

// sum is the CRC-32 of LVM: IEEE's, without the inversions, from its own start.
func sum(b []byte) uint32 { return ^crc32.Update(^uint32(0xf597a6cf), crc32.IEEETable, b) }

// readLabel finds the label in the first four sectors.
func readLabel(src block.Source) (*physical, error) {
	b := make([]byte, min(src.Size(), 4*sector))
	if err := block.ReadFull(src, b, 0); err != nil {
		return nil, fmt.Errorf("read label: %w", err)
	}
	if isLVM1(b) {
		return nil, block.Unsupported("LVM1 metadata")
	}
	for at := 0; at+sector <= len(b); at += sector {
		s := b[at : at+sector]
		if string(s[:8]) != "LABELONE" || le.Uint64(s[8:]) != uint64(at/sector) || string(s[24:32]) != "LVM2 001" {
			continue
		}
		if got, want := sum(s[20:]), le.Uint32(s[16:]); got != want {
			return nil, block.Damaged("label in sector %d has checksum %#x, want %#x", at/sector, got, want)
		}
		return readHeader(s, src.Size())
	}
	return nil, block.ErrNotThis
}

// isLVM1 tells whether a physical volume of LVM1 begins here: its name, version
// and the place of its own structure.
func isLVM1(b []byte) bool {
	return len(b) >= 1024 && string(b[:2]) == "HM" && (le.Uint16(b[2:]) == 1 || le.Uint16(b[2:]) == 2) &&
		le.Uint32(b[4:]) == 0 && le.Uint32(b[8:]) == 1024
}

// readHeader reads the header of a physical volume in its label's sector: the
// list of data areas, then that of metadata areas, both ended by zeros.
func readHeader(s []byte, size int64) (*physical, error) {
	at := int(le.Uint32(s[20:]))
	if at < 32 || at > sector-40 {
		return nil, block.Damaged("label: header at byte %d", at)
	}
	p := &physical{id: string(s[at : at+32])}
	for _, c := range []byte(p.id) {
		if c < '!' || c > '~' {
			return nil, block.Damaged("label: UUID %q", p.id)
		}
	}
	lists := 0
	for at += 40; lists < 2; at += 16 {
		if at+16 > sector {
			return nil, block.Damaged("label: the lists of areas do not end")
		}
		off, n := le.Uint64(s[at:]), le.Uint64(s[at+8:])
		if off == 0 {
			lists++
			continue
		}
		if lists == 0 {
			continue // the metadata tells where data begins
		}
		if off > uint64(size) || n > uint64(size)-off || n < 2*sector {
			continue // cut off; there is a copy elsewhere, or the volume is not found
		}
		p.areas = append(p.areas, block.Extent{Offset: int64(off), Length: int64(n)})
	}
	return p, nil
}
