package unpack

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

// rangeDecoder decodes the bits of the first size bytes of in, behind which
// there are chunkSlack more.
type rangeDecoder struct {
	width, code uint32
	pos, size   int
	in          []byte
}

// room makes in hold size bytes. They are to be filled before start.
func (r *rangeDecoder) room(size int) []byte {
	if n := max(size, chunkSize) + chunkSlack; len(r.in) < n {
		r.in = make([]byte, n)
	}
	r.size = size
	return r.in[:size]
}

// start begins to decode what in holds.
func (r *rangeDecoder) start() error {
	clear(r.in[r.size : r.size+chunkSlack])
	if r.size < 5 {
		return ErrCut
	}
	if r.in[0] != 0 {
		return bad("LZMA begins with %#x, want 0", r.in[0])
	}
	r.width, r.pos = 0xffffffff, 5
	r.code = uint32(r.in[1])<<24 | uint32(r.in[2])<<16 | uint32(r.in[3])<<8 | uint32(r.in[4])
	return nil
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
