package image_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// runs is a mapping by a list; a run of no length is damaged.
type runs []image.Run

func (m runs) Run(off, _ int64) (image.Run, error) {
	start := int64(0)
	for _, r := range m {
		n := max(r.Length, 100) // of damaged ones
		if off < start+n {
			if r.Length <= 0 {
				return image.Run{}, block.Damaged("planted at %d", off)
			}
			r.Length -= off - start
			if r.Packed > 0 {
				r.Skip += off - start
			} else {
				r.Offset += off - start
			}
			return r, nil
		}
		start += n
	}
	return image.Run{}, block.Damaged("past the end")
}

func (runs) Unpack(dst, packed []byte) error {
	if packed[0] == '!' {
		return errors.New("planted")
	}
	for i := range dst {
		dst[i] = packed[i%len(packed)]
	}
	return nil
}

// counted counts the reads of a source.
func counted(data []byte, closed *[]string, name string) *block.Counter {
	return block.NewCounter(source{bytes.NewReader(data), name, closed})
}

func TestMapped(t *testing.T) {
	t.Parallel()
	var closed []string
	a, b := bytes.Repeat([]byte("abcdefghij"), 100), bytes.Repeat([]byte("0123456789"), 100)
	first, second := counted(a, &closed, "a"), counted(b, &closed, "b")
	m := runs{
		{Length: 100, From: 0, Offset: 500},
		{Length: 100, From: 0, Offset: 600}, // one read
		{Length: 100, From: image.Hole},
		{Length: 100, From: image.Hole},
		{Length: 100, From: 1, Offset: 10},
		{Length: 200, From: 0, Offset: 7, Packed: 3, Unit: 200},
		{}, // damaged
		{Length: 100, From: 1, Offset: 950},
	}
	d := image.NewMapped(900, []block.Source{first, second}, m)
	want := bytes.Join([][]byte{a[500:700], make([]byte, 200), b[10:110], bytes.Repeat([]byte("hij"), 67)[:200]}, nil)
	got := make([]byte, 700)
	if err := block.ReadFull(d, got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes, or %v", err)
	}
	if n := first.Requests(); n != 2 {
		t.Errorf("%d reads, want one for neighbours and one for what is packed", n)
	}
	if n, err := d.ReadAt(make([]byte, 300), 600); n != 100 || !errors.Is(err, block.ErrDamaged) {
		t.Errorf("into damage: %d bytes, %v", n, err)
	}
	if n, err := d.ReadAt(make([]byte, 100), 800); n != 0 || !errors.Is(err, block.ErrDamaged) {
		t.Errorf("past the end of a source: %d bytes, %v", n, err)
	}
	for off, want := range map[int64]int64{0: 500, 150: 650, 250: -1, 400: 1010, 550: 7, 750: -1, 850: 2000, 900: -1, -1: -1} {
		if got := d.Locate(off); got != want {
			t.Errorf("byte %d is at %d, want %d", off, got, want)
		}
	}
	extents, err := d.Extents(t.Context())
	if diff := cmp.Diff([]block.Extent{{Offset: 0, Length: 200}, {Offset: 400, Length: 500}}, extents); err != nil || diff != "" {
		t.Errorf("extents: %v %s", err, diff)
	}
	if err := d.Close(); err != nil || len(closed) != 1 || closed[0] != "b" {
		t.Errorf("closed %q, %v", closed, err)
	}
}

// TestMappedUnpacksOnce reads a unit in parts, by several at once.
func TestMappedUnpacksOnce(t *testing.T) {
	t.Parallel()
	var closed []string
	src := counted([]byte("xyz!!!!!"), &closed, "")
	d := image.NewMapped(2000, []block.Source{src}, runs{
		{Length: 1000, Packed: 3, Unit: 1000}, {Length: 1000, Offset: 3, Packed: 90, Unit: 1000},
	})
	var wg sync.WaitGroup
	for i := range int64(16) {
		wg.Go(func() {
			b := make([]byte, 30)
			if err := block.ReadFull(d, b, 30*i); err != nil || !bytes.Equal(b, bytes.Repeat([]byte("xyz"), 10)) {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
	wg.Wait()
	if n := src.Requests(); n != 1 {
		t.Errorf("%d reads of one unit", n)
	}
	if _, err := d.ReadAt(make([]byte, 1), 1500); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("a unit that can't be unpacked: %v", err)
	}
}

// TestExtentsAreBounded asks for the extents of disks that are all islands, and
// all damage.
func TestExtentsAreBounded(t *testing.T) {
	t.Parallel()
	var closed []string
	src := counted(make([]byte, 10), &closed, "")
	d := image.NewMapped(1<<62, []block.Source{src}, islands{})
	extents, err := d.Extents(t.Context())
	if err != nil || len(extents) > 1<<18 {
		t.Fatalf("%d extents, %v", len(extents), err)
	}
	if _, err := block.NewSparse(d, extents); err != nil {
		t.Error(err)
	}
	if last := extents[len(extents)-1]; last.Offset+last.Length != 1<<62 {
		t.Errorf("what was not looked at is no data: %v", last)
	}
	d = image.NewMapped(1<<62, []block.Source{src}, runs{})
	if extents, err = d.Extents(t.Context()); err != nil || len(extents) != 1 || extents[0].Length != 1<<62 {
		t.Errorf("all damaged: %v, %v", extents, err)
	}
}

// islands is a mapping of a byte of data every 1000 bytes.
type islands struct{}

func (islands) Run(off, _ int64) (image.Run, error) {
	if off%1000 == 0 {
		return image.Run{Length: 1}, nil
	}
	return image.Run{Length: 1000 - off%1000, From: image.Hole}, nil
}

func TestTables(t *testing.T) {
	t.Parallel()
	var closed []string
	data := make([]byte, 200_003)
	for i := range data {
		data[i] = byte(i >> 8)
	}
	src := counted(data, &closed, "")
	tables := image.NewTables([]block.Source{src}, 1<<20)
	for _, off := range []int64{0, 8, 65528, 65536, 131072, 199992} {
		b, err := tables.At(0, off, 8)
		if err != nil || len(b)%8 != 0 || !bytes.Equal(b, data[off:off+int64(len(b))]) {
			t.Errorf("at %d: %d bytes, %v", off, len(b), err)
		}
	}
	if n := src.Requests(); n != 4 {
		t.Errorf("%d reads for 4 pages", n)
	}
	for _, off := range []int64{-8, 4, 200_000, 1 << 62} {
		if _, err := tables.At(0, off, 8); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("at %d: %v", off, err)
		}
	}
}
