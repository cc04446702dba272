package stream

// The range coder of LZMA: each bit by a probability that adapts (LZMA SDK,
// "LZMA specification").
const (
	probBits  = 11
	probInit  = 1 << probBits / 2
	probMove  = 5
	rangeLow  = 1 << 24
	chunkSize = 64 << 10
	// chunkSlack is more than one symbol takes, so that bounds are checked once
	// a symbol.
	chunkSlack = 64
)

// rangeDecoder decodes the bits of one chunk.
type rangeDecoder struct {
	width, code uint32
	pos         int
	in          [chunkSize + chunkSlack]byte
}

// bit decodes a bit and adapts its probability.
func (r *rangeDecoder) bit(p *uint16) uint32 {
	prob := uint32(*p)
	bound := r.width >> probBits * prob
	bit := uint32(0)
	if r.code < bound {
		r.width = bound
		*p = uint16(prob + (1<<probBits-prob)>>probMove)
	} else {
		r.width -= bound
		r.code -= bound
		*p = uint16(prob - prob>>probMove)
		bit = 1
	}
	if r.width < rangeLow {
		r.width <<= 8
		r.code = r.code<<8 | uint32(r.in[r.pos])
		r.pos++
	}
	return bit
}

// tree decodes n bits, the highest first, each by a probability of its own.
func (r *rangeDecoder) tree(probs []uint16, n int) uint32 {
	v := uint32(1)
	for range n {
		v = v<<1 | r.bit(&probs[v])
	}
	return v - 1<<n
}

// reverse decodes n bits, the lowest first.
func (r *rangeDecoder) reverse(probs []uint16, n int) uint32 {
	v, out := uint32(1), uint32(0)
	for i := range n {
		b := r.bit(&probs[v])
		v, out = v<<1|b, out|b<<i
	}
	return out
}

// direct decodes n bits of even chance.
func (r *rangeDecoder) direct(n int) uint32 {
	v := uint32(0)
	for range n {
		r.width >>= 1
		less := uint32(0)
		if r.code >= r.width {
			r.code -= r.width
			less = 1
		}
		v = v<<1 | less
		if r.width < rangeLow {
			r.width <<= 8
			r.code = r.code<<8 | uint32(r.in[r.pos])
			r.pos++
		}
	}
	return v
}
