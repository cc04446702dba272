package raid

import "github.com/lenscap/lenscap/internal/disk/block"

// Ten is the layout of RAID 10: each chunk has near copies side by side, and
// those far copies, further down or, with Offset, in the next row. Sets bound
// where far copies go: within groups of that many members.
type Ten struct {
	Near, Far int
	Offset    bool
	Sets      int // members; 0 means all
}

// NewTen makes an array of members, of each of which length bytes are used, in
// chunks of the given bytes. Missing members are nil.
func NewTen(members []block.Source, length, chunk int64, l Ten) (*Array, error) {
	n := len(members)
	if l.Sets == 0 {
		l.Sets = n
	}
	if chunk <= 0 || length < chunk || l.Near < 1 || l.Far < 1 || l.Near > n || l.Far > n || l.Near*l.Far > n ||
		l.Sets < 1 || l.Sets > n {
		return nil, block.Damaged("%d members of %d bytes in chunks of %d, %d near and %d far copies in sets of %d",
			n, length, chunk, l.Near, l.Far, l.Sets)
	}
	g := &ten{Ten: l, disks: int64(n), chunk: chunk}
	per := length / chunk / int64(l.Far) // rows of first copies on each member
	if per > 1<<62/chunk/int64(n) {
		return nil, block.Damaged("%d members of %d bytes are more than a volume can hold", n, length)
	}
	chunks := per * int64(n) / int64(l.Near)
	g.total = chunks * chunk
	rows := (chunks*int64(l.Near)*int64(l.Far) + int64(n) - 1) / int64(n)
	g.stride = rows / int64(l.Far) * chunk
	if l.Offset {
		g.stride = chunk
	}
	if g.total == 0 || g.stride == 0 {
		return nil, block.Damaged("members of %d bytes hold no chunk of %d in each copy", length, chunk)
	}
	g.lastSet = (n/l.Sets - 1) * l.Sets
	g.lastLen = l.Sets + n%l.Sets
	return newArray(members, g), nil
}

type ten struct {
	Ten
	disks   int64
	chunk   int64
	total   int64
	stride  int64 // bytes from one far copy to the next
	lastSet int   // first member of the last set of members, which takes the rest
	lastLen int
}

func (g *ten) size() int64 { return g.total }
func (g *ten) copies() int { return g.Near * g.Far }
func (g *ten) gather() int64 {
	if g.chunk >= gatherBelow {
		return -1
	}
	return g.chunk
}

func (g *ten) place(off int64, copy int) (member int, at, n int64) {
	in := off % g.chunk
	first := off / g.chunk * int64(g.Near)
	row, dev := first/g.disks, first%g.disks
	if g.Offset {
		row *= int64(g.Far)
	}
	// Near copies go on to the next member, and from the last to the next row.
	dev += int64(copy % g.Near)
	if dev >= g.disks {
		dev -= g.disks
		row++
	}
	at, member = row*g.chunk+in, int(dev)
	for range copy / g.Near {
		member, at = g.further(member), at+g.stride
	}
	return member, at, g.chunk - in
}

// further gives the member with the next far copy of what a member holds.
func (g *ten) further(d int) int {
	set := d / g.Sets
	d += g.Near
	if int(g.disks)%g.Sets != 0 && d > g.lastSet {
		return (d-g.lastSet)%g.lastLen + g.lastSet
	}
	return d%g.Sets + g.Sets*set
}

func (g *ten) lift(_ int, e block.Extent, add func(off, n int64)) {
	if !g.Offset {
		// Each copy has a part of the member to itself.
		for start := int64(0); start < g.stride*int64(g.Far); start += g.stride {
			from, to := max(e.Offset, start), min(e.Offset+e.Length, start+g.stride)
			if from < to {
				g.rows((from-start)/g.chunk, (to-start+g.chunk-1)/g.chunk, add)
			}
		}
		return
	}
	far := int64(g.Far)
	// A near copy that wraps lies one row down, among the far ones of its row.
	g.rows(max(e.Offset/g.chunk/far-1, 0), (e.Offset+e.Length+g.chunk-1)/g.chunk/far+1, add)
}

// rows adds the chunks whose first copies lie in rows from first up to last.
func (g *ten) rows(first, last int64, add func(off, n int64)) {
	near := int64(g.Near)
	from := max(first*g.disks/near-1, 0) * g.chunk
	to := min((last*g.disks+near-1)/near*g.chunk, g.total)
	if from < to {
		add(from, to-from)
	}
}
