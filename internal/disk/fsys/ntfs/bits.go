package ntfs

import "github.com/lenscap/lenscap/internal/disk/block"

// bitReader reads bits, the highest first, from little-endian words of 16 bits:
// the way of XPRESS and LZX. Past the end it gives zeros.
type bitReader struct {
	in  []byte
	pos int    // of the next word
	buf uint64 // the bits at hand, from the top
	n   uint   // how many
}

// need sees to it that k bits, at most 32, are at hand.
func (r *bitReader) need(k uint) {
	for r.n < k {
		w := uint64(0)
		if r.pos+2 <= len(r.in) {
			w = uint64(le.Uint16(r.in[r.pos:]))
		}
		r.pos += 2
		r.buf |= w << (48 - r.n)
		r.n += 16
	}
}

// drop takes k bits that are at hand away.
func (r *bitReader) drop(k uint) {
	r.buf <<= k
	r.n -= k
}

// take reads k bits, at most 32.
func (r *bitReader) take(k uint) uint32 {
	if k == 0 {
		return 0
	}
	r.need(k)
	v := uint32(r.buf >> (64 - k))
	r.drop(k)
	return v
}

// bytes reads n bytes from where the next word would be.
func (r *bitReader) bytes(n int) uint32 {
	v := uint32(0)
	for i := range n {
		if r.pos < len(r.in) {
			v |= uint32(r.in[r.pos]) << (8 * i)
		}
		r.pos++
	}
	return v
}

// over tells whether much more was read than there is.
func (r *bitReader) over() bool { return r.pos > len(r.in)+8 }

const (
	maxCode  = 16 // bits of the longest code
	fastBits = 10 // codes up to this length are looked up at once
)

// huffman is a canonical prefix code.
type huffman struct {
	fast   [1 << fastBits]uint16 // symbol<<4 | length; 0: the code is longer
	count  [maxCode + 1]uint16   // codes of each length
	sorted []uint16              // symbols by length, then by number
}

// build makes the code of the lengths of its symbols, fewer than 4096.
func (h *huffman) build(lengths []byte) error {
	h.count = [maxCode + 1]uint16{}
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	var next [maxCode + 2]uint16 // first place in sorted of each length
	room := 1
	for n := 1; n <= maxCode; n++ {
		next[n+1] = next[n] + h.count[n]
		if room = room<<1 - int(h.count[n]); room < 0 {
			return block.Damaged("prefix code has too many codes of up to %d bits", n)
		}
	}
	if cap(h.sorted) < len(lengths) {
		h.sorted = make([]uint16, len(lengths))
	}
	h.sorted = h.sorted[:next[maxCode+1]]
	for sym, n := range lengths {
		if n > 0 {
			h.sorted[next[n]] = uint16(sym)
			next[n]++
		}
	}
	at, i := 0, 0
	for n := 1; n <= fastBits; n++ {
		for range h.count[n] {
			end := at + 1<<(fastBits-n)
			for ; at < end; at++ {
				h.fast[at] = h.sorted[i]<<4 | uint16(n)
			}
			i++
		}
	}
	clear(h.fast[at:])
	return nil
}

// next reads a symbol. ok is false when no code fits.
func (h *huffman) next(r *bitReader) (sym uint16, ok bool) {
	r.need(maxCode)
	if e := h.fast[r.buf>>(64-fastBits)]; e != 0 {
		r.drop(uint(e & 15))
		return e >> 4, true
	}
	first, index := 0, 0 // the first code of a length, and its place in sorted
	for n := uint(1); n <= maxCode; n++ {
		count := int(h.count[n])
		code := int(r.buf >> (64 - n))
		if code-first < count {
			r.drop(n)
			return h.sorted[index+code-first], true
		}
		index += count
		first = (first + count) << 1
	}
	return 0, false
}
