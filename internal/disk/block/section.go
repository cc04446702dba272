package block

import (
	"context"
	"fmt"
)

// Section is a range of another [Source]: a partition. Closing it leaves the
// source open.
type Section struct {
	src       Source
	off, size int64
}

// NewSection gives the bytes [off, off+size) of src. A range that does not lie
// within src is an error.
func NewSection(src Source, off, size int64) (*Section, error) {
	if off < 0 || size < 0 || off > src.Size() || size > src.Size()-off {
		return nil, fmt.Errorf("take %d bytes at offset %d: the disk has %d bytes", size, off, src.Size())
	}
	return &Section{src, off, size}, nil
}

// ReadAt implements [io.ReaderAt].
func (s *Section) ReadAt(p []byte, off int64) (int, error) {
	n, end := Clip(len(p), off, s.size)
	if n == 0 {
		return 0, end
	}
	got, err := s.src.ReadAt(p[:n], s.off+off)
	if got == n {
		err = end
	}
	return got, err
}

// Size implements [Source].
func (s *Section) Size() int64 { return s.size }

// Close implements [Source]; it does nothing.
func (s *Section) Close() error { return nil }

// Extents implements [Mapper].
func (s *Section) Extents(ctx context.Context) ([]Extent, error) {
	all, err := Extents(ctx, s.src)
	if err != nil {
		return nil, err
	}
	var out []Extent
	for _, e := range all {
		start, end := max(e.Offset, s.off), min(e.Offset+e.Length, s.off+s.size)
		if start < end {
			out = append(out, Extent{start - s.off, end - start})
		}
	}
	return out, nil
}

// Prefetch implements [Prefetcher].
func (s *Section) Prefetch(ctx context.Context, ranges []Extent) error {
	moved := make([]Extent, 0, len(ranges))
	for _, e := range ranges {
		start, end := max(e.Offset, 0), min(e.Offset+e.Length, s.size)
		if start < end {
			moved = append(moved, Extent{s.off + start, end - start})
		}
	}
	return Prefetch(ctx, s.src, moved)
}

// Locate implements [Locator].
func (s *Section) Locate(off int64) int64 { return Locate(s.src, s.off+off) }
