package raid_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// torn is a source of which some ranges fail to read.
type torn struct {
	block.Source
	bad []block.Extent
}

func (s *torn) ReadAt(p []byte, off int64) (int, error) {
	for _, e := range s.bad {
		if off < e.Offset+e.Length && e.Offset < off+int64(len(p)) {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return s.Source.ReadAt(p, off)
}

// TestLayouts computes parities by definition for every layout, takes members
// away, and reads.
func TestLayouts(t *testing.T) {
	t.Parallel()
	layouts := map[int][]raid.Layout{
		1: {0, 1, 2, 3, 4, 5}, 2: {0, 1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 18, 19, 20},
	}
	for parities, list := range layouts {
		for _, l := range list {
			for n := parities + 1; n < parities+5; n++ {
				members := fill(t, n, parities, l)
				for a := range n {
					check(t, fmt.Sprintf("layout %d, %d members without %d", l, n, a), n, parities, l, members, a)
					for b := range a {
						if parities == 2 {
							check(t, fmt.Sprintf("layout %d, %d members without %d and %d", l, n, a, b), n, parities, l, members, a, b)
						}
					}
				}
			}
		}
	}
}

const (
	chunk = 512
	rows  = 7
)

// fill makes members whose data is random and whose parities are those that
// reading without each one wants: they are found by reading, since where they
// lie is what is tested against the kernel elsewhere.
func fill(t *testing.T, n, parities int, l raid.Layout) [][]byte {
	t.Helper()
	r := rand.NewChaCha8([32]byte{byte(n), byte(l)})
	members := make([][]byte, n)
	for i := range members {
		members[i] = make([]byte, rows*chunk)
		_, _ = r.Read(members[i])
	}
	// The array's own idea of a row: data chunks by place, the others parities.
	arr := array(t, n, parities, l, members)
	for row := range int64(rows) {
		data := map[int][]byte{}
		for d := range int64(n - parities) {
			member := member(t, arr, members, (row*int64(n-parities)+d)*chunk, row*chunk)
			data[member] = members[member][row*chunk : (row+1)*chunk]
		}
		p, q := parityMembers(n, l, data)
		clear(members[p][row*chunk : (row+1)*chunk])
		for _, b := range data {
			for i := range b {
				members[p][row*chunk+int64(i)] ^= b[i]
			}
		}
		if parities == 2 {
			syndrome(members[q][row*chunk:(row+1)*chunk], data, n, p, q, l)
		}
	}
	return members
}

// parityMembers tells the members that hold no data of a row apart: the second
// parity follows the first, but for N continue, where it goes before, and the
// layouts that have it last.
func parityMembers(n int, l raid.Layout, data map[int][]byte) (p, q int) {
	var free []int
	for m := range n {
		if data[m] == nil {
			free = append(free, m)
		}
	}
	if len(free) == 1 {
		return free[0], -1
	}
	p, q = free[0], free[1]
	wraps := p == 0 && q == n-1 && n > 2
	if l < 16 && wraps != (l == raid.NContinue) {
		p, q = q, p
	}
	return p, q
}

// syndrome is the second parity by definition: the sum of powers of two times
// data, counted from behind it, or by member in DDF's layouts.
func syndrome(q []byte, data map[int][]byte, n, ofP, ofQ int, l raid.Layout) {
	clear(q)
	power := 0
	for i := range n {
		m := (ofQ + 1 + i) % n
		if l >= 8 && l <= 10 {
			m = i
			power = i
		}
		if m == ofP || m == ofQ {
			continue
		}
		for at, b := range data[m] {
			x := int(b)
			for range power {
				if x <<= 1; x > 255 {
					x ^= 0x11d
				}
			}
			q[at] ^= byte(x)
		}
		power++
	}
}

// member finds which member the byte at off comes from.
func member(t *testing.T, arr *raid.Array, members [][]byte, off, at int64) int {
	t.Helper()
	got := make([]byte, 16)
	if err := block.ReadFull(arr, got, off); err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		if bytes.Equal(m[at:at+16], got) {
			return i
		}
	}
	t.Fatalf("byte %d lies on no member at %d", off, at)
	return 0
}

func array(t *testing.T, n, parities int, l raid.Layout, members [][]byte, without ...int) *raid.Array {
	t.Helper()
	sources := make([]block.Source, n)
	for i := range sources {
		sources[i] = disktest.Memory(members[i])
	}
	for _, i := range without {
		sources[i] = nil
	}
	arr, err := raid.Parity(sources, rows*chunk, chunk, parities, l)
	if err != nil {
		t.Fatal(err)
	}
	return arr
}

func check(t *testing.T, name string, n, parities int, l raid.Layout, members [][]byte, without ...int) {
	t.Helper()
	whole := array(t, n, parities, l, members)
	want := make([]byte, whole.Size())
	if err := block.ReadFull(whole, want, 0); err != nil {
		t.Fatal(err)
	}
	less := array(t, n, parities, l, members, without...)
	same(t, name, less, want)
	// The same when reading fails instead, in different places.
	sources := make([]block.Source, n)
	for i := range sources {
		sources[i] = &torn{Source: disktest.Memory(members[i])}
	}
	for i, m := range without {
		sources[m].(*torn).bad = []block.Extent{{Offset: int64(i) * chunk, Length: chunk + 100}}
	}
	arr, err := raid.Parity(sources, rows*chunk, chunk, parities, l)
	if err != nil {
		t.Fatal(err)
	}
	same(t, name+", torn", arr, want)
}

func same(t *testing.T, name string, src block.Source, want []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 12 {
		off, n := 0, len(want)
		if i > 0 {
			off = r.IntN(len(want))
			n = 1 + r.IntN(len(want)-off)
		}
		got := make([]byte, n)
		if err := block.ReadFull(src, got, int64(off)); err != nil || !bytes.Equal(got, want[off:off+n]) {
			t.Fatalf("%s: %d bytes at %d: %v, or other bytes", name, n, off, err)
		}
	}
}

func TestTooFew(t *testing.T) {
	t.Parallel()
	members := fill(t, 4, 1, raid.LeftSymmetric)
	arr := array(t, 4, 1, raid.LeftSymmetric, members, 0, 2)
	if arr.Readable() {
		t.Error("RAID 5 without two members is readable")
	}
	if _, err := arr.ReadAt(make([]byte, 4*chunk), 0); !errors.Is(err, block.ErrMissing) {
		t.Errorf("error %v, want ErrMissing", err)
	}
}

// TestMirrorPatches reads a mirror of which each member fails somewhere else.
func TestMirrorPatches(t *testing.T) {
	t.Parallel()
	data := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{4}).Read(data)
	arr := raid.Mirror([]block.Source{
		&torn{disktest.Memory(data), []block.Extent{{Offset: 5000, Length: 10}, {Offset: 900_000, Length: 9000}}},
		nil,
		&torn{disktest.Memory(data), []block.Extent{{Offset: 100_000, Length: 50_000}}},
	}, 1<<20)
	same(t, "mirror", arr, data)
}

// TestGathers counts the reads that a long read of an array makes.
func TestGathers(t *testing.T) {
	t.Parallel()
	var sources []block.Source
	var counters []*block.Counter
	for range 4 {
		c := block.NewCounter(disktest.Memory(make([]byte, 4<<20)))
		counters, sources = append(counters, c), append(sources, c)
	}
	arr, err := raid.Parity(sources, 4<<20, 16<<10, 1, raid.LeftSymmetric)
	if err != nil {
		t.Fatal(err)
	}
	if err := block.ReadFull(arr, make([]byte, 4<<20), 0); err != nil {
		t.Fatal(err)
	}
	for i, c := range counters {
		if c.Requests() > 4 {
			t.Errorf("member %d was read %d times", i, c.Requests())
		}
	}
}

func TestRefusesNonsense(t *testing.T) {
	t.Parallel()
	m := disktest.Memory(make([]byte, 1<<20))
	two := []block.Source{m, m}
	for name, f := range map[string]func() (*raid.Array, error){
		"no chunk":    func() (*raid.Array, error) { return raid.Parity(two, 1<<20, 0, 1, 0) },
		"layout":      func() (*raid.Array, error) { return raid.Parity(two, 1<<20, 512, 1, 16) },
		"too few":     func() (*raid.Array, error) { return raid.Parity(two, 1<<20, 512, 2, 0) },
		"huge":        func() (*raid.Array, error) { return raid.Parity(two, 1<<62, 512, 1, 0) },
		"stripe":      func() (*raid.Array, error) { return raid.Stripe(two, []int64{100, 100}, 512, 0) },
		"huge stripe": func() (*raid.Array, error) { return raid.Stripe(two, []int64{1 << 62, 1 << 62}, 512, 0) },
		"near":        func() (*raid.Array, error) { return raid.NewTen(two, 1<<20, 512, raid.Ten{Near: 3, Far: 1}) },
		"short ten":   func() (*raid.Array, error) { return raid.NewTen(two, 512, 512, raid.Ten{Near: 1, Far: 2}) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}
