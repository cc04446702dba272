package ntfs

import (
	"bytes"
	"testing"
)

// FuzzUnpack gives the decompressors and the run list any bytes: they must keep
// to what they are given.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte{0x03, 0xB0, 0x02, 'a', 0xFC, 0x0F, 0, 0}, uint16(4096), byte(0))
	f.Add(append(bytes.Repeat([]byte{0x88}, 256), 0, 1, 2, 3), uint16(100), byte(1))
	f.Add([]byte{0x00, 0x30, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, uint16(200), byte(2))
	f.Add([]byte{0x11, 0x20, 0x10, 0x01, 0x05, 0x11, 0x08, 0xF0, 0}, uint16(0), byte(3))
	f.Fuzz(func(t *testing.T, src []byte, size uint16, kind byte) {
		out := make([]byte, int(size)+8)
		dst := out[:size:size]
		switch kind % 4 {
		case 0:
			_ = lznt1(dst, src)
		case 1:
			_ = new(unpacker).xpress(dst, src)
		case 2:
			_ = new(unpacker).lzx(dst[:min(len(dst), lzxWindow)], src)
		case 3:
			runs, _ := decodeRuns(src, uint64(size), 1<<20)
			at := uint64(size)
			for _, r := range runs {
				if r.vcn != at || r.n == 0 || r.lcn != hole && r.lcn+r.n > 1<<20 {
					t.Errorf("run %+v after cluster %d", r, at)
				}
				at += r.n
			}
		}
		if !zeros(out[size:]) {
			t.Error("bytes behind the output were written")
		}
	})
}

func TestLZNT1(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, want []byte
		bad      bool
	}{
		"end":              {[]byte{0, 0, 1, 2}, make([]byte, 8192), false},
		"stored":           {append([]byte{0xFF, 0x3F}, bytes.Repeat([]byte{7}, 4096)...), append(bytes.Repeat([]byte{7}, 4096), make([]byte, 4096)...), false},
		"repeated":         {[]byte{0x03, 0xB0, 0x02, 'a', 0xFC, 0x0F, 0, 0}, append(bytes.Repeat([]byte{'a'}, 4096), make([]byte, 4096)...), false},
		"short":            {[]byte{0xFF, 0x3F, 1}, nil, true},
		"before the start": {[]byte{0x02, 0xB0, 0x01, 0, 0}, nil, true},
	} {
		got := make([]byte, 8192)
		err := lznt1(got, c.in)
		if (err != nil) != c.bad || !c.bad && !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v, %x…", name, err, got[:16])
		}
	}
}
