package fatcore_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// scattered gives a chain over a heap of one-byte clusters and the bytes that
// it makes, with stretches of up to longest clusters.
func scattered(count, longest int) (heap *fatcore.Heap, next map[uint32]uint32, first uint32, want []byte) {
	r := rand.New(rand.NewPCG(1, 2))
	bytes := make([]byte, count)
	for i := range bytes {
		bytes[i] = byte(r.Uint32())
	}
	heap = &fatcore.Heap{Src: disktest.Memory(bytes), Size: 1, Count: uint32(count)}
	next = map[uint32]uint32{}
	var stretches [][2]int
	for at := 0; at < count; {
		n := min(1+r.IntN(longest), count-at)
		stretches = append(stretches, [2]int{at, n})
		at += n
	}
	r.Shuffle(len(stretches), func(i, j int) { stretches[i], stretches[j] = stretches[j], stretches[i] })
	last := uint32(0)
	for _, s := range stretches {
		for i := range s[1] {
			c := uint32(s[0]+i) + 2
			if last == 0 {
				first = c
			} else {
				next[last] = c
			}
			last = c
			want = append(want, bytes[c-2])
		}
	}
	return heap, next, first, want
}

// following gives at most window clusters at once.
func following(next map[uint32]uint32, window uint64) fatcore.Follow {
	return func(c uint32, limit uint64) (uint64, uint32, error) {
		n := uint64(1)
		for n < min(limit, window) && next[c+uint32(n-1)] == c+uint32(n) {
			n++
		}
		return n, next[c+uint32(n-1)], nil
	}
}

// TestChain reads a chain of more runs than are remembered, in every order.
func TestChain(t *testing.T) {
	t.Parallel()
	heap, next, first, want := scattered(60_000, 12)
	for _, window := range []uint64{1, 5, 1000} {
		chain := fatcore.NewChain(heap, following(next, window), first, uint64(len(want)))
		data := fatcore.NewData(heap, chain, 1, int64(len(want)), int64(len(want)))
		r := rand.New(rand.NewPCG(3, window))
		for range 500 {
			off, b := r.IntN(len(want)), make([]byte, 1+r.IntN(300))
			n, _ := data.ReadAt(b, int64(off))
			if !bytes.Equal(b[:n], want[off:min(off+len(b), len(want))]) {
				t.Fatalf("window %d: %d bytes at %d are others", window, len(b), off)
			}
		}
		for pass := range 2 {
			got := make([]byte, len(want))
			for off := 0; off < len(got); off += 100 {
				if _, err := data.ReadAt(got[off:min(off+100, len(got))], int64(off)); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("window %d, pass %d: other bytes", window, pass)
			}
		}
		extents, err := data.Extents(0)
		total := int64(0)
		for i, e := range extents {
			total += e.Length
			if i > 0 && extents[i-1].Offset+extents[i-1].Length == e.Offset {
				t.Fatal("two extents that are one")
			}
		}
		if some, _ := data.Extents(3); err != nil || total != int64(len(want)) || len(some) != 3 || some[1] != extents[1] {
			t.Errorf("extents of %d bytes, %v; the first are %v", total, err, some)
		}
	}
}

// TestChainLoop finds a loop wherever it is, before or at the end of the file.
func TestChainLoop(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 2, 3, 17, 100, 1000, 5000} {
		for _, back := range []int{0, 1, length / 2, length - 1} {
			heap, next, first, want := scattered(length, 3)
			var order []uint32
			for c := first; c != 0; c = next[c] {
				order = append(order, c)
			}
			next[order[length-1]] = order[min(back, length-1)]
			chain := fatcore.NewChain(heap, following(next, 10), first, uint64(length))
			data := fatcore.NewData(heap, chain, 1, int64(length), int64(length))
			if _, err := data.ReadAt(make([]byte, len(want)), 0); !errors.Is(err, block.ErrDamaged) {
				t.Errorf("%d clusters, the last goes back to %d: %v", length, back, err)
			}
		}
	}
}

func TestBitmap(t *testing.T) {
	t.Parallel()
	heap := &fatcore.Heap{Size: 1, Count: 1000}
	b, err := fatcore.NewBitmap(heap)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	used := make([]bool, 1002)
	for c := uint32(2); c < 1002; {
		n := uint32(1 + r.IntN(150))
		for i := c; i < min(c+n, 1002); i++ {
			b.Use(i)
			used[i] = true
		}
		c += n + uint32(1+r.IntN(150))
	}
	for c := 2; c < 1002; c++ {
		n := 1
		for c+n < 1002 && n < 400 && used[c+n] == used[c] {
			n++
		}
		if got, u := b.Run(uint32(c), 400); u != used[c] || got != uint64(n) {
			t.Errorf("cluster %d: %d that are in use %v, want %d %v", c, got, u, n, used[c])
		}
	}
	first := uint32(2)
	for used[first] {
		first++
	}
	left, state, ok := b.Left(first, 2000)
	if state != fsys.Part || !ok {
		t.Fatalf("state %v, %v", state, ok)
	}
	for at := range uint64(1500) {
		run, err := left.Lookup(at, 1)
		c := uint64(first) + at
		want := uint32(0)
		if c < 1002 && !used[c] {
			want = uint32(c)
		}
		if err != nil || run.First != want {
			t.Fatalf("cluster %d of the file lies at %d, want %d: %v", at, run.First, want, err)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for want, units := range map[string][]uint16{
		"":                 {},
		"aé秘":              {'a', 0xE9, 0x79D8},
		"🔑":                {0xD83D, 0xDD11},
		"\xed\xa0\xbdx":    {0xD83D, 'x'},
		"\xed\xb4\x91":     {0xDD11},
		"\xed\xa0\xbd🔑":    {0xD83D, 0xD83D, 0xDD11},
		"x\xed\xa0\xbd":    {'x', 0xD83D},
		"\uFFFD\uFFFF\x01": {0xFFFD, 0xFFFF, 1},
	} {
		if got := fatcore.Text(units); got != want {
			t.Errorf("%x: %q, want %q", units, got, want)
		}
	}
}

func TestSameName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"A.TXT", "a.txt", true},
		{"ünï", "ÜNÏ", true},
		{"a", "ab", false},
		{"", "", true},
		{"\xed\xa0\xbd", "\xed\xa0\xbe", false},
		{"\xed\xa0\xbdA", "\xed\xa0\xbda", true},
		{"\xff", "\uFFFD", false},
	} {
		if got := fatcore.SameName(c.a, c.b, fatcore.Upper); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}
