package stream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// level packs with the standard library, which makes stored and fixed blocks
// that the tool does not.
func level(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	z.Name, z.Comment, z.Extra = "a name", "a comment", []byte("extra")
	for len(data) > 0 {
		n := min(len(data), 300_000)
		if _, err := z.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		if err := z.Flush(); err != nil { // an empty stored block
			t.Fatal(err)
		}
		data = data[n:]
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// split packs data in members of n bytes.
func split(t testing.TB, data []byte, n int) []byte {
	t.Helper()
	var out []byte
	for len(data) > 0 {
		k := min(n, len(data))
		out = append(out, pipe(t, data[:k], "gzip", "-1")...)
		data = data[k:]
	}
	return out
}

func TestGzip(t *testing.T) {
	t.Parallel()
	raw := disk(1, 12<<20)
	for name, packed := range map[string][]byte{
		"fast":         pipe(t, raw, "gzip", "-1"),
		"best":         pipe(t, raw, "gzip", "-9"),
		"named":        named(t, raw, ".gz", "gzip"),
		"stored":       level(t, raw, gzip.NoCompression),
		"huffman only": level(t, raw, gzip.HuffmanOnly),
		"flushed":      level(t, raw, gzip.DefaultCompression),
		"members":      split(t, raw, 3<<20+77),
		"padded":       append(pipe(t, raw, "gzip"), make([]byte, 10_000)...),
	} {
		for how, spill := range map[string]int64{"spilled": 1 << 30, "from checkpoints": 0, "too large to spill": 2 << 20} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				d, err := open(t, Gzip{}, packed, spill)
				if err != nil {
					t.Fatal(err)
				}
				if d.Incomplete || says(d, "temporary file") != (how == "spilled") {
					t.Errorf("incomplete %v, notes %q", d.Incomplete, d.Notes)
				}
				same(t, d.Source, raw)
			})
		}
	}
}

func TestGzipSmall(t *testing.T) {
	t.Parallel()
	for _, raw := range [][]byte{{}, {1}, []byte("hello, hello, hello"), make([]byte, 1<<20), bytes.Repeat([]byte("ab"), 1<<18)} {
		for _, spill := range []int64{0, 1 << 20} {
			d, err := open(t, Gzip{}, pipe(t, raw, "gzip"), spill)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
			if err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%d bytes: had %d, %v", len(raw), len(got), err)
			}
		}
	}
}

// TestGzipCheckpointsBecomeFewer fills the memory for windows over and over.
func TestGzipCheckpointsBecomeFewer(t *testing.T) {
	t.Parallel()
	raw := disk(2, 24<<20)
	packed := disktest.Memory(pipe(t, raw, "gzip", "-1"))
	g, ix, size := newGunzip(packed, true), newIndex(), int64(0)
	ix.spacing, ix.most = 1<<16, 100_000
	for done := false; !done; {
		var err error
		g.slide()
		from := g.w
		if done, err = g.fill(); err != nil {
			t.Fatal(err)
		}
		size += int64(g.w - from)
		ix.consider(g, size)
		if ix.memory > ix.most {
			t.Fatalf("checkpoints take %d bytes, want at most %d", ix.memory, ix.most)
		}
	}
	if len(ix.points) < 3 || ix.spacing == 1<<16 {
		t.Errorf("%d checkpoints, %d apart", len(ix.points), ix.spacing)
	}
	x := &indexed{src: packed, size: size, points: ix.points, slots: make(chan struct{}, maxCursors)}
	x.data = extents{most: 10, list: []block.Extent{{Length: size}}}
	same(t, x, raw)
}

func TestGzipDamaged(t *testing.T) {
	t.Parallel()
	raw := disk(4, 3<<20)
	packed := pipe(t, raw, "gzip")
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		for _, n := range []int{len(packed) - 1, len(packed) - 8, len(packed) - 9, len(packed) / 2, 100_000} {
			for _, spill := range []int64{0, 1 << 30} {
				d, err := open(t, Gzip{}, packed[:n], spill)
				if err != nil {
					t.Fatalf("cut at %d: %v", n, err)
				}
				if !d.Incomplete || !says(d, "could be decompressed") || n > len(packed)-9 && d.Size() != int64(len(raw)) {
					t.Errorf("cut at %d: incomplete %v, %d bytes, notes %q", n, d.Incomplete, d.Size(), d.Notes)
				}
				same(t, d.Source, raw[:d.Size()])
			}
		}
		if _, err := open(t, Gzip{}, packed[:15], 0); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("nothing is left: %v", err)
		}
	})
	t.Run("checksum", func(t *testing.T) {
		t.Parallel()
		for _, at := range []int{1, 5} { // of the length, of the checksum
			bad := bytes.Clone(packed)
			bad[len(bad)-at] ^= 1
			d, err := open(t, Gzip{}, bad, 0)
			if err != nil || !d.Incomplete || !says(d, "does not match its checksum") {
				t.Errorf("byte %d from the end: incomplete %v, notes %q, %v", at, d.Incomplete, d.Notes, err)
			}
		}
	})
	t.Run("behind", func(t *testing.T) {
		t.Parallel()
		d, err := open(t, Gzip{}, append(bytes.Clone(packed), "garbage"...), 0)
		if err != nil || !d.Incomplete || !says(d, "is not read") {
			t.Fatalf("incomplete %v, notes %q, %v", d.Incomplete, d.Notes, err)
		}
		same(t, d.Source, raw)
	})
	t.Run("flipped", func(t *testing.T) {
		t.Parallel()
		r := rand.New(rand.NewPCG(1, 9))
		for range 60 {
			bad := bytes.Clone(packed)
			bad[10+r.IntN(len(bad)-10)] ^= 1 << r.IntN(8)
			if d, err := open(t, Gzip{}, bad, 0); err == nil && !d.Incomplete {
				got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
				t.Errorf("a flipped bit was not noticed: %d of %d bytes right, %v", common(got, raw), len(raw), err)
			}
		}
	})
	for name, head := range map[string]string{"method": "\x1f\x8b\x08\x80\x00\x00\x00\x00\x00\x00\x00\x00", "flags": "\x1f\x8b\x08\x40\x00\x00\x00\x00\x00\x00"} {
		if _, err := open(t, Gzip{}, []byte(head), 0); !errors.Is(err, block.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", name, err)
		}
	}
}

// TestGzipBomb packs far more zeros, and far more of something, than may be.
func TestGzipBomb(t *testing.T) {
	t.Parallel()
	zeros := pipe(t, make([]byte, 64<<20), "gzip", "-1")
	bomb := bytes.Repeat(zeros, 4)
	small := newTally(limits{size: 100 << 20, spill: 0}, nil)
	if _, err := openGzip(t.Context(), disktest.Memory(bomb), small); !errors.Is(err, errHuge) || !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("256 MiB of zeros, 100 permitted: %v", err)
	}
	d, err := open(t, Gzip{}, bomb, 1<<20)
	if err != nil || d.Size() != 256<<20 || !says(d, "temporary file of 0 bytes") {
		t.Errorf("256 MiB of zeros: %d, %q, %v", d.Size(), d.Notes, err)
	}
	list, err := block.Extents(t.Context(), d.Source)
	if err != nil || len(list) != 0 {
		t.Errorf("extents of zeros: %v, %v", list, err)
	}
}

func FuzzGzip(f *testing.F) {
	raw := text(7, 6000) // small: large inputs are mutated slowly
	f.Add(pipe(f, raw, "gzip"))
	f.Add(level(f, raw, gzip.HuffmanOnly))
	f.Add(level(f, raw[:1000], gzip.NoCompression))
	f.Add(append(pipe(f, raw[:100], "gzip"), pipe(f, raw[:3000], "gzip", "-1")...))
	f.Fuzz(func(t *testing.T, packed []byte) {
		src := disktest.Memory(packed)
		d, err := openGzip(t.Context(), src, newTally(limits{size: 8 << 20}, nil))
		if err != nil {
			return
		}
		got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
		if err != nil || int64(len(got)) != d.Size() {
			t.Fatalf("read %d of %d bytes that were decompressed before: %v", len(got), d.Size(), err)
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return
		}
		want, err := io.ReadAll(io.LimitReader(z, 8<<20))
		if err == nil && d.Incomplete && len(want) < 8<<20 || errors.Is(err, gzip.ErrChecksum) && !d.Incomplete {
			t.Fatalf("incomplete %v, notes %q; the standard library says %v", d.Incomplete, d.Notes, err)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d of %d bytes are those of the standard library", common(got, want), len(want))
		}
	})
}

// BenchmarkGzipRandom measures a random read of 64 KiB of a gzip file.
func BenchmarkGzipRandom(b *testing.B) {
	raw := disk(1, 64<<20)
	packed := pipe(b, raw, "gzip", "-6")
	for name, spill := range map[string]int64{"file": 1 << 30, "checkpoints": 0} {
		b.Run(name, func(b *testing.B) {
			d, err := open(b, Gzip{}, packed, spill)
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 1))
			buf := make([]byte, 64<<10)
			for b.Loop() {
				if err := block.ReadFull(d, buf, r.Int64N(d.Size()-int64(len(buf)))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
