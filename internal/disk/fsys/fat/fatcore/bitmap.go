package fatcore

import (
	"encoding/binary"
	"math/bits"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxBitmap bounds the memory for a bitmap: 2^28 clusters, all that FAT32 has.
const maxBitmap = 32 << 20

// Bitmap tells which clusters of a heap are in use.
type Bitmap struct {
	words  []uint64 // bit 0 of the first one is cluster 2
	count  uint32
	budget uint64 // words that may still be looked at
}

// NewBitmap gives a bitmap of a heap's clusters, none in use.
func NewBitmap(h *Heap) (*Bitmap, error) {
	words := (uint64(h.Count) + 63) / 64
	if words*8 > maxBitmap {
		return nil, block.Unsupported("a bitmap of %d clusters", h.Count)
	}
	return &Bitmap{make([]uint64, words), h.Count, 64*uint64(h.Count) + 1<<24}, nil
}

// Load fills the bitmap from bytes, lowest bit first, from cluster 2 on; at is
// the byte that they begin with, a multiple of 8.
func (b *Bitmap) Load(p []byte, at int) {
	for i := at / 8; i < len(b.words) && len(p) > 0; i++ {
		var word [8]byte
		p = p[copy(word[:], p):]
		b.words[i] = binary.LittleEndian.Uint64(word[:])
	}
}

// Use notes that a cluster of the heap is in use.
func (b *Bitmap) Use(c uint32) { b.words[(c-2)/64] |= 1 << ((c - 2) % 64) }

// Used tells whether a cluster of the heap is in use.
func (b *Bitmap) Used(c uint32) bool { return b.words[(c-2)/64]>>((c-2)%64)&1 != 0 }

// Run tells whether cluster c is in use, and for how many clusters from it on,
// at most limit, that is the same.
func (b *Bitmap) Run(c uint32, limit uint64) (n uint64, used bool) {
	used = b.Used(c)
	limit = min(limit, uint64(b.count)-uint64(c-2))
	for at := uint64(c - 2); n < limit; {
		word := b.words[at/64] >> (at % 64)
		if used {
			word = ^word
		}
		same := min(uint64(bits.TrailingZeros64(word)), 64-at%64)
		n, at = n+same, at+same
		if same == 0 || at%64 != 0 {
			break // it ends within a word
		}
	}
	return min(n, limit), used
}

// maxPieces bounds the list of what is left of a file; the rest is left out.
const maxPieces = 1 << 15

// pay takes the cost of a look from the budget.
func (b *Bitmap) pay(cost uint64) bool {
	if cost > b.budget {
		return false
	}
	b.budget -= cost
	return true
}

// Left tells what is left of a deleted file of count clusters, 1 or more, that
// followed each other from first on: those not in use again, and holes. The
// state is [fsys.NameOnly] when the first one is in use or is none, [fsys.Part]
// when another one is, else [fsys.Whole]. ok is false when the search has
// taken more time than an honest volume can cost.
func (b *Bitmap) Left(first uint32, count uint64) (left Mapping, state fsys.RemovedState, ok bool) {
	if first < 2 || first-2 >= b.count || b.Used(first) {
		return nil, fsys.NameOnly, true
	}
	var free pieces
	state = fsys.Whole
	for at := uint64(0); at < count; {
		c := uint64(first) + at
		if c-2 >= uint64(b.count) || len(free) == maxPieces {
			state = fsys.Part
			break
		}
		n, used := b.Run(uint32(c), count-at)
		if !b.pay(n/64 + 1) {
			return nil, fsys.NameOnly, false
		}
		if used {
			state = fsys.Part
		} else {
			free = append(free, Run{Start: at, N: n, First: uint32(c)})
		}
		at += n
	}
	return free, state, true
}

// LeftOf is Left for a file whose chain may still be there; known tells whether
// it is: as long as the file and ended after it.
func (b *Bitmap) LeftOf(h *Heap, follow Follow, first uint32, count uint64) (left Mapping, state fsys.RemovedState, known bool) {
	var free pieces
	state = fsys.Whole
	c := first
	for at := uint64(0); at < count; {
		if !h.Holds(c) || len(free) >= maxPieces {
			return nil, "", false
		}
		n, next, err := follow(c, min(count-at, h.Rest(c)))
		if err != nil || !b.pay(n/16+1) || (next == 0) != (at+n == count) {
			return nil, "", false
		}
		for i := uint64(0); i < n; {
			same, used := b.Run(c+uint32(i), n-i)
			if used {
				state = fsys.Part
			} else {
				free = append(free, Run{Start: at + i, N: same, First: c + uint32(i)})
			}
			i += same
		}
		at, c = at+n, next
	}
	return free, state, true
}

// pieces are runs with holes between them and after them.
type pieces []Run

// Lookup implements [Mapping].
func (p pieces) Lookup(at, _ uint64) (Run, error) {
	i := sort.Search(len(p), func(i int) bool { return p[i].Start+p[i].N > at })
	switch {
	case i == len(p):
		return Run{Start: at, N: 1 << 40}, nil
	case p[i].Start > at:
		return Run{Start: at, N: p[i].Start - at}, nil
	}
	return p[i].from(at), nil
}
