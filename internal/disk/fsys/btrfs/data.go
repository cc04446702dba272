package btrfs

import (
	"fmt"
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Open implements [fsys.Tree].
func (t *tree) Open(id fsys.ID) (fsys.Data, error) {
	in, err := t.inode(id)
	if err == nil {
		err = in.want(modeFile, "regular file")
	}
	if err != nil {
		return nil, err
	}
	return t.data(in)
}

// maxTarget bounds the target of a symbolic link.
const maxTarget = 64 << 10

// ReadLink implements [fsys.Tree].
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	in, err := t.inode(id)
	if err == nil {
		err = in.want(modeLink, "symbolic link")
	}
	if err != nil {
		return "", err
	}
	if in.size() > maxTarget {
		return "", in.fail(block.Damaged("link target of %d bytes", in.size()))
	}
	d, err := t.data(in)
	if err != nil {
		return "", err
	}
	target := make([]byte, in.size())
	if err := block.ReadFull(d, target, 0); err != nil {
		return "", fmt.Errorf("read link target: %w", err)
	}
	return string(target), nil
}

func (t *tree) data(in inode) (*file, error) {
	if in.size() > 1<<62 {
		return nil, in.fail(block.Damaged("size %d", in.size()))
	}
	return &file{t: t, in: in, size: int64(in.size())}, nil
}

// file is the bytes of an inode.
type file struct {
	t    *tree
	in   inode
	size int64
	last atomic.Pointer[span]
}

// Size implements [fsys.Data].
func (f *file) Size() int64 { return f.size }

// span gives the extents around pos.
func (f *file) span(pos uint64) (*span, error) {
	if s := f.last.Load(); s != nil && pos >= s.from && pos < s.to {
		return s, nil
	}
	s, err := f.t.loadSpan(f.in, pos)
	if err != nil {
		return nil, f.in.fail(err)
	}
	if pos >= s.to {
		return nil, f.in.fail(s.err)
	}
	f.last.Store(s)
	return s, nil
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, f.size)
	for done := 0; done < n; {
		pos := uint64(off) + uint64(done)
		s, err := f.span(pos)
		if err != nil {
			return done, err
		}
		e := s.at(pos)
		want := int(min(uint64(n-done), e.end-pos))
		if err := f.read(p[done:done+want], &e, pos-e.start); err != nil {
			return done, f.in.fail(fmt.Errorf("extent at %d: %w", e.start, err))
		}
		done += want
	}
	return n, end
}

// read fills p from an extent, beginning at the given byte of it.
func (f *file) read(p []byte, e *extent, at uint64) error {
	switch {
	case e.plain():
		if f.in.flags()&inodeNoSums != 0 {
			return f.t.readAny(p, e.logical+e.offset+at)
		}
		return f.t.readSummed(p, e.logical+e.offset+at)
	case e.method != methodNone && (e.logical != 0 || e.inline != nil):
		return f.t.readCompressed(p, e, e.offset+at, f.in.flags()&inodeNoSums == 0)
	case e.inline != nil:
		copy(p, e.inline[at:])
	default:
		clear(p)
	}
	return nil
}

// maxExtents bounds the list that Extents gives.
const maxExtents = 1 << 20

// Extents implements [fsys.Data]. With several devices the places are those on
// the device that each extent is read from.
func (f *file) Extents(limit int) ([]block.Extent, error) {
	var out []block.Extent
	for pos := uint64(0); pos < uint64(f.size); {
		s, err := f.span(pos)
		if err != nil {
			return out, err
		}
		e := s.at(pos)
		pos = e.end
		if e.logical == 0 {
			continue
		}
		from, n := e.logical, e.diskBytes
		if e.method == methodNone {
			from, n = e.logical+e.offset, min(e.end, uint64(f.size))-e.start
		}
		out = f.t.places(out, from, n, limit)
		if limit > 0 && len(out) >= limit {
			return out[:limit], nil
		}
		if len(out) > maxExtents {
			return out, f.in.fail(block.Damaged("more than %d extents", maxExtents))
		}
	}
	return out, nil
}

// places adds the ranges on devices that a range of logical addresses has,
// until there are limit of them.
func (t *tree) places(out []block.Extent, logical, n uint64, limit int) []block.Extent {
	for n > 0 && (limit <= 0 || len(out) < limit) && len(out) <= maxExtents {
		c, err := t.chunkAt(logical)
		if err != nil {
			return out
		}
		at := c.locate(logical-c.logical, 0)
		run := min(n, at.run)
		s := c.stripes[at.stripe]
		if s.dev != nil {
			e := block.Extent{Offset: int64(s.offset + at.within), Length: int64(run)}
			if l := len(out); l > 0 && out[l-1].Offset+out[l-1].Length == e.Offset {
				out[l-1].Length += e.Length
			} else {
				out = append(out, e)
			}
		}
		logical, n = logical+run, n-run
	}
	return out
}

// NextData implements [fsys.Skipper].
func (f *file) NextData(off int64) (int64, error) {
	for at := uint64(off); at < uint64(f.size); {
		s, err := f.span(at)
		if err != nil {
			return int64(at), err
		}
		e := s.at(at)
		if e.logical != 0 || e.inline != nil || e.end <= at {
			return int64(at), nil
		}
		at = e.end
	}
	return f.size, nil
}
