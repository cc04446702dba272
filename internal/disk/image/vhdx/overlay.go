package vhdx

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// overlay is the file with what the log holds in the place of its own bytes.
type overlay struct {
	block.Source
	size    int64
	sectors []sector       // ascending; they hide the zeros
	zeros   []block.Extent // ascending and apart, once finished
}

// sector is a sector of the log's.
type sector struct {
	off  int64
	data []byte
}

// apply lays a change over those before it.
func (o *overlay) apply(c change) {
	off, end := int64(c.off), int64(c.off+c.length)
	i := o.find(off)
	switch {
	case c.data == nil:
		o.zeros = append(o.zeros, block.Extent{Offset: off, Length: end - off})
		o.sectors = slices.Delete(o.sectors, i, o.find(end))
	case i < len(o.sectors) && o.sectors[i].off == off:
		o.sectors[i].data = c.data
	default:
		o.sectors = slices.Insert(o.sectors, i, sector{off, c.data})
	}
}

// find gives the index of the first sector that starts at or after off.
func (o *overlay) find(off int64) int {
	return sort.Search(len(o.sectors), func(i int) bool { return o.sectors[i].off >= off })
}

// finish puts the zeros in order. What the file is longer by reads as zeros,
// too.
func (o *overlay) finish() {
	if n := o.size - o.Source.Size(); n > 0 {
		o.zeros = append(o.zeros, block.Extent{Offset: o.Source.Size(), Length: n})
	}
	slices.SortFunc(o.zeros, func(a, b block.Extent) int { return cmp.Compare(a.Offset, b.Offset) })
	out := o.zeros[:0]
	for _, z := range o.zeros {
		if i := len(out) - 1; i >= 0 && z.Offset <= out[i].Offset+out[i].Length {
			out[i].Length = max(out[i].Length, z.Offset+z.Length-out[i].Offset)
		} else if z.Length > 0 {
			out = append(out, z)
		}
	}
	o.zeros = out
}

// Size implements [block.Source].
func (o *overlay) Size() int64 { return o.size }

// ReadAt implements [io.ReaderAt].
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, o.size)
	for done := 0; done < n; {
		part := p[done:n]
		span, fill := o.at(off + int64(done))
		part = part[:min(int64(len(part)), span)]
		switch {
		case fill != nil:
			copy(part, fill)
		case o.zero(off + int64(done)):
			clear(part)
		default:
			if err := block.ReadFull(o.Source, part, off+int64(done)); err != nil {
				return done, err
			}
		}
		done += len(part)
	}
	return n, end
}

// at gives how many bytes from off on are alike, and those of a sector of the
// log's.
func (o *overlay) at(off int64) (int64, []byte) {
	i := o.find(off - logSector + 1)
	span := o.size - off
	if i < len(o.sectors) {
		if s := o.sectors[i]; s.off <= off {
			return s.off + logSector - off, s.data[off-s.off:]
		}
		span = min(span, o.sectors[i].off-off)
	}
	z := o.findZero(off)
	if z == len(o.zeros) {
		return span, nil
	}
	if e := o.zeros[z]; e.Offset <= off {
		return min(span, e.Offset+e.Length-off), nil
	}
	return min(span, o.zeros[z].Offset-off), nil
}

// findZero gives the index of the first range of zeros that ends after off.
func (o *overlay) findZero(off int64) int {
	return sort.Search(len(o.zeros), func(i int) bool { return o.zeros[i].Offset+o.zeros[i].Length > off })
}

func (o *overlay) zero(off int64) bool {
	z := o.findZero(off)
	return z < len(o.zeros) && o.zeros[z].Offset <= off
}

// Extents implements [block.Mapper]. The log's sectors may lie in a hole, so
// that all of the file counts as data.
func (o *overlay) Extents(context.Context) ([]block.Extent, error) {
	return []block.Extent{{Offset: 0, Length: o.size}}, nil
}

// Prefetch implements [block.Prefetcher].
func (o *overlay) Prefetch(ctx context.Context, ranges []block.Extent) error {
	return block.Prefetch(ctx, o.Source, ranges)
}

// Locate implements [block.Locator].
func (o *overlay) Locate(off int64) int64 {
	if _, fill := o.at(off); fill != nil || o.zero(off) || off >= o.Source.Size() {
		return -1
	}
	return block.Locate(o.Source, off)
}
