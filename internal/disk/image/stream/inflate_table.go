package stream

import "github.com/lenscap/lenscap/internal/disk/block"

// Bits that the first step of a lookup takes, and the longest code (RFC 1951,
// section 3.2.7).
const (
	litBits  = 10
	distBits = 8
	maxCode  = 15
)

// An entry of a lookup table, from its low bits:
//
//	8 bits   how many bits of the stream it takes, at most 15
//	5 bits   how many extra bits follow; for a link, how many bits index the table behind it
//	3 bits   its kind
//	16 bits  a literal, the base of a length or distance, or the index of the table behind
type entry uint32

const (
	kindLiteral = iota << 13
	kindBase
	kindEnd
	kindLink
	kindInvalid
	kindMask = 7 << 13
)

func (e entry) taken() uint  { return uint(e & 63) }
func (e entry) extra() uint  { return uint(e >> 8 & 31) }
func (e entry) value() int   { return int(e >> 16) }
func (e entry) kind() uint32 { return uint32(e & kindMask) }

// The meaning of length and distance symbols (RFC 1951, section 3.2.5).
var litEntries, distEntries = symbolEntries()

func symbolEntries() (lit [288]entry, dist [32]entry) {
	for i := range 256 {
		lit[i] = entry(i<<16 | kindLiteral)
	}
	lit[256] = kindEnd
	base := 3
	for i := range 28 {
		extra := max(0, i/4-1)
		lit[257+i] = entry(base<<16 | extra<<8 | kindBase)
		base += 1 << extra
	}
	lit[285] = entry(258<<16 | kindBase)
	lit[286], lit[287] = kindInvalid, kindInvalid
	base = 1
	for i := range 30 {
		extra := max(0, i/2-1)
		dist[i] = entry(base<<16 | extra<<8 | kindBase)
		base += 1 << extra
	}
	dist[30], dist[31] = kindInvalid, kindInvalid
	return lit, dist
}

// buildTable fills a lookup table for a canonical Huffman code, given the
// length of each symbol's code. The first 1<<bits entries are indexed by the
// next bits of the stream; longer codes go by a link to a table behind. A set of
// codes that can't be one is an error. An incomplete set is permitted only when
// it is empty or one code of one bit, as other readers have it.
func buildTable(table []entry, bits uint, lengths []uint8, symbols []entry) error {
	var count [maxCode + 1]int
	for _, l := range lengths {
		count[l]++
	}
	longest, left := uint(0), 1
	for l := uint(1); l <= maxCode; l++ {
		left = left<<1 - count[l]
		if left < 0 {
			return block.Damaged("Huffman code: more codes of up to %d bits than there can be", l)
		}
		if count[l] > 0 {
			longest = l
		}
	}
	if left > 0 && longest > 1 {
		return block.Damaged("Huffman code: %d codes of %d bits are missing", left, maxCode)
	}
	var code [maxCode + 2]uint32
	for l := 1; l <= maxCode; l++ {
		code[l+1] = (code[l] + uint32(count[l])) << 1
	}
	for i := range 1 << bits {
		table[i] = kindInvalid
	}
	free := 1 << bits
	for s, l := range lengths {
		if l == 0 {
			continue
		}
		c := reverse(code[l], uint(l))
		code[l]++
		if uint(l) <= bits {
			for i := int(c); i < 1<<bits; i += 1 << l {
				table[i] = symbols[s] | entry(l)
			}
			continue
		}
		first := c & (1<<bits - 1)
		sub := longest - bits
		if table[first].kind() != kindLink {
			table[first] = entry(uint(free)<<16 | sub<<8 | kindLink | bits)
			free += 1 << sub
		}
		at := table[first].value()
		for i := int(c >> bits); i < 1<<sub; i += 1 << (uint(l) - bits) {
			table[at+i] = symbols[s] | entry(uint(l)-bits)
		}
	}
	return nil
}

func reverse(code uint32, n uint) uint32 {
	r := uint32(0)
	for range n {
		r = r<<1 | code&1
		code >>= 1
	}
	return r
}
