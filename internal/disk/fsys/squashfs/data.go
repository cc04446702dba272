package squashfs

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Open implements [fsys.Tree].
func (t *tree) Open(id fsys.ID) (fsys.Data, error) {
	in, err := t.inode(id)
	if err != nil {
		return nil, err
	}
	if in.kind != typeFile {
		return nil, fmt.Errorf("inode %#x: want a regular file, found %s", uint64(id), fsys.TypeName(in.fileMode()))
	}
	f := &file{t: t, in: in}
	f.marks = []mark{newMark(&in.rest, in.blocks)}
	f.in.rest = cursor{} // lets go of the block
	f.count = in.size / uint64(t.sb.blockSize)
	if in.fragment == noFragment && in.size%uint64(t.sb.blockSize) != 0 {
		f.count++
	}
	return f, nil
}

// file is the bytes of a regular file.
type file struct {
	t     *tree
	in    inode
	count uint64 // of blocks, without the fragment

	mu    sync.Mutex
	marks []mark // of each markEvery-th block, as far as was asked for
}

// mark tells where the list of blocks goes on and where that block lies.
type mark struct {
	block  int64 // of metadata
	offset int
	at     uint64
}

func newMark(list *cursor, at uint64) mark {
	block, offset := list.place()
	return mark{block, offset, at}
}

// markEvery is how many blocks lie between two marks: the places of the others
// are sums of what stands before them in the list.
const markEvery = 1024

// extent is where a block lies: no bytes for a hole.
type extent struct {
	at   uint64
	size uint32 // bytes on the disk
	raw  bool   // not compressed
}

// Sizes in the list of blocks have a bit for what is not compressed.
const rawBit = 1 << 24

func (f *file) Size() int64 { return int64(f.in.size) }

// walk calls yield for the blocks from first on, until that says false or there
// are no more.
func (f *file) walk(first uint64, yield func(index uint64, e extent) bool) error {
	if f.count == 0 {
		return nil
	}
	f.mu.Lock()
	i := min(first/markEvery, uint64(len(f.marks)-1))
	m := f.marks[i]
	f.mu.Unlock()
	list, err := f.t.cursor(m.block, m.offset)
	if err != nil {
		return fmt.Errorf("inode %#x: list of blocks: %w", uint64(f.in.ref), err)
	}
	at := m.at
	for index := i * markEvery; index < f.count; index++ {
		if index > 0 && index%markEvery == 0 {
			f.mark(index/markEvery, newMark(&list, at))
		}
		b, err := list.take(4)
		if err != nil {
			return fmt.Errorf("inode %#x: list of blocks: %w", uint64(f.in.ref), err)
		}
		e, err := f.t.extent(at, le.Uint32(b))
		if err != nil {
			return fmt.Errorf("inode %#x: block %d: %w", uint64(f.in.ref), index, err)
		}
		if index >= first && !yield(index, e) {
			return nil
		}
		at += uint64(e.size)
	}
	return nil
}

// mark keeps the place of a block that is the first of its stretch.
func (f *file) mark(i uint64, m mark) {
	f.mu.Lock()
	if i == uint64(len(f.marks)) {
		f.marks = append(f.marks, m)
	}
	f.mu.Unlock()
}

// extent reads a size as it stands in the list of blocks.
func (t *tree) extent(at uint64, size uint32) (extent, error) {
	e := extent{at, size &^ rawBit, size&rawBit != 0}
	if e.size == 0 {
		return extent{at: at}, nil
	}
	if e.size > t.sb.blockSize || at < 96 || at >= t.sb.used || uint64(e.size) > t.sb.used-at {
		return e, block.Damaged("%d bytes at %d of %d, blocks have %d", e.size, at, t.sb.used, t.sb.blockSize)
	}
	return e, nil
}

// blockLength is how many bytes of the file a block holds.
func (f *file) blockLength(index uint64) int {
	bs := uint64(f.t.sb.blockSize)
	return int(min(bs, f.in.size-index*bs))
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, f.Size())
	if n == 0 {
		return 0, end
	}
	bs := int64(f.t.sb.blockSize)
	done := 0
	var failed error
	err := f.walk(uint64(off/bs), func(index uint64, e extent) bool {
		within := int(off + int64(done) - int64(index)*bs)
		want := min(n-done, f.blockLength(index)-within)
		if failed = f.read(p[done:done+want], e, index, within); failed != nil {
			failed = fmt.Errorf("inode %#x: block %d: %w", uint64(f.in.ref), index, failed)
			return false
		}
		done += want
		return done < n
	})
	if err == nil {
		err = failed
	}
	if err == nil && done < n {
		err = f.readFragment(p[done:n], int(off+int64(done)-int64(f.count)*bs))
		if err == nil {
			done = n
		}
	}
	if err != nil {
		return done, err
	}
	return n, end
}

// read reads from within a block. A whole one goes straight to where it is
// wanted, unless it is at hand.
func (f *file) read(p []byte, e extent, index uint64, within int) error {
	if e.size == 0 {
		clear(p)
		return nil
	}
	length := f.blockLength(index)
	if u, ok := f.t.data.peek(int64(e.at)); ok && len(u.data) == length {
		copy(p, u.data[within:])
		return nil
	}
	if len(p) == length {
		return f.t.unpackData(p, e)
	}
	u, err := f.t.dataBlock(e, length)
	if err != nil {
		return err
	}
	copy(p, u[within:])
	return nil
}

// readFragment reads from within the end of the file, which shares a block with
// those of others.
func (f *file) readFragment(p []byte, within int) error {
	e, err := f.fragment()
	if err != nil {
		return err
	}
	u, err := f.t.dataBlock(e, -1)
	if err != nil {
		return fmt.Errorf("inode %#x: fragment %d: %w", uint64(f.in.ref), f.in.fragment, err)
	}
	start := int64(f.in.fragmentOffset) + int64(within)
	if start > int64(len(u)) || int64(len(p)) > int64(len(u))-start {
		return block.Damaged("inode %#x: fragment %d: %d bytes at %d of %d", uint64(f.in.ref), f.in.fragment, len(p), start, len(u))
	}
	copy(p, u[start:])
	return nil
}

// fragment gives where the block with the end of the file lies.
func (f *file) fragment() (extent, error) {
	b, err := f.t.record(f.t.fragments, uint64(f.in.fragment))
	if err != nil {
		return extent{}, fmt.Errorf("inode %#x: %w", uint64(f.in.ref), err)
	}
	e, err := f.t.extent(le.Uint64(b), le.Uint32(b[8:]))
	if err == nil && e.size == 0 {
		err = block.Damaged("no bytes")
	}
	if err != nil {
		return e, fmt.Errorf("inode %#x: fragment %d: %w", uint64(f.in.ref), f.in.fragment, err)
	}
	return e, nil
}

// dataBlock gives a block of length bytes, below zero: as many as there are.
func (t *tree) dataBlock(e extent, length int) ([]byte, error) {
	u, err := t.data.get(int64(e.at), func() ([]byte, int64, error) {
		if length < 0 {
			out := make([]byte, t.sb.blockSize)
			n, err := t.unpackSome(out, e)
			return out[:n:n], 0, err
		}
		out := make([]byte, length)
		return out, 0, t.unpackData(out, e)
	})
	if err != nil {
		return nil, err
	}
	if length >= 0 && len(u.data) < length {
		return nil, block.Damaged("data at byte %d: %d bytes, want %d", e.at, len(u.data), length)
	}
	return u.data, nil
}

// unpackData decompresses a block that fills p.
func (t *tree) unpackData(p []byte, e extent) error {
	n, err := t.unpackSome(p, e)
	if err == nil && n != len(p) {
		err = block.Damaged("data at byte %d: %d bytes, want %d", e.at, n, len(p))
	}
	return err
}

// unpackSome decompresses a block into p.
func (t *tree) unpackSome(p []byte, e extent) (int, error) {
	if e.raw {
		if int(e.size) > len(p) {
			return 0, block.Damaged("data at byte %d: %d bytes, want at most %d", e.at, e.size, len(p))
		}
		return int(e.size), block.ReadFull(t.src, p[:e.size], int64(e.at))
	}
	buf, ok := packed.Get().(*[]byte)
	if !ok || cap(*buf) < int(e.size) {
		b := make([]byte, t.sb.blockSize)
		buf = &b
	}
	defer packed.Put(buf)
	b := (*buf)[:e.size]
	if err := block.ReadFull(t.src, b, int64(e.at)); err != nil {
		return 0, err
	}
	n, err := t.unpack(p, b)
	if err != nil {
		return 0, block.Damaged("data at byte %d: %v", e.at, err)
	}
	return n, nil
}

// packed keeps buffers for what is compressed.
var packed sync.Pool

// maxExtents bounds the list that Extents gives.
const maxExtents = 1 << 20

// Extents implements [fsys.Data].
func (f *file) Extents(limit int) ([]block.Extent, error) {
	if limit <= 0 || limit > maxExtents {
		limit = maxExtents
	}
	var out []block.Extent
	add := func(e extent) bool {
		at, size := int64(e.at), int64(e.size)
		if last := len(out) - 1; last >= 0 && out[last].Offset+out[last].Length == at {
			out[last].Length += size
		} else if len(out) < limit {
			out = append(out, block.Extent{Offset: at, Length: size})
		} else {
			return false
		}
		return true
	}
	whole := true
	err := f.walk(0, func(_ uint64, e extent) bool {
		whole = e.size == 0 || add(e)
		return whole
	})
	if err != nil || !whole || f.in.fragment == noFragment {
		return out, err
	}
	e, err := f.fragment()
	if err == nil {
		add(e)
	}
	return out, err
}
