package fatcore

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Ranges gives the ranges of a directory on the source, in order, until fn says
// false, and the error at which it ends early.
type Ranges func(fn func(block.Extent) bool) error

// Dir gives the clusters of a directory that starts at first: limit of them when
// exact is set, else at most so many. Another number is an error, and so is a
// loop: no cluster comes twice.
func Dir(h *Heap, follow Follow, first uint32, limit uint64, exact bool) Ranges {
	return func(fn func(block.Extent) bool) error {
		var seen map[uint32]struct{} // made once there is a second run
		left := limit
		for c := first; ; {
			switch {
			case !h.Holds(c):
				return block.Damaged("directory goes to cluster %d of %d", c, h.Count)
			case left == 0:
				return block.Damaged("directory is longer than %d clusters", limit)
			}
			n, next, err := follow(c, min(left, h.Rest(c)))
			if err != nil {
				return err
			}
			again := false
			for i := range n {
				if _, again = seen[c+uint32(i)]; again {
					n = i
					break
				}
			}
			left -= n
			if n > 0 && !fn(block.Extent{Offset: h.Offset(c), Length: int64(n) * h.Size}) {
				return nil
			}
			switch {
			case again:
				return block.Damaged("directory comes back to cluster %d", c+uint32(n))
			case exact && left == 0:
				return nil
			case next == 0 && exact:
				return block.Damaged("directory ends after %d clusters of %d", limit-left, limit)
			case next == 0:
				return nil
			}
			if seen == nil {
				seen = map[uint32]struct{}{}
			}
			for i := range n {
				seen[c+uint32(i)] = struct{}{}
			}
			c = next
		}
	}
}

// dirChunk is how much of a directory is read at once.
const dirChunk = 16 << 10

var dirChunks = sync.Pool{New: func() any { return new([dirChunk]byte) }}

// Slots gives the entries of a directory in order, each with its place on the
// source, until fn says false; a part that can't be read is left out, which
// lost tells. The error comes at the end.
func Slots(src block.Source, dir Ranges, fn func(at int64, slot []byte) bool, lost func()) error {
	chunk := dirChunks.Get().(*[dirChunk]byte)
	defer dirChunks.Put(chunk)
	var first error
	err := dir(func(e block.Extent) bool {
		for e.Length > 0 {
			b := chunk[:min(e.Length, dirChunk)]
			if err := block.ReadFull(src, b, e.Offset); err != nil {
				if first == nil {
					first = fmt.Errorf("read directory: %w", err)
				}
				lost()
				b = b[:0]
			}
			for i := 0; i+SlotSize <= len(b); i += SlotSize {
				if !fn(e.Offset+int64(i), b[i:i+SlotSize]) {
					return false
				}
			}
			step := min(e.Length, dirChunk)
			e.Offset, e.Length = e.Offset+step, e.Length-step
		}
		return true
	})
	if first == nil {
		first = err
	}
	return first
}
