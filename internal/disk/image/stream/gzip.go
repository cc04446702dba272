package stream

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Gzip reads gzip files, of several members, too: those of bgzip and pigz.
type Gzip struct{}

// Name implements [image.Format].
func (Gzip) Name() string { return "gzip" }

// Open implements [image.Format]. It decompresses the whole file once.
func (Gzip) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	if err := begins(src, "\x1f\x8b\x08"); err != nil {
		return nil, err
	}
	t := newTally(limitsOf(env), nil)
	if f, err := env.Spill(); err == nil { // without, it is read from the checkpoints
		t.file, t.spare = f, true
	}
	d, err := openGzip(ctx, src, t)
	if err != nil {
		return nil, errors.Join(err, t.drop())
	}
	return []image.Disk{d}, nil
}

// begins is [block.ErrNotThis] when a source does not begin with a magic, or is
// damaged there.
func begins(src block.Source, magic string) error {
	b := make([]byte, len(magic))
	if n, err := src.ReadAt(b, 0); n < len(b) && !lost(err) {
		return err
	}
	if string(b) != magic {
		return block.ErrNotThis
	}
	return nil
}

// lost tells of bytes that will not come, other than those of a read that failed.
func lost(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, block.ErrDamaged)
}

func openGzip(ctx context.Context, src block.Source, t *tally) (image.Disk, error) {
	g, ix := newGunzip(src, true), newIndex()
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return image.Disk{}, err
		}
		g.slide()
		from := g.w
		var err error
		done, err = g.fill()
		if _, werr := t.Write(g.out[from:g.w]); werr != nil {
			return image.Disk{}, werr
		}
		if err != nil {
			if ctx.Err() != nil || t.size == 0 {
				return image.Disk{}, err
			}
			g.bad, done = append(g.bad, cut(t.size, err)), true
		}
		if t.file == nil || t.spare {
			ix.consider(g, t.size)
		}
	}
	d := image.Disk{Notes: g.bad, Incomplete: len(g.bad) > 0}
	if t.file == nil {
		d.Source = &indexed{src: src, size: t.size, data: t.data, points: ix.points, slots: make(chan struct{}, maxCursors)}
		return d, nil
	}
	s, err := t.spilled()
	if err != nil {
		return image.Disk{}, err
	}
	d.Source, d.Notes = s, append(d.Notes, t.note())
	return d, nil
}

// cut is the note on a stream that can be read up to a place.
func cut(size int64, err error) string {
	return fmt.Sprintf("only the first %d bytes could be decompressed: %v", size, err)
}
