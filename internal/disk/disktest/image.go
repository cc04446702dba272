package disktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// DiskImage is a way to make an image file out of a raw disk.
type DiskImage struct {
	Name string
	// Size of the raw disk in bytes; 0 means some MiB that end within a sector.
	Size int64
	// Build writes the disk at raw to an image at path; further files go beside
	// it.
	Build func(t testing.TB, raw, path string)
	// Packed is set when the image holds its data compressed or in several
	// files: the places that it gives can't be compared.
	Packed bool
	// Full is set when the image does not tell where there is no data.
	Full bool
}

// ImageSuite is what every format of disk images passes: the disk in each image
// is, byte for byte, what QEMU reads in it, which is what was put into it; the
// places and the extents are right; foreign bytes are [block.ErrNotThis]; and
// damage ends in errors. kind is QEMU's name of the format.
func ImageSuite(t *testing.T, f image.Format, kind string, images []DiskImage) {
	t.Helper()
	t.Run("foreign", func(t *testing.T) { foreignImage(t, f) })
	for _, img := range images {
		t.Run(img.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			raw, path := filepath.Join(dir, "disk.raw"), filepath.Join(dir, "disk.img")
			Pattern(t, raw, img.Size, 1)
			img.Build(t, raw, path)
			truth := Raw(t, kind, path)
			holdPattern(t, raw, truth)
			CheckImage(t, f, path, truth, img)
			DamageImage(t, f, path, 20)
		})
	}
}

// Pattern writes a raw disk with runs of random bytes and of zeros, short and
// long ones, at offsets of all kinds.
func Pattern(t testing.TB, path string, size int64, seed uint64) {
	t.Helper()
	if size == 0 {
		size = 24<<20 + 13*512 + 100
	}
	Blank(t, path, size)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, bytes := rand.New(rand.NewPCG(seed, 5)), rand.NewChaCha8([32]byte{byte(seed)})
	write := func(off, n int64) {
		buf := make([]byte, min(n, size-off))
		_, _ = bytes.Read(buf)
		if r.IntN(3) == 0 { // compressible
			for i := range buf {
				buf[i] = buf[i]&3 + 'a'
			}
		}
		if _, err := f.WriteAt(buf, off); err != nil {
			t.Fatal(err)
		}
	}
	write(0, 3000)
	write(size-min(size, 1000), 1000)
	third := size / 3
	for off := int64(4096); off < third; { // dense
		n := 1 + r.Int64N([]int64{700, 5000, 70_000, 600_000}[r.IntN(4)])
		write(off, n)
		off += n
		if r.IntN(2) == 0 {
			off += r.Int64N([]int64{2000, 10_000, 200_000}[r.IntN(3)])
		}
	}
	for range 5 { // islands; the middle third stays empty
		write(size-1-r.Int64N(third), 1+r.Int64N(9000))
	}
}

// Raw gives the path of the disk in an image as QEMU reads it.
func Raw(t testing.TB, kind, path string) string {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "truth.raw")
	Run(t, Tool(t, "qemu-img"), "convert", "-f", kind, "-O", "raw", path, raw)
	return raw
}

// holdPattern holds the truth against what the image was made of.
func holdPattern(t testing.TB, raw, truth string) {
	t.Helper()
	want, got := File(t, raw), File(t, truth)
	if got.Size() < want.Size() {
		t.Fatalf("the truth has %d bytes, the disk had %d", got.Size(), want.Size())
	}
	whole, err := block.NewSection(got, 0, want.Size())
	if err != nil {
		t.Fatal(err)
	}
	same(t, want, whole)
}

// same compares two sources byte for byte.
func same(t testing.TB, want, got block.Source) {
	t.Helper()
	if want.Size() != got.Size() {
		t.Fatalf("%d bytes, want %d", got.Size(), want.Size())
	}
	const step = 1<<20 + 700
	a, b := make([]byte, step), make([]byte, step)
	for off := int64(0); off < want.Size(); off += step {
		n := min(step, want.Size()-off)
		if err := errors.Join(block.ReadFull(want, a[:n], off), block.ReadFull(got, b[:n], off)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a[:n], b[:n]) {
			for i := range a[:n] {
				if a[i] != b[i] {
					t.Fatalf("byte %d of the disk is %#x, want %#x", off+int64(i), b[i], a[i])
				}
			}
		}
	}
}

// Beside opens the further files of an image in its folder.
func Beside(path string) image.Options {
	open := func(name string) (block.Source, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		src, err := block.OpenFile(name)
		if err != nil {
			return nil, err
		}
		return src, nil
	}
	return image.Options{Extent: open, Backing: open}
}

// OpenImage opens the disk in the image at path for the length of the test.
func OpenImage(t testing.TB, path string, formats ...image.Format) image.Disk {
	t.Helper()
	return openImage(t, File(t, path), path, formats...)
}

func openImage(t testing.TB, src block.Source, path string, formats ...image.Format) image.Disk {
	t.Helper()
	disks, err := image.Open(t.Context(), src, formats, Beside(path))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if len(disks) != 1 || disks[0].Format == "" {
		t.Fatalf("%d disks in %q, want one", len(disks), disks[0].Format)
	}
	t.Cleanup(func() {
		if err := disks[0].Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return disks[0]
}

// CheckImage holds the disk in an image against the truth in every way of
// reading it.
func CheckImage(t testing.TB, f image.Format, path, truth string, img DiskImage) {
	t.Helper()
	want, file := File(t, truth), File(t, path)
	counter := block.NewCounter(file)
	ahead := &fetched{Source: counter}
	disk := openImage(t, ahead, path, f)
	if n := counter.Bytes(); n > 4<<20 {
		t.Errorf("opening read %d bytes", n)
	}
	same(t, want, disk)
	checkExtents(t, want, disk.Source, img)
	checkPlaces(t, want, disk.Source, file, ahead, img)
	checkRandom(t, want, disk)
}

func checkExtents(t testing.TB, want, disk block.Source, img DiskImage) {
	t.Helper()
	extents, err := block.Extents(t.Context(), disk)
	if err != nil {
		t.Fatalf("extents: %v", err)
	}
	sparse, err := block.NewSparse(disk, extents)
	if err != nil {
		t.Fatalf("extents: %v", err)
	}
	same(t, want, sparse)
	total := int64(0)
	for _, e := range extents {
		total += e.Length
	}
	if !img.Full && total > disk.Size()*9/10 {
		t.Errorf("extents hold %d of %d bytes: a third of them is empty", total, disk.Size())
	}
}

// checkPlaces holds places against the bytes in the file, and what is fetched
// ahead against the places.
func checkPlaces(t testing.TB, want, disk block.Source, file *block.File, ahead *fetched, img DiskImage) {
	t.Helper()
	r := rand.New(rand.NewPCG(8, 8))
	a, b := make([]byte, 1), make([]byte, 1)
	for range 300 {
		off := r.Int64N(disk.Size())
		at := block.Locate(disk, off)
		if err := block.ReadFull(want, a, off); err != nil {
			t.Fatal(err)
		}
		if at < 0 {
			if a[0] != 0 {
				t.Fatalf("byte %d has no place, and is %#x", off, a[0])
			}
			continue
		}
		if img.Packed {
			continue
		}
		if err := block.ReadFull(file, b, at); err != nil || a[0] != b[0] {
			t.Fatalf("byte %d is at %d of the file: %#x, %v; want %#x", off, at, b[0], err, a[0])
		}
		ahead.got = nil
		if err := block.Prefetch(t.Context(), disk, []block.Extent{{Offset: off, Length: 1}, {Offset: -5, Length: 3}}); err != nil {
			t.Fatalf("prefetch: %v", err)
		}
		if len(ahead.got) != 1 || ahead.got[0] != (block.Extent{Offset: at, Length: 1}) {
			t.Fatalf("byte %d is at %d of the file, fetched %v", off, at, ahead.got)
		}
	}
	for _, off := range []int64{-1, disk.Size(), 1<<63 - 1} {
		if at := block.Locate(disk, off); at >= 0 {
			t.Errorf("byte %d, which there is not, is at %d", off, at)
		}
	}
	ahead.got = nil
	if err := block.Prefetch(t.Context(), disk, []block.Extent{{Offset: disk.Size() / 2, Length: 1 << 62}, {Offset: 0, Length: disk.Size() / 2}}); err != nil {
		t.Fatalf("prefetch: %v", err)
	}
	end := int64(0)
	for _, e := range ahead.got {
		if e.Offset < end || e.Length <= 0 || e.Length > file.Size()-e.Offset {
			t.Fatalf("fetched %v of %d bytes", ahead.got, file.Size())
		}
		end = e.Offset + e.Length
	}
}

// fetched is a source that notes what is fetched ahead.
type fetched struct {
	block.Source
	got []block.Extent
}

func (f *fetched) Prefetch(_ context.Context, ranges []block.Extent) error {
	f.got = append(f.got, ranges...)
	return nil
}

func (f *fetched) Extents(ctx context.Context) ([]block.Extent, error) {
	return block.Extents(ctx, f.Source)
}

// checkRandom reads at random, by several at once.
func checkRandom(t testing.TB, want, disk block.Source) {
	t.Helper()
	var wg sync.WaitGroup
	failed := make(chan error, 4)
	for seed := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 6))
			for range 150 {
				off, n := r.Int64N(disk.Size()+10), r.IntN([]int{1, 600, 5000, 200_000}[r.IntN(4)])
				a, b := make([]byte, n), make([]byte, n)
				na, ea := want.ReadAt(a, off)
				nb, eb := disk.ReadAt(b, off)
				if na != nb || !bytes.Equal(a[:na], b[:nb]) || errors.Is(ea, io.EOF) != errors.Is(eb, io.EOF) || eb != nil && !errors.Is(eb, io.EOF) {
					failed <- fmt.Errorf("read %d bytes at %d: %d, %w; want %d, %w, or other bytes", n, off, nb, eb, na, ea)
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	if _, err := disk.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was taken")
	}
}

func foreignImage(t *testing.T, f image.Format) {
	t.Helper()
	random := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(random)
	for name, data := range map[string][]byte{"nothing": nil, "one byte": {1}, "zeros": make([]byte, 1<<20), "random": random, "short": random[:500]} {
		if _, err := f.Open(t.Context(), Memory(data), &image.Env{}); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%s: error %v, want ErrNotThis", name, err)
		}
	}
}

// DamageImage flips bits of an image and cuts it short, n times, and reads what
// is left: errors are welcome, a panic or a hang is not.
func DamageImage(t testing.TB, f image.Format, path string, n int) {
	t.Helper()
	src := File(t, path)
	extents, err := src.Extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(extents) == 0 {
		return
	}
	for seed := range n {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		bad := &flipped{Source: src, size: src.Size(), flips: map[int64]byte{}}
		for range 1 + r.IntN(64) {
			e := extents[r.IntN(len(extents))]
			// Tables sit near the start of an extent more often than not.
			bad.flips[e.Offset+r.Int64N(1+r.Int64N(min(e.Length, 4<<20)))] = byte(1 + r.IntN(255))
		}
		if seed%5 == 0 {
			bad.size = r.Int64N(src.Size())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		ExerciseImage(ctx, f, bad, Beside(path), 32<<20)
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Errorf("damage %d: reading did not end", seed)
		}
		cancel()
	}
}

// ExerciseImage opens whatever is on src and uses all of it, reading at most
// the given number of bytes of each disk. It gives how many disks it saw.
func ExerciseImage(ctx context.Context, f image.Format, src block.Source, opts image.Options, bytes int64) int {
	disks, err := image.Open(ctx, block.WithContext(ctx, src), []image.Format{f}, opts)
	if err != nil {
		return 0
	}
	buf := make([]byte, 256<<10)
	for _, d := range disks {
		_, _ = block.Extents(ctx, d.Source)
		ends := []int64{0, max(d.Size()/2, 0), max(d.Size()-bytes/4, 0)}
		for i, start := range ends {
			for off := start; off < min(d.Size(), start+bytes>>(i+1)); off += int64(len(buf)) {
				_, _ = d.ReadAt(buf, off)
				_ = block.Locate(d.Source, off+77)
			}
			_ = block.Prefetch(ctx, d.Source, []block.Extent{{Offset: start, Length: bytes}})
		}
		_ = d.Close()
	}
	return len(disks)
}
