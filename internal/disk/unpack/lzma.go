package unpack

// Numbers of LZMA's model (LZMA SDK, "LZMA specification").
const (
	states      = 12 // what the last symbols were
	litStates   = 7  // those after a literal
	posStates   = 16
	literalSize = 0x400 // 0x300 of them are used
	minMatch    = 2
)

// lengthModel holds the probabilities of lengths.
type lengthModel struct {
	choice, choice2 uint16
	low, mid        [posStates][8]uint16
	high            [256]uint16
}

// model holds the probabilities of everything.
type model struct {
	isMatch, isRep0Long           [states][posStates]uint16
	isRep, isRep0, isRep1, isRep2 [states]uint16
	slot                          [4][64]uint16
	special                       [128]uint16
	align                         [16]uint16
	length, repLength             lengthModel
	literal                       [][literalSize]uint16
}

// lzma decodes LZMA symbols. What it gives lies in out, up to w; matches reach
// back in it as far as window.
type lzma struct {
	rangeDecoder
	model
	lc, lp, pb int

	state int
	reps  [4]uint32 // the last distances, less one

	out    []byte
	w      int
	floor  int // the dictionary was reset here
	window int
}

// reset puts the model back to what it is at first.
func (d *lzma) reset() {
	fill := func(probs []uint16) {
		for i := range probs {
			probs[i] = probInit
		}
	}
	m := &d.model
	for i := range states {
		fill(m.isMatch[i][:])
		fill(m.isRep0Long[i][:])
	}
	for _, p := range [][]uint16{m.isRep[:], m.isRep0[:], m.isRep1[:], m.isRep2[:], m.special[:], m.align[:]} {
		fill(p)
	}
	for i := range m.slot {
		fill(m.slot[i][:])
	}
	for _, l := range []*lengthModel{&m.length, &m.repLength} {
		l.choice, l.choice2 = probInit, probInit
		for i := range posStates {
			fill(l.low[i][:])
			fill(l.mid[i][:])
		}
		fill(l.high[:])
	}
	if n := 1 << (d.lc + d.lp); cap(m.literal) < n {
		m.literal = make([][literalSize]uint16, n)
	} else {
		m.literal = m.literal[:n]
	}
	for i := range m.literal {
		fill(m.literal[i][:])
	}
	d.state, d.reps = 0, [4]uint32{}
}

// properties takes the byte that says how many bits of the place and of the byte
// before choose a probability. The model must be reset after it.
func (d *lzma) properties(b byte) error {
	if b >= 9*5*5 {
		return bad("LZMA properties %#x", b)
	}
	d.lc, d.lp, d.pb = int(b%9), int(b/9%5), int(b/45)
	return nil
}

// run decodes up to the place end of out, or to a marker of the end before it.
func (d *lzma) run(end int) (marked bool, err error) {
	for d.w < end {
		if d.pos > d.size {
			return false, ErrCut
		}
		place := (d.w - d.floor) & (1<<d.pb - 1)
		if d.bit(&d.isMatch[d.state][place]) == 0 {
			d.oneLiteral()
			continue
		}
		length := d.match(place)
		if length == 0 {
			return true, nil
		}
		distance := int(d.reps[0]) + 1
		if distance > min(d.w-d.floor, d.window) {
			return false, bad("LZMA match %d bytes back, where %d were given", distance, min(d.w-d.floor, d.window))
		}
		if length > end-d.w {
			return false, bad("LZMA match of %d bytes at the last %d", length, end-d.w)
		}
		Repeat(d.out[d.w:d.w+length], d.out[d.w-distance:d.w])
		d.w += length
	}
	if d.pos > d.size {
		return false, ErrCut
	}
	return false, nil
}

// literalNext is the state after a literal.
var literalNext = [states]int{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5}

// oneLiteral decodes a byte. The state lives in local variables here: this is
// where the time goes.
func (d *lzma) oneLiteral() {
	before := 0
	if d.w > d.floor {
		before = int(d.out[d.w-1])
	}
	place := d.w - d.floor
	probs := &d.literal[place&(1<<d.lp-1)<<d.lc|before>>(8-d.lc)]
	width, code, pos, in := d.width, d.code, d.pos, d.in
	v, match, offset := uint32(1), uint32(0), uint32(0)
	if d.state >= litStates { // the byte that the last match would have gone on with
		if back := int(d.reps[0]) + 1; back <= d.w-d.floor {
			match = uint32(d.out[d.w-back])
		}
		offset = 0x100
	}
	for v < 0x100 {
		match <<= 1
		with := match & offset
		p := &probs[(offset+with+v)&(literalSize-1)]
		prob := uint32(*p)
		bound := width >> probBits * prob
		if code < bound {
			width = bound
			*p = uint16(prob + (1<<probBits-prob)>>probMove)
			v <<= 1
			offset &^= with
		} else {
			width -= bound
			code -= bound
			*p = uint16(prob - prob>>probMove)
			v = v<<1 | 1
			offset &= with
		}
		if width < rangeLow {
			width <<= 8
			code = code<<8 | uint32(in[pos])
			pos++
		}
	}
	d.width, d.code, d.pos = width, code, pos
	d.out[d.w] = byte(v)
	d.w++
	d.state = literalNext[d.state]
}

// match decodes a match's length; its distance becomes the first of reps. The
// marker of the end gives 0.
func (d *lzma) match(place int) (length int) {
	literal := d.state < litStates
	if d.bit(&d.isRep[d.state]) == 0 {
		d.reps[3], d.reps[2], d.reps[1] = d.reps[2], d.reps[1], d.reps[0]
		length = d.lengthOf(&d.length, place)
		d.reps[0] = d.distance(min(length, 5) - minMatch)
		d.state = after(literal, 7, 10)
		if d.reps[0] == 0xffffffff {
			return 0
		}
		return length
	}
	if d.bit(&d.isRep0[d.state]) == 0 {
		if d.bit(&d.isRep0Long[d.state][place]) == 0 {
			d.state = after(literal, 9, 11)
			return 1
		}
	} else {
		distance := d.reps[1]
		if d.bit(&d.isRep1[d.state]) == 1 {
			distance = d.reps[2]
			if d.bit(&d.isRep2[d.state]) == 1 {
				distance, d.reps[3] = d.reps[3], d.reps[2]
			}
			d.reps[2] = d.reps[1]
		}
		d.reps[1], d.reps[0] = d.reps[0], distance
	}
	length = d.lengthOf(&d.repLength, place)
	d.state = after(literal, 8, 11)
	return length
}

func after(literal bool, yes, no int) int {
	if literal {
		return yes
	}
	return no
}

func (d *lzma) lengthOf(m *lengthModel, place int) int {
	switch {
	case d.bit(&m.choice) == 0:
		return minMatch + int(d.tree(m.low[place][:], 3))
	case d.bit(&m.choice2) == 0:
		return minMatch + 8 + int(d.tree(m.mid[place][:], 3))
	}
	return minMatch + 16 + int(d.tree(m.high[:], 8))
}

// distance decodes a distance, less one, given the length class.
func (d *lzma) distance(class int) uint32 {
	slot := d.tree(d.slot[class][:], 6)
	if slot < 4 {
		return slot
	}
	bits := int(slot/2 - 1)
	base := (2 | slot&1) << bits
	if slot < 14 {
		return base + d.reverse(d.special[base-slot:], bits)
	}
	return base + d.direct(bits-4)<<4 + d.reverse(d.align[:], 4)
}
