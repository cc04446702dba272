package xfs

import (
	"fmt"
	"hash/crc32"

	"github.com/lenscap/lenscap/internal/disk/block"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is the CRC-32C of a structure whose checksum is kept at the given place
// within it and counts as zeros.
func sum(b []byte, at int) uint32 {
	c := crc32.Update(0, castagnoli, b[:at])
	c = crc32.Update(c, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(c, castagnoli, b[at+4:])
}

// verify holds a block of metadata at a byte of the disk against its checksum
// and, when the place is not negative, the sector number it was written for.
// Blocks that the log changed have old ones.
func (t *tree) verify(b []byte, off int64, sumAt, sectorAt int) error {
	if !t.sb.v5 || t.over != nil && t.over.touches(off, int64(len(b))) {
		return nil
	}
	if want, got := le.Uint32(b[sumAt:]), sum(b, sumAt); want != got {
		return block.Damaged("block at byte %d: checksum %#x, want %#x", off, got, want)
	}
	if sectorAt >= 0 && be.Uint64(b[sectorAt:]) != uint64(off)>>9 {
		return block.Damaged("block at byte %d says that it is sector %d", off, be.Uint64(b[sectorAt:]))
	}
	return nil
}

// read reads metadata at a byte of the disk.
func (t *tree) read(b []byte, off int64) error {
	if off < 0 || int64(len(b)) > t.meta.Size()-off {
		return fmt.Errorf("%d bytes at %d of %d, beyond the end of the volume: %w", len(b), off, t.meta.Size(), block.ErrDamaged)
	}
	return block.ReadFull(t.meta, b, off)
}
