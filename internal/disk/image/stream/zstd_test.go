package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// framed packs data in frames of n bytes that tell their size; seekable adds the
// table of the seekable format.
func framed(t testing.TB, data []byte, n int, seekable, checksums bool) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	var out, table []byte
	count := uint32(0)
	for len(data) > 0 {
		k := min(n, len(data))
		frame := enc.EncodeAll(data[:k], nil)
		out = append(out, frame...)
		table = binary.LittleEndian.AppendUint32(table, uint32(len(frame)))
		table = binary.LittleEndian.AppendUint32(table, uint32(k))
		if checksums {
			table = append(table, 1, 2, 3, 4)
		}
		data, count = data[k:], count+1
	}
	if !seekable {
		return out
	}
	out = binary.LittleEndian.AppendUint32(out, seekFrame)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(table)+seekFooter))
	out = binary.LittleEndian.AppendUint32(append(out, table...), count)
	flags := byte(0)
	if checksums {
		flags = 0x80
	}
	return binary.LittleEndian.AppendUint32(append(out, flags), seekMagic)
}

func skip(data string) []byte {
	out := binary.LittleEndian.AppendUint32(nil, skippable+3)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(data))), data...)
}

func TestZstd(t *testing.T) {
	t.Parallel()
	raw := disk(1, 12<<20)
	large := append(bytes.Clone(raw), make([]byte, 30<<20)...)
	mixed := append(framed(t, raw[:5<<20], 1<<20, false, false), skip("between")...)
	mixed = append(mixed, framed(t, raw[5<<20:], 3<<20, false, false)...)
	pz := named(t, raw, ".zst", "pzstd", "-q", "-p", "2")
	for name, c := range map[string]struct {
		packed, raw  []byte
		spill        int64
		spilled, not bool
	}{
		"one small frame":    {named(t, raw, ".zst", "zstd", "-q"), raw, 0, false, false},
		"no checksum":        {named(t, raw, ".zst", "zstd", "-q", "--no-check"), raw, 0, false, false},
		"piped":              {pipe(t, raw, "zstd"), raw, 1 << 30, true, false},
		"piped, no file":     {pipe(t, raw, "zstd"), raw, 0, false, true},
		"large":              {named(t, large, ".zst", "zstd", "-q"), large, 1 << 30, true, false},
		"large, no file":     {named(t, large, ".zst", "zstd", "-q"), large, 0, false, true},
		"long":               {pipe(t, raw, "zstd", "--long=27"), raw, 1 << 30, true, false},
		"best":               {pipe(t, raw, "zstd", "-19"), raw, 1 << 30, true, false},
		"threads":            {pipe(t, raw, "zstd", "-T2", "-B1MiB"), raw, 1 << 30, true, false},
		"pzstd":              {pz, raw, 1 << 30, false, false},
		"frames":             {framed(t, raw, 1<<20, false, false), raw, 0, false, false},
		"mixed":              {append(skip("first"), mixed...), raw, 0, false, false},
		"seekable":           {framed(t, raw, 256<<10, true, false), raw, 0, false, false},
		"seekable, checksum": {framed(t, raw, 1<<20, true, true), raw, 0, false, false},
		"seekable, spilled":  {framed(t, large, 12<<20, true, true), large, 30 << 20, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := open(t, Zstd{}, c.packed, c.spill)
			if c.not {
				if !errors.Is(err, block.ErrUnsupported) {
					t.Fatalf("error %v, want ErrUnsupported", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Incomplete || c.spilled && !says(d, "temporary file") {
				t.Errorf("incomplete %v, notes %q", d.Incomplete, d.Notes)
			}
			same(t, d.Source, c.raw)
		})
	}
}

func TestZstdTooLong(t *testing.T) {
	t.Parallel()
	_, err := open(t, Zstd{}, pipe(t, disk(1, 1<<20), "zstd", "--long=28"), 1<<30)
	if !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("a window of 256 MiB: %v, want ErrUnsupported", err)
	}
}

// TestZstdLazy reads one frame alone of a seekable file.
func TestZstdLazy(t *testing.T) {
	t.Parallel()
	raw := disk(5, 8<<20)
	packed := framed(t, raw, 1<<20, true, false)
	src := block.NewCounter(disktest.Memory(packed))
	disks, err := Zstd{}.Open(t.Context(), src, env(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if err := block.ReadFull(disks[0], buf, 5<<20); err != nil || !bytes.Equal(buf, raw[5<<20:5<<20+4096]) {
		t.Fatal("wrong bytes", err)
	}
	if n := src.Bytes(); n > int64(len(packed))/3 {
		t.Errorf("%d of %d bytes were read for one frame of eight", n, len(packed))
	}
}

func TestZstdDamaged(t *testing.T) {
	t.Parallel()
	raw := disk(4, 4<<20)
	for name, packed := range map[string][]byte{"frames": framed(t, raw, 1<<20, false, false), "table": framed(t, raw, 1<<20, true, false)} {
		bad := bytes.Clone(packed)
		bad[len(bad)/2] ^= 0x40
		d, err := open(t, Zstd{}, bad, 0)
		if err != nil {
			t.Fatal(name, err)
		}
		wrong := 0
		for off := 0; off < len(raw); off += 1 << 20 {
			buf := make([]byte, 1<<20)
			err := block.ReadFull(d, buf, int64(off))
			if err != nil {
				wrong++
			} else if !bytes.Equal(buf, raw[off:off+1<<20]) {
				t.Errorf("%s: wrong bytes at %d", name, off)
			}
			if err != nil && !errors.Is(err, block.ErrDamaged) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: error %v, want damage", name, err)
			}
		}
		if wrong != 1 {
			t.Errorf("%s: %d frames can't be read, want one", name, wrong)
		}
	}
	cut := framed(t, raw, 1<<20, false, false)
	cut = cut[:len(cut)-100]
	d, err := open(t, Zstd{}, cut, 0)
	if err != nil || !d.Incomplete || d.Size() != int64(len(raw)) {
		t.Fatalf("cut: size %d, incomplete %v, %v", d.Size(), d.Incomplete, err)
	}
	buf := make([]byte, 3<<20)
	if err := block.ReadFull(d, buf, 0); err != nil || !bytes.Equal(buf, raw[:3<<20]) {
		t.Errorf("what is whole: %v", err)
	}
	if err := block.ReadFull(d, buf, 1<<20); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("what was cut: %v", err)
	}
	whole := pipe(t, raw, "zstd")
	if d, err = open(t, Zstd{}, whole[:len(whole)/2], 1<<30); err != nil || !d.Incomplete || d.Size() == 0 {
		t.Fatalf("cut: size %d, incomplete %v, %v", d.Size(), d.Incomplete, err)
	}
	same(t, d.Source, raw[:d.Size()])
}

func TestZstdBomb(t *testing.T) { // not parallel: it counts open files
	bomb := bytes.Repeat(pipe(t, bytes.Repeat([]byte("x"), 64<<20), "zstd"), 4)
	before := temporary(t)
	if _, err := open(t, Zstd{}, bomb, 100<<20); !errors.Is(err, errFull) || !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("256 MiB, 100 permitted: %v", err)
	}
	if after := temporary(t); after > before {
		t.Errorf("%d temporary files were left", after-before)
	}
	// A frame that says that it has 2^60 bytes.
	lie := binary.LittleEndian.AppendUint32(nil, zstdMagic)
	lie = binary.LittleEndian.AppendUint64(append(lie, 0xC0, 0x58), 1<<60)
	lie = append(lie, 0x03, 0, 0)
	if _, err := open(t, Zstd{}, lie, 1<<20); err == nil {
		t.Error("a frame of 2^60 bytes was taken")
	}
}

func temporary(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

// TestPartsGoRound reads with room for two parts by many at once.
func TestPartsGoRound(t *testing.T) {
	t.Parallel()
	raw := disk(6, 3<<20)
	packed := framed(t, raw, 64<<10, true, false)
	for _, budget := range []int64{0, 1 << 20} {
		d, err := open(t, Zstd{}, packed, budget)
		if err != nil {
			t.Fatal(err)
		}
		same(t, d.Source, raw)
	}
	z := &zstdReader{src: disktest.Memory(packed)}
	z.index = z.seekTable()
	f, err := env(t, 1<<20).Spill()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []*os.File{nil, f} {
		d, err := newParts(z.index, z, env(t, 0))
		if err != nil {
			t.Fatal(err)
		}
		p := d.Source.(*parts)
		p.most, p.file = 2, file
		same(t, p, raw)
		if len(p.slots) > 2 {
			t.Errorf("%d slots, want two", len(p.slots))
		}
	}
	if err := closeSpill(f); err != nil {
		t.Error(err)
	}
}

func FuzzZstd(f *testing.F) {
	raw := text(7, 6000)
	f.Add(pipe(f, raw, "zstd"))
	f.Add(framed(f, raw, 900, true, true))
	f.Add(append(skip("x"), framed(f, raw, 2000, false, false)...))
	f.Fuzz(func(t *testing.T, packed []byte) {
		fuzz(t, Zstd{}, packed)
	})
}
