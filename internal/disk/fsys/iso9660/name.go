package iso9660

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// plainName gives a name without extensions as Linux shows it: in lower case,
// without version 1 and the dot before it.
func plainName(b []byte) string {
	name := string(b)
	if cut, ok := strings.CutSuffix(name, ";1"); ok {
		name = strings.TrimSuffix(cut, ".")
	}
	out := make([]byte, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z':
			out[i] = c + 'a' - 'A'
		case c == ';' || c == '/':
			out[i] = '.'
		default:
			out[i] = c
		}
	}
	return string(out)
}

// jolietName gives a name of Joliet as Linux shows it: without version 1 and
// without dots at the end.
func jolietName(b []byte) string {
	name := ucs2(b)
	if cut, ok := strings.CutSuffix(name, ";1"); ok && cut != "" {
		name = cut
	}
	for len(name) >= 2 && name[len(name)-1] == '.' {
		name = name[:len(name)-1]
	}
	return name
}

// ucs2 gives big-endian UTF-16 as UTF-8, without the spaces and zeros at its
// end. A surrogate without its other half becomes the three bytes that UTF-8
// would have for it, so that no two names become one.
func ucs2(b []byte) string {
	var out []byte
	for ; len(b) >= 2; b = b[2:] {
		r := rune(binary.BigEndian.Uint16(b))
		if !utf16.IsSurrogate(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		if len(b) >= 4 {
			if both := utf16.DecodeRune(r, rune(binary.BigEndian.Uint16(b[2:]))); both != utf8.RuneError {
				out = utf8.AppendRune(out, both)
				b = b[2:]
				continue
			}
		}
		out = append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
	}
	return strings.TrimRight(string(out), "\x00")
}

func validName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}
