package xfs_test

import (
	"context"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

// patched is bytes with some of them changed.
type patched struct {
	block.Source
	at map[int64]byte
}

func (p patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.Source.ReadAt(b, off)
	for at, c := range p.at {
		if i := at - off; i >= 0 && i < int64(n) {
			b[i] = c
		}
	}
	return n, err
}

// exercise reads an image with some bytes changed, four bytes of place and one
// of value each, or the changes themselves when there is no image. Places count
// from the start of what holds data.
func exercise(t *testing.T, image, changes []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10e9)
	defer cancel()
	src := disktest.Memory(changes)
	if image != nil {
		at := map[int64]byte{}
		for ; len(changes) >= 5 && len(at) < 64; changes = changes[5:] {
			at[int64(be.Uint32(changes))%int64(len(image))] = changes[4]
		}
		src = patched{disktest.Memory(image), at}
	}
	disktest.Exercise(ctx, xfs.Driver{}, src, 1<<16)
	if ctx.Err() != nil {
		t.Error("the walk did not end in 10 s")
	}
}
