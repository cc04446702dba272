package postgres

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// The layout of pages and tuples (src/include/storage/bufpage.h, itemid.h,
// access/htup_details.h).
const (
	pageHeader  = 24
	tupleHeader = 23

	lpUnused   = 0
	lpNormal   = 1
	lpRedirect = 2
	lpDead     = 3

	hasNull       = 0x0001
	hasOID        = 0x0008 // before 12
	xmaxKeyShare  = 0x0010
	xmaxExclusive = 0x0040
	xmaxLockOnly  = 0x0080
	xminCommitted = 0x0100
	xminInvalid   = 0x0200
	xminFrozen    = xminCommitted | xminInvalid
	xmaxCommitted = 0x0400
	xmaxInvalid   = 0x0800
	xmaxMulti     = 0x1000
	movedBits     = 0xC000
	xmaxBits      = xmaxKeyShare | xmaxExclusive | xmaxLockOnly | xmaxCommitted | xmaxInvalid | xmaxMulti

	attsMask    = 0x07FF
	keysUpdated = 0x2000
	hotUpdated  = 0x4000
)

// page is one page of a heap.
type page []byte

func (p page) lsn() uint64 {
	return uint64(le.Uint32(p))<<32 | uint64(le.Uint32(p[4:]))
}

func (p page) setLSN(lsn uint64) {
	le.PutUint32(p, uint32(lsn>>32))
	le.PutUint32(p[4:], uint32(lsn))
}

func (p page) lower() int   { return int(le.Uint16(p[12:])) }
func (p page) upper() int   { return int(le.Uint16(p[14:])) }
func (p page) special() int { return int(le.Uint16(p[16:])) }
func (p page) isNew() bool  { return p.upper() == 0 }

// reset makes it an empty page.
func (p page) reset() {
	clear(p)
	le.PutUint16(p[12:], pageHeader)
	le.PutUint16(p[14:], uint16(len(p)))
	le.PutUint16(p[16:], uint16(len(p)))
	le.PutUint16(p[18:], uint16(len(p))|4)
}

// check tells whether the header can be trusted.
func (p page) check() error {
	if lo, up, sp := p.lower(), p.upper(), p.special(); lo < pageHeader || lo > up || up > sp || sp > len(p) {
		return fmt.Errorf("%w: page header at 12: bounds %d, %d, %d of %d", database.ErrDamaged, lo, up, sp, len(p))
	}
	if size := int(le.Uint16(p[18:]) &^ 0xff); size != len(p) {
		return fmt.Errorf("%w: page header at 18: want size %d, found %d", database.ErrDamaged, len(p), size)
	}
	return nil
}

// items is how many line pointers there are.
func (p page) items() int { return max(0, (p.lower()-pageHeader)/4) }

func (p page) item(n int) (offset, flags, length int) {
	v := le.Uint32(p[pageHeader+4*(n-1):])
	return int(v & 0x7fff), int(v >> 15 & 3), int(v >> 17)
}

func (p page) setItem(n, offset, flags, length int) {
	le.PutUint32(p[pageHeader+4*(n-1):], uint32(offset)|uint32(flags)<<15|uint32(length)<<17)
}

// tuple gives item n where it is one that is stored, nil otherwise.
func (p page) tuple(n int) tuple {
	if n < 1 || n > p.items() {
		return nil
	}
	off, flags, length := p.item(n)
	if flags != lpNormal || length < tupleHeader || off < pageHeader || off+length > len(p) {
		return nil
	}
	return tuple(p[off : off+length : off+length])
}

// compact moves the tuples to the page's end, so that all the room is in between.
func (p page) compact() {
	old := append(page(nil), p...)
	items := p.items()
	for ; items > 1; items-- { // unused line pointers at the end are given back
		if _, flags, _ := p.item(items); flags != lpUnused {
			break
		}
	}
	le.PutUint16(p[12:], uint16(pageHeader+4*items))
	at := p.special()
	for n := 1; n <= p.items(); n++ {
		t := old.tuple(n)
		if t == nil {
			continue
		}
		at -= len(t)
		at &^= 7
		if at < p.lower() {
			p.setItem(n, 0, lpUnused, 0) // only damage has tuples that overlap
			continue
		}
		copy(p[at:], t)
		p.setItem(n, at, lpNormal, len(t))
	}
	le.PutUint16(p[14:], uint16(max(at, p.lower())))
}

// add puts a tuple at a line pointer, as the log says where it was put.
func (p page) add(n int, t []byte) error {
	lower := max(p.lower(), pageHeader+4*n)
	at := (p.upper() - len(t)) &^ 7
	if n < 1 || lower > at {
		return fmt.Errorf("%w: write-ahead log: no room for a tuple of %d bytes at item %d of a page", database.ErrDamaged, len(t), n)
	}
	for i := p.lower(); i < lower; i++ {
		p[i] = 0
	}
	copy(p[at:], t)
	le.PutUint16(p[12:], uint16(lower))
	le.PutUint16(p[14:], uint16(at))
	p.setItem(n, at, lpNormal, len(t))
	return nil
}

// tuple is a tuple of a heap, with its header: at least 23 bytes.
type tuple []byte

func (t tuple) xmin() uint32      { return le.Uint32(t) }
func (t tuple) xmax() uint32      { return le.Uint32(t[4:]) }
func (t tuple) infomask2() uint16 { return le.Uint16(t[18:]) }
func (t tuple) infomask() uint16  { return le.Uint16(t[20:]) }
func (t tuple) hoff() int         { return int(t[22]) }

func (t tuple) setXmin(x uint32)      { le.PutUint32(t, x) }
func (t tuple) setXmax(x uint32)      { le.PutUint32(t[4:], x) }
func (t tuple) setInfomask2(m uint16) { le.PutUint16(t[18:], m) }
func (t tuple) setInfomask(m uint16)  { le.PutUint16(t[20:], m) }

func (t tuple) setPlace(block uint32, item int) {
	le.PutUint16(t[12:], uint16(block>>16))
	le.PutUint16(t[14:], uint16(block))
	le.PutUint16(t[16:], uint16(item))
}

// attribute is one column as its catalogue says, as far as the tuple's form goes.
type attribute struct {
	name    string
	typ     uint32
	mod     int32
	length  int16
	align   byte
	num     int16
	dropped bool
	virtual bool
	missing *[]byte // its value in tuples older than the column
}

// datum is one value as it lies in a tuple: a fixed number of bytes, or one with
// a length of its own, header included.
type datum struct {
	null bool
	data []byte
}

func alignUp(n int, align byte) int {
	switch align {
	case 'd':
		return (n + 7) &^ 7
	case 'i':
		return (n + 3) &^ 3
	case 's':
		return (n + 1) &^ 1
	}
	return n
}

// next gives the value at off and where it ends.
func next(data []byte, off int, length int16, align byte) (d []byte, end int, err error) {
	// A value with a short header isn't aligned; padding is zero, a header is not.
	if length != -1 || off < len(data) && data[off] == 0 {
		off = alignUp(off, align)
	}
	if off > len(data) {
		return nil, 0, fmt.Errorf("%w: tuple: a value begins at %d of %d", database.ErrDamaged, off, len(data))
	}
	n := int(length)
	switch length {
	case -1:
		n = varSize(data[off:])
	case -2:
		n = 0
		for off+n < len(data) && data[off+n] != 0 {
			n++
		}
		n++
	}
	if n <= 0 || n > len(data)-off {
		return nil, 0, fmt.Errorf("%w: tuple: a value of %d bytes at %d of %d", database.ErrDamaged, n, off, len(data))
	}
	return data[off : off+n : off+n], off + n, nil
}

// varSize is the size of a value with a length, its header included; 0 when
// there is no such value.
func varSize(b []byte) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] == 1: // a pointer
		if len(b) < 2 || b[1] != 18 {
			return 0
		}
		return 18
	case b[0]&1 == 1:
		return int(b[0] >> 1)
	case len(b) < 4:
		return 0
	}
	if n := int(le.Uint32(b) >> 2); n >= 4 {
		return n
	}
	return 0
}

// deform takes a tuple apart into one value for each attribute. dst is reused.
func deform(t tuple, atts []attribute, dst []datum) ([]datum, error) {
	dst, _, err := deformTo(t, atts, dst)
	return dst, err
}

// deformTo is deform that tells also where the last value ends.
func deformTo(t tuple, atts []attribute, dst []datum) ([]datum, int, error) {
	dst = dst[:0]
	hoff := t.hoff()
	natts := int(t.infomask2() & attsMask)
	bitmap := []byte(nil)
	if t.infomask()&hasNull != 0 {
		bitmap = t[tupleHeader:]
		if len(bitmap) < (natts+7)/8 || hoff < tupleHeader+(natts+7)/8 {
			return dst, 0, fmt.Errorf("%w: tuple: a null bitmap of %d columns in a header of %d", database.ErrDamaged, natts, hoff)
		}
	}
	if hoff < tupleHeader || hoff > len(t) {
		return dst, 0, fmt.Errorf("%w: tuple: header of %d bytes in %d", database.ErrDamaged, hoff, len(t))
	}
	data, off := t[hoff:], 0
	for i := range atts {
		a := &atts[i]
		switch {
		case i >= natts:
			if a.missing != nil {
				dst = append(dst, datum{data: *a.missing})
			} else {
				dst = append(dst, datum{null: true})
			}
		case bitmap != nil && bitmap[i/8]>>(i%8)&1 == 0:
			dst = append(dst, datum{null: true})
		default:
			d, end, err := next(data, off, a.length, a.align)
			if err != nil {
				return dst, 0, fmt.Errorf("column %d: %w", i+1, err)
			}
			dst = append(dst, datum{data: d})
			off = end
		}
	}
	return dst, hoff + off, nil
}
