package raid

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/gf256"
)

const (
	// computeMost is how much of a chunk is computed at once.
	computeMost = 256 << 10
	// rowsMost is what the buffers for whole rows may hold together.
	rowsMost = 4 << 20
)

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// buffer gives n bytes from the pool, of any content; back returns them.
func buffer(n int) (b []byte, back func()) {
	p := buffers.Get().(*[]byte)
	if cap(*p) < n {
		*p = make([]byte, n)
	}
	return (*p)[:n], func() { buffers.Put(p) }
}

// compute reads from off to where the place changes, from the other members of
// the row: why is the reason that the member itself was not read.
func (a *Array) compute(p []byte, off int64, why error) (int, error) {
	g := a.parity
	member, at, run := g.place(off, 0)
	n := int(min(run, int64(len(p)), computeMost))
	p = p[:n]
	c := off / g.chunk
	out := map[int]bool{member: true}
	isOut := func(m int) bool { return a.absent[m] || out[m] }
	tmp, back := buffer(n)
	defer back()
retry:
	for {
		list, ok := g.shares(c/int64(g.data), int(c%int64(g.data)), isOut, nil)
		if short := halfOf(p, off); !ok && short > 0 && (len(out) > 1 || !a.absent[member]) {
			return a.piece(p[:short], off) // what fails may be further on
		}
		if !ok {
			return 0, fmt.Errorf("too few members to compute %d bytes at offset %d: %w", n, off, why)
		}
		clear(p)
		for _, s := range list {
			if err := block.ReadFull(a.members[s.member], tmp, at); err != nil {
				if stopped(err) {
					return 0, err
				}
				out[s.member] = true // try without it
				continue retry
			}
			gf256.AddMul(p, tmp, s.factor)
		}
		return n, nil
	}
}

// toRow cuts a long read down to where the next row begins, so that whole rows
// follow.
func (g *parity) toRow(p []byte, off int64) []byte {
	wide := g.chunk * int64(g.data)
	if head := (wide - off%wide) % wide; head > 0 && int64(len(p))-head >= wide {
		return p[:head]
	}
	return p
}

// rows reads whole rows of a degraded array: each member once, in one read. It
// gives 0 when p is not as long or a member fails: it is read in pieces then.
func (a *Array) rows(p []byte, off int64) (int, error) {
	g := a.parity
	wide := g.chunk * int64(g.data)
	all := g.chunk * int64(g.disks)
	count := min(int64(len(p))/wide, rowsMost/all)
	if off%wide != 0 || count == 0 {
		return 0, nil
	}
	each := count * g.chunk
	buf, back := buffer(int(each) * g.disks)
	defer back()
	first := off / wide
	chunkOf := func(m int, row int64) []byte {
		at := int64(m)*each + row*g.chunk
		return buf[at : at+g.chunk]
	}
	for m, src := range a.members {
		if a.absent[m] {
			continue
		}
		if err := block.ReadFull(src, buf[int64(m)*each:int64(m+1)*each], first*g.chunk); err != nil {
			if stopped(err) {
				return 0, err
			}
			return 0, nil
		}
	}
	isOut := func(m int) bool { return a.absent[m] }
	var list []share
	for i := range count * int64(g.data) {
		row, d := i/int64(g.data), int(i%int64(g.data))
		to := p[i*g.chunk : (i+1)*g.chunk]
		_, _, member := g.layout.roles(first+row, g.disks, g.disks-g.data, d)
		if !a.absent[member] {
			copy(to, chunkOf(member, row))
			continue
		}
		var ok bool
		if list, ok = g.shares(first+row, d, isOut, list); !ok {
			return 0, nil
		}
		clear(to)
		for _, s := range list {
			gf256.AddMul(to, chunkOf(s.member, row), s.factor)
		}
	}
	return int(count * wide), nil
}
