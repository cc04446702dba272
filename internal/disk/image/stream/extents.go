package stream

import (
	"slices"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// grain is the size of the aligned blocks that count as zeros or data.
	grain = 4 << 10
	// maxExtents bounds the list of what holds data: 2 MiB of memory.
	maxExtents = 128 << 10
)

// extents lists what of a stream holds data, ascending. When there are too many
// of them, near ones become one: zeros are then taken for data.
type extents struct {
	list []block.Extent
	gap  int64 // extents that are not farther apart become one
	most int   // maxExtents, less in tests
}

// add takes a range behind all others.
func (x *extents) add(off, length int64) {
	if n := len(x.list); n > 0 {
		last := &x.list[n-1]
		if off-last.Offset-last.Length <= x.gap {
			last.Length = off + length - last.Offset
			return
		}
	}
	x.list = append(x.list, block.Extent{Offset: off, Length: length})
	if len(x.list) > x.most {
		x.halve()
	}
}

// halve makes one of those that lie nearest to each other, half of all.
func (x *extents) halve() {
	gaps := make([]int64, len(x.list)-1)
	for i := range gaps {
		gaps[i] = x.list[i+1].Offset - x.list[i].Offset - x.list[i].Length
	}
	slices.Sort(gaps)
	x.gap = gaps[len(gaps)/2]
	old := x.list
	x.list = old[:1]
	for _, e := range old[1:] {
		x.add(e.Offset, e.Length)
	}
}

// next gives the first part of [off, end) with data: empty, at end, when there
// is none.
func (x *extents) next(off, end int64) (start, stop int64) {
	i := sort.Search(len(x.list), func(i int) bool { return x.list[i].Offset+x.list[i].Length > off })
	if i == len(x.list) || x.list[i].Offset >= end {
		return end, end
	}
	return max(off, x.list[i].Offset), min(end, x.list[i].Offset+x.list[i].Length)
}

func (x *extents) all() []block.Extent { return slices.Clone(x.list) }
