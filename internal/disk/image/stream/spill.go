package stream

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// spill decompresses a whole stream to a temporary file.
func spill(ctx context.Context, env *image.Env, unpack func(to io.Writer) error) (image.Disk, error) {
	f, err := env.Spill()
	if err != nil {
		return image.Disk{}, err
	}
	t := newTally(limitsOf(env), f)
	d, err := t.drain(ctx, unpack)
	if err != nil {
		return image.Disk{}, errors.Join(err, t.drop())
	}
	return d, nil
}

// drain takes what unpack gives, up to where it fails.
func (t *tally) drain(ctx context.Context, unpack func(to io.Writer) error) (image.Disk, error) {
	w := &drainage{ctx: ctx, tally: t}
	buf := bufio.NewWriterSize(w, pieceSize) // pieces that end where blocks of zeros may
	err := unpack(buf)
	if flush := buf.Flush(); err == nil {
		err = flush
	}
	d := image.Disk{}
	switch {
	case w.err != nil:
		return d, w.err
	case ctx.Err() != nil:
		return d, ctx.Err()
	case err != nil && t.size == 0:
		return d, err
	case err != nil:
		d.Incomplete, d.Notes = true, []string{cut(t.size, err)}
	}
	s, err := t.spilled()
	if err != nil {
		return d, err
	}
	d.Source, d.Notes = s, append(d.Notes, t.note())
	return d, nil
}

// drainage writes to a tally until ctx ends, and remembers why it failed.
type drainage struct {
	*tally
	ctx context.Context
	err error
}

func (d *drainage) Write(p []byte) (int, error) {
	n, err := 0, d.ctx.Err()
	if err == nil {
		n, err = d.tally.Write(p)
	}
	d.err = err
	return n, err
}

// tracked reads a range of a source and remembers the source's own failure,
// which a decoder might take for damage.
type tracked struct {
	io.SectionReader
	err error
}

func track(src block.Source, off, n int64) *tracked {
	return &tracked{SectionReader: *io.NewSectionReader(src, off, n)}
}

func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.SectionReader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

// sink writes and remembers the failure, which a decoder might wrap.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (n int, err error) {
	n, s.err = s.w.Write(p)
	return n, s.err
}
