package block

import "context"

// WithContext gives src with reads that fail once ctx has ended: whoever walks
// a hostile disk on it can be stopped at any time. Closing it closes src.
func WithContext(ctx context.Context, src Source) Source { return &bound{Source: src, ctx: ctx} }

type bound struct {
	Source
	ctx context.Context
}

func (b *bound) ReadAt(p []byte, off int64) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Source.ReadAt(p, off)
}

func (b *bound) Extents(ctx context.Context) ([]Extent, error) {
	if m, ok := b.Source.(Mapper); ok {
		return m.Extents(ctx)
	}
	return []Extent{{0, b.Size()}}, nil
}

func (b *bound) Prefetch(ctx context.Context, ranges []Extent) error {
	if p, ok := b.Source.(Prefetcher); ok {
		return p.Prefetch(ctx, ranges)
	}
	return nil
}
