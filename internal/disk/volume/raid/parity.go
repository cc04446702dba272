package raid

import (
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/gf256"
)

// Parity makes an array of members, of each of which length bytes are used, in
// chunks of the given bytes, with one or two parities in each row: RAID 4, 5
// and 6. Missing members are nil.
func Parity(members []block.Source, length, chunk int64, parities int, l Layout) (*Array, error) {
	n := len(members)
	switch {
	case parities < 1 || parities > 2 || n <= parities || parities == 2 && n > 255:
		return nil, block.Damaged("%d members with %d parities", n, parities)
	case !l.known(parities):
		return nil, block.Unsupported("RAID with %d parities has layout %d", parities, int(l))
	case chunk <= 0 || length < chunk:
		return nil, block.Damaged("members of %d bytes in chunks of %d", length, chunk)
	}
	g := &parity{disks: n, data: n - parities, chunk: chunk, layout: l, rows: length / chunk}
	if g.rows > 1<<62/chunk/int64(n) {
		return nil, block.Damaged("%d members of %d bytes are more than a volume can hold", n, length)
	}
	return newArray(members, g), nil
}

type parity struct {
	disks, data int
	chunk       int64
	layout      Layout
	rows        int64
}

func (g *parity) size() int64 { return g.rows * g.chunk * int64(g.data) }
func (*parity) copies() int   { return 1 }
func (g *parity) gather() int64 {
	if g.chunk >= gatherBelow {
		return -1
	}
	return g.chunk * int64(g.disks-g.data)
}

func (g *parity) place(off int64, _ int) (member int, at, n int64) {
	c, in := off/g.chunk, off%g.chunk
	row, d := c/int64(g.data), int(c%int64(g.data))
	_, _, member = g.layout.roles(row, g.disks, g.disks-g.data, d)
	return member, row*g.chunk + in, g.chunk - in
}

func (g *parity) lift(_ int, e block.Extent, add func(off, n int64)) {
	wide := g.chunk * int64(g.data)
	first := e.Offset / g.chunk
	last := min((e.Offset+e.Length+g.chunk-1)/g.chunk, g.rows)
	if first < last {
		add(first*wide, (last-first)*wide)
	}
}

// share is a member's part in computing a chunk.
type share struct {
	member int
	factor byte
}

// shares tells how to compute data chunk d of a row without the members that
// are out: as a sum of chunks of other members times a factor each. ok is false
// when too many are out.
func (g *parity) shares(row int64, d int, out func(member int) bool, buf []share) (list []share, ok bool) {
	parities := g.disks - g.data
	p, q, self := g.layout.roles(row, g.disks, parities, d)
	haveP, haveQ := !out(p), q >= 0 && !out(q)
	other := -1
	for i := range g.data {
		if _, _, m := g.layout.roles(row, g.disks, parities, i); i != d && out(m) {
			if other >= 0 {
				return nil, false
			}
			other = m
		}
	}
	ofP, ofQ := byte(1), byte(0)
	switch {
	case other >= 0 && haveP && haveQ:
		x, y := g.weight(self, p, q), g.weight(other, p, q)
		ofQ = gf256.Inv(x ^ y)
		ofP = gf256.Mul(y, ofQ)
	case other >= 0 || !haveP && !haveQ:
		return nil, false
	case !haveP:
		ofP, ofQ = 0, gf256.Inv(g.weight(self, p, q))
	}
	list = buf[:0]
	if ofP != 0 {
		list = append(list, share{p, ofP})
	}
	if ofQ != 0 {
		list = append(list, share{q, ofQ})
	}
	for i := range g.data {
		_, _, m := g.layout.roles(row, g.disks, parities, i)
		if m == self || m == other {
			continue
		}
		factor := ofP
		if ofQ != 0 {
			factor ^= gf256.Mul(ofQ, g.weight(m, p, q))
		}
		if factor != 0 {
			list = append(list, share{m, factor})
		}
	}
	return list, true
}

// weight is a data member's factor in the second parity.
func (g *parity) weight(member, p, q int) byte {
	return gf256.Pow(g.layout.power(member, p, q, g.disks))
}
