package raid

import (
	"context"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Lost is a source of size bytes that can't be had: each read fails with err.
func Lost(size int64, err error) block.Source { return &lost{size, err} }

// IsLost tells whether no byte of src can be had.
func IsLost(src block.Source) bool {
	_, ok := src.(*lost)
	return ok
}

type lost struct {
	size int64
	err  error
}

func (l *lost) ReadAt(p []byte, off int64) (int, error) {
	if n, end := block.Clip(len(p), off, l.size); n == 0 && l.size > 0 {
		return 0, end
	}
	return 0, l.err
}

func (l *lost) Size() int64      { return l.size }
func (l *lost) Close() error     { return nil }
func (*lost) Locate(int64) int64 { return -1 }

func (*lost) Prefetch(context.Context, []block.Extent) error { return nil }
