// Package block is the lowest floor of the disk engine: where bytes come from.
//
// A [Source] is random access to a disk's bytes. It knows nothing of partitions
// and file systems. Caching, limits and counting are wrappers around a Source.
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
