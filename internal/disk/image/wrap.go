package image

import (
	"context"
	"errors"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Extents implements [block.Mapper]: the powers of the source are the disk's.
func (d Disk) Extents(ctx context.Context) ([]block.Extent, error) {
	return block.Extents(ctx, d.Source)
}

// Prefetch implements [block.Prefetcher].
func (d Disk) Prefetch(ctx context.Context, ranges []block.Extent) error {
	return block.Prefetch(ctx, d.Source, ranges)
}

// Locate implements [block.Locator].
func (d Disk) Locate(off int64) int64 { return block.Locate(d.Source, off) }

// borrowed is a source that stays open when it is closed.
type borrowed struct{ block.Source }

func (borrowed) Close() error { return nil }

func (b borrowed) Extents(ctx context.Context) ([]block.Extent, error) {
	return block.Extents(ctx, b.Source)
}

func (b borrowed) Prefetch(ctx context.Context, ranges []block.Extent) error {
	return block.Prefetch(ctx, b.Source, ranges)
}

func (b borrowed) Locate(off int64) int64 { return block.Locate(b.Source, off) }

// owner is a source that closes another one with itself.
type owner struct {
	block.Source
	also block.Source
}

func (o owner) Close() error { return errors.Join(o.Source.Close(), o.also.Close()) }

func (o owner) Extents(ctx context.Context) ([]block.Extent, error) {
	return block.Extents(ctx, o.Source)
}

func (o owner) Prefetch(ctx context.Context, ranges []block.Extent) error {
	return block.Prefetch(ctx, o.Source, ranges)
}

func (o owner) Locate(off int64) int64 { return block.Locate(o.Source, off) }
