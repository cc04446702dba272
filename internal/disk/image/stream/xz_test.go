package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

func TestXz(t *testing.T) {
	t.Parallel()
	raw := disk(1, 4<<20)
	large := append(bytes.Clone(raw), make([]byte, 30<<20)...)
	streams := pipe(t, raw[:2<<20], "xz", "-1")
	streams = append(streams, make([]byte, 4096+8)...)
	streams = append(streams, pipe(t, nil, "xz")...)
	streams = append(streams, pipe(t, raw[2<<20:], "xz", "-1", "--check=crc32", "--block-size=1MiB")...)
	streams = append(streams, make([]byte, 20)...)
	for name, c := range map[string]struct {
		packed, raw []byte
		spill       int64
		not         bool
	}{
		"one block":         {pipe(t, raw, "xz", "-1"), raw, 0, false},
		"best":              {pipe(t, raw, "xz", "-9e"), raw, 0, false},
		"blocks":            {pipe(t, raw, "xz", "-1", "--block-size=1MiB"), raw, 0, false},
		"small blocks":      {pipe(t, raw, "xz", "-0", "--block-size=65537"), raw, 0, false},
		"threads":           {pipe(t, raw, "xz", "-T2", "-0"), raw, 0, false},
		"no check":          {pipe(t, raw, "xz", "-1", "--check=none"), raw, 0, false},
		"SHA-256":           {pipe(t, raw, "xz", "-1", "--check=sha256", "--block-list=1MiB,2MiB"), raw, 0, false},
		"lc lp pb":          {pipe(t, raw, "xz", "--lzma2=preset=1,lc=0,lp=4,pb=0"), raw, 0, false},
		"lc4":               {pipe(t, raw, "xz", "--lzma2=preset=1,lc=4,lp=0,pb=4,dict=4KiB"), raw, 0, false},
		"streams":           {streams, raw, 0, false},
		"large":             {pipe(t, large, "xz", "-1"), large, 1 << 30, false},
		"large, no file":    {pipe(t, large, "xz", "-1"), large, 0, true},
		"large blocks":      {pipe(t, append(bytes.Clone(large), large...), "xz", "-1", "--block-size=36MiB"), append(bytes.Clone(large), large...), 40 << 20, false},
		"delta":             {pipe(t, raw[:1<<20], "xz", "--delta", "--lzma2"), raw, 1 << 30, true},
		"x86":               {pipe(t, raw[:1<<20], "xz", "--x86", "--lzma2"), raw, 1 << 30, true},
		"large, dictionary": {pipe(t, large, "xz", "-0", "--lzma2=preset=1,dict=16MiB"), large, 1 << 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := open(t, Xz{}, c.packed, c.spill)
			if err == nil && c.not {
				_, err = d.ReadAt(make([]byte, 1), 0)
			}
			if c.not {
				if !errors.Is(err, block.ErrUnsupported) {
					t.Fatalf("error %v, want ErrUnsupported", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Incomplete || says(d, "temporary file") != (c.spill > 0) {
				t.Errorf("incomplete %v, notes %q", d.Incomplete, d.Notes)
			}
			same(t, d.Source, c.raw)
		})
	}
}

// TestXzDictionary asks for a dictionary of 1.5 GiB for a little data, which is
// read, and for much, which is not.
func TestXzDictionary(t *testing.T) {
	t.Parallel()
	raw := disk(3, 200_000)
	packed := pipe(t, raw, "xz", "-1")
	// The header of the first block: its size, flags, filter, size of properties, dictionary.
	h := packed[headerSize:]
	if h[2] != filterLZMA2 || h[3] != 1 {
		t.Fatalf("block header % x", h[:12])
	}
	h[4] = 37 // 1.5 GiB
	n := (int(h[0]) + 1) * 4
	binary.LittleEndian.PutUint32(h[n-4:], crc32.ChecksumIEEE(h[:n-4]))
	d, err := open(t, Xz{}, packed, 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, d.Source, raw)
	if _, err := open(t, Xz{}, packed[:len(packed)-8], 1<<30); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("a dictionary of 1.5 GiB for who knows how much: %v, want ErrUnsupported", err)
	}
}

func TestXzDamaged(t *testing.T) {
	t.Parallel()
	raw := disk(4, 4<<20)
	packed := pipe(t, raw, "xz", "-1", "--block-size=1MiB")
	t.Run("flipped", func(t *testing.T) {
		t.Parallel()
		r := rand.New(rand.NewPCG(3, 3))
		for range 16 {
			bad := bytes.Clone(packed)
			bad[headerSize+r.IntN(len(bad)-200)] ^= 1 << r.IntN(8)
			d, err := open(t, Xz{}, bad, 0)
			if err != nil {
				t.Fatal(err)
			}
			wrong := 0
			for off := 0; off < len(raw); off += 1 << 20 {
				buf := make([]byte, 1<<20)
				err := block.ReadFull(d, buf, int64(off))
				if err == nil && !bytes.Equal(buf, raw[off:off+1<<20]) {
					t.Errorf("wrong bytes at %d", off)
				}
				if err != nil {
					wrong++
				}
				if err != nil && !errors.Is(err, block.ErrDamaged) && !errors.Is(err, block.ErrUnsupported) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("error %v, want damage", err)
				}
			}
			if wrong > 1 {
				t.Errorf("%d blocks can't be read, want one at most", wrong)
			}
		}
	})
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		for _, n := range []int{len(packed) - 1, len(packed) - 40, len(packed) / 2, 400_000} {
			d, err := open(t, Xz{}, packed[:n], 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			if !d.Incomplete || d.Size() == 0 || n > len(packed)-200 && d.Size() != int64(len(raw)) {
				t.Errorf("cut at %d: incomplete %v, %d bytes, notes %q", n, d.Incomplete, d.Size(), d.Notes)
			}
			same(t, d.Source, raw[:d.Size()])
		}
	})
	t.Run("index", func(t *testing.T) {
		t.Parallel()
		bad := bytes.Clone(packed)
		bad[len(bad)-20] ^= 1
		d, err := open(t, Xz{}, bad, 1<<30)
		if err != nil || !d.Incomplete {
			t.Fatalf("incomplete %v, %v", d.Incomplete, err)
		}
		same(t, d.Source, raw)
	})
}

func TestXzBomb(t *testing.T) {
	t.Parallel()
	bomb := pipe(t, bytes.Repeat([]byte("x"), 64<<20), "xz", "-0")
	if _, err := open(t, Xz{}, bomb, 10<<20); !errors.Is(err, errFull) {
		t.Errorf("64 MiB, 10 permitted: %v", err)
	}
	// An index that promises more than any disk has.
	x := &xzReader{src: disktest.Memory(nil)}
	if err := x.lay([]xzStream{{records: []record{{100, 1 << 61}}}}); !errors.Is(err, errHuge) {
		t.Errorf("2^61 bytes: %v", err)
	}
}

func FuzzXz(f *testing.F) {
	raw := text(7, 6000)
	f.Add(pipe(f, raw, "xz", "-0"))
	f.Add(pipe(f, raw, "xz", "-0", "--block-size=1900", "--check=sha256"))
	f.Add(append(pipe(f, raw[:100], "xz"), pipe(f, raw[:2000], "xz", "--check=none")...))
	f.Fuzz(func(t *testing.T, packed []byte) { fuzz(t, Xz{}, packed) })
}
