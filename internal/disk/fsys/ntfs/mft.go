package ntfs

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Flags of an MFT record.
const (
	recordInUse     = 1
	recordDirectory = 2
)

const (
	chunkBytes = 64 << 10 // the MFT is read in chunks
	maxChunks  = 64       // that are kept
	maxMFTRuns = 1 << 18
	mirrored   = 4 // records that $MFTMirr holds
)

// mft reads records of $MFT. A chunk of them is read at once and kept for a
// while: who asks for one mostly asks for its neighbours next.
type mft struct {
	t    *tree
	runs []run
	size uint64 // bytes of records that were written

	last   atomic.Pointer[chunk]
	mu     sync.Mutex
	tick   uint64
	chunks map[uint64]*chunk
}

// chunk is some neighbouring records.
type chunk struct {
	index uint64
	used  uint64 // tick of its last use
	load  sync.Once
	raw   []byte           // their update sequences undone
	bad   map[uint64]error // what is wrong with a record, by number
}

// record is one MFT record, checked and with its update sequence undone. The
// bytes are shared: they must not be written to.
type record struct {
	num uint64
	raw []byte
}

func (r record) seq() uint16        { return le.Uint16(r.raw[16:]) }
func (r record) flag(f uint16) bool { return le.Uint16(r.raw[22:])&f != 0 }
func (r record) first() int         { return int(le.Uint16(r.raw[20:])) }
func (r record) base() (uint64, bool) {
	n, _ := splitRef(le.Uint64(r.raw[32:]))
	return n, le.Uint64(r.raw[32:]) != 0
}

// check holds the header of a record against itself and cuts off what the
// record does not use.
func (r record) check() (record, error) {
	used := le.Uint32(r.raw[24:])
	if first := r.first(); first < 42 || first%8 != 0 || uint64(first)+8 > uint64(used) || uint64(used) > uint64(len(r.raw)) {
		return r, block.Damaged("MFT record %d: attributes from byte %d, %d bytes used of %d", r.num, first, used, len(r.raw))
	}
	r.raw = r.raw[:used]
	return r, nil
}

// count is how many records there are.
func (m *mft) count() uint64 { return m.size / uint64(m.t.boot.record) }

// get gives a record, in use or not.
func (m *mft) get(num uint64) (record, error) {
	if num >= m.count() {
		return record{}, block.Damaged("MFT record %d of %d", num, m.count())
	}
	per := uint64(max(chunkBytes/m.t.boot.record, 1))
	c := m.chunk(num / per)
	c.load.Do(func() { m.fill(c, per) })
	if err := c.bad[num]; err != nil {
		return record{}, err
	}
	off := int(num%per) * m.t.boot.record
	return record{num, c.raw[off : off+m.t.boot.record]}.check()
}

// chunk finds a chunk among those at hand or makes room for it.
func (m *mft) chunk(index uint64) *chunk {
	if c := m.last.Load(); c != nil && c.index == index {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tick++
	c := m.chunks[index]
	if c == nil {
		if len(m.chunks) >= maxChunks {
			m.evict()
		}
		c = &chunk{index: index}
		m.chunks[index] = c
	}
	c.used = m.tick
	m.last.Store(c)
	return c
}

func (m *mft) evict() {
	oldest := m.tick
	var drop uint64
	for i, c := range m.chunks {
		if c.used < oldest {
			oldest, drop = c.used, i
		}
	}
	delete(m.chunks, drop)
}

// fill reads a chunk. When that fails its records are read one by one: the
// error of one is not that of all.
func (m *mft) fill(c *chunk, per uint64) {
	size := uint64(m.t.boot.record)
	first := c.index * per
	n := min(per, m.count()-first)
	c.raw = make([]byte, n*size)
	whole := m.readAt(c.raw, first*size)
	for i := range n {
		num, b := first+i, c.raw[i*size:(i+1)*size]
		err := whole
		if err != nil {
			err = m.readAt(b, num*size)
		}
		if err == nil {
			err = unprotect(num, b)
		}
		if err != nil && num < mirrored && m.t.readMirror(num, b) == nil {
			err = nil
		}
		if err == nil {
			continue
		}
		if c.bad == nil {
			c.bad = map[uint64]error{}
		}
		c.bad[num] = err
	}
}

// readAt reads bytes of $MFT.
func (m *mft) readAt(p []byte, off uint64) error {
	cluster := uint64(m.t.boot.cluster)
	for len(p) > 0 {
		r := find(m.runs, off/cluster)
		if r.n == 0 || r.lcn == hole {
			return block.Damaged("$MFT: no place is known for byte %d", off)
		}
		within := off % cluster
		n := min(uint64(len(p)), r.n*cluster-within)
		if err := block.ReadFull(m.t.src, p[:n], int64(r.lcn*cluster+within)); err != nil {
			return fmt.Errorf("read $MFT: %w", err)
		}
		p, off = p[n:], off+n
	}
	return nil
}

// unprotect undoes the update sequence of a record.
func unprotect(num uint64, b []byte) error {
	if err := fixup(b, "FILE"); err != nil {
		return fmt.Errorf("MFT record %d: %w", num, err)
	}
	return nil
}

// readMirror reads one of the first records from $MFTMirr.
func (t *tree) readMirror(num uint64, b []byte) error {
	if t.boot.mirror >= t.boot.clusters {
		return block.Damaged("$MFTMirr at cluster %d of %d", t.boot.mirror, t.boot.clusters)
	}
	if err := block.ReadFull(t.src, b, int64(t.boot.mirror)*int64(t.boot.cluster)+int64(num)*int64(len(b))); err != nil {
		return fmt.Errorf("read $MFTMirr: %w", err)
	}
	return unprotect(num, b)
}
