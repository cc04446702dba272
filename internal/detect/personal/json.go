package personal

import (
	"slices"
	"unicode/utf8"
)

// jsonReader reads objects, one a line or in arrays: the values of one name are a
// column, named by the name above them too.
type jsonReader struct {
	s *structure
	t *table

	names []jsonLevel
	token []byte // of a string, number or word
	in    jsonState
	code  rune // of \u
	left  int
	key   bool // a string is a name
}

type jsonLevel struct {
	object bool
	name   string // of the member that is being read
}

type jsonState uint8

const (
	jsonBetween jsonState = iota
	jsonString
	jsonEscape
	jsonUnicode
	jsonWord
)

// jsonDepth is how deep values may lie.
const jsonDepth = 64

func newJSON(s *structure) *jsonReader { return &jsonReader{s: s, t: s.table("")} }

func (r *jsonReader) write(p []byte) {
	for i := 0; i < len(p); i++ {
		if r.s.off {
			return
		}
		c := p[i]
		switch r.in {
		case jsonString:
			switch c {
			case '"':
				r.in = jsonBetween
				r.str()
			case '\\':
				r.in = jsonEscape
			default:
				j := i + 1
				for j < len(p) && p[j] != '"' && p[j] != '\\' {
					j++
				}
				r.put(p[i:j])
				i = j - 1
			}
			continue
		case jsonEscape:
			r.in = jsonString
			switch c {
			case 'u':
				r.in, r.code, r.left = jsonUnicode, 0, 4
			case 'n', 'r', 't', 'b', 'f':
				r.put([]byte{' '})
			default:
				r.put([]byte{c})
			}
			continue
		case jsonUnicode:
			r.code = r.code<<4 | rune(hexValue(c))
			if r.left--; r.left == 0 {
				r.put(utf8.AppendRune(nil, r.code))
				r.in = jsonString
			}
			continue
		case jsonWord:
			if class[c] != 0 || c == '.' || c == '-' || c == '+' {
				r.put([]byte{c})
				continue
			}
			r.in = jsonBetween
			r.value()
		}
		r.between(c)
	}
}

func (r *jsonReader) between(c byte) {
	switch c {
	case '"':
		r.in, r.token = jsonString, r.token[:0]
	case '{', '[':
		if len(r.names) >= jsonDepth {
			r.s.off = true
			return
		}
		r.names = append(r.names, jsonLevel{object: c == '{'})
		r.key = c == '{'
	case '}', ']':
		if n := len(r.names); n > 0 {
			if r.names[n-1].object {
				r.s.row(r.t)
			}
			r.names = r.names[:n-1]
		}
		r.key = false
	case ',':
		r.key = len(r.names) > 0 && r.names[len(r.names)-1].object
	case ':':
		r.key = false
	case ' ', '\t', '\r', '\n':
	default:
		if class[c] != 0 || c == '-' {
			r.in, r.token = jsonWord, append(r.token[:0], c)
		}
	}
}

func (r *jsonReader) put(b []byte) {
	if room := cellMax - len(r.token); room > 0 {
		r.token = append(r.token, b[:min(len(b), room)]...)
	}
}

func (r *jsonReader) str() {
	if !r.key {
		r.value()
		return
	}
	r.key = false
	if n := len(r.names); n > 0 && len(r.token) <= 128 {
		l := &r.names[n-1]
		if l.name != string(r.token) {
			l.name = string(r.token)
		}
	} else if n > 0 {
		r.names[n-1].name = ""
	}
}

func (r *jsonReader) value() {
	// The name of a value in an array is the array's.
	for _, l := range slices.Backward(r.names) {
		if l.object {
			if l.name != "" {
				r.s.add(r.t, r.s.column(r.t, l.name, ""), r.token)
			}
			return
		}
	}
}

func (r *jsonReader) close() {
	if r.in == jsonWord {
		r.value()
	}
	clear(r.token[:cap(r.token)])
}

func hexValue(c byte) int {
	switch {
	case class[c] == isDigit:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 0
}
