package block

import "context"

// WithContext gives src with reads that fail once ctx has ended: whoever walks
// a hostile disk on it can be stopped at any time. Closing it closes src.
func WithContext(ctx context.Context, src Source) Source { return &bound{through{src}, ctx} }

type bound struct {
	through
	ctx context.Context
}

// ReadAt implements [io.ReaderAt].
func (b *bound) ReadAt(p []byte, off int64) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Source.ReadAt(p, off)
}
