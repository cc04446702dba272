package detect

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// decoder makes UTF-8 of UTF-16.
type decoder struct {
	order binary.ByteOrder // nil for a file that is no UTF-16
	mark  int              // bytes of the byte order mark
	odd   int              // a byte that waits for its second, or -1
	high  rune             // a surrogate that waits for its second, or 0
}

// wideText tells whether a file's first bytes are UTF-16, with a byte order mark
// or mostly of ASCII.
func wideText(head []byte) decoder {
	try := func(o binary.ByteOrder, mark int) (decoder, bool) {
		units, ascii, bad := 0, 0, 0
		for i := mark; i+1 < len(head); i += 2 {
			u := o.Uint16(head[i:])
			units++
			switch {
			case u >= ' ' && u < 0x7F, u == '\n', u == '\r', u == '\t':
				ascii++
			case u < ' ', u == 0x7F, u >= 0xFFFE:
				bad++
			}
			if bad*100 > len(head) || mark == 0 && (units-ascii)*20 > len(head) {
				break // whatever follows
			}
		}
		ok := units > 0 && bad*50 <= units && (mark > 0 || units >= 8 && ascii*10 >= units*9)
		return decoder{order: o, mark: mark, odd: -1}, ok
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		if d, ok := try(binary.LittleEndian, 2); ok {
			return d
		}
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		if d, ok := try(binary.BigEndian, 2); ok {
			return d
		}
	case bytes.IndexByte(head, 0) >= 0:
		if d, ok := try(binary.LittleEndian, 0); ok {
			return d
		}
		if d, ok := try(binary.BigEndian, 0); ok {
			return d
		}
	}
	return decoder{odd: -1}
}

// decode appends to out up to limit, and gives what is left of p.
func (d *decoder) decode(out []byte, limit int, p []byte) (text, rest []byte) {
	for len(p) > 0 && len(out)+2*utf8.UTFMax <= limit {
		var u rune
		switch {
		case d.odd >= 0:
			u = rune(d.order.Uint16([]byte{byte(d.odd), p[0]}))
			d.odd, p = -1, p[1:]
		case len(p) == 1:
			d.odd, p = int(p[0]), nil
			continue
		default:
			u, p = rune(d.order.Uint16(p)), p[2:]
		}
		if d.high != 0 {
			if r := utf16.DecodeRune(d.high, u); r != utf8.RuneError {
				out, d.high = utf8.AppendRune(out, r), 0
				continue
			}
			out, d.high = utf8.AppendRune(out, utf8.RuneError), 0
		}
		if u >= 0xD800 && u < 0xDC00 {
			d.high = u
			continue
		}
		out = utf8.AppendRune(out, u)
	}
	return out, p
}

// flush ends the text. A block always has room for it.
func (d *decoder) flush(out []byte) []byte {
	if d.high != 0 {
		out, d.high = utf8.AppendRune(out, utf8.RuneError), 0
	}
	return out
}

// wideLen is how many bytes of UTF-16 made some UTF-8.
func wideLen(text []byte) int64 {
	n := int64(0)
	for _, c := range text {
		switch {
		case c >= 0xF0:
			n += 4
		case c < 0x80 || c >= 0xC0:
			n += 2
		}
	}
	return n
}

// The bounds of base64 within text.
const (
	leastBase64 = 24
	maxDepth    = 2
)

var base64Bytes = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_") {
		t[c] = true
	}
	return t
}()

// unwrap finds values in base64 that starts in v.data[from:to] and is text, as
// secrets of Kubernetes and user data have it, and looks into them.
func (s *Scan) unwrap(v *view, from, to int) {
	data := v.data
	pos := from
	if from > 0 {
		for pos < len(data) && base64Bytes[data[pos-1]] && base64Bytes[data[pos]] {
			pos++
		}
	}
	for pos < to && pos+leastBase64 <= len(data) {
		probe := pos + leastBase64 - 1
		if !base64Bytes[data[probe]] {
			pos = probe + 1
			continue
		}
		start, end := probe, probe+1
		for start > pos && base64Bytes[data[start-1]] {
			start--
		}
		for end < len(data) && base64Bytes[data[end]] {
			end++
		}
		if end-start >= leastBase64 && start < to && isValue(data[:start]) {
			s.inner(v, start, end)
		}
		pos = end
	}
}

// isValue tells whether text ends with a colon or equals sign, and blanks or a
// quote behind it.
func isValue(before []byte) bool {
	for i := len(before) - 1; i >= max(0, len(before)-8); i-- {
		switch before[i] {
		case ' ', '\t', '"', '\'':
		case ':', '=':
			return true
		default:
			return false
		}
	}
	return false
}

// inner looks into one run of base64.
func (s *Scan) inner(v *view, start, end int) {
	enc := base64.RawStdEncoding
	text := v.data[start:end]
	if bytes.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	var head [leastBase64 / 4 * 3]byte
	if n, err := enc.Decode(head[:], text[:leastBase64]); err != nil || !plain(head[:n]) {
		return
	}
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	out := make([]byte, enc.DecodedLen(len(text)), enc.DecodedLen(len(text))+slack)
	defer func() { clear(out[:cap(out)]) }()
	n, _ := enc.Decode(out, text) // what is good up to an error
	if !plain(out[:n]) {
		return
	}
	w := view{data: out[:n:cap(out)], first: true, last: true, depth: v.depth + 1}
	s.look(&w, 0, n)
	for _, h := range w.hits {
		value := bytes.Clone(h.value)
		if h.encoded {
			clear(h.value)
		}
		v.hits = append(v.hits, located{Hit: h.Hit, value: value, at: start, matcher: h.matcher, encoded: true})
	}
}

// plain tells whether bytes are text: no control characters, and not mostly
// beyond ASCII as random bytes are.
func plain(b []byte) bool {
	high := 0
	for _, c := range b {
		switch {
		case c >= 0x80:
			high++
		case c < ' ' && c != '\n' && c != '\r' && c != '\t', c == 0x7F:
			return false
		}
	}
	return high*4 <= len(b)
}
