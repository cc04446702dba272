package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// formats are those of this package.
var formats = []image.Format{Gzip{}, Xz{}, Zstd{}}

// disk makes a disk with all that disks hold: zeros, text, noise, repetition.
func disk(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, size)
	for at := 0; at < size; {
		n := min(1+r.IntN(1<<(8+r.IntN(13))), size-at)
		part := out[at : at+n]
		switch r.IntN(5) {
		case 0: // zeros
		case 1:
			for i := range part {
				part[i] = byte(r.Uint32())
			}
		case 2:
			for i := range part {
				part[i] = "etaoin shrdlu\n"[r.IntN(14)]
			}
		case 3:
			copy(part, bytes.Repeat([]byte{byte(r.Uint32()), byte(r.Uint32()), 7}, n/3+1))
		case 4:
			if at > 0 { // something from before
				from := r.IntN(at)
				copy(part, out[from:at])
			}
		}
		at += n
	}
	return out
}

// text makes bytes that pack well, with matches near and far.
func text(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	var out []byte
	for len(out) < size {
		if n := len(out); n > 20 && r.IntN(3) > 0 {
			at := r.IntN(n - 10)
			out = append(out, out[at:at+10]...)
		} else {
			out = append(out, byte('a'+r.IntN(20)))
		}
	}
	return out[:size]
}

// pipe runs a program over data, in a folder of its own.
func pipe(t testing.TB, data []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), disktest.Tool(t, name), args...)
	cmd.Stdin = bytes.NewReader(data)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, errs.String())
	}
	return out
}

// named runs a program that writes FILE.SUFFIX beside a file with data.
func named(t testing.TB, data []byte, suffix, name string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	disktest.Run(t, disktest.Tool(t, name), append(args, path)...)
	out, err := os.ReadFile(path + suffix)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// open opens packed bytes with a budget for temporary files.
func open(t testing.TB, f image.Format, packed []byte, spill int64) (image.Disk, error) {
	t.Helper()
	disks, err := image.Open(t.Context(), disktest.Memory(packed), []image.Format{f}, image.Options{SpillBytes: spill, SpillDir: t.TempDir()})
	if err != nil {
		return image.Disk{}, err
	}
	if len(disks) != 1 {
		t.Fatalf("%d disks, want 1", len(disks))
	}
	t.Cleanup(func() {
		if err := disks[0].Close(); err != nil {
			t.Error(err)
		}
	})
	return disks[0], nil
}

// same holds a source to the bytes that it must give: read in order, at random,
// and by several at once.
func same(t *testing.T, src block.Source, want []byte) {
	t.Helper()
	if src.Size() != int64(len(want)) {
		t.Fatalf("size %d, want %d", src.Size(), len(want))
	}
	got, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read in order: %d of %d bytes right, %v", common(got, want), len(want), err)
	}
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 5))
			for range 60 {
				off := r.Int64N(int64(len(want)))
				buf := make([]byte, 1+r.IntN(1<<r.IntN(19)))
				n, err := src.ReadAt(buf, off)
				exp := want[off:min(off+int64(len(buf)), int64(len(want)))]
				if !bytes.Equal(buf[:n], exp) {
					t.Errorf("read %d at %d: had %d bytes, want %d, or other ones (%v)", len(buf), off, n, len(exp), err)
					return
				}
				if short := n < len(buf); short != errors.Is(err, io.EOF) && (short || err != nil) {
					t.Errorf("read %d at %d: had %d bytes, error %v", len(buf), off, n, err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := src.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was taken")
	}
	if n, err := src.ReadAt(make([]byte, 1), src.Size()); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read behind the end: %d, %v", n, err)
	}
	list, err := block.Extents(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	sparse, err := block.NewSparse(src, list)
	if err != nil {
		t.Fatal(err)
	}
	got, err = io.ReadAll(io.NewSectionReader(sparse, 0, src.Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the extents leave out data: %d of %d bytes right, %v", common(got, want), len(want), err)
	}
}

// common is how many bytes are the same from the front.
func common(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// says tells whether a note of d holds a text.
func says(d image.Disk, text string) bool { return strings.Contains(strings.Join(d.Notes, "\n"), text) }

func TestForeign(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		for _, data := range [][]byte{nil, {0x1f}, make([]byte, 4096), disk(1, 4096), []byte("\x1f\x8b\x09"), []byte("\xfd7zXY\x00"), []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcdzzzzz")} {
			env := &image.Env{}
			if _, err := f.Open(t.Context(), disktest.Memory(data), env); !errors.Is(err, block.ErrNotThis) {
				t.Errorf("%s of %.9q: error %v, want ErrNotThis", f.Name(), data, err)
			}
		}
	}
}

// TestContextEnds holds opening and reading to the context.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	raw := disk(3, 1<<20)
	for _, c := range []struct {
		f      image.Format
		packed []byte
	}{{Gzip{}, pipe(t, raw, "gzip")}, {Xz{}, pipe(t, raw, "xz", "-1")}, {Zstd{}, pipe(t, raw, "zstd")}} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		_, err := image.Open(ctx, disktest.Memory(c.packed), []image.Format{c.f}, image.Options{SpillBytes: 1 << 30, SpillDir: t.TempDir()})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", c.f.Name(), err)
		}
	}
}

func TestExtentsBecomeFewer(t *testing.T) {
	t.Parallel()
	x := extents{most: 100}
	r := rand.New(rand.NewPCG(1, 1))
	end := int64(0)
	for range 100_000 {
		end += grain * (1 + r.Int64N(1<<r.IntN(20)))
		x.add(end, grain)
		if start, stop := x.next(end, end+grain); start != end || stop != end+grain {
			t.Fatalf("data at %d is not listed", end)
		}
		end += grain
	}
	if len(x.list) > 100 || len(x.list) < 20 {
		t.Errorf("%d extents, want at most 100 and no fewer than needed", len(x.list))
	}
	for i := 1; i < len(x.list); i++ {
		if x.list[i].Offset <= x.list[i-1].Offset+x.list[i-1].Length {
			t.Fatalf("extents %v and %v touch", x.list[i-1], x.list[i])
		}
	}
}

// env is what a format gets, with a budget for temporary files.
func env(t testing.TB, spill int64) *image.Env {
	t.Helper()
	return &image.Env{Options: image.Options{SpillBytes: spill, SpillDir: t.TempDir()}}
}

// fuzz opens whatever it is given and reads some of it: errors are welcome.
func fuzz(t *testing.T, f image.Format, packed []byte) {
	t.Helper()
	disks, err := f.Open(t.Context(), disktest.Memory(packed), env(t, 4<<20))
	if err != nil {
		return
	}
	d := disks[0]
	buf := make([]byte, 100_000)
	for off := int64(0); off < min(d.Size(), 8<<20); off += int64(len(buf)) {
		_, _ = d.ReadAt(buf, off)
	}
	_, _ = d.ReadAt(buf, d.Size()-10)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
