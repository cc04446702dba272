package innodb

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// charset is how a column's text is encoded: bytes of a character at least and
// at most.
type charset struct {
	name     string
	min, max int
	enc      encoding.Encoding // nil: UTF-8
}

var (
	binaryCharset = &charset{name: "binary", min: 1, max: 1}
	utf8mb4       = &charset{name: "utf8mb4", min: 1, max: 4}
	utf8mb3       = &charset{name: "utf8mb3", min: 1, max: 3}
	ucs2          = &charset{"ucs2", 2, 2, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}
	utf16be       = &charset{"utf16", 2, 4, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}
	utf16le       = &charset{"utf16le", 2, 4, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}
	utf32be       = &charset{"utf32", 4, 4, utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)}
	latin1        = &charset{"latin1", 1, 1, charmap.Windows1252}
	ascii         = &charset{name: "ascii", min: 1, max: 1}
	other         = &charset{name: "unknown", min: 1, max: 1}
)

// charsets are by the numbers of the collations that use them.
var charsets = func() map[int]*charset {
	m := map[int]*charset{63: binaryCharset, 45: utf8mb4, 46: utf8mb4, 33: utf8mb3, 83: utf8mb3, 76: utf8mb3, 223: utf8mb3}
	add := func(c *charset, ids ...int) {
		for _, id := range ids {
			m[id] = c
		}
	}
	span := func(c *charset, from, to int) {
		for id := from; id <= to; id++ {
			m[id] = c
		}
	}
	single := func(name string, e encoding.Encoding, ids ...int) { add(&charset{name, 1, 1, e}, ids...) }
	add(latin1, 5, 8, 15, 31, 47, 48, 49, 94)
	add(ascii, 11, 65)
	add(&charset{"gbk", 1, 2, simplifiedchinese.GBK}, 28, 87)
	add(&charset{"gb2312", 1, 2, simplifiedchinese.GBK}, 24, 86)
	add(&charset{"gb18030", 1, 4, simplifiedchinese.GB18030}, 248, 249, 250)
	add(&charset{"big5", 1, 2, traditionalchinese.Big5}, 1, 84)
	add(&charset{"sjis", 1, 2, japanese.ShiftJIS}, 13, 88)
	add(&charset{"cp932", 1, 2, japanese.ShiftJIS}, 95, 96)
	add(&charset{"ujis", 1, 3, japanese.EUCJP}, 12, 91)
	add(&charset{"eucjpms", 1, 3, japanese.EUCJP}, 97, 98)
	add(&charset{"euckr", 1, 2, korean.EUCKR}, 19, 85)
	single("cp1251", charmap.Windows1251, 14, 23, 50, 51, 52)
	single("cp1250", charmap.Windows1250, 26, 34, 44, 66, 99)
	single("cp1256", charmap.Windows1256, 57, 67)
	single("cp1257", charmap.Windows1257, 29, 58, 59)
	single("koi8r", charmap.KOI8R, 7, 74)
	single("koi8u", charmap.KOI8U, 22, 75)
	single("latin2", charmap.ISO8859_2, 2, 9, 21, 27, 77)
	single("latin5", charmap.ISO8859_9, 30, 78)
	single("latin7", charmap.ISO8859_13, 20, 41, 42, 79)
	single("greek", charmap.ISO8859_7, 25, 70)
	single("hebrew", charmap.ISO8859_8, 16, 71)
	single("tis620", charmap.Windows874, 18, 89)
	single("cp850", charmap.CodePage850, 4, 80)
	single("cp852", charmap.CodePage852, 40, 81)
	single("cp866", charmap.CodePage866, 36, 68)
	add(ucs2, 35, 90, 159)
	add(utf16be, 54, 55)
	add(utf16le, 56, 62)
	add(utf32be, 60, 61)
	span(utf16be, 101, 124)
	span(ucs2, 128, 151)
	span(utf32be, 160, 183)
	span(utf8mb3, 192, 215)
	span(utf8mb4, 224, 247)
	span(utf8mb4, 255, 323)
	return m
}()

// charsetOf gives the encoding of a collation. MariaDB's that don't pad are 1024
// above their kin, its newer Unicode ones lie in blocks of 256.
func charsetOf(id int) *charset {
	if id >= 2048 {
		if b := (id - 2048) / 256; b < 5 {
			return []*charset{utf8mb3, utf8mb4, ucs2, utf16be, utf32be}[b]
		}
		return other
	}
	if id >= 1024 {
		id -= 1024
	}
	if id >= 576 && id < 768 { // MariaDB's own Unicode ones, in blocks of 32
		return []*charset{utf8mb3, utf8mb4, ucs2, utf16be, utf16le, utf32be}[(id-576)/32]
	}
	if c, ok := charsets[id]; ok {
		return c
	}
	return other
}

// decode turns bytes into UTF-8; ok tells that all of them could be.
func (c *charset) decode(b []byte) (string, bool) {
	switch {
	case c.enc == nil:
		return string(b), utf8.Valid(b)
	case c.min == 1 && isASCII(b):
		return string(b), true
	}
	s, err := c.enc.NewDecoder().Bytes(b)
	if err != nil {
		return "", false
	}
	return string(s), true
}

func (c *charset) text(b []byte) string {
	s, ok := c.decode(b)
	if !ok {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	return s
}

func (c *charset) textAll(s []string) []string {
	out := make([]string, len(s))
	for i := range s {
		out[i] = c.text([]byte(s[i]))
	}
	return out
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
