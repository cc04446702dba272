package image

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Bounds of what telling data from holes may cost. Where they are met, holes
// are given as data, which is slower to read and never wrong.
const (
	maxExtents = 1 << 18
	maxLooks   = 4 << 20
	// maxPrefetch is how many runs are fetched ahead in one go.
	maxPrefetch = 1 << 18
	// badStep is how much of the disk is taken for data where its mapping is
	// damaged, at first; each time that it still is, twice as much.
	badStep    = 1 << 20
	maxBadStep = 1 << 40
)

// Extents implements [block.Mapper]: the ranges that the image maps to bytes
// and that hold data there.
func (d *Mapped) Extents(ctx context.Context) ([]block.Extent, error) {
	var out collector
	held := make([][]block.Extent, len(d.sources))
	w := d.walk(0, d.size)
	looks, step := 0, int64(badStep)
	for pos := int64(0); pos < d.size; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if looks+w.looks >= maxLooks {
			out.add(pos, d.size-pos)
			break
		}
		run, ok := w.next()
		if !ok {
			if !errors.Is(w.err, block.ErrDamaged) {
				return nil, w.err
			}
			n := min(step, d.size-pos)
			out.add(pos, n)
			pos += n
			looks += w.looks
			w, step = d.walk(pos, d.size), min(2*step, maxBadStep)
			continue
		}
		if err := d.hold(ctx, &out, held, pos, run); err != nil {
			return nil, err
		}
		pos += run.Length
		step = badStep
	}
	return out.ranges, nil
}

// hold adds those parts of a run that hold data on its source. held keeps what
// the sources say.
func (d *Mapped) hold(ctx context.Context, out *collector, held [][]block.Extent, pos int64, run Run) error {
	switch {
	case run.From == Hole:
		return nil
	case run.Packed > 0:
		out.add(pos, run.Length)
		return nil
	}
	src := d.sources[run.From]
	if held[run.From] == nil {
		list, err := block.Extents(ctx, src)
		if err != nil {
			return err
		}
		// What lies past the end can't be read: that is no hole.
		held[run.From] = append(slices.Clone(list), block.Extent{Offset: src.Size(), Length: 1<<63 - 1 - src.Size()})
	}
	list, end := held[run.From], run.Offset+min(run.Length, 1<<63-1-run.Offset)
	i := sort.Search(len(list), func(i int) bool { return list[i].Offset+list[i].Length > run.Offset })
	for ; i < len(list) && list[i].Offset < end; i++ {
		from, to := max(list[i].Offset, run.Offset), min(list[i].Offset+list[i].Length, end)
		out.add(pos+from-run.Offset, to-from)
	}
	return nil
}

// collector gathers ranges, in bounded memory: it closes the smallest gaps when
// there are too many.
type collector struct {
	ranges []block.Extent // ascending
	gap    int64          // gaps up to this many bytes are closed
	loose  []block.Extent // in any order
}

// add adds a range that starts at or after the end of the last one.
func (c *collector) add(off, n int64) {
	if i := len(c.ranges) - 1; i >= 0 {
		if end := c.ranges[i].Offset + c.ranges[i].Length; off <= end || off-end <= c.gap {
			c.ranges[i].Length = max(end, off+n) - c.ranges[i].Offset
			return
		}
	}
	if n <= 0 {
		return
	}
	c.ranges = append(c.ranges, block.Extent{Offset: off, Length: n})
	for len(c.ranges) >= maxExtents {
		c.gap = max(4*c.gap, 64<<10)
		all := c.ranges
		c.ranges = c.ranges[:0]
		for _, e := range all {
			c.add(e.Offset, e.Length)
		}
	}
}

// sorted gives the loose ranges as far as they lie within size bytes, in order.
func (c *collector) sorted(size int64) []block.Extent {
	slices.SortFunc(c.loose, func(a, b block.Extent) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return 0
	})
	for _, e := range c.loose {
		if e.Offset < size {
			c.add(e.Offset, min(e.Length, size-e.Offset))
		}
	}
	return c.ranges
}
