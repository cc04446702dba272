package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect/database"
)

type set []uint64

// add reports whether the page was not in it yet.
func (s set) add(n uint32) bool {
	if s[n/64]&(1<<(n%64)) != 0 {
		return false
	}
	s[n/64] |= 1 << (n % 64)
	return true
}

func (s set) has(n uint32) bool { return s[n/64]&(1<<(n%64)) != 0 }

func (d *db) newSet() set { return make(set, d.pages/64+1) }

var errStop = errors.New("stop")

// walker goes over one tree. Damage costs the page it is on; the first is kept.
type walker struct {
	*db
	ctx    context.Context
	t      *table
	every  int
	leaves int
	seen   set
	first  error
	row    rowMaker
	// leaf sees each leaf after its rows, key each record.
	leaf  func(n uint32, page []byte)
	key   func(rec []byte)
	yield func(database.Row) bool
}

func (d *db) walk(ctx context.Context, t *table, every int, leaf func(uint32, []byte), key func([]byte), yield func(database.Row) bool) error {
	w := &walker{db: d, ctx: ctx, t: t, every: every, seen: d.newSet(), leaf: leaf, key: key, yield: yield}
	if err := w.page(t.root, 0); err != nil && !errors.Is(err, errStop) {
		return err
	}
	return w.first
}

// hurt keeps the first damage and lets the walk go on: it gives nil.
func (w *walker) hurt(err error) error {
	if w.first == nil {
		w.first = err
	}
	return nil
}

func (w *walker) damaged(n uint32, what string) error {
	return fmt.Errorf("%w: %s: page %d: %s", database.ErrDamaged, w.path, n, what)
}

func (w *walker) page(n uint32, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth || n == 0 || n > w.pages || !w.seen.add(n) {
		return w.hurt(w.damaged(n, "a tree that leads there again or nowhere"))
	}
	buf := make([]byte, w.size)
	if err := w.read(n, buf); err != nil {
		return w.hurt(err)
	}
	p, ok := parsePage(buf[:w.usable], n == 1)
	if !ok || p.index() != w.t.keyed {
		return w.hurt(w.damaged(n, "no page of such a tree"))
	}
	if !p.leaf() {
		for i := range p.cells {
			at := p.cell(i)
			if at+4 > w.usable {
				_ = w.hurt(w.damaged(n, "a cell outside the page"))
				continue
			}
			if err := w.page(binary.BigEndian.Uint32(buf[at:]), depth+1); err != nil {
				return err
			}
			if p.index() {
				if err := w.cell(n, buf, at, at+4, true); err != nil {
					return err
				}
			}
		}
		return w.page(binary.BigEndian.Uint32(buf[p.at+8:]), depth+1)
	}
	w.leaves++
	if w.every > 1 && (w.leaves-1)%w.every != 0 {
		return nil
	}
	for i := range p.cells {
		if err := w.cell(n, buf, p.cell(i), p.cell(i), p.index()); err != nil {
			return err
		}
	}
	if w.leaf != nil {
		w.leaf(n, buf)
	}
	return nil
}

func (w *walker) cell(n uint32, buf []byte, start, at int, index bool) error {
	size, rowid, body, ok := cellHead(buf[:w.usable], at, index)
	if !ok {
		return w.hurt(w.damaged(n, "a cell outside the page"))
	}
	rec, err := w.payload(buf[:w.usable], body, size, index, w.seen.add)
	if err != nil {
		_ = w.hurt(err)
	}
	if w.key != nil {
		w.key(rec)
	}
	if w.yield == nil {
		return nil
	}
	values, ok := w.row.make(w.db, w.t, rec, rowid, true)
	if !ok {
		return w.hurt(w.damaged(n, "a record that is none"))
	}
	file, off := w.where(n)
	if !w.yield(database.Row{Values: values, File: file, Offset: off + int64(start)}) {
		return errStop
	}
	return nil
}

// page is the head of a page of a tree.
type page struct {
	data  []byte
	at    int // of the head
	kind  byte
	cells int
	ptr   int // of the cells' offsets
}

func parsePage(data []byte, first bool) (page, bool) {
	p := page{data: data}
	if first {
		p.at = 100
	}
	p.kind = data[p.at]
	p.ptr = p.at + 8
	switch p.kind {
	case 2, 5:
		p.ptr = p.at + 12
	case 10, 13:
	default:
		return p, false
	}
	p.cells = int(binary.BigEndian.Uint16(data[p.at+3:]))
	return p, p.ptr+2*p.cells <= len(data)
}

func (p page) leaf() bool  { return p.kind >= 10 }
func (p page) index() bool { return p.kind == 2 || p.kind == 10 }
func (p page) cell(i int) int {
	return int(binary.BigEndian.Uint16(p.data[p.ptr+2*i:]))
}

// content is where the cells begin.
func (p page) content() int {
	if n := int(binary.BigEndian.Uint16(p.data[p.at+5:])); n != 0 {
		return min(n, len(p.data))
	}
	return len(p.data)
}

func varint(b []byte) (uint64, int) {
	var v uint64
	for i := 0; i < 9 && i < len(b); i++ {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// cellHead gives the payload's size, the rowid and where the payload begins.
func cellHead(data []byte, at int, index bool) (size int, rowid int64, body int, ok bool) {
	if at >= len(data) {
		return 0, 0, 0, false
	}
	v, n := varint(data[at:])
	if n == 0 || v > math.MaxInt32 {
		return 0, 0, 0, false
	}
	at += n
	if !index {
		r, n := varint(data[at:])
		if n == 0 {
			return 0, 0, 0, false
		}
		rowid, at = int64(r), at+n
	}
	return int(v), rowid, at, true
}

// local is how many bytes of a payload lie in the page.
func (d *db) local(size int, index bool) int {
	u := d.usable
	most := u - 35
	if index {
		most = (u-12)*64/255 - 23
	}
	if size <= most {
		return size
	}
	least := (u-12)*32/255 - 23
	if k := least + (size-least)%(u-4); k <= most {
		return k
	}
	return least
}

// payload puts a record together. What can't be had is missing at its end. take
// allows a page of the chain.
func (d *db) payload(data []byte, at, size int, index bool, take func(uint32) bool) ([]byte, error) {
	n := d.local(size, index)
	if at+n > len(data) {
		return nil, fmt.Errorf("%w: %s: a record of %d bytes that leaves its page", database.ErrDamaged, d.path, size)
	}
	if n == size {
		return data[at : at+n], nil
	}
	if at+n+4 > len(data) {
		return data[at : at+n], fmt.Errorf("%w: %s: a record that leaves its page", database.ErrDamaged, d.path)
	}
	rec := append([]byte(nil), data[at:at+n]...)
	next := binary.BigEndian.Uint32(data[at+n:])
	buf := make([]byte, d.size)
	for want := min(size, maxPayload); len(rec) < want; {
		if next == 0 || next > d.pages || !take(next) {
			return rec, fmt.Errorf("%w: %s: a chain of overflow pages breaks at page %d", database.ErrDamaged, d.path, next)
		}
		if err := d.read(next, buf); err != nil {
			return rec, err
		}
		next = binary.BigEndian.Uint32(buf)
		rec = append(rec, buf[4:4+min(d.usable-4, want-len(rec))]...)
	}
	return rec, nil
}

// width is how many bytes a value of a serial type takes.
func width(typ uint64) int {
	switch {
	case typ >= 12:
		return int(min((typ-12)/2, math.MaxInt32))
	case typ == 10 || typ == 11:
		return -1
	}
	return [...]int{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[typ]
}

// rowMaker makes rows out of records; it holds the last row's bytes.
type rowMaker struct {
	types  []uint64
	values []database.Value
	buf    []byte
}

// types reads a record's head: serial types, and where the values begin.
func recordHead(dst []uint64, rec []byte) (types []uint64, at int, ok bool) {
	h, n := varint(rec)
	if n == 0 || h < uint64(n) || h > uint64(len(rec)) {
		return dst, 0, false
	}
	for n < int(h) {
		v, k := varint(rec[n:h])
		if k == 0 || width(v) < 0 {
			return dst, 0, false
		}
		dst = append(dst, v)
		n += k
	}
	return dst, n, true
}

func (m *rowMaker) make(d *db, t *table, rec []byte, rowid int64, known bool) ([]database.Value, bool) {
	var at int
	var ok bool
	m.types, at, ok = recordHead(m.types[:0], rec)
	if !ok {
		return nil, false
	}
	return m.fill(d, t, m.types, rec[at:], rowid, known), true
}

// fill makes the values of a row. The record's columns beyond the table's are
// left out, those that miss have their defaults; known tells that rowid is.
func (m *rowMaker) fill(d *db, t *table, types []uint64, body []byte, rowid int64, known bool) []database.Value {
	if cap(m.values) < len(t.columns) {
		m.values = make([]database.Value, len(t.columns))
	}
	m.values = m.values[:len(t.columns)]
	for i, c := range t.columns {
		m.values[i] = c.fallback
		if c.virtual {
			m.values[i] = database.Value{Kind: database.Lost}
		}
	}
	m.buf = m.buf[:0]
	for i, col := range t.stored {
		if i >= len(types) {
			break
		}
		w := width(types[i])
		switch {
		case col == t.rowid && types[i] == 0:
			m.values[col] = database.Value{Kind: database.Lost}
		case w > len(body):
			m.values[col] = database.Value{Kind: database.Lost}
			body = nil
		default:
			m.values[col] = m.value(d, types[i], body[:w], t.columns[col].affinity)
			body = body[w:]
		}
	}
	if t.rowid >= 0 {
		m.values[t.rowid] = database.Value{Kind: database.Lost}
		if known {
			from := len(m.buf)
			m.buf = strconv.AppendInt(m.buf, rowid, 10)
			m.values[t.rowid] = database.Value{Kind: database.Number, Data: m.buf[from:]}
		}
	}
	return m.values
}

func signed(b []byte) int64 {
	var v int64
	for i, c := range b {
		if i == 0 {
			v = int64(int8(c))
		} else {
			v = v<<8 | int64(c)
		}
	}
	return v
}

func (m *rowMaker) value(d *db, typ uint64, b []byte, a affinity) database.Value {
	from := len(m.buf)
	switch {
	case typ == 0:
		return database.Value{}
	case typ == 7:
		f := math.Float64frombits(binary.BigEndian.Uint64(b))
		if math.IsNaN(f) {
			return database.Value{}
		}
		m.buf = appendReal(m.buf, f)
		return database.Value{Kind: database.Number, Data: m.buf[from:]}
	case typ <= 9:
		n := signed(b)
		if typ >= 8 {
			n = int64(typ - 8)
		}
		if a == real {
			m.buf = appendReal(m.buf, float64(n))
		} else {
			m.buf = strconv.AppendInt(m.buf, n, 10)
		}
		return database.Value{Kind: database.Number, Data: m.buf[from:]}
	case typ%2 == 0:
		return database.Value{Kind: database.Bytes, Data: b}
	case d.utf16 == nil:
		return database.Value{Kind: database.Text, Data: b}
	}
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(d.utf16.Uint16(b[i:]))
		if utf16.IsSurrogate(r) && i+3 < len(b) {
			if c := utf16.DecodeRune(r, rune(d.utf16.Uint16(b[i+2:]))); c != utf8.RuneError {
				r, i = c, i+2
			}
		}
		m.buf = utf8.AppendRune(m.buf, r)
	}
	return database.Value{Kind: database.Text, Data: m.buf[from:]}
}
