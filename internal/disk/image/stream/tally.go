package stream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// maxSize is the largest disk that a stream may hold, in bytes: 8 TiB. A stream
// of zeros is a thousandth or less of that.
const maxSize = 8 << 40

// limits bound what a stream may hold.
type limits struct {
	size  int64 // bytes, decompressed
	spill int64 // bytes of a temporary file, zeros left out
}

func limitsOf(env *image.Env) limits { return limits{maxSize, env.SpillBytes} }

// errFull says that a temporary file would grow over its limit, errHuge that a
// stream would.
var (
	errFull = errors.New("temporary files may not hold as much")
	errHuge = errors.New("larger than any disk")
)

// tally takes a stream's content as it is decompressed: it notes which ranges
// hold data, and writes those to a temporary file when it has one.
type tally struct {
	limits limits
	size   int64
	data   extents
	file   *os.File // nil: nothing is written
	spare  bool     // the stream can be read without the file
	wrote  int64
}

func newTally(l limits, file *os.File) *tally {
	return &tally{limits: l, data: extents{most: maxExtents}, file: file}
}

var zeros [grain]byte

// Write takes the next bytes. It fails with [errFull] and [errHuge] when they
// would pass a limit.
func (t *tally) Write(p []byte) (int, error) {
	if int64(len(p)) > t.limits.size-t.size {
		return 0, block.Unsupported("it decompresses to more than %d bytes: %w", t.limits.size, errHuge)
	}
	for from := 0; from < len(p); {
		start := t.skip(p, from, true)
		from = t.skip(p, start, false)
		if start == from {
			continue
		}
		off := t.size + int64(start)
		t.data.add(off, int64(from-start))
		if err := t.keep(p[start:from], off); err != nil {
			return 0, err
		}
	}
	t.size += int64(len(p))
	return len(p), nil
}

// keep writes data to the temporary file.
func (t *tally) keep(p []byte, off int64) error {
	if t.file == nil {
		return nil
	}
	if t.wrote += int64(len(p)); t.wrote > t.limits.spill {
		if t.spare {
			return t.drop()
		}
		return block.Unsupported("its data is more than the %d bytes permitted: %w", t.limits.spill, errFull)
	}
	if _, err := t.file.WriteAt(p, off); err != nil {
		if t.spare {
			return t.drop()
		}
		return fmt.Errorf("write decompressed data to a temporary file: %w", err)
	}
	return nil
}

// skip gives the end of the blocks from a place on that are all zero, or that
// all are not.
func (t *tally) skip(p []byte, from int, zero bool) int {
	for from < len(p) {
		n := min(grain-int((t.size+int64(from))%grain), len(p)-from)
		if blank(p[from:from+n]) != zero {
			break
		}
		from += n
	}
	return from
}

// drop does without the temporary file.
func (t *tally) drop() error {
	f := t.file
	t.file = nil
	if f == nil {
		return nil
	}
	return closeSpill(f)
}

// spilled gives what was written as a source.
func (t *tally) spilled() (*spilled, error) {
	if err := t.file.Truncate(t.size); err != nil {
		return nil, errors.Join(fmt.Errorf("size a temporary file: %w", err), t.drop())
	}
	return &spilled{t.file, t.size, t.data}, nil
}

func (t *tally) note() string {
	return fmt.Sprintf("decompressed to a temporary file of %d bytes", t.wrote)
}

// spilled is a stream that was decompressed to a temporary file.
type spilled struct {
	file *os.File
	size int64
	data extents
}

// ReadAt implements [io.ReaderAt].
func (s *spilled) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, s.size)
	if n == 0 {
		return 0, end
	}
	if err := block.ReadFull(s.file, p[:n], off); err != nil {
		return 0, err
	}
	return n, end
}

// Size implements [block.Source].
func (s *spilled) Size() int64 { return s.size }

// Extents implements [block.Mapper].
func (s *spilled) Extents(context.Context) ([]block.Extent, error) { return s.data.all(), nil }

// Close implements [block.Source].
func (s *spilled) Close() error { return closeSpill(s.file) }

// closeSpill closes a temporary file, and removes it where it still has a name.
func closeSpill(f *os.File) error {
	err := f.Close()
	if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
