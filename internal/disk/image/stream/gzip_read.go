package stream

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxCursors is how many reads of a gzip file go on at once, each from where an
// earlier one ended when that is nearer than a checkpoint.
const maxCursors = 4

// indexed is a gzip file's content, inflated from its checkpoints on.
type indexed struct {
	src    block.Source
	size   int64
	data   extents
	points []checkpoint
	slots  chan struct{} // one for each cursor in use

	mu   sync.Mutex
	idle []*cursor // that used longest ago first
	made int
}

// Size implements [block.Source].
func (x *indexed) Size() int64 { return x.size }

// Close implements [block.Source].
func (x *indexed) Close() error { return nil }

// Extents implements [block.Mapper].
func (x *indexed) Extents(context.Context) ([]block.Extent, error) { return x.data.all(), nil }

// ReadAt implements [io.ReaderAt].
func (x *indexed) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, x.size)
	limit := off + int64(n)
	for pos := off; pos < limit; {
		start, stop := x.data.next(pos, limit)
		clear(p[pos-off : start-off])
		if err := x.inflate(p[start-off:stop-off], start); err != nil {
			return int(start - off), err
		}
		pos = stop
	}
	return n, end
}

// inflate fills p with the content at off.
func (x *indexed) inflate(p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	x.slots <- struct{}{}
	defer func() { <-x.slots }()
	c, p0 := x.take(off)
	defer x.put(c)
	if p0 != nil {
		if err := c.restart(p0); err != nil {
			return fmt.Errorf("go to the checkpoint at byte %d: %w", p0.out, err)
		}
	}
	var err error
	for len(p) > 0 {
		switch {
		case off < c.end():
			n := copy(p, c.out[off-c.base:c.w])
			p, off = p[n:], off+int64(n)
		case err != nil:
			return fmt.Errorf("inflate byte %d: %w", off, err)
		default:
			err = c.forward()
		}
	}
	return nil
}

// forward inflates the next piece. After an error the cursor holds what came
// before it and goes no farther.
func (c *cursor) forward() error {
	c.base += int64(c.slide())
	done, err := c.fill()
	if err == nil && done {
		err = io.ErrUnexpectedEOF // for who wants more than this piece
	}
	c.ok = err == nil
	return err
}

// take gives a cursor, and the checkpoint that it must go to unless that lies
// behind it.
func (x *indexed) take(off int64) (*cursor, *checkpoint) {
	from := &x.points[sort.Search(len(x.points), func(i int) bool { return x.points[i].out > off })-1]
	x.mu.Lock()
	defer x.mu.Unlock()
	best := -1
	for i, c := range x.idle {
		if c.ok && c.base <= off && c.end() >= from.out && (best < 0 || c.end() > x.idle[best].end()) {
			best = i
		}
	}
	switch {
	case best >= 0:
		from = nil
	case x.made < maxCursors:
		x.made++
		return newCursor(x.src), from
	default:
		best = 0
	}
	c := x.idle[best]
	x.idle = slices.Delete(x.idle, best, best+1)
	return c, from
}

func (x *indexed) put(c *cursor) {
	x.mu.Lock()
	x.idle = append(x.idle, c)
	x.mu.Unlock()
}
