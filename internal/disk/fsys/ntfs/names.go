package ntfs

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// text turns UTF-16LE into UTF-8. Surrogates without their other half become
// three bytes each (WTF-8): no two names become one.
func text(b []byte) string {
	out := make([]byte, 0, len(b)/2+8)
	for i := 0; i+1 < len(b); i += 2 {
		u := le.Uint16(b[i:])
		if u < utf8.RuneSelf {
			out = append(out, byte(u))
			continue
		}
		r := rune(u)
		if u&0xFC00 == 0xD800 && i+3 < len(b) {
			if low := le.Uint16(b[i+2:]); low&0xFC00 == 0xDC00 {
				r = 0x10000 + rune(u&0x3FF)<<10 + rune(low&0x3FF)
				i += 2
			}
		}
		if r&^0x7FF == 0xD800 {
			out = append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0xBF, 0x80|byte(r)&0xBF)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// upcase is the volume's table of capital letters, read when it is needed.
type upcase struct {
	once  sync.Once
	table []uint16 // nil when it can't be read
}

// SameName implements [fsys.Matcher].
func (t *tree) SameName(a, b string) bool {
	for len(a) > 0 && len(b) > 0 {
		ca, cb := a[0], b[0]
		if ca < utf8.RuneSelf && cb < utf8.RuneSelf && lower(ca) != lower(cb) {
			return false
		}
		if ca == cb && ca < utf8.RuneSelf {
			a, b = a[1:], b[1:]
			continue
		}
		ra, na := wide(a)
		rb, nb := wide(b)
		if ra != rb && t.capital(ra) != t.capital(rb) {
			return false
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) == len(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// wide reads one character. Bytes that are none are numbers below zero, the
// halves of surrogates are themselves.
func wide(s string) (rune, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r != utf8.RuneError || n > 1 {
		return r, n
	}
	if len(s) >= 3 && s[0] == 0xED && s[1]&0xE0 == 0xA0 && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return -1 - rune(s[0]), 1
}

// capital gives the capital of a character as the volume's table has it.
func (t *tree) capital(r rune) rune {
	t.upcase.once.Do(func() { t.upcase.table = t.readUpcase() })
	switch {
	case r < 0 || r > 0xFFFF || r&^0x7FF == 0xD800:
		return r
	case t.upcase.table == nil:
		return unicode.ToUpper(r)
	case int(r) >= len(t.upcase.table):
		return r
	}
	return rune(t.upcase.table[r])
}

func (t *tree) readUpcase() []uint16 {
	d, err := t.system(recUpCase)
	if err != nil || d.Size() > 128<<10 {
		return nil
	}
	b := make([]byte, d.Size())
	if block.ReadFull(d, b, 0) != nil {
		return nil
	}
	table := make([]uint16, len(b)/2)
	for i := range table {
		table[i] = le.Uint16(b[2*i:])
	}
	return table
}
