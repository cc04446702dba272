package fatcore

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxExtents bounds the list that Extents gives.
const maxExtents = 1 << 20

// Data is the bytes of a file in clusters.
type Data struct {
	heap  *Heap
	where Mapping
	id    fsys.ID
	size  int64
	valid int64 // bytes that were written; zeros follow
}

// NewData gives the bytes of the file whose entry is id: size of them, of which
// those from valid on are zeros.
func NewData(heap *Heap, where Mapping, id fsys.ID, size, valid int64) *Data {
	return &Data{heap, where, id, size, min(valid, size)}
}

// Size implements [fsys.Data].
func (d *Data) Size() int64 { return d.size }

// ReadAt implements [io.ReaderAt].
func (d *Data) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, d.size)
	for done := 0; done < n; {
		pos := off + int64(done)
		if pos >= d.valid {
			clear(p[done:n])
			break
		}
		rest := min(int64(n-done), d.valid-pos)
		first, within := uint64(pos/d.heap.Size), pos%d.heap.Size
		r, err := d.where.Lookup(first, d.heap.Clusters(within+rest))
		if err != nil {
			return done, fmt.Errorf("entry at byte %d: %w", d.id*SlotSize, err)
		}
		part := p[done : done+int(min(rest, int64(min(r.N, 1<<32))*d.heap.Size-within))]
		if r.First == 0 {
			clear(part)
		} else if err := block.ReadFull(d.heap.Src, part, d.heap.Offset(r.First)+within); err != nil {
			return done, fmt.Errorf("entry at byte %d: %w", d.id*SlotSize, err)
		}
		done += len(part)
	}
	return n, end
}

// Extents implements [fsys.Data].
func (d *Data) Extents(limit int) ([]block.Extent, error) {
	var out []block.Extent
	total := d.heap.Clusters(d.valid)
	for at := uint64(0); at < total; {
		want := total - at
		if limit > 0 {
			want = min(want, 4096) // the first of a huge file is to be cheap
		}
		r, err := d.where.Lookup(at, want)
		if err != nil {
			return out, fmt.Errorf("entry at byte %d: %w", d.id*SlotSize, err)
		}
		n := min(r.N, total-at)
		at += n
		if r.First == 0 {
			continue
		}
		off, length := d.heap.Offset(r.First), int64(n)*d.heap.Size
		if k := len(out) - 1; k >= 0 && out[k].Offset+out[k].Length == off {
			out[k].Length += length
			continue
		}
		if limit > 0 && len(out) == limit {
			break
		}
		if len(out) == maxExtents {
			return out, block.Damaged("entry at byte %d: more than %d extents", d.id*SlotSize, maxExtents)
		}
		out = append(out, block.Extent{Offset: off, Length: length})
		if limit == 1 {
			break
		}
	}
	return out, nil
}
