package tar

import (
	"context"
	"math"
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// mapped is a member's content: runs of the archive, and holes between them.
type mapped struct {
	src    block.Source
	size   int64
	pieces []piece
}

// at gives the first piece that ends behind a place.
func (m *mapped) at(off int64) int {
	return sort.Search(len(m.pieces), func(i int) bool { return m.pieces[i].off+m.pieces[i].length > off })
}

// ReadAt implements [io.ReaderAt].
func (m *mapped) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, m.size)
	limit := off + int64(n)
	for i, pos := m.at(off), off; pos < limit; i++ {
		if i == len(m.pieces) || m.pieces[i].off >= limit {
			clear(p[pos-off : n])
			break
		}
		e := m.pieces[i]
		if pos < e.off {
			clear(p[pos-off : e.off-off])
			pos = e.off
		}
		stop := min(limit, e.off+e.length)
		if err := block.ReadFull(m.src, p[pos-off:stop-off], e.at+pos-e.off); err != nil {
			return int(pos - off), err
		}
		pos = stop
	}
	return n, end
}

// Size implements [block.Source].
func (m *mapped) Size() int64 { return m.size }

// Close implements [block.Source]; it does nothing.
func (m *mapped) Close() error { return nil }

// Extents implements [block.Mapper]: what the archive holds, less its own holes.
func (m *mapped) Extents(ctx context.Context) ([]block.Extent, error) {
	below, err := block.Extents(ctx, m.src)
	if err != nil {
		return nil, err
	}
	// What lies behind the archive's end can't be read: no hole.
	below = append(below, block.Extent{Offset: m.src.Size(), Length: math.MaxInt64 - m.src.Size()})
	var out []block.Extent
	for _, e := range m.pieces {
		i := sort.Search(len(below), func(i int) bool { return below[i].Offset+below[i].Length > e.at })
		for ; i < len(below) && below[i].Offset < e.at+e.length; i++ {
			start, end := max(e.at, below[i].Offset), min(e.at+e.length, below[i].Offset+below[i].Length)
			off := e.off + start - e.at
			if n := len(out); n > 0 && out[n-1].Offset+out[n-1].Length == off {
				out[n-1].Length += end - start
			} else {
				out = append(out, block.Extent{Offset: off, Length: end - start})
			}
		}
	}
	return out, nil
}

// Prefetch implements [block.Prefetcher].
func (m *mapped) Prefetch(ctx context.Context, ranges []block.Extent) error {
	var moved []block.Extent
	for _, r := range ranges {
		for i := m.at(r.Offset); i < len(m.pieces) && m.pieces[i].off < r.Offset+r.Length; i++ {
			e := m.pieces[i]
			start, end := max(r.Offset, e.off), min(r.Offset+r.Length, e.off+e.length)
			moved = append(moved, block.Extent{Offset: e.at + start - e.off, Length: end - start})
		}
	}
	return block.Prefetch(ctx, m.src, moved)
}

// Locate implements [block.Locator].
func (m *mapped) Locate(off int64) int64 {
	i := m.at(off)
	if i == len(m.pieces) || off < m.pieces[i].off {
		return -1
	}
	return block.Locate(m.src, m.pieces[i].at+off-m.pieces[i].off)
}
