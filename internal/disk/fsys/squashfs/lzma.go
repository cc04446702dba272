package squashfs

import "github.com/lenscap/lenscap/internal/disk/unpack"

// lzmaDecoder decompresses LZMA (the LZMA SDK's lzma-specification) into a
// buffer that is its dictionary at the same time. It may be used again.
type lzmaDecoder struct {
	dst  []byte
	out  int
	dict int // where the dictionary begins in dst

	src     []byte
	in      int
	rng     uint32
	code    uint32
	cut     bool // more input was wanted than there is
	lc      uint
	posMask uint32 // of pb
	litMask uint32 // of lp
	state   int
	rep     [4]uint32

	isMatch    [lzmaStates << 4]uint16
	isRep      [lzmaStates]uint16
	isRepG0    [lzmaStates]uint16
	isRepG1    [lzmaStates]uint16
	isRepG2    [lzmaStates]uint16
	isRep0Long [lzmaStates << 4]uint16
	slot       [4][64]uint16
	special    [115]uint16
	align      [16]uint16
	matchLen   lzmaLength
	repLen     lzmaLength
	literal    []uint16
}

const (
	lzmaStates = 12
	lzmaHalf   = 1 << 10 // a bit is as likely 0 as 1, of 1<<11
	lzmaTop    = 1 << 24
)

// lzmaLength is the model of the lengths of matches.
type lzmaLength struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

// props takes the properties byte: how many bits of context there are.
func (d *lzmaDecoder) props(b byte) error {
	if b >= 9*5*5 {
		return errModel
	}
	lc, lp, pb := uint(b%9), uint(b/9%5), uint(b/45)
	d.lc, d.litMask, d.posMask = lc, 1<<lp-1, 1<<pb-1
	if n := 0x300 << (lc + lp); cap(d.literal) < n {
		d.literal = make([]uint16, n)
	} else {
		d.literal = d.literal[:n]
	}
	return nil
}

// reset forgets what was learnt.
func (d *lzmaDecoder) reset() {
	d.state, d.rep = 0, [4]uint32{}
	for _, probs := range [][]uint16{
		d.isMatch[:], d.isRep[:], d.isRepG0[:], d.isRepG1[:], d.isRepG2[:], d.isRep0Long[:],
		d.slot[0][:], d.slot[1][:], d.slot[2][:], d.slot[3][:], d.special[:], d.align[:], d.literal,
	} {
		forget(probs)
	}
	d.matchLen.reset()
	d.repLen.reset()
}

func (l *lzmaLength) reset() {
	l.choice, l.choice2 = lzmaHalf, lzmaHalf
	for i := range l.low {
		forget(l.low[i][:])
		forget(l.mid[i][:])
	}
	forget(l.high[:])
}

func forget(probs []uint16) {
	for i := range probs {
		probs[i] = lzmaHalf
	}
}

// start begins to decode bits from src.
func (d *lzmaDecoder) start(src []byte) error {
	if len(src) < 5 {
		return unpack.ErrCut
	}
	d.src, d.in, d.cut = src, 5, false
	d.rng, d.code = 0xFFFFFFFF, uint32(src[1])<<24|uint32(src[2])<<16|uint32(src[3])<<8|uint32(src[4])
	return nil
}

// normalize takes another byte of input when the range became small.
func (d *lzmaDecoder) normalize() {
	if d.rng >= lzmaTop {
		return
	}
	d.rng <<= 8
	if d.in < len(d.src) {
		d.code = d.code<<8 | uint32(d.src[d.in])
		d.in++
	} else {
		d.code <<= 8
		d.cut = true
	}
}

func (d *lzmaDecoder) bit(prob *uint16) int {
	bound := d.rng >> 11 * uint32(*prob)
	if d.code < bound {
		d.rng = bound
		*prob += (1<<11 - *prob) >> 5
		d.normalize()
		return 0
	}
	d.rng -= bound
	d.code -= bound
	*prob -= *prob >> 5
	d.normalize()
	return 1
}

// tree decodes a number of n bits, the highest first.
func (d *lzmaDecoder) tree(probs []uint16, n uint) uint32 {
	m := 1
	for range n {
		m = m<<1 | d.bit(&probs[m])
	}
	return uint32(m) - 1<<n
}

// reverse decodes a number of n bits, the lowest first.
func (d *lzmaDecoder) reverse(probs []uint16, n uint) uint32 {
	m, v := 1, 0
	for i := range n {
		b := d.bit(&probs[m])
		m = m<<1 | b
		v |= b << i
	}
	return uint32(v)
}

// direct decodes n bits that are not modelled.
func (d *lzmaDecoder) direct(n uint) (v uint32) {
	for range n {
		d.rng >>= 1
		d.code -= d.rng
		t := -(d.code >> 31) // all ones when the bit is 0
		d.code += d.rng & t
		v = v<<1 + t + 1
		d.normalize()
	}
	return v
}

func (d *lzmaDecoder) length(l *lzmaLength, pos uint32) int {
	if d.bit(&l.choice) == 0 {
		return int(d.tree(l.low[pos][:], 3)) + 2
	}
	if d.bit(&l.choice2) == 0 {
		return int(d.tree(l.mid[pos][:], 3)) + 10
	}
	return int(d.tree(l.high[:], 8)) + 18
}

// run decodes until limit bytes are in dst. A marker of the end ends it, too:
// then ended is set.
func (d *lzmaDecoder) run(limit int) (ended bool, err error) {
	for d.out < limit {
		if d.cut {
			return false, unpack.ErrCut
		}
		pos := uint32(d.out-d.dict) & d.posMask
		if d.bit(&d.isMatch[d.state<<4|int(pos)]) == 0 {
			d.putLiteral()
			continue
		}
		n := 0
		if d.bit(&d.isRep[d.state]) == 0 {
			n = d.newMatch(pos)
			if d.rep[0] == 0xFFFFFFFF {
				return true, nil
			}
		} else if n = d.repMatch(pos); n == 0 {
			n = 1
		}
		back := int(d.rep[0]) + 1
		if back > d.out-d.dict {
			return false, unpack.ErrBack
		}
		if d.out, err = match(d.dst[:limit], d.out, back, n); err != nil {
			return false, err
		}
	}
	if d.cut {
		return false, unpack.ErrCut
	}
	return false, nil
}

// end wants the marker of the end.
func (d *lzmaDecoder) end() error {
	pos := uint32(d.out-d.dict) & d.posMask
	if d.bit(&d.isMatch[d.state<<4|int(pos)]) == 0 || d.bit(&d.isRep[d.state]) != 0 {
		return unpack.ErrLong
	}
	if d.newMatch(pos); d.rep[0] != 0xFFFFFFFF {
		return unpack.ErrLong
	}
	return nil
}

func (d *lzmaDecoder) putLiteral() {
	before := uint32(0)
	if d.out > d.dict {
		before = uint32(d.dst[d.out-1])
	}
	context := (uint32(d.out-d.dict)&d.litMask)<<d.lc + before>>(8-d.lc)
	probs := d.literal[0x300*context : 0x300*context+0x300]
	m := 1
	if d.state >= 7 {
		// After a match, the byte that would have continued it is a hint.
		hint := 0
		if back := int(d.rep[0]) + 1; back <= d.out-d.dict {
			hint = int(d.dst[d.out-back])
		}
		for offset := 0x100; m < 0x100; {
			hint <<= 1
			expected := hint & offset
			b := d.bit(&probs[offset+expected+m])
			m = m<<1 | b
			if b == 0 {
				expected ^= offset
			}
			offset = expected
		}
	}
	for m < 0x100 {
		m = m<<1 | d.bit(&probs[m])
	}
	d.dst[d.out] = byte(m)
	d.out++
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
}

// after gives the state after something that was not a literal.
func (d *lzmaDecoder) after(literals, others int) {
	if d.state < 7 {
		d.state = literals
	} else {
		d.state = others
	}
}

// newMatch decodes a match with a distance of its own and gives its length.
func (d *lzmaDecoder) newMatch(pos uint32) int {
	d.rep = [4]uint32{0, d.rep[0], d.rep[1], d.rep[2]}
	n := d.length(&d.matchLen, pos)
	d.after(7, 10)
	slot := d.tree(d.slot[min(n-2, 3)][:], 6)
	if slot < 4 {
		d.rep[0] = slot
		return n
	}
	bits := uint(slot>>1 - 1)
	base := (2 | slot&1) << bits
	if slot < 14 {
		d.rep[0] = base + d.reverse(d.special[base-slot:], bits)
	} else {
		d.rep[0] = base + d.direct(bits-4)<<4 + d.reverse(d.align[:], 4)
	}
	return n
}

// repMatch decodes a match with a distance used before and gives its length, 0
// for a single byte.
func (d *lzmaDecoder) repMatch(pos uint32) int {
	if d.bit(&d.isRepG0[d.state]) == 0 {
		if d.bit(&d.isRep0Long[d.state<<4|int(pos)]) == 0 {
			d.after(9, 11)
			return 0
		}
	} else {
		i := 1
		if d.bit(&d.isRepG1[d.state]) != 0 {
			i = 2 + d.bit(&d.isRepG2[d.state])
		}
		found := d.rep[i]
		copy(d.rep[1:i+1], d.rep[:i])
		d.rep[0] = found
	}
	n := d.length(&d.repLen, pos)
	d.after(8, 11)
	return n
}

// match copies n bytes that lie back bytes before out, which may overlap, and
// gives where they end.
func match(dst []byte, out, back, n int) (int, error) {
	if back < 1 || back > out {
		return out, unpack.ErrBack
	}
	if n > len(dst)-out {
		return out, unpack.ErrLong
	}
	for n > 0 {
		got := copy(dst[out:out+min(n, back)], dst[out-back:])
		out, n, back = out+got, n-got, back+got
	}
	return out, nil
}
