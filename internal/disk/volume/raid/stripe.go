package raid

import (
	"slices"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// gatherBelow is the chunk size in bytes from which on each chunk is read by
// itself: such reads are long enough.
const gatherBelow = 256 << 10

// Striped says how RAID 0 lays out members of unequal size.
type Striped int

const (
	// Alternate counts chunks from the start of each zone: Linux since 3.14.
	Alternate Striped = iota
	// Original counts them from the start of the array.
	Original
)

// Stripe deals chunks of the given bytes out to the members in turn. lengths
// are the bytes used of each; where the shorter ones end, the longer ones go on
// among themselves: another zone. Missing members are nil.
func Stripe(members []block.Source, lengths []int64, chunk int64, layout Striped) (*Array, error) {
	if chunk <= 0 || len(members) == 0 || len(members) != len(lengths) {
		return nil, block.Damaged("%d members in chunks of %d bytes", len(members), chunk)
	}
	g := &stripe{chunk: chunk, original: layout == Original}
	done := int64(0) // of each member
	for {
		z := zone{start: g.total, at: done}
		next := int64(0)
		for i, n := range lengths {
			if n = n / chunk * chunk; n > done {
				z.members = append(z.members, i)
				if next == 0 || n < next {
					next = n
				}
			}
		}
		if len(z.members) == 0 {
			break
		}
		if next-done > (1<<62-g.total)/int64(len(z.members)) {
			return nil, block.Damaged("%d members of %d bytes are more than a volume can hold", len(z.members), next)
		}
		g.total += (next - done) * int64(len(z.members))
		g.zones, done = append(g.zones, z), next
	}
	if len(g.zones) == 0 {
		return nil, block.Damaged("no member holds a chunk of %d bytes", chunk)
	}
	return newArray(members, g), nil
}

// LayoutMatters tells whether members of the given lengths in bytes make a
// second zone of more than one member, where the two layouts differ.
func LayoutMatters(lengths []int64, chunk int64) bool {
	shortest := slices.Min(lengths) / chunk
	longer := 0
	for _, n := range lengths {
		if n/chunk > shortest {
			longer++
		}
	}
	return longer > 1
}

type stripe struct {
	chunk    int64
	total    int64
	original bool
	zones    []zone
}

// zone is a stretch of the array that lies on the same members.
type zone struct {
	start   int64 // in the array
	at      int64 // on each member
	members []int
}

func (g *stripe) size() int64 { return g.total }
func (*stripe) copies() int   { return 1 }
func (g *stripe) gather() int64 {
	if g.chunk >= gatherBelow {
		return -1
	}
	return 0
}

func (g *stripe) zoneEnd(i int) int64 {
	if i+1 < len(g.zones) {
		return g.zones[i+1].start
	}
	return g.total
}

func (g *stripe) place(off int64, _ int) (member int, at, n int64) {
	i := 0
	if len(g.zones) > 1 {
		i = sort.Search(len(g.zones), func(i int) bool { return g.zones[i].start > off }) - 1
	}
	z := &g.zones[i]
	if len(z.members) == 1 {
		return z.members[0], z.at + off - z.start, g.zoneEnd(i) - off
	}
	wide := int64(len(z.members))
	c, in := (off-z.start)/g.chunk, (off-z.start)%g.chunk
	turn := c
	if g.original {
		turn = off / g.chunk
	}
	return z.members[turn%wide], z.at + c/wide*g.chunk + in, g.chunk - in
}

func (g *stripe) lift(_ int, e block.Extent, add func(off, n int64)) {
	for i, z := range g.zones {
		wide := int64(len(z.members))
		first := max(e.Offset-z.at, 0) / g.chunk * g.chunk * wide
		last := max(e.Offset+e.Length-z.at+g.chunk-1, 0) / g.chunk * g.chunk * wide
		if last = min(last, g.zoneEnd(i)-z.start); first < last {
			add(z.start+first, last-first)
		}
	}
}
