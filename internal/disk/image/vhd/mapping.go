package vhd

import (
	"math/bits"

	"github.com/lenscap/lenscap/internal/disk/image"
)

// Indexes of the disk's sources.
const (
	fromFile   = 0
	fromParent = 1
)

// noBlock is the entry of a block that is not in the file.
const noBlock = 0xFFFFFFFF

// mapping finds the blocks of a dynamic or differencing disk, and the sectors
// in them that were written.
type mapping struct {
	*header
	tables *image.Tables
	parent int64 // bytes of the parent, 0 without one
}

// Run implements [image.Mapping].
func (m *mapping) Run(off, want int64) (image.Run, error) {
	index, within := off/m.blockSize, off%m.blockSize
	entries, err := m.tables.At(fromFile, m.table+4*index, 4)
	if err != nil {
		return image.Run{}, err
	}
	entry, n := be.Uint32(entries), m.blockSize-within
	if entry != noBlock {
		return m.within(off, int64(entry)*512, within, min(n, max(want, 1)))
	}
	for entries = entries[4:]; n < want && len(entries) >= 4 && be.Uint32(entries) == noBlock; entries = entries[4:] {
		n += m.blockSize
	}
	return m.below(off, n), nil
}

// below gives a run of what is not in the file.
func (m *mapping) below(off, n int64) image.Run {
	if off >= m.parent {
		return image.Run{Length: n, From: image.Hole}
	}
	return image.Run{Length: min(n, m.parent-off), From: fromParent, Offset: off}
}

// within gives a run of a block that is in the file at the given place, with
// its sector bitmap before it: as many sectors, up to n bytes, as the bitmap
// says the same of. Its first sector is the highest bit of the first byte.
func (m *mapping) within(off, at, start, n int64) (image.Run, error) {
	sector := start / 512
	bitmap, err := m.tables.At(fromFile, at+sector/8, 1)
	if err != nil {
		return image.Run{}, err
	}
	flip := byte(0)
	if bitmap[0]>>(7-sector%8)&1 != 0 {
		flip = 0xFF
	}
	end := (start + n + 511) / 512
	count := alike(bitmap, flip, sector%8, end-sector)
	length := min(n, (sector+count)*512-start)
	if flip == 0 {
		return m.below(off, length), nil
	}
	return image.Run{Length: length, Offset: at + m.bitmap + start}, nil
}

// alike counts the bits from the given one of the first byte on that are as in
// all of want, 0 or 0xFF, up to limit or the end of the bitmap.
func alike(bitmap []byte, want byte, first, limit int64) int64 {
	n := int64(bits.LeadingZeros8((bitmap[0] ^ want) << first))
	if n < 8-first {
		return min(n, limit)
	}
	n = 8 - first
	for _, b := range bitmap[1:] {
		if n >= limit {
			break
		}
		same := int64(bits.LeadingZeros8(b ^ want))
		if n += same; same < 8 {
			break
		}
	}
	return min(n, limit)
}
