package lvm

import (
	"cmp"
	"slices"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxMoved bounds the runs of chunks that one volume has elsewhere: 32 MiB.
const maxMoved = 2 << 20

// moved is a run of n chunks, from chunk from on, that lie in a store from
// chunk to on.
type moved struct {
	from  uint64
	to, n uint32
}

// table is what a snapshot or a cache has in its store.
type table []moved

// add appends a chunk; neighbours become one run.
func (t *table) add(from, to uint64) error {
	if to >= 1<<32 || from >= 1<<62 {
		return block.Damaged("chunk %d lies at chunk %d of the store", from, to)
	}
	if n := len(*t); n > 0 {
		r := &(*t)[n-1]
		if r.from+uint64(r.n) == from && uint64(r.to)+uint64(r.n) == to {
			r.n++
			return nil
		}
		if n == maxMoved {
			return block.Unsupported("a store with more than %d pieces", maxMoved)
		}
	}
	*t = append(*t, moved{from, uint32(to), 1})
	return nil
}

// finish sorts the runs. No chunk may be there twice.
func (t table) finish() error {
	slices.SortFunc(t, func(a, b moved) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(t); i++ {
		if t[i-1].from+uint64(t[i-1].n) > t[i].from {
			return block.Damaged("chunk %d lies in the store twice", t[i].from)
		}
	}
	return nil
}

// find gives where a chunk lies in the store and how many follow it there; when
// it is not there, n is 0 and gap the number of chunks up to the next that is.
func (t table) find(chunk uint64) (to, n, gap uint64) {
	i := sort.Search(len(t), func(i int) bool { return t[i].from+uint64(t[i].n) > chunk })
	switch {
	case i == len(t):
		return 0, 0, 1 << 62
	case t[i].from > chunk:
		return 0, 0, t[i].from - chunk
	}
	in := chunk - t[i].from
	return uint64(t[i].to) + in, uint64(t[i].n) - in, 0
}
