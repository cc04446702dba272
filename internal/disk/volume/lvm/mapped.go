package lvm

import (
	"context"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// placer tells where the bytes of a volume lie.
type placer interface {
	// place gives where the byte at off lies, and for how many bytes on, at least
	// one; src is nil for a hole.
	place(off int64) (src block.Source, at, n int64, err error)
	// extents lists what holds data, or more.
	extents(ctx context.Context) ([]block.Extent, error)
}

// mapped is a volume whose bytes lie in pieces on others.
type mapped struct {
	size int64
	placer
}

// Size implements [block.Source].
func (m *mapped) Size() int64 { return m.size }

// Close implements [block.Source]; it does nothing.
func (m *mapped) Close() error { return nil }

// ReadAt implements [io.ReaderAt].
func (m *mapped) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, m.size)
	for done := 0; done < n; {
		src, at, run, err := m.place(off + int64(done))
		if err != nil {
			return done, err
		}
		part := p[done : done+int(min(run, int64(n-done)))]
		if src == nil {
			clear(part)
		} else if err := block.ReadFull(src, part, at); err != nil {
			return done, err
		}
		done += len(part)
	}
	return n, end
}

// Extents implements [block.Mapper].
func (m *mapped) Extents(ctx context.Context) ([]block.Extent, error) {
	list, err := m.extents(ctx)
	if err != nil {
		return nil, err
	}
	out := list[:0]
	for _, e := range list {
		if e.Length = min(e.Length, m.size-e.Offset); e.Length > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// Locate implements [block.Locator].
func (m *mapped) Locate(off int64) int64 {
	if off < 0 || off >= m.size {
		return -1
	}
	src, at, _, err := m.place(off)
	if err != nil || src == nil {
		return -1
	}
	return block.Locate(src, at)
}

// Prefetch implements [block.Prefetcher].
func (m *mapped) Prefetch(ctx context.Context, ranges []block.Extent) error {
	wanted := map[block.Source][]block.Extent{}
	var order []block.Source
	for _, r := range ranges {
		end := min(r.Offset+r.Length, m.size)
		for off := max(r.Offset, 0); off < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			src, at, n, err := m.place(off)
			if err != nil {
				return err
			}
			n = min(n, end-off)
			if src != nil {
				if wanted[src] == nil {
					order = append(order, src)
				}
				wanted[src] = append(wanted[src], block.Extent{Offset: at, Length: n})
			}
			off += n
		}
	}
	for _, src := range order {
		if err := block.Prefetch(ctx, src, wanted[src]); err != nil {
			return err
		}
	}
	return nil
}
