package lvm

import (
	"context"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// overlaid is a volume of which some chunks lie in a store: a snapshot, a cache
// that was not written back. Its table is read when it is first needed.
type overlaid struct {
	base, store block.Source
	chunk       int64 // bytes
	load        func() (table, error)

	mu     sync.Mutex
	loaded bool
	table  table
}

// get gives the table. A failure is not kept: the next reader tries again.
func (o *overlaid) get() (table, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.loaded {
		t, err := o.load()
		if err == nil {
			err = t.finish()
		}
		if err != nil {
			return nil, err
		}
		o.table, o.loaded = t, true
	}
	return o.table, nil
}

func (o *overlaid) place(off int64) (src block.Source, at, n int64, err error) {
	t, err := o.get()
	if err != nil {
		return nil, 0, 0, err
	}
	in := off % o.chunk
	to, count, gap := t.find(uint64(off / o.chunk))
	if count == 0 {
		return o.base, off, span(gap, o.chunk) - in, nil
	}
	at = int64(to)*o.chunk + in
	if end := int64(to+count) * o.chunk; end > o.store.Size() && at >= o.store.Size() {
		return nil, 0, 0, block.Damaged("byte %d lies at byte %d of a store of %d", off, at, o.store.Size())
	}
	return o.store, at, span(count, o.chunk) - in, nil
}

// span gives the bytes of n chunks, or very many.
func span(n uint64, chunk int64) int64 {
	if n > uint64(1<<62/chunk) {
		return 1 << 62
	}
	return int64(n) * chunk
}

func (o *overlaid) extents(ctx context.Context) ([]block.Extent, error) {
	list, err := block.Extents(ctx, o.base)
	if err != nil {
		return nil, err
	}
	t, err := o.get()
	if err != nil {
		return nil, err
	}
	for _, r := range t {
		list = append(list, block.Extent{Offset: span(r.from, o.chunk), Length: span(uint64(r.n), o.chunk)})
	}
	return raid.Join(list, 0), nil
}
