package fatcore

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text gives UTF-16 as UTF-8. A surrogate without its other half becomes the
// three bytes that UTF-8 would have for it (WTF-8), so that no two names become
// one.
func Text(units []uint16) string {
	b := make([]byte, 0, len(units)+len(units)/2)
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if utf16.IsSurrogate(r) {
			if i+1 < len(units) {
				if both := utf16.DecodeRune(r, rune(units[i+1])); both != utf8.RuneError {
					b = utf8.AppendRune(b, both)
					i++
					continue
				}
			}
			b = append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// ValidName tells whether a directory can hold the name.
func ValidName(name string) bool {
	for i := range len(name) {
		if name[i] == 0 || name[i] == '/' {
			return false
		}
	}
	return name != "" && name != "." && name != ".."
}

// SameName tells whether two names are the same once upper gives each character
// of theirs in upper case. Bytes that are no character are themselves.
func SameName(a, b string, upper func(rune) rune) bool {
	for a != "" && b != "" {
		r, n := utf8.DecodeRuneInString(a)
		s, m := utf8.DecodeRuneInString(b)
		if r == utf8.RuneError && n == 1 || s == utf8.RuneError && m == 1 {
			if a[0] != b[0] {
				return false
			}
			n, m = 1, 1
		} else if r != s && upper(r) != upper(s) {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}

// Upper gives a character in upper case as file systems do that ignore case: one
// for one.
func Upper(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	return unicode.ToUpper(r)
}
