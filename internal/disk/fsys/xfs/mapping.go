package xfs

import (
	"fmt"
	"sort"
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// run is a stretch of a fork's blocks: n of them from logical block start, at
// block phys of the disk, or a hole when phys is 0. Unwritten extents are
// holes: they read as zeros.
type run struct {
	start, n uint64
	phys     uint64
}

// maxLogical is one past the highest logical block of a fork: extents have 54
// bits for it.
const maxLogical = 1 << 54

// mapping finds the blocks of a fork. It holds one leaf of the fork's tree at
// a time, or all extents when they lie in the inode: what the disk claims
// bounds neither memory nor time.
type mapping struct {
	t    *tree
	f    fork
	leaf atomic.Pointer[leaf]
}

// leaf is all runs between two logical blocks.
type leaf struct {
	start, end uint64
	runs       []run
}

func (t *tree) mapping(f fork) (*mapping, error) {
	m := &mapping{t: t, f: f}
	switch f.format {
	case formatExtents:
		if f.count > uint64(len(f.raw)/16) {
			return nil, block.Damaged("inode %d: %s fork: %d extents in %d bytes", f.num, f.name, f.count, len(f.raw))
		}
		runs, err := m.decode(f.raw[:16*f.count], 0, maxLogical)
		if err != nil {
			return nil, err
		}
		m.leaf.Store(&leaf{0, maxLogical, runs})
	case formatTree:
	default:
		return nil, block.Damaged("inode %d: %s fork has format %d", f.num, f.name, f.format)
	}
	return m, nil
}

// decode reads extents (xfs_bmbt_rec), which must lie between two logical
// blocks and ascend.
func (m *mapping) decode(b []byte, start, end uint64) ([]run, error) {
	runs := make([]run, len(b)/16)
	for i := range runs {
		high, low := be.Uint64(b[16*i:]), be.Uint64(b[16*i+8:])
		r := run{start: high << 1 >> 10, n: low & (1<<21 - 1)}
		number := high&(1<<9-1)<<43 | low>>21
		if r.n == 0 || r.start < start || r.start >= end || r.n > end-r.start {
			return nil, block.Damaged("inode %d: %s fork: extent %d of a node has %d blocks from %d, want some between %d and %d", m.f.num, m.f.name, i, r.n, r.start, start, end)
		}
		at, ok := m.t.sb.linear(number, r.n)
		if !ok {
			return nil, block.Damaged("inode %d: %s fork: %d blocks from %d lie at block %#x, outside of the file system", m.f.num, m.f.name, r.n, r.start, number)
		}
		if high>>63 == 0 {
			r.phys = at
		}
		runs[i] = r
		start = r.start + r.n
	}
	return runs, nil
}

// lookup finds the run that holds a logical block, from that block on.
func (m *mapping) lookup(at uint64) (run, error) {
	if at >= maxLogical {
		return run{}, block.Damaged("inode %d: %s fork: logical block %d", m.f.num, m.f.name, at)
	}
	l := m.leaf.Load()
	if l == nil || at < l.start || at >= l.end {
		var err error
		if l, err = m.readLeaf(at); err != nil {
			return run{}, fmt.Errorf("inode %d: %s fork: %w", m.f.num, m.f.name, err)
		}
		m.leaf.Store(l)
	}
	i := sort.Search(len(l.runs), func(i int) bool { return l.runs[i].start+l.runs[i].n > at })
	if i == len(l.runs) {
		return run{start: at, n: l.end - at}, nil
	}
	r := l.runs[i]
	if at < r.start {
		return run{start: at, n: r.start - at}, nil
	}
	skip := at - r.start
	r.start, r.n = at, r.n-skip
	if r.phys != 0 {
		r.phys += skip
	}
	return r, nil
}

// maxLevel bounds the height of a fork's tree: with 2^48 extents in the
// smallest blocks.
const maxLevel = 12

// readLeaf walks the tree of extents down to the leaf that speaks of a
// logical block.
func (m *mapping) readLeaf(at uint64) (*leaf, error) {
	raw := m.f.raw
	if len(raw) < 4 {
		return nil, block.Damaged("root in %d bytes", len(raw))
	}
	level, count := int(be.Uint16(raw)), int(be.Uint16(raw[2:]))
	if level == 0 || level > maxLevel {
		return nil, block.Damaged("tree of extents has %d levels, want 1 to %d", level, maxLevel)
	}
	entries, start, end := raw[4:], uint64(0), uint64(maxLogical)
	buf := make([]byte, m.t.sb.blockSize)
	for {
		var child uint64
		var err error
		child, start, end, err = descend(entries, count, at, start, end)
		if err != nil || child == 0 {
			return &leaf{start: start, end: end}, err
		}
		if count, err = m.readNode(buf, child, level-1); err != nil {
			return nil, err
		}
		entries = buf[m.nodeHeader():]
		if level--; level == 0 {
			runs, err := m.decode(entries[:16*count], start, end)
			return &leaf{start, end, runs}, err
		}
	}
}

// descend finds the child of a node (xfs_bmbt_key, then xfs_bmbt_ptr) that
// speaks of a logical block, and between which blocks it does. Before the first
// key there is a hole and no child: 0.
func descend(entries []byte, count int, at, start, end uint64) (child, low, high uint64, err error) {
	most := len(entries) / 16
	if count == 0 || count > most {
		return 0, start, end, block.Damaged("node holds %d entries, want 1 to %d", count, most)
	}
	key := func(i int) uint64 { return be.Uint64(entries[8*i:]) }
	i := sort.Search(count, func(i int) bool { return key(i) > at })
	if i < count {
		end = min(end, key(i))
	}
	if i == 0 {
		return 0, start, end, nil
	}
	start = max(start, key(i-1))
	if child = be.Uint64(entries[8*most+8*(i-1):]); start > at || at >= end || child == 0 {
		return 0, start, end, block.Damaged("node speaks of blocks %d to %d in block %d, looked for %d", start, end, child, at)
	}
	return child, start, end, nil
}

// nodeHeader is the length of xfs_btree_block with long pointers.
func (m *mapping) nodeHeader() int {
	if m.t.sb.v5 {
		return 72
	}
	return 24
}

// readNode reads a block of the tree, which must be of the given level, and
// gives its number of entries.
func (m *mapping) readNode(buf []byte, number uint64, level int) (int, error) {
	at, ok := m.t.sb.linear(number, 1)
	if !ok {
		return 0, block.Damaged("node at block %#x, outside of the file system", number)
	}
	off := int64(at) << m.t.sb.blockLog
	if err := m.t.read(buf, off); err != nil {
		return 0, fmt.Errorf("read node: %w", err)
	}
	magic := "BMAP"
	if m.t.sb.v5 {
		magic = "BMA3"
	}
	got, count := int(be.Uint16(buf[4:])), int(be.Uint16(buf[6:]))
	switch {
	case string(buf[:4]) != magic:
		return 0, block.Damaged("node at byte %d has magic %q, want %q", off, buf[:4], magic)
	case got != level:
		return 0, block.Damaged("node at byte %d has level %d, want %d", off, got, level)
	case count > (len(buf)-m.nodeHeader())/16:
		return 0, block.Damaged("node at byte %d holds %d entries", off, count)
	}
	return count, m.t.verify(buf, off, 64, 24)
}
