package block

import (
	"context"
	"fmt"
	"slices"
	"sort"
)

// Sparse is a [Source] that asks the source below only for ranges that hold
// data and gives zeros for the rest by itself.
type Sparse struct {
	src  Source
	data []Extent
}

// NewSparse serves src with the given extents, which must be ascending, not
// overlapping and within src. Closing it closes src.
func NewSparse(src Source, data []Extent) (*Sparse, error) {
	end := int64(0)
	for i, e := range data {
		if e.Offset < end || e.Length <= 0 || e.Length > src.Size()-e.Offset {
			return nil, fmt.Errorf("extent %d (%d bytes at %d): want ascending extents within %d bytes", i, e.Length, e.Offset, src.Size())
		}
		end = e.Offset + e.Length
	}
	return &Sparse{src, slices.Clone(data)}, nil
}

// ReadAt implements [io.ReaderAt].
func (s *Sparse) ReadAt(p []byte, off int64) (int, error) {
	n, end := Clip(len(p), off, s.Size())
	i := sort.Search(len(s.data), func(i int) bool { return s.data[i].Offset+s.data[i].Length > off })
	for done := 0; done < n; {
		pos, limit := off+int64(done), off+int64(n)
		if i == len(s.data) || s.data[i].Offset >= limit {
			clear(p[done:n])
			break
		}
		e := s.data[i]
		if pos < e.Offset {
			gap := int(e.Offset - pos)
			clear(p[done : done+gap])
			done, pos = done+gap, e.Offset
		}
		want := int(min(e.Offset+e.Length, limit) - pos)
		if err := ReadFull(s.src, p[done:done+want], pos); err != nil {
			return done, err
		}
		done += want
		i++
	}
	return n, end
}

// Size implements [Source].
func (s *Sparse) Size() int64 { return s.src.Size() }

// Close implements [Source].
func (s *Sparse) Close() error { return s.src.Close() }

// Extents implements [Mapper].
func (s *Sparse) Extents(context.Context) ([]Extent, error) { return slices.Clone(s.data), nil }

// Prefetch implements [Prefetcher].
func (s *Sparse) Prefetch(ctx context.Context, ranges []Extent) error {
	return Prefetch(ctx, s.src, ranges)
}

// Locate implements [Locator].
func (s *Sparse) Locate(off int64) int64 { return Locate(s.src, off) }
