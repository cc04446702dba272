package fat

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// table is the FAT: for each cluster the one that follows it.
type table struct {
	src    block.Source
	starts []int64 // byte of each copy, the one to be read first
	bits   int
	count  uint32 // clusters
}

func (t *table) mask() uint32 {
	if t.bits == 32 {
		return 0x0FFFFFFF // the high 4 bits are reserved
	}
	return 1<<t.bits - 1
}

// bad is the entry of a cluster that can't hold data; higher ones end a chain.
func (t *table) bad() uint32 { return t.mask() - 8 }

// entryAt reads an entry of the copy that starts at a byte.
func (t *table) entryAt(start int64, c uint32) (uint32, error) {
	b := make([]byte, t.width())
	if err := block.ReadFull(t.src, b, start+int64(c)*int64(t.bits)/8); err != nil {
		return 0, err
	}
	return t.decode(b, c, c), nil
}

// decode gives the entry of cluster c, where b starts with that of the cluster
// first.
func (t *table) decode(b []byte, first, c uint32) uint32 {
	switch t.bits {
	case 12:
		at := c*12/8 - first*12/8
		v := uint32(le.Uint16(b[at:]))
		if c&1 != 0 {
			return v >> 4
		}
		return v & 0xFFF
	case 16:
		return uint32(le.Uint16(b[2*(c-first):]))
	}
	return le.Uint32(b[4*(c-first):]) & 0x0FFFFFFF
}

// window is how many bytes of a FAT are read at once.
const window = 4096

var windows = sync.Pool{New: func() any { return new([window]byte) }}

// width is how many bytes hold an entry.
func (t *table) width() int {
	if t.bits == 32 {
		return 4
	}
	return 2
}

// read reads the entries of n clusters from c on, fewer when they don't fit
// into b. A copy that can't be read gives way to the next one.
func (t *table) read(b []byte, c uint32, n uint64) (uint64, []byte, error) {
	n = min(n, uint64(len(b)-2)*8/uint64(t.bits))
	off := int64(c) * int64(t.bits) / 8
	b = b[:(int64(c)+int64(n)-1)*int64(t.bits)/8-off+int64(t.width())]
	var first error
	for _, start := range t.starts {
		err := block.ReadFull(t.src, b, start+off)
		if err == nil {
			return n, b, nil
		}
		if first == nil {
			first = fmt.Errorf("read FAT: %w", err)
		}
	}
	return 0, nil, first
}

// follow is a [fatcore.Follow]. An entry that names no cluster is given as it
// is: it matters only to who goes there.
func (t *table) follow(c uint32, limit uint64) (n uint64, next uint32, err error) {
	w := windows.Get().(*[window]byte)
	defer windows.Put(w)
	had, b, err := t.read(w[:], c, limit)
	if err != nil {
		return 0, 0, err
	}
	for n < had && (n == 0 || next == c+uint32(n)) {
		next = t.decode(b, c, c+uint32(n))
		n++
	}
	if next > t.bad() {
		next = 0
	}
	return n, next, nil
}

// state reads the two bits of entry 1 that tell of a clean end and of errors.
func (t *table) state() (clean, sound bool) {
	if t.bits == 12 {
		return true, true
	}
	v, err := t.entryAt(t.starts[0], 1)
	top := t.mask() ^ t.mask()>>1
	return err != nil || v&top != 0, err != nil || v&(top>>1) != 0
}

// used gives the clusters that are not free.
func (t *table) used(h *fatcore.Heap) (*fatcore.Bitmap, error) {
	m, err := fatcore.NewBitmap(h)
	if err != nil {
		return nil, err
	}
	w := make([]byte, 64<<10)
	for c := uint32(2); c-2 < h.Count; {
		n, b, err := t.read(w, c, uint64(h.Count-(c-2)))
		if err != nil {
			return nil, err
		}
		for i := range uint32(n) {
			if t.decode(b, c, c+i) != 0 {
				m.Use(c + i)
			}
		}
		c += uint32(n)
	}
	return m, nil
}
