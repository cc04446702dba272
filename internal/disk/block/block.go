// Package block is the lowest floor of the disk engine: where bytes come from.
//
// A [Source] is random access to a disk's bytes. It knows nothing of partitions
// and file systems. Caching, limits and counting are wrappers around a Source;
// images, partitions and volumes are Sources made of other Sources.
package block

import (
	"context"
	"io"
)

// Source is a disk's bytes. ReadAt follows io.ReaderAt, may be called by
// several goroutines at once, and gives zeros for ranges that hold no data.
// Close may be called once; no ReadAt may follow.
type Source interface {
	io.ReaderAt
	io.Closer
	// Size is the disk's length in bytes.
	Size() int64
}

// Extent is a range of bytes.
type Extent struct {
	Offset int64
	Length int64
}

// Mapper is an optional power of a [Source]: it knows which ranges hold data.
type Mapper interface {
	// Extents lists the ranges that hold data, ascending, not overlapping. All
	// else reads as zeros.
	Extents(ctx context.Context) ([]Extent, error)
}

// Prefetcher is an optional power of a [Source]: it may fetch ranges ahead,
// several at once. It returns when they are at hand or ctx ends.
type Prefetcher interface {
	Prefetch(ctx context.Context, ranges []Extent) error
}

// Locator is an optional power of a [Source] made of others: it tells where a
// byte lies on the lowest source, so that reads can be put in the disk's order.
type Locator interface {
	// Locate gives the place of the byte at off, below zero when it has none:
	// a hole, or bytes kept elsewhere.
	Locate(off int64) int64
}

// Differ is an optional power of a [Source]: it knows what changed since
// another version of the same disk.
type Differ interface {
	// Changed lists the ranges that may differ from the version that the
	// provider knows by the given name, ascending, not overlapping.
	Changed(ctx context.Context, since string) ([]Extent, error)
}

// Extents lists the ranges of src that hold data: all of it when src is no
// [Mapper].
func Extents(ctx context.Context, src Source) ([]Extent, error) {
	if m, ok := src.(Mapper); ok {
		return m.Extents(ctx)
	}
	if src.Size() == 0 {
		return nil, nil
	}
	return []Extent{{0, src.Size()}}, nil
}

// Prefetch asks src to fetch ranges ahead; it does nothing when src is no
// [Prefetcher].
func Prefetch(ctx context.Context, src Source, ranges []Extent) error {
	if p, ok := src.(Prefetcher); ok {
		return p.Prefetch(ctx, ranges)
	}
	return nil
}

// Locate tells where a byte of src lies on the lowest source; a source that is
// no [Locator] is the lowest.
func Locate(src Source, off int64) int64 {
	if l, ok := src.(Locator); ok {
		return l.Locate(off)
	}
	return off
}

// through gives a wrapper that moves no bytes the powers of the source below.
type through struct{ Source }

// Extents implements [Mapper].
func (t through) Extents(ctx context.Context) ([]Extent, error) { return Extents(ctx, t.Source) }

// Prefetch implements [Prefetcher].
func (t through) Prefetch(ctx context.Context, ranges []Extent) error {
	return Prefetch(ctx, t.Source, ranges)
}

// Locate implements [Locator].
func (t through) Locate(off int64) int64 { return Locate(t.Source, off) }

// Spender is an optional power of a [Source]: its provider has a price for
// reading.
type Spender interface {
	// Spent is what was read so far costs, in USD, by the provider's price list.
	Spent() float64
}

// Spent gives what reading src has cost, 0 where it costs nothing or nobody
// tells.
func Spent(src Source) float64 {
	if s, ok := src.(Spender); ok {
		return s.Spent()
	}
	return 0
}
