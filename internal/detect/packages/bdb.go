package packages

import (
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// The structure of a Berkeley DB hash: pages of one size with a header of 26
// bytes, then offsets of items, which fill the page from its end. Page 0 tells
// the size; the byte order is that of the machine that made it.
const (
	bdbMagic      = 0x061561
	bdbHeader     = 26
	pageUnsorted  = 2  // hash, items as they came
	pageOverflow  = 7  // a piece of a large item
	pageHash      = 13 // hash, items in order
	itemData      = 1
	itemOffPage   = 3
	offPageLength = 12
)

// bdb is an open Berkeley DB.
type bdb struct {
	r     detect.Reader
	order binary.ByteOrder
	page  int
	pages int64
	buf   []byte // a page of an item that lies elsewhere
}

// readBDB gives the values of a hash with keys of four bytes that are not 0:
// the headers of all packages. Pages are read in order, so that buckets don't
// matter.
func readBDB(r detect.Reader, take func([]byte) bool) error {
	meta, err := readAt(r, 0, 72, "the header")
	if err != nil {
		return err
	}
	d := bdb{r: r}
	switch {
	case binary.LittleEndian.Uint32(meta[12:]) == bdbMagic:
		d.order = binary.LittleEndian
	case binary.BigEndian.Uint32(meta[12:]) == bdbMagic:
		d.order = binary.BigEndian
	default:
		return fmt.Errorf("offset 12: expected the mark of a Berkeley DB hash, found %x: %w", meta[12:16], database.ErrDamaged)
	}
	if meta[24] != 0 {
		return fmt.Errorf("offset 24: %w", database.ErrEncrypted)
	}
	size := d.order.Uint32(meta[20:])
	if size < 512 || size > 65536 || size&(size-1) != 0 {
		return fmt.Errorf("offset 20: expected pages of 512 to 65536 bytes, found %d: %w", size, database.ErrDamaged)
	}
	d.page = int(size)
	d.pages = min(int64(d.order.Uint32(meta[32:]))+1, r.Size()/int64(size))
	d.buf = make([]byte, size)
	var first error
	read := int64(0)
	for n := int64(1); n < d.pages; n++ {
		page, err := readAt(r, n*int64(size), d.page, "a page")
		if err != nil {
			return err
		}
		if page[25] != pageHash && page[25] != pageUnsorted {
			continue
		}
		more, err := d.bucket(n, page, &read, take)
		if err != nil && first == nil {
			first = err
		}
		if !more {
			return first
		}
	}
	return first
}

// bucket gives the values of one page: items come as pairs of key and value.
func (d *bdb) bucket(n int64, page []byte, read *int64, take func([]byte) bool) (more bool, err error) {
	count := int(d.order.Uint16(page[20:]))
	if bdbHeader+2*count > d.page {
		return true, fmt.Errorf("page %d: expected at most %d items, found %d: %w", n, (d.page-bdbHeader)/2, count, database.ErrDamaged)
	}
	end := d.page
	var first error
	fail := func(err error) {
		if first == nil {
			first = err
		}
	}
	hasKey := false
	for i := range count {
		at := int(d.order.Uint16(page[bdbHeader+2*i:]))
		if at >= end || at < bdbHeader+2*count {
			fail(fmt.Errorf("page %d, item %d: expected an offset below %d, found %d: %w", n, i, end, at, database.ErrDamaged))
			break
		}
		item := page[at:end]
		end = at
		if i%2 == 0 {
			hasKey = len(item) == 5 && item[0] == itemData && d.order.Uint32(item[1:]) != 0
			continue
		}
		if !hasKey {
			continue
		}
		var value []byte
		switch {
		case item[0] == itemData:
			value = item[1:]
		case item[0] == itemOffPage && len(item) >= offPageLength:
			var err error
			if value, err = d.overflow(int64(d.order.Uint32(item[4:])), int64(d.order.Uint32(item[8:])), read); err != nil {
				fail(fmt.Errorf("page %d, item %d: %w", n, i, err))
				continue
			}
		default:
			fail(fmt.Errorf("page %d, item %d: expected a value, found type %d: %w", n, i, item[0], database.ErrDamaged))
			continue
		}
		if !take(value) {
			return false, first
		}
	}
	return true, first
}

// overflow reads a chain of pages. read is what all of them have cost: pages
// that many items share can't be read without end.
func (d *bdb) overflow(n, size int64, read *int64) ([]byte, error) {
	if size > maxHeader || size > d.r.Size() {
		return nil, fmt.Errorf("expected a value of at most %d bytes, found %d: %w", min(maxHeader, d.r.Size()), size, database.ErrDamaged)
	}
	var out []byte
	for int64(len(out)) < size {
		if n <= 0 || n >= d.pages || *read > 2*d.r.Size() {
			return nil, fmt.Errorf("expected %d bytes, found %d before page %d of %d: %w", size, len(out), n, d.pages, database.ErrDamaged)
		}
		if got, err := d.r.ReadAt(d.buf, n*int64(d.page)); got < d.page {
			return nil, fmt.Errorf("page %d: expected %d bytes, read %d: %w", n, d.page, got, err)
		}
		*read += int64(d.page)
		length := int(d.order.Uint16(d.buf[22:]))
		if d.buf[25] != pageOverflow || length == 0 || bdbHeader+length > d.page {
			return nil, fmt.Errorf("page %d: expected a piece of a value, found type %d with %d bytes: %w", n, d.buf[25], length, database.ErrDamaged)
		}
		out = append(out, d.buf[bdbHeader:bdbHeader+length]...)
		n = int64(d.order.Uint32(d.buf[16:]))
	}
	return out[:size], nil
}
