package unpack_test

import (
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/unpack"
)

type decompressor func(dst, src []byte) (int, error)

// TestWords has streams by hand, with each kind of match.
func TestWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f         decompressor
		src, want string
	}{
		"lz4":           {unpack.LZ4, "\x42abcd\x02\x00\x20ef", "abcdcdcdcdef"},
		"lz4 long":      {unpack.LZ4, "\x1fa\x01\x00\x02\x10b", strings.Repeat("a", 22) + "b"},
		"lzo literals":  {unpack.LZO1X, "\x15abcd\x11\x00\x00", "abcd"},
		"lzo match":     {unpack.LZO1X, "\x15abcd\x4d\x00e\x11\x00\x00", "abcdabce"},
		"lzo overlap":   {unpack.LZO1X, "\x15abcd\x29\x0c\x00\x11\x00\x00", "abcdabcdabcdabc"},
		"lzo two bytes": {unpack.LZO1X, "\x15abcd\x4d\x00e\x00\x00\x11\x00\x00", "abcdabceee"},
	} {
		dst := make([]byte, 100)
		n, err := c.f(dst, []byte(c.src))
		if err != nil || string(dst[:n]) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, dst[:n], err, c.want)
		}
		if _, err := c.f(dst[:len(c.want)-1], []byte(c.src)); err == nil {
			t.Errorf("%s: one byte less is enough", name)
		}
		for cut := range len(c.src) {
			if n, err := c.f(dst, []byte(c.src[:cut])); err == nil && string(dst[:n]) == c.want {
				t.Errorf("%s: cut to %d bytes is enough", name, cut)
			}
		}
	}
}

func FuzzBlock(f *testing.F) {
	f.Add(false, []byte("\x42abcd\x02\x00\x20ef"))
	f.Add(true, []byte("\x15abcd\x4d\x00e\x11\x00\x00"))
	f.Add(true, []byte("\x15abcd\x29\x0c\x00\x11\x00\x00"))
	f.Fuzz(func(t *testing.T, lzo bool, src []byte) {
		by := unpack.LZ4
		if lzo {
			by = unpack.LZO1X
		}
		dst := make([]byte, 8192+1)
		dst[8192] = 0xAA
		if n, err := by(dst[:8192:8192], src); n > 8192 || n < 0 || dst[8192] != 0xAA {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}
