package ext4

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
	switch {
	case in.mode()&0xF000 != 0x8000:
		return nil, fmt.Errorf("inode %d: want a regular file, found %s", in.num, fsys.TypeName(fsys.UnixMode(uint32(in.mode()))))
	case in.has(flagEncrypt):
		return nil, fmt.Errorf("inode %d: %w", in.num, block.ErrEncrypted)
	}
	return t.data(in)
}

// data opens the bytes of an inode, whatever its type.
func (t *tree) data(in inode) (fsys.Data, error) {
	size := in.size(&t.sb)
	if size > maxLogical*uint64(t.sb.blockSize) {
		return nil, damaged("inode %d: size %d", in.num, size)
	}
	if in.has(flagInlineData) {
		bytes, err := t.inlineData(in)
		return inlined{bytes, int64(size)}, err
	}
	return &mapped{t, in, int64(size)}, nil
}

// mapped is data in blocks of its own.
type mapped struct {
	t    *tree
	in   inode
	size int64
}

func (m *mapped) Size() int64 { return m.size }

// ReadAt implements [io.ReaderAt].
func (m *mapped) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, m.size)
	bs := int64(m.t.sb.blockSize)
	for done := 0; done < n; {
		pos := off + int64(done)
		r, err := m.t.lookup(m.in, uint64(pos/bs))
		if err != nil {
			return done, err
		}
		within := pos % bs
		want := int(min(int64(n-done), int64(min(r.n, maxLogical))*bs-within))
		if r.phys == 0 {
			clear(p[done : done+want])
		} else if err := block.ReadFull(m.t.src, p[done:done+want], int64(r.phys)*bs+within); err != nil {
			return done, fmt.Errorf("inode %d: %w", m.in.num, err)
		}
		done += want
	}
	return n, end
}

// maxExtents bounds the list that Extents gives.
const maxExtents = 1 << 20

// Extents implements [fsys.Data].
func (m *mapped) Extents(limit int) ([]block.Extent, error) {
	bs := uint64(m.t.sb.blockSize)
	blocks := (uint64(m.size) + bs - 1) / bs
	var out []block.Extent
	for at := uint64(0); at < blocks; {
		r, err := m.t.lookup(m.in, at)
		if err != nil {
			return out, err
		}
		n := min(r.n, blocks-at)
		if r.phys != 0 {
			if len(out) == maxExtents {
				return out, damaged("inode %d: more than %d extents", m.in.num, maxExtents)
			}
			out = append(out, block.Extent{Offset: int64(r.phys * bs), Length: int64(n * bs)})
			if limit > 0 && len(out) >= limit {
				break
			}
		}
		at += n
	}
	return out, nil
}

// NextData implements [fsys.Skipper].
func (m *mapped) NextData(off int64) (int64, error) {
	bs := int64(m.t.sb.blockSize)
	for at := off; at < m.size; {
		r, err := m.t.lookup(m.in, uint64(at/bs))
		if err != nil || r.phys != 0 {
			return at, err
		}
		at = (at/bs + int64(min(r.n, maxLogical))) * bs
	}
	return m.size, nil
}

// inlined is data kept in the inode: what bytes holds, then zeros up to size.
type inlined struct {
	bytes []byte
	size  int64
}

func (d inlined) Size() int64 { return d.size }

func (d inlined) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, d.size)
	if n == 0 {
		return 0, end
	}
	done := 0
	if off < int64(len(d.bytes)) {
		done = copy(p[:n], d.bytes[off:])
	}
	clear(p[done:n])
	return n, end
}

// Extents implements [fsys.Data]: inline data has none.
func (d inlined) Extents(int) ([]block.Extent, error) { return nil, nil }

// ReadLink implements [fsys.Tree].
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	in, err := t.inode(id)
	if err != nil {
		return "", err
	}
	size := in.size(&t.sb)
	switch {
	case in.mode()&0xF000 != 0xA000:
		return "", fmt.Errorf("inode %d: want a symbolic link, found %s", in.num, fsys.TypeName(fsys.UnixMode(uint32(in.mode()))))
	case in.has(flagEncrypt):
		return "", fmt.Errorf("inode %d: target: %w", in.num, block.ErrEncrypted)
	case size > uint64(t.sb.blockSize):
		return "", damaged("inode %d: link target of %d bytes", in.num, size)
	case size < 60 && !in.has(flagExtents|flagInlineData):
		return string(in.iblock()[:size]), nil
	}
	d, err := t.data(in)
	if err != nil {
		return "", err
	}
	target := make([]byte, size)
	if err := block.ReadFull(d, target, 0); err != nil {
		return "", fmt.Errorf("inode %d: read link target: %w", in.num, err)
	}
	return string(target), nil
}
