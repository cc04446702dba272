package squashfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// metadataSize is how many bytes a block of metadata has, decompressed.
const metadataSize = 8192

// metadataBlock gives the block of metadata at a place.
func (t *tree) metadataBlock(at int64) (*unpacked, error) {
	return t.metadata.get(at, func() ([]byte, int64, error) {
		if at < 96 || uint64(at) > t.sb.used-2 {
			return nil, 0, block.Damaged("metadata at byte %d of %d", at, t.sb.used)
		}
		b := make([]byte, min(2+metadataSize, t.sb.used-uint64(at), uint64(max(t.src.Size()-at, 2))))
		if err := block.ReadFull(t.src, b, at); err != nil {
			return nil, 0, fmt.Errorf("read metadata: %w", err)
		}
		size, plain := int(le.Uint16(b)&0x7FFF), le.Uint16(b)&0x8000 != 0
		next := at + 2 + int64(size)
		if b = b[2:]; size == 0 || size > metadataSize || size > len(b) {
			return nil, 0, block.Damaged("metadata at byte %d has %d bytes", at, size)
		}
		b = b[:size:size]
		if plain {
			return b, next, nil
		}
		out := make([]byte, metadataSize)
		n, err := t.unpack(out, b)
		if err != nil {
			return nil, 0, block.Damaged("metadata at byte %d: %v", at, err)
		}
		return out[:n:n], next, nil
	})
}

// cursor is a place in metadata that reads go on from.
type cursor struct {
	t    *tree
	now  *unpacked
	rest []byte // of the current block
}

// cursor begins at an offset into the block at a place.
func (t *tree) cursor(at int64, offset int) (cursor, error) {
	u, err := t.metadataBlock(at)
	if err != nil {
		return cursor{}, err
	}
	if offset > len(u.data) {
		return cursor{}, block.Damaged("metadata at byte %d has %d bytes, not byte %d", at, len(u.data), offset)
	}
	return cursor{t, u, u.data[offset:]}, nil
}

// place gives what the cursor can be made of again.
func (c *cursor) place() (at int64, offset int) { return c.now.at, len(c.now.data) - len(c.rest) }

// fill makes rest hold at least one byte.
func (c *cursor) fill() error {
	for len(c.rest) == 0 {
		u, err := c.t.metadataBlock(c.now.next)
		if err != nil {
			return err
		}
		c.now, c.rest = u, u.data
	}
	return nil
}

// take gives the next n bytes, which must not be changed.
func (c *cursor) take(n int) ([]byte, error) {
	if n <= len(c.rest) {
		b := c.rest[:n:n]
		c.rest = c.rest[n:]
		return b, nil
	}
	b := make([]byte, 0, n)
	for len(b) < n {
		if err := c.fill(); err != nil {
			return nil, err
		}
		got := min(n-len(b), len(c.rest))
		b, c.rest = append(b, c.rest[:got]...), c.rest[got:]
	}
	return b, nil
}

// skip passes over n bytes.
func (c *cursor) skip(n int64) error {
	for n > 0 {
		if err := c.fill(); err != nil {
			return err
		}
		got := min(n, int64(len(c.rest)))
		c.rest, n = c.rest[got:], n-got
	}
	return nil
}

// table is an array of records in blocks of metadata, whose places stand in a
// list.
type table struct {
	name  string
	at    uint64 // of the list
	size  uint64 // of a record, bytes
	count uint64
}

// record reads one record of a table.
func (t *tree) record(tb table, index uint64) ([]byte, error) {
	if index >= tb.count || tb.at == none {
		return nil, block.Damaged("%s: record %d of %d", tb.name, index, tb.count)
	}
	per := metadataSize / tb.size
	at := tb.at + 8*(index/per)
	if at < tb.at || at > t.sb.used-8 {
		return nil, block.Damaged("%s: place of record %d at byte %d of %d", tb.name, index, at, t.sb.used)
	}
	var place [8]byte
	if err := block.ReadFull(t.src, place[:], int64(at)); err != nil {
		return nil, fmt.Errorf("%s: %w", tb.name, err)
	}
	at = le.Uint64(place[:])
	if at >= t.sb.used {
		return nil, block.Damaged("%s: record %d at byte %d of %d", tb.name, index, at, t.sb.used)
	}
	c, err := t.cursor(int64(at), int(index%per*tb.size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tb.name, err)
	}
	return c.take(int(tb.size))
}
