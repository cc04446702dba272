package ntfs

import (
	"fmt"
	"io"
	"sort"
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxExtents bounds the list that Extents gives.
const maxExtents = 1 << 20

// open opens the bytes of a stream by the first part of its attribute.
func (f *file) open(a attr) (fsys.Data, error) {
	num := f.rec.num
	switch {
	case a.flags&attrEncrypted != 0:
		return nil, fmt.Errorf("MFT record %d: %w", num, block.ErrEncrypted)
	case a.resident:
		return resident(append([]byte(nil), a.value...)), nil
	case a.size > 1<<62:
		return nil, block.Damaged("MFT record %d: stream of %d bytes", num, a.size)
	}
	m := mapped{t: f.t, num: num, segs: f.segments(a), size: int64(a.size), valid: int64(min(a.valid, a.size))}
	if len(m.segs) > 1 {
		m.file = f
	}
	switch method := a.flags & attrCompressed; {
	case method == 0:
		return &m, nil
	case method != 1:
		return nil, block.Unsupported("MFT record %d: compression method %d", num, method)
	case a.unit == 0:
		return &m, nil // flagged, but not one unit is compressed
	case a.unit > 12 || f.t.boot.cluster<<a.unit > maxUnit:
		return nil, block.Damaged("MFT record %d: compression units of 2^%d clusters", num, a.unit)
	}
	return &compressed{mapped: &m, clusters: 1 << a.unit, bytes: int64(f.t.boot.cluster) << a.unit}, nil
}

// resident is data kept in the MFT record.
type resident []byte

func (d resident) Size() int64 { return int64(len(d)) }

func (d resident) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, int64(len(d)))
	if n > 0 {
		copy(p[:n], d[off:])
	}
	return n, end
}

// Extents implements [fsys.Data]: data in the record has none.
func (d resident) Extents(int) ([]block.Extent, error) { return nil, nil }

// mapped is data in clusters.
type mapped struct {
	t           *tree
	file        *file // to find further segments by; nil when there are none
	num         uint64
	segs        []segment
	size, valid int64 // bytes beyond valid read as zeros
	absent      error // what reading a hole gives; nil when it reads as zeros

	last atomic.Pointer[piece]
}

// piece is a decoded segment.
type piece struct {
	index int
	runs  []run
	err   error // what ended the decoding
}

func (m *mapped) Size() int64 { return m.size }

// lookup gives the run that holds a cluster of the stream, from that cluster
// on; n is 0 past the last one that is mapped.
func (m *mapped) lookup(vcn uint64) (run, error) {
	i := 0
	if len(m.segs) > 1 {
		i = sort.Search(len(m.segs), func(i int) bool { return m.segs[i].low > vcn }) - 1
	}
	if i < 0 || len(m.segs) == 0 {
		return run{vcn: vcn}, nil
	}
	p := m.last.Load()
	if p == nil || p.index != i {
		p = m.decode(i)
		m.last.Store(p)
	}
	r := find(p.runs, vcn)
	if r.n == 0 && p.err != nil {
		return r, fmt.Errorf("MFT record %d: %w", m.num, p.err)
	}
	if i+1 < len(m.segs) {
		r.n = min(r.n, m.segs[i+1].low-vcn)
	}
	return r, nil
}

func (m *mapped) decode(i int) *piece {
	s := m.segs[i]
	if s.pairs == nil {
		a, err := m.file.part(s.entry)
		if err == nil && a.resident {
			err = block.Damaged("a part of a stream is resident")
		}
		if err != nil {
			return &piece{index: i, err: err}
		}
		s.pairs = a.pairs
	}
	runs, err := decodeRuns(s.pairs, s.low, m.t.boot.clusters)
	return &piece{i, runs, err}
}

// ReadAt implements [io.ReaderAt].
func (m *mapped) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, m.size)
	cluster := int64(m.t.boot.cluster)
	for done := 0; done < n; {
		pos := off + int64(done)
		if pos >= m.valid && m.absent == nil {
			clear(p[done:n])
			break
		}
		r, err := m.lookup(uint64(pos / cluster))
		if err == nil && r.n == 0 {
			err = block.Damaged("MFT record %d: no cluster is mapped at byte %d of %d", m.num, pos, m.size)
		}
		if err == nil && (r.lcn == hole || pos >= m.valid) {
			err = m.absent
		}
		if err != nil {
			return done, err
		}
		within := pos % cluster
		want := int(min(int64(n-done), m.valid-pos, int64(min(r.n, 1<<40))*cluster-within))
		if r.lcn == hole {
			clear(p[done : done+want])
		} else if err := block.ReadFull(m.t.src, p[done:done+want], int64(r.lcn)*cluster+within); err != nil {
			return done, fmt.Errorf("MFT record %d: %w", m.num, err)
		}
		done += want
	}
	return n, end
}

// Extents implements [fsys.Data].
func (m *mapped) Extents(limit int) ([]block.Extent, error) {
	cluster := int64(m.t.boot.cluster)
	return m.extents(uint64((m.valid+cluster-1)/cluster), limit)
}

// extents lists the places of the first clusters of the stream.
func (m *mapped) extents(clusters uint64, limit int) ([]block.Extent, error) {
	cluster := uint64(m.t.boot.cluster)
	var out []block.Extent
	for at := uint64(0); at < clusters; {
		r, err := m.lookup(at)
		if err != nil || r.n == 0 {
			return out, err
		}
		n := min(r.n, clusters-at)
		at += n
		if r.lcn == hole {
			continue
		}
		if len(out) == maxExtents {
			return out, block.Damaged("MFT record %d: more than %d extents", m.num, maxExtents)
		}
		out = append(out, block.Extent{Offset: int64(r.lcn * cluster), Length: int64(n * cluster)})
		if limit > 0 && len(out) >= limit {
			break
		}
	}
	return out, nil
}

// NextData implements [fsys.Skipper].
func (m *mapped) NextData(off int64) (int64, error) {
	cluster := int64(m.t.boot.cluster)
	for at := off; at < m.size; {
		if m.absent != nil {
			return at, nil //nolint:nilerr // reading tells what is absent
		}
		if at >= m.valid {
			break
		}
		r, err := m.lookup(uint64(at / cluster))
		if err != nil {
			return at, err
		}
		if r.n == 0 || r.lcn != hole {
			return at, nil
		}
		at = (at/cluster + int64(min(r.n, 1<<40))) * cluster
	}
	return m.size, nil
}

// Open implements [fsys.Tree].
func (t *tree) Open(id fsys.ID) (fsys.Data, error) {
	n, err := t.node(id)
	if err != nil {
		return nil, err
	}
	mode, _, err := n.kind()
	if err != nil {
		return nil, err
	}
	if !mode.IsRegular() {
		return nil, fmt.Errorf("MFT record %d: want a regular file, found %s", n.rec.num, fsys.TypeName(mode))
	}
	return n.bytes()
}

// bytes opens the stream that the node stands for.
func (n *node) bytes() (fsys.Data, error) {
	if n.stream == 0 && n.tag != 0 {
		return n.reparsed()
	}
	if n.data.typ == 0 {
		return resident(nil), nil // a file need not have a stream
	}
	return n.open(n.data)
}

var _ io.ReaderAt = (*mapped)(nil)
