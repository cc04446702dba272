package ntfs

import (
	"errors"
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxUnit bounds the bytes of a compression unit; NTFS makes 64 KiB at most.
const maxUnit = 1 << 20

// compressed is data in compression units: each is stored as it is, or
// compressed in fewer clusters than it has, or a hole.
type compressed struct {
	*mapped
	clusters uint64 // of a unit
	bytes    int64  // of a unit

	mu   sync.Mutex
	have int64 // the unit in buf, plus one
	buf  []byte
}

// ReadAt implements [io.ReaderAt].
func (c *compressed) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, c.size)
	for done := 0; done < n; {
		pos := off + int64(done)
		if pos >= c.valid && c.absent == nil {
			clear(p[done:n])
			break
		}
		want := int(min(int64(n-done), c.bytes-pos%c.bytes))
		if pos < c.valid {
			want = int(min(int64(want), c.valid-pos))
		}
		if err := c.part(p[done:done+want], pos); err != nil {
			return done, fmt.Errorf("MFT record %d: compression unit at byte %d: %w", c.num, pos/c.bytes*c.bytes, err)
		}
		done += want
	}
	return n, end
}

// part reads bytes of one unit. A whole one is unpacked in place, of others the
// last one is kept.
func (c *compressed) part(p []byte, pos int64) error {
	unit := pos / c.bytes
	if int64(len(p)) == c.bytes {
		return c.read(p, unit)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.have != unit+1 {
		if c.buf == nil {
			c.buf = make([]byte, c.bytes)
		}
		c.have = 0
		if err := c.read(c.buf, unit); err != nil {
			return err
		}
		c.have = unit + 1
	}
	copy(p, c.buf[pos%c.bytes:])
	return nil
}

// read reads a unit.
func (c *compressed) read(p []byte, unit int64) error {
	var parts []run // where its clusters are
	held := uint64(0)
	first := uint64(unit) * c.clusters
	for at := uint64(0); at < c.clusters; {
		r, err := c.lookup(first + at)
		if err != nil {
			return err
		}
		if r.n == 0 {
			break // the last unit need not be mapped to its end
		}
		n := min(r.n, c.clusters-at)
		if r.lcn != hole {
			if held != at {
				return block.Damaged("clusters behind a hole")
			}
			parts = append(parts, run{first + at, r.lcn, n})
			held += n
		}
		at += n
	}
	switch held {
	case 0:
		clear(p)
		return c.absent
	case c.clusters:
		return c.load(p, parts)
	}
	packed := scratch.Get().(*[]byte)
	defer scratch.Put(packed)
	if need := int(held) * c.t.boot.cluster; cap(*packed) < need {
		*packed = make([]byte, need)
	} else {
		*packed = (*packed)[:need]
	}
	if err := c.load(*packed, parts); err != nil {
		return err
	}
	return lznt1(p, *packed)
}

// scratch keeps buffers for packed bytes.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// load reads runs into p, one after the other.
func (c *compressed) load(p []byte, parts []run) error {
	cluster := int64(c.t.boot.cluster)
	for _, r := range parts {
		n := int64(r.n) * cluster
		if err := block.ReadFull(c.t.src, p[:n], int64(r.lcn)*cluster); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Extents implements [fsys.Data].
func (c *compressed) Extents(limit int) ([]block.Extent, error) {
	units := uint64((c.valid + c.bytes - 1) / c.bytes)
	return c.extents(units*c.clusters, limit)
}

// NextData implements [fsys.Skipper]: clusters that are missing in a unit belong to
// its compressed bytes, and say nothing of holes.
func (c *compressed) NextData(off int64) (int64, error) { return off, errors.ErrUnsupported }
