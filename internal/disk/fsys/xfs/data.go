package xfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Open implements [fsys.Tree].
func (t *tree) Open(id fsys.ID) (fsys.Data, error) {
	in, err := t.inode(id)
	if err != nil {
		return nil, err
	}
	if in.kind() != 0x8000 {
		return nil, in.wrongType("regular file")
	}
	f, err := in.dataFork()
	switch {
	case err != nil:
		return nil, err
	case in.size() > 1<<63-1:
		return nil, block.Damaged("inode %d: size %d", in.num, in.size())
	case in.realtime() && (f.count == 0 || in.size() == 0):
		f.format, f.count = formatExtents, 0 // nothing but a hole
	case in.realtime() && t.sb.realtimeInside():
		return nil, block.Unsupported("inode %d: its data lies in the realtime section", in.num)
	case in.realtime():
		return nil, fmt.Errorf("inode %d: its data lies on the realtime device: %w", in.num, block.ErrMissing)
	}
	m, err := t.mapping(f)
	if err != nil {
		return nil, err
	}
	return &mapped{m, t.raw, int64(in.size())}, nil
}

// mapped is the bytes of a fork: of files from the disk, of metadata with the
// log laid over it.
type mapped struct {
	m    *mapping
	src  block.Source
	size int64
}

func (d *mapped) Size() int64 { return d.size }

// ReadAt implements [io.ReaderAt].
func (d *mapped) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, d.size)
	log := d.m.t.sb.blockLog
	for done := 0; done < n; {
		pos := off + int64(done)
		r, err := d.m.lookup(uint64(pos) >> log)
		if err != nil {
			return done, err
		}
		within := pos & (1<<log - 1)
		want := n - done
		if have := int64(min(r.n, 1<<40>>log))<<log - within; int64(want) > have {
			want = int(have)
		}
		if r.phys == 0 {
			clear(p[done : done+want])
			done += want
			continue
		}
		got, err := d.read(p[done:done+want], int64(r.phys)<<log+within)
		if done += got; err != nil {
			return done, err
		}
	}
	return n, end
}

func (d *mapped) read(p []byte, off int64) (int, error) {
	n, err := d.src.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if off+int64(len(p)) > d.src.Size() {
		return n, block.Damaged("inode %d: %s fork: %d bytes at byte %d, beyond the end of the volume", d.m.f.num, d.m.f.name, len(p), off)
	}
	return n, fmt.Errorf("inode %d: %s fork: read %d bytes at byte %d: had %d: %w", d.m.f.num, d.m.f.name, len(p), off, n, err)
}

// maxExtents bounds the list that Extents gives.
const maxExtents = 1 << 20

// Extents implements [fsys.Data].
func (d *mapped) Extents(limit int) ([]block.Extent, error) {
	log := d.m.t.sb.blockLog
	blocks := (uint64(d.size) + 1<<log - 1) >> log
	var out []block.Extent
	for at := uint64(0); at < blocks; {
		r, err := d.m.lookup(at)
		if err != nil {
			return out, err
		}
		if n := min(r.n, blocks-at); r.phys != 0 {
			if len(out) == maxExtents {
				return out, block.Unsupported("inode %d: more than %d extents", d.m.f.num, maxExtents)
			}
			out = append(out, block.Extent{Offset: int64(r.phys) << log, Length: int64(n) << log})
			if limit > 0 && len(out) >= limit {
				break
			}
		}
		at += r.n
	}
	return out, nil
}

// NextData implements [fsys.Skipper].
func (d *mapped) NextData(off int64) (int64, error) {
	log := d.m.t.sb.blockLog
	for at := off; at < d.size; {
		r, err := d.m.lookup(uint64(at) >> log)
		if err != nil || r.phys != 0 {
			return at, err
		}
		at = (at>>log + int64(min(r.n, 1<<50>>log))) << log
	}
	return d.size, nil
}
