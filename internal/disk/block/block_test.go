package block_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
)

type memory struct {
	*bytes.Reader
	fail atomic.Bool
}

var errPlanted = errors.New("planted")

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if m.fail.Load() {
		return 0, errPlanted
	}
	return m.Reader.ReadAt(p, off)
}
func (*memory) Close() error { return nil }

func source(n int) (*memory, []byte) {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(data)
	return &memory{Reader: bytes.NewReader(data)}, data
}

// check holds random reads of src against the truth.
func check(t *testing.T, src block.Source, want []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		off, n := r.Int64N(int64(len(want))+20), r.IntN(400)
		buf := bytes.Repeat([]byte{0xEE}, n)
		got, err := src.ReadAt(buf, off)
		exp := want[min(off, int64(len(want))):min(off+int64(n), int64(len(want)))]
		if !bytes.Equal(buf[:got], exp) {
			t.Fatalf("read %d at %d: got %d bytes, want %d, or other ones", n, off, got, len(exp))
		}
		if (err != nil) != (got < n) || err != nil && !errors.Is(err, io.EOF) {
			if !errors.Is(err, io.EOF) || off+int64(n) != int64(len(want)) {
				t.Fatalf("read %d at %d: %d bytes, error %v", n, off, got, err)
			}
		}
	}
	if _, err := src.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was taken")
	}
}

func TestWrappersReadTheSame(t *testing.T) {
	t.Parallel()
	base, data := source(10_007)
	check(t, block.NewCounter(base), data)
	for _, c := range []struct{ chunk, limit int }{{64, 64}, {100, 1000}, {4096, 1 << 20}} {
		cache, err := block.NewCache(base, c.chunk, int64(c.limit))
		if err != nil {
			t.Fatal(err)
		}
		check(t, cache, data)
	}
	sec, err := block.NewSection(base, 1000, 5000)
	if err != nil {
		t.Fatal(err)
	}
	check(t, sec, data[1000:6000])
	holed := bytes.Clone(data)
	clear(holed[:100])
	clear(holed[300:5000])
	clear(holed[9000:])
	sparse, err := block.NewSparse(base, []block.Extent{{100, 200}, {5000, 4000}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, sparse, holed)
	check(t, block.Zero(500), make([]byte, 500))
}

func TestSectionBounds(t *testing.T) {
	t.Parallel()
	base, _ := source(100)
	for _, c := range [][2]int64{{-1, 5}, {0, 101}, {101, 0}, {50, 51}, {0, -1}, {1 << 62, 1 << 62}} {
		if _, err := block.NewSection(base, c[0], c[1]); err == nil {
			t.Errorf("section %v of 100 bytes was given", c)
		}
	}
}

func TestSparseRefusesBadExtents(t *testing.T) {
	t.Parallel()
	base, _ := source(100)
	for _, c := range [][]block.Extent{{{0, 0}}, {{0, 101}}, {{50, 10}, {40, 5}}, {{-5, 3}}, {{0, 10}, {9, 4}}} {
		if _, err := block.NewSparse(base, c); err == nil {
			t.Errorf("extents %v were taken", c)
		}
	}
}

func TestCacheFetchesOnce(t *testing.T) {
	t.Parallel()
	base, _ := source(1 << 20)
	counter := block.NewCounter(base)
	cache, err := block.NewCache(counter, 4096, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for off := int64(0); off < 1<<20; off += 512 {
				_, _ = cache.ReadAt(make([]byte, 512), off)
			}
		})
	}
	wg.Wait()
	if got := counter.Requests(); got != 256 {
		t.Errorf("%d requests for 256 chunks", got)
	}
}

func TestCacheForgetsFailures(t *testing.T) {
	t.Parallel()
	base, data := source(8192)
	cache, err := block.NewCache(base, 4096, 8192)
	if err != nil {
		t.Fatal(err)
	}
	base.fail.Store(true)
	if _, err := cache.ReadAt(make([]byte, 10), 5); !errors.Is(err, errPlanted) {
		t.Fatalf("error %v, want the source's", err)
	}
	base.fail.Store(false)
	buf := make([]byte, 10)
	if _, err := cache.ReadAt(buf, 5); err != nil || !bytes.Equal(buf, data[5:15]) {
		t.Fatalf("second try: %x, %v", buf, err)
	}
}

func TestCacheWantsRoom(t *testing.T) {
	t.Parallel()
	base, _ := source(1)
	for _, c := range [][2]int64{{0, 10}, {10, 9}, {-1, 5}} {
		if _, err := block.NewCache(base, int(c[0]), c[1]); err == nil {
			t.Errorf("cache %v was made", c)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt([]byte("here"), 1<<20)
	if err := f.Truncate(4 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	src, err := block.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if src.Size() != 4<<20 {
		t.Errorf("size %d", src.Size())
	}
	buf := make([]byte, 4)
	if err := block.ReadFull(src, buf, 1<<20); err != nil || string(buf) != "here" {
		t.Errorf("read %q, %v", buf, err)
	}
	extents, err := src.Extents(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	holds := false
	for _, e := range extents {
		holds = holds || e.Offset <= 1<<20 && e.Offset+e.Length >= 1<<20+4
	}
	if !holds {
		t.Errorf("extents %v leave out the data", extents)
	}
	if err := block.ReadFull(src, buf, 4<<20-2); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read past the end: %v", err)
	}
	if _, err := block.OpenFile(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}

func TestSectionExtents(t *testing.T) {
	t.Parallel()
	base, _ := source(1000)
	sparse, err := block.NewSparse(base, []block.Extent{{0, 100}, {150, 100}, {900, 100}})
	if err != nil {
		t.Fatal(err)
	}
	sec, err := block.NewSection(sparse, 50, 150)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sec.Extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]block.Extent{{0, 50}, {100, 50}}, got); diff != "" {
		t.Error(diff)
	}
}
