package xfs

import (
	"math/bits"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// chunkSize is the unit in which the log keeps the changes of a block.
	chunkSize = 128
	pageSize  = 32 * chunkSize
	// maxOverlay bounds the bytes that are laid over a disk.
	maxOverlay = 64 << 20
)

// overlay is a disk with what the log holds in the place of its own bytes. It is
// written while the log is replayed and only read from then on.
type overlay struct {
	block.Source
	pages map[int64]*page // by number
	size  int             // bytes held
}

// page is 4096 bytes of the disk as far as they were changed.
type page struct {
	mask uint32 // which chunks
	data []byte // those, one after the other
}

func newOverlay(src block.Source) *overlay {
	return &overlay{Source: src, pages: map[int64]*page{}}
}

// touches tells whether any of n bytes at off may have been changed.
func (o *overlay) touches(off, n int64) bool {
	for nr := off / pageSize; nr <= (off+n-1)/pageSize; nr++ {
		if o.pages[nr] != nil {
			return true
		}
	}
	return false
}

// write lays whole chunks over the disk.
func (o *overlay) write(p []byte, off int64) error {
	if off < 0 || off%chunkSize != 0 || len(p)%chunkSize != 0 || int64(len(p)) > o.Size()-off {
		return block.Damaged("change of %d bytes at byte %d of %d", len(p), off, o.Size())
	}
	for ; len(p) > 0; p, off = p[chunkSize:], off+chunkSize {
		pg := o.pages[off/pageSize]
		if pg == nil {
			pg = &page{}
			o.pages[off/pageSize] = pg
		}
		bit := uint32(1) << (off % pageSize / chunkSize)
		at := bits.OnesCount32(pg.mask&(bit-1)) * chunkSize
		if pg.mask&bit != 0 {
			copy(pg.data[at:], p[:chunkSize])
			continue
		}
		if o.size += chunkSize; o.size > maxOverlay {
			return block.Unsupported("more than %d bytes of changes", maxOverlay)
		}
		pg.mask |= bit
		pg.data = slices.Insert(pg.data, at, p[:chunkSize]...)
	}
	return nil
}

// ReadAt implements [io.ReaderAt].
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.Source.ReadAt(p, off)
	if n == 0 {
		return n, err
	}
	end := off + int64(n)
	for nr := off / pageSize; nr*pageSize < end; nr++ {
		pg := o.pages[nr]
		if pg == nil {
			continue
		}
		data := pg.data
		for mask := pg.mask; mask != 0; mask &= mask - 1 {
			at := nr*pageSize + int64(bits.TrailingZeros32(mask))*chunkSize
			from, to := max(at, off), min(at+chunkSize, end)
			if from < to {
				copy(p[from-off:to-off], data[from-at:])
			}
			data = data[chunkSize:]
		}
	}
	return n, err
}
