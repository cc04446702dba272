package raid

import (
	"math"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Linear puts sources one after the other.
func Linear(parts []block.Source) (*Array, error) {
	g := &linear{starts: make([]int64, len(parts)+1)}
	for i, p := range parts {
		if p.Size() > math.MaxInt64-g.starts[i] {
			return nil, block.Damaged("part %d of %d bytes ends beyond what a volume can hold", i, p.Size())
		}
		g.starts[i+1] = g.starts[i] + p.Size()
	}
	return newArray(parts, g), nil
}

type linear struct {
	starts []int64 // of each part, and the end of the last
}

func (g *linear) size() int64 { return g.starts[len(g.starts)-1] }
func (*linear) copies() int   { return 1 }
func (*linear) gather() int64 { return -1 }

func (g *linear) place(off int64, _ int) (member int, at, n int64) {
	i := sort.Search(len(g.starts), func(i int) bool { return g.starts[i] > off }) - 1
	return i, off - g.starts[i], g.starts[i+1] - off
}

func (g *linear) lift(member int, e block.Extent, add func(off, n int64)) {
	add(g.starts[member]+e.Offset, e.Length)
}

// Mirror gives the first size bytes of members that all hold the same. Missing
// ones are nil.
func Mirror(members []block.Source, size int64) *Array {
	return newArray(members, &mirror{size, len(members)})
}

type mirror struct {
	length int64
	n      int
}

func (g *mirror) size() int64 { return g.length }
func (g *mirror) copies() int { return g.n }
func (*mirror) gather() int64 { return -1 }

func (g *mirror) place(off int64, copy int) (member int, at, n int64) {
	return copy, off, g.length - off
}

func (g *mirror) lift(_ int, e block.Extent, add func(off, n int64)) { add(e.Offset, e.Length) }
