package qcow2

import (
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Parts of the entries of both levels.
const (
	offsetMask = 0x00FF_FFFF_FFFF_FE00 // bits 9 to 55
	flagZero   = 1
	flagPacked = 1 << 62
)

// Indexes of the disk's sources.
const (
	fromFile    = 0
	fromBacking = 1
)

const sectorBits = 9

// mapping finds the clusters of the disk.
type mapping struct {
	*header
	tables  *image.Tables
	backing int64 // bytes of the backing file's disk, 0 without one
}

// state says what a cluster or a subcluster holds.
type state struct {
	from   int // as in a run; fromBacking for what this image does not hold
	offset int64
}

// Run implements [image.Mapping].
func (m *mapping) Run(off, want int64) (image.Run, error) {
	reach := uint(2*m.clusterBits - m.entryBits) // bits of the disk for an entry of the first level
	first, err := m.tables.At(fromFile, int64(m.l1)+off>>reach<<3, 8)
	if err != nil {
		return image.Run{}, err
	}
	table := be.Uint64(first) & offsetMask
	if table == 0 {
		n := int64(1)<<reach - off&(1<<reach-1)
		for first = first[8:]; len(first) > 0 && n < want && be.Uint64(first)&offsetMask == 0; first = first[8:] {
			n += 1 << reach
		}
		return m.below(off, n), nil
	}
	if table%(1<<m.clusterBits) != 0 {
		return image.Run{}, block.Damaged("first level, entry %d: the second level lies at offset %d, want whole clusters", off>>reach, table)
	}
	index := off & (1<<reach - 1) >> m.clusterBits
	at := int64(table) + index<<m.entryBits
	entries, err := m.tables.At(fromFile, at, 1<<m.entryBits)
	if err != nil {
		return image.Run{}, err
	}
	// A page may reach over the end of the table.
	left := int64(1)<<(m.clusterBits-m.entryBits) - index
	entries = entries[:min(int64(len(entries)), left<<m.entryBits)]
	if e := be.Uint64(entries); e&flagPacked != 0 {
		return m.packed(off, e), nil
	}
	return m.extend(off, want, entries)
}

// below gives a run of what this image does not hold.
func (m *mapping) below(off, n int64) image.Run {
	if off >= m.backing {
		return image.Run{Length: n, From: image.Hole}
	}
	return image.Run{Length: min(n, m.backing-off), From: fromBacking, Offset: off}
}

// packed gives the run of a compressed cluster.
func (m *mapping) packed(off int64, entry uint64) image.Run {
	shift := 62 - (m.clusterBits - 8)
	at := entry & (1<<shift - 1)
	sectors := entry&(flagPacked-1)>>shift + 1
	skip := off & (1<<m.clusterBits - 1)
	return image.Run{
		Length: 1<<m.clusterBits - skip, From: fromFile, Offset: int64(at),
		Packed: int64(sectors<<sectorBits - at&(1<<sectorBits-1)),
		Unit:   1 << m.clusterBits, Skip: skip,
	}
}

// extend gives the run that starts at off, in the first of the entries, over as
// many (sub)clusters as are alike.
func (m *mapping) extend(off, want int64, entries []byte) (image.Run, error) {
	start, err := m.state(off, entries)
	if err != nil {
		return image.Run{}, err
	}
	size := int64(1) << m.subclusterBits
	within := off & (size - 1)
	n := size - within
	for pos := off + n; n < want; pos, n = pos+size, n+size {
		if pos&(1<<m.clusterBits-1) == 0 {
			if entries = entries[1<<m.entryBits:]; len(entries) == 0 {
				break
			}
		}
		next, err := m.state(pos, entries)
		if err != nil || next.from != start.from || start.from == fromFile && next.offset != start.offset+n+within {
			break
		}
	}
	switch start.from {
	case fromBacking:
		return m.below(off, n), nil
	case image.Hole:
		return image.Run{Length: n, From: image.Hole}, nil
	}
	return image.Run{Length: n, From: fromFile, Offset: start.offset + within}, nil
}

// packedState is what a compressed cluster gives when others are extended.
const packedState = -2

// state tells what the (sub)cluster at off holds by the entry of its cluster.
func (m *mapping) state(off int64, entry []byte) (state, error) {
	e := be.Uint64(entry)
	at := e & offsetMask
	switch {
	case e&flagPacked != 0:
		return state{from: packedState}, nil
	case at%(1<<m.clusterBits) != 0:
		return state{}, block.Damaged("second level, byte %d of the disk: the data lies at offset %d, want whole clusters", off, at)
	case m.entryBits == 4:
		return m.subcluster(off, at, be.Uint64(entry[8:]))
	case e&flagZero != 0 && m.version < 3:
		return state{}, block.Damaged("second level, byte %d of the disk: a zero cluster in version 2", off)
	case e&flagZero != 0:
		return state{from: image.Hole}, nil
	case at == 0:
		return state{from: fromBacking}, nil
	}
	return state{from: fromFile, offset: int64(at)}, nil
}

// subcluster tells what one of the 32 parts of a cluster holds: the lower half
// of the bitmap says which are in the file, the upper half which are zeros.
func (m *mapping) subcluster(off int64, cluster, bitmap uint64) (state, error) {
	nr := off & (1<<m.clusterBits - 1) >> m.subclusterBits
	there, zero := bitmap>>nr&1 != 0, bitmap>>(32+nr)&1 != 0
	switch {
	case there && (zero || cluster == 0):
		return state{}, block.Damaged("second level, byte %d of the disk: subcluster %d is in the file at %d, and zeros: %t", off, nr, cluster, zero)
	case zero:
		return state{from: image.Hole}, nil
	case there:
		return state{from: fromFile, offset: int64(cluster) + nr<<m.subclusterBits}, nil
	}
	return state{from: fromBacking}, nil
}
