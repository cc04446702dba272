package vhdx

import (
	"math/bits"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// States of a block.
const (
	stateNotPresent       = 0
	stateUndefined        = 1
	stateZero             = 2
	stateUnmapped         = 3
	stateUnmappedOld      = 5 // in drafts of the specification
	stateFullyPresent     = 6
	statePartiallyPresent = 7

	stateMask = 7
	// offsetMask are the bits of an entry that say where a block lies: whole
	// MiB.
	offsetMask = ^uint64(1<<20 - 1)
)

// Indexes of the disk's sources.
const (
	fromFile   = 0
	fromParent = 1
)

// mapping finds the blocks of the disk.
type mapping struct {
	*metadata
	bat    int64 // where the block allocation table starts
	tables *image.Tables
	parent int64 // bytes of the parent, 0 without one
}

// Run implements [image.Mapping].
func (m *mapping) Run(off, want int64) (image.Run, error) {
	index, within := off/m.blockSize, off%m.blockSize
	entries, err := m.tables.At(fromFile, m.bat+8*m.entry(index), 8)
	if err != nil {
		return image.Run{}, err
	}
	entry, n := le.Uint64(entries), m.blockSize-within
	at := entry & offsetMask
	switch state := entry & stateMask; state {
	case stateNotPresent:
		// A chunk's last block is followed by its bitmap's entry.
		left := m.perChunk() - index%m.perChunk() - 1
		for entries = entries[8:]; n < want && len(entries) >= 8 && left > 0 && le.Uint64(entries)&stateMask == stateNotPresent; entries = entries[8:] {
			n += m.blockSize
			left--
		}
		return m.below(off, n), nil
	case stateUndefined, stateZero, stateUnmapped, stateUnmappedOld:
		return image.Run{Length: n, From: image.Hole}, nil
	case stateFullyPresent, statePartiallyPresent:
		if at < bodyAt || at > 1<<62 {
			return image.Run{}, block.Damaged("block allocation table: block %d lies at %d", index, at)
		}
		if state == statePartiallyPresent {
			return m.partial(off, int64(at), min(n, max(want, 1)))
		}
		return image.Run{Length: n, Offset: int64(at) + within}, nil
	default:
		return image.Run{}, block.Damaged("block allocation table: block %d is in state %d", index, state)
	}
}

// below gives a run of what is not in the file.
func (m *mapping) below(off, n int64) image.Run {
	if off >= m.parent {
		return image.Run{Length: n, From: image.Hole}
	}
	return image.Run{Length: min(n, m.parent-off), From: fromParent, Offset: off}
}

// partial gives a run of a block that lies at the given place and holds some of
// its sectors: as many, up to n bytes, as the sector bitmap says the same of.
// The first sector is the lowest bit of the first byte.
func (m *mapping) partial(off, at, n int64) (image.Run, error) {
	if !m.hasParent {
		return image.Run{}, block.Damaged("block allocation table: the block of byte %d is there in part, without a parent", off)
	}
	chunk := m.sector << 23 // bytes of the disk for a bitmap of 1 MiB
	entry, err := m.tables.At(fromFile, m.bat+8*(off/chunk*(m.perChunk()+1)+m.perChunk()), 8)
	if err != nil {
		return image.Run{}, err
	}
	e := le.Uint64(entry)
	if e&stateMask != stateFullyPresent || e&offsetMask < bodyAt || e&offsetMask > 1<<62 {
		return image.Run{}, block.Damaged("block allocation table: the sector bitmap of byte %d has the entry %#x", off, e)
	}
	sector := off % chunk / m.sector
	bitmap, err := m.tables.At(fromFile, int64(e&offsetMask)+sector/8, 1)
	if err != nil {
		return image.Run{}, err
	}
	mine := byte(0)
	if bitmap[0]>>(sector%8)&1 != 0 {
		mine = 0xFF
	}
	start := off % m.sector
	count := alike(bitmap, mine, sector%8, (start+n+m.sector-1)/m.sector)
	length := min(n, count*m.sector-start)
	if mine == 0 {
		return m.below(off, length), nil
	}
	return image.Run{Length: length, Offset: at + off%m.blockSize}, nil
}

// alike counts the bits from the given one of the first byte on that are as in
// all of want, 0 or 0xFF, up to limit or the end of the bitmap.
func alike(bitmap []byte, want byte, first, limit int64) int64 {
	n := int64(bits.TrailingZeros8((bitmap[0] ^ want) >> first))
	if n < 8-first {
		return min(n, limit)
	}
	n = 8 - first
	for _, b := range bitmap[1:] {
		if n >= limit {
			break
		}
		same := int64(bits.TrailingZeros8(b ^ want))
		if n += same; same < 8 {
			break
		}
	}
	return min(n, limit)
}
