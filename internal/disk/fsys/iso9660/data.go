package iso9660

import (
	"bytes"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxParts bounds the records of one file (Linux: 100).
const maxParts = 4096

// parts is the bytes of a file: one extent for each of its records.
type parts struct {
	t    *tree
	id   fsys.ID
	list []part
	size int64
}

// part is an extent of a file.
type part struct {
	start int64 // byte of the file
	block.Extent
}

// Open implements [fsys.Tree].
func (t *tree) Open(id fsys.ID) (fsys.Data, error) {
	n, err := t.node(id)
	if err != nil {
		return nil, err
	}
	if st := n.stat(); !st.Mode.IsRegular() {
		return nil, fmt.Errorf("record at byte %d: want a regular file, found %s", id, fsys.TypeName(st.Mode))
	}
	p, err := t.parts(&n)
	switch {
	case err != nil:
		return nil, err
	case n.rock.sparse:
		return nil, block.Unsupported("record at byte %d: a sparse file", id)
	case n.rock.unknown != "":
		return nil, block.Unsupported("record at byte %d: compression %q", id, n.rock.unknown)
	case n.rock.zisofs != nil:
		return n.rock.zisofs.open(p)
	}
	return p, nil
}

// parts finds the records of a file, which follow each other.
func (t *tree) parts(n *node) (*parts, error) {
	p := &parts{t: t, id: n.id}
	r, at := n.rec, int64(n.id)
	for {
		switch {
		case r.interleaved():
			return nil, block.Unsupported("record at byte %d: an interleaved file", at)
		case t.vol.setSize > 1 && r.sequence() != t.vol.sequence:
			return nil, fmt.Errorf("record at byte %d: the file is on volume %d of %d: %w", at, r.sequence(), t.vol.setSize, block.ErrMissing)
		case len(p.list) == maxParts:
			return nil, block.Damaged("record at byte %d: more than %d extents", n.id, maxParts)
		}
		p.list = append(p.list, part{p.size, block.Extent{Offset: int64(r.block()) * t.vol.blockSize, Length: r.size()}})
		p.size += r.size()
		if r.flags()&flagMore == 0 {
			return p, nil
		}
		next, place, err := t.following(at + int64(r[0]))
		if err != nil {
			return nil, fmt.Errorf("record at byte %d: its file goes on: %w", at, err)
		}
		if !bytes.Equal(next.name(), r.name()) {
			return nil, block.Damaged("record at byte %d: its file goes on, another one follows", at)
		}
		r, at = next, place
	}
}

// following reads the record at a byte, or the first one of the next sector when
// the rest of this one is empty.
func (t *tree) following(at int64) (record, int64, error) {
	var length [1]byte
	if at < t.src.Size() && block.ReadFull(t.src, length[:], at) == nil && length[0] == 0 {
		at = (at/sectorSize + 1) * sectorSize
	}
	r, err := t.record(fsys.ID(at))
	return r, at, err
}

// Size implements [fsys.Data].
func (p *parts) Size() int64 { return p.size }

// ReadAt implements [io.ReaderAt].
func (p *parts) ReadAt(b []byte, off int64) (int, error) {
	n, end := block.Clip(len(b), off, p.size)
	done := 0
	for _, x := range p.list {
		within := off + int64(done) - x.start
		if done == n || within >= x.Length {
			continue
		}
		want := int(min(int64(n-done), x.Length-within))
		if err := block.ReadFull(p.t.src, b[done:done+want], x.Offset+within); err != nil {
			return done, fmt.Errorf("record at byte %d: %w", p.id, err)
		}
		done += want
	}
	return n, end
}

// Extents implements [fsys.Data].
func (p *parts) Extents(limit int) ([]block.Extent, error) {
	var out []block.Extent
	for _, x := range p.list {
		k := len(out) - 1
		switch {
		case x.Length == 0:
		case k >= 0 && out[k].Offset+out[k].Length == x.Offset:
			out[k].Length += x.Length
		case limit > 0 && len(out) == limit:
			return out, nil
		default:
			out = append(out, x.Extent)
		}
	}
	return out, nil
}
