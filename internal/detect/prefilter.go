package detect

import (
	"encoding/binary"
	"math"
)

// prefilter finds words in bytes without regard to the case of ASCII letters,
// all of them in one pass. A table tells for the hash of four bytes whether a
// word may have them. Each word has two such grams, one place apart, so that only
// every second place is looked at, and each occurrence is seen exactly once.
type prefilter struct {
	table [1 << hashBits]uint8
	first [1<<hashBits + 1]uint32 // where the grams of a hash start
	grams []gram
	words [][]byte // folded
	// longest is the length of the longest word.
	longest int
}

// gram is four folded bytes that stand at places from a word's start.
type gram struct {
	bytes uint32
	word  int32
	at    int32
}

// slack is how many bytes behind its data a buffer must have for scan.
const slack = 32

const (
	fold4 = 0x20202020
	fold8 = 0x2020202020202020
)

// hashBits makes tables that second-level caches hold, and in which the words
// of three and four bytes, with all that may stand beside them, are few.
const hashBits = 18

func gramHash(x uint32) uint32 { return x * 0x9E3779B1 >> (32 - hashBits) }

// gramMark is one of eight bits, to tell apart grams of one hash.
func gramMark(x uint32) uint8 { return 1 << (x * 0x9E3779B1 >> (29 - hashBits) & 7) }

// needle is what a prefilter looks for: folded bytes, three or more.
type needle struct {
	text string
	// before and after are what may stand beside it, folded; nil is anything.
	// Where before is given, the start of the data may be there as well.
	before *set
	after  []set
}

// join widens what may stand beside a word by what another user of it allows.
func (w *needle) join(o needle) {
	if w.before == nil || o.before == nil {
		w.before = nil
	} else {
		w.before.join(*o.before)
	}
	w.after = w.after[:min(len(w.after), len(o.after))]
	for i := range w.after {
		w.after[i].join(o.after[i])
	}
}

// maxBeside is how many bytes behind a word are looked at to choose its grams,
// maxGrams how many grams a word may have.
const (
	maxBeside = 2
	maxGrams  = 2048
)

// newPrefilter takes words, each one once.
func newPrefilter(words []needle) *prefilter {
	p := &prefilter{}
	byHash := map[uint32][]gram{}
	for i, w := range words {
		p.words = append(p.words, []byte(w.text))
		p.longest = max(p.longest, len(w.text))
		row := w.row()
		// The first of row is the byte before the word. Of two grams that are one
		// place apart, the first one may start there: a word at the data's start
		// has its other one at an even place.
		best, least := 0, math.Inf(1)
		for o := 0; o+5 <= len(row); o++ {
			a, b := rarity(row[o:o+4]), rarity(row[o+1:o+5])
			if a+b < least {
				best, least = o, a+b
			}
		}
		for o := best; o < best+2; o++ {
			grams(row[o:o+4], func(x uint32) {
				g := gram{x, int32(i), int32(o - 1)}
				h := gramHash(x)
				byHash[h] = append(byHash[h], g)
			})
		}
	}
	for h := range uint32(1 << hashBits) {
		for _, g := range byHash[h] {
			p.table[h] |= gramMark(g.bytes)
			p.grams = append(p.grams, g)
		}
		p.first[h+1] = uint32(len(p.grams))
	}
	return p
}

// row gives what may stand at each place from the one before a word on, folded.
func (w *needle) row() [][]byte {
	anything := foldedSet(nil)
	row := make([][]byte, 1, len(w.text)+3)
	row[0] = foldedSet(w.before)
	for _, c := range []byte(w.text) {
		row = append(row, []byte{c | 0x20})
	}
	for i := range w.after {
		row = append(row, foldedSet(&w.after[i]))
	}
	if len(row) < 5 || len(w.after) == 0 && len(w.text) < 5 {
		row = append(row, anything)
	}
	return row
}

// foldedSet lists the bytes of a set as grams have them.
func foldedSet(s *set) []byte {
	var in [256]bool
	for c := range 256 {
		if s == nil || s.has(byte(c)) {
			in[c|0x20] = true
		}
	}
	var out []byte
	for c := range 256 {
		if in[c] {
			out = append(out, byte(c))
		}
	}
	return out
}

// grams gives each four bytes that four places may have.
func grams(row [][]byte, yield func(x uint32)) {
	for _, a := range row[0] {
		for _, b := range row[1] {
			for _, c := range row[2] {
				for _, d := range row[3] {
					yield(uint32(a) | uint32(b)<<8 | uint32(c)<<16 | uint32(d)<<24)
				}
			}
		}
	}
}

// rarity tells roughly how often grams stand in files.
func rarity(row [][]byte) float64 {
	p, n := 1.0, 1
	for _, s := range row {
		sum := 0.0
		for _, c := range s {
			sum += share[c]
		}
		p *= sum
		n *= len(s)
	}
	if n > maxGrams/2 {
		return 1
	}
	// Each gram takes room in the table as well, which costs other bytes.
	return p + float64(n)*2e-7
}

// frequency orders letters by how often they stand in text, the most common
// first.
const frequency = "etaoinsrhldcumfpgwybvkxjqz"

// share is roughly which part of files each folded byte is.
var share = func() (t [256]float64) {
	for c := range t {
		t[c] = .002
	}
	p := .08
	for _, c := range []byte(frequency) {
		t[c] += p
		p *= .88
	}
	for _, c := range []byte(" -=0_") {
		t[c|0x20] += .03
	}
	return t
}()

// scan calls hit for each word that starts in data[from:to]. Behind data there
// must be slack bytes of capacity, whatever they hold.
func (p *prefilter) scan(data []byte, from, to int, hit func(word, start int)) {
	if len(p.words) == 0 || from >= to {
		return
	}
	room := data[:len(data)+slack-12]
	stop := min(len(data), to+p.longest)
	table := &p.table
	for i := max(0, from-2); i < stop; i += 16 {
		d := room[i : i+20 : i+20]
		a, b := binary.LittleEndian.Uint64(d)|fold8, binary.LittleEndian.Uint64(d[8:])|fold8
		c := uint64(binary.LittleEndian.Uint32(d[16:]) | fold4)
		t := table[gramHash(uint32(a))] | table[gramHash(uint32(a>>16))] |
			table[gramHash(uint32(a>>32))] | table[gramHash(uint32(a>>48|b<<16))] |
			table[gramHash(uint32(b))] | table[gramHash(uint32(b>>16))] |
			table[gramHash(uint32(b>>32))] | table[gramHash(uint32(b>>48|c<<16))]
		if t != 0 {
			p.look(data, d, i, from, to, hit)
		}
	}
}

// look verifies the words at eight places.
func (p *prefilter) look(data, d []byte, i, from, to int, hit func(word, start int)) {
	for j := 0; j < 16; j += 2 {
		x := binary.LittleEndian.Uint32(d[j:]) | fold4
		h := gramHash(x)
		if p.table[h]&gramMark(x) == 0 {
			continue
		}
		for _, g := range p.grams[p.first[h]:p.first[h+1]] {
			start := i + j - int(g.at)
			if g.bytes == x && start >= from && start < to && hasFold(data[start:], p.words[g.word]) {
				hit(int(g.word), start)
			}
		}
	}
}

// hasFold tells whether data starts with a word of lower case.
func hasFold(data, word []byte) bool {
	if len(data) < len(word) {
		return false
	}
	for i, c := range word {
		if lowerByte(data[i]) != c {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// containsFold tells whether data holds a word of lower case.
func containsFold(data, word []byte) bool {
	for i := 0; i+len(word) <= len(data); i++ {
		if lowerByte(data[i]) == word[0] && hasFold(data[i:], word) {
			return true
		}
	}
	return false
}

// lowerASCII folds ASCII letters only, so that each byte keeps its place.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lowerByte(c)
	}
	return string(b)
}
