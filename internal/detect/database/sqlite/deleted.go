package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// Rows gives live rows first, then deleted ones out of: freed and unused room
// in the table's own leaves, free pages, and older images of pages.
func (d *db) Rows(ctx context.Context, t database.Table, opts database.RowOptions, yield func(database.Row) bool) error {
	var own *table
	for _, c := range d.tables {
		if c.public.Name == t.Name {
			own = c
		}
	}
	if own == nil {
		return fmt.Errorf("%s: no such table", d.path)
	}
	if err := ctx.Err(); err != nil || own.root == 0 {
		return err
	}
	if !opts.Deleted {
		return d.walk(ctx, own, opts.Every, nil, nil, yield)
	}
	c := &carver{db: d, ctx: ctx, t: own, seed: maphash.MakeSeed(), yield: yield, seen: d.newSet(), free: d.newSet()}
	bits := uint64(1 << 13)
	for bits < min(uint64(d.pages)*uint64(d.size)*4, 1<<28) {
		bits *= 2
	}
	c.known = make(set, bits/64)
	stopped := false
	err := d.walk(ctx, own, opts.Every, nil, func(rec []byte) { c.note(rec) }, func(r database.Row) bool {
		stopped = !yield(r)
		return !stopped
	})
	if stopped || ctx.Err() != nil {
		return err
	}
	c.freelist()
	// Leaves by the same walk: rows are known now.
	_ = d.walk(ctx, own, opts.Every, func(n uint32, buf []byte) {
		if c.stop {
			return
		}
		c.seen.add(n)
		file, at := d.where(n)
		c.page(buf, n == 1, true, file, at)
	}, nil, nil)
	buf := make([]byte, d.size)
	for n := uint32(1); n <= d.pages && !c.stop && ctx.Err() == nil; n++ {
		if c.free.has(n) && d.read(n, buf) == nil {
			file, at := d.where(n)
			c.page(buf, false, false, file, at)
		}
	}
	for _, im := range d.stale {
		if c.stop || ctx.Err() != nil {
			break
		}
		src, file := d.side, d.path+"-wal"
		if im.main {
			src, file = d.file, d.path
		}
		if d.fill(src, im.at, buf) == nil {
			c.page(buf, im.page == 1, im.page <= d.pages && c.seen.has(im.page), file, im.at)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// carver finds records where no tree leads any more. A record counts when all
// of its columns fit the table's, their lengths add up, and no row has the same
// bytes.
type carver struct {
	*db
	ctx   context.Context
	t     *table
	seed  maphash.Seed
	known set // Bloom filter of records
	seen  set // the table's leaves
	free  set
	stop  bool
	// whole is set when the page in hand has whole rows of the table.
	whole bool
	types []uint64
	row   rowMaker
	yield func(database.Row) bool
}

// note adds a record to the known ones and reports whether it was new.
func (c *carver) note(rec []byte) bool {
	h := maphash.Bytes(c.seed, rec)
	fresh := false
	mask := uint64(len(c.known))*64 - 1
	for range 3 {
		i := h & mask
		if c.known[i/64]&(1<<(i%64)) == 0 {
			c.known[i/64] |= 1 << (i % 64)
			fresh = true
		}
		h = h>>29 | h<<35
		h *= 0x9e3779b97f4a7c15
	}
	return fresh
}

// freelist fills free with the pages of the list, trunks too.
func (c *carver) freelist() {
	buf := make([]byte, c.size)
	for n := c.freeHead; n != 0 && n <= c.pages && c.free.add(n); {
		if c.ctx.Err() != nil || c.read(n, buf) != nil {
			return
		}
		k := binary.BigEndian.Uint32(buf[4:])
		for i := range min(k, uint32(c.usable/4-2)) {
			if p := binary.BigEndian.Uint32(buf[8+4*i:]); p != 0 && p <= c.pages {
				c.free.add(p)
			}
		}
		n = binary.BigEndian.Uint32(buf)
	}
}

// page looks through one page: a leaf of the table's own only where its tree has
// nothing, another one wholly.
func (c *carver) page(buf []byte, first, own bool, file string, at int64) {
	c.whole = false
	data := buf[:c.usable]
	p, ok := parsePage(data, first)
	if !ok || !p.leaf() || p.index() != c.t.keyed {
		if !own {
			c.region(data, 0, len(data), own, file, at)
		}
		return
	}
	c.whole = p.cells == 0
	// What the page's own offsets lead to: rows of a free page or older image.
	for i := range p.cells {
		if c.stop {
			return
		}
		if c.intact(data, p.cell(i), len(data), own, file, at) > 0 {
			c.whole = true
		}
	}
	for n, left := int(binary.BigEndian.Uint16(data[p.at+1:])), len(data)/4; n >= p.ptr && n+4 <= len(data) && left > 0 && !c.stop; left-- {
		size := int(binary.BigEndian.Uint16(data[n+2:]))
		if size < 4 || n+size > len(data) {
			break
		}
		c.block(data, n, n+size, own, file, at)
		next := int(binary.BigEndian.Uint16(data[n:]))
		if next <= n {
			break
		}
		n = next
	}
	c.region(data, p.ptr+2*p.cells, p.content(), own, file, at)
}

// region looks at every offset: for whole records, and for freed ones.
func (c *carver) region(data []byte, from, to int, own bool, file string, at int64) {
	for i := from; i+4 <= to && !c.stop; {
		if n := c.intact(data, i, to, own, file, at); n > 0 {
			i += n
			continue
		}
		if size := int(binary.BigEndian.Uint16(data[i+2:])); size >= 4 && i+size <= to {
			if next := int(binary.BigEndian.Uint16(data[i:])); next == 0 || next > i && next < len(data) {
				if n := c.clobbered(data, i, i+size, true, own, file, at); n > 0 {
					i += n
					continue
				}
				if n := c.clobbered(data, i, i+size, false, own, file, at); n > 0 {
					c.block(data, i, i+size, own, file, at)
					i += size
					continue
				}
			}
		}
		i++
	}
}

// block looks through freed room: cells side by side, the first without its
// first four bytes, the others with or without.
func (c *carver) block(data []byte, from, to int, own bool, file string, at int64) {
	n := c.clobbered(data, from, to, true, own, file, at)
	if n == 0 {
		n = c.clobbered(data, from, to, false, own, file, at)
	}
	chained := n > 0
	for i := from + max(n, 4); i+4 <= to && !c.stop; {
		n := c.intact(data, i, to, own, file, at)
		if n == 0 && chained {
			n = c.clobbered(data, i, to, false, own, file, at)
		}
		if n == 0 {
			size := int(binary.BigEndian.Uint16(data[i+2:]))
			if size >= 4 && i+size <= to {
				n = c.clobbered(data, i, i+size, true, own, file, at)
			}
		}
		chained = n > 0
		i += max(n, 1)
	}
}

// intact tries a whole cell and gives its length, 0 when there is none.
func (c *carver) intact(data []byte, i, to int, own bool, file string, at int64) int {
	size, rowid, body, ok := cellHead(data[:to], i, c.t.keyed)
	if !ok || size < 2 || rowid < 0 {
		return 0
	}
	local := c.local(size, c.t.keyed)
	if body+local > to {
		return 0
	}
	var head int
	c.types, head, ok = recordHead(c.types[:0], data[body:body+local])
	if !ok || !c.adds(head, size) || !c.fits(data[body+head:body+local], own) {
		return 0
	}
	rec := data[body : body+local]
	end := body + local
	if local < size {
		// Only pages that are free still can hold the rest.
		used := map[uint32]bool{}
		if full, err := c.payload(data, body, size, c.t.keyed, func(n uint32) bool {
			again := used[n]
			used[n] = true
			return !again && c.free.has(n)
		}); err == nil {
			rec = full
		}
		end += 4
	}
	if c.note(rec) {
		c.emit(rec[head:], rowid, true, file, at+int64(i))
	}
	return max(end-i, 4)
}

func (c *carver) adds(head, size int) bool {
	for _, t := range c.types {
		head += width(t)
		if head > size {
			return false
		}
	}
	return head == size
}

func (c *carver) emit(body []byte, rowid int64, known bool, file string, at int64) {
	values := c.row.fill(c.db, c.t, c.types, body, rowid, known)
	if !c.yield(database.Row{Deleted: true, Values: values, File: file, Offset: at}) {
		c.stop = true
	}
}

// clobbered tries a cell whose first four bytes became a free block's head: the
// types that are left tell the rest. exact says that the cell fills the room.
func (c *carver) clobbered(data []byte, from, to int, exact, own bool, file string, at int64) int {
	if !own && !c.whole {
		return 0
	}
	cols := len(c.t.stored)
	// lost is how many bytes of the record's head (its length, then types) are
	// under the four.
	for lost := 0; lost <= 3; lost++ {
		gone := max(lost-1, 0) // types that are gone, of one byte each
		if gone > cols || gone > 1 {
			break
		}
		lead := 4 - lost // bytes before the head
		if lead < 1 || !c.t.keyed && lead < 2 {
			continue
		}
		i := from + 4
		c.types = c.types[:0]
		for range gone {
			c.types = append(c.types, 0)
		}
		ok := true
		if lost == 0 {
			// The head's own length is there.
			h, n := varint(data[i:to])
			ok = n > 0 && int(h) > n && int(h) <= to-i
			i += n
		}
		for ok && len(c.types) < cols {
			v, n := varint(data[i:to])
			if n == 0 || width(v) < 0 || width(v) > to-i {
				ok = false
				break
			}
			c.types = append(c.types, v)
			i += n
		}
		if !ok {
			continue
		}
		sum := 0
		for _, v := range c.types[gone:] {
			sum += width(v)
		}
		if gone == 1 {
			rest := to - i - sum
			if !c.guess(rest, exact) {
				continue
			}
			sum += width(c.types[0])
		}
		end := i + sum
		if end > to || exact && end != to && to-from > 4 {
			continue
		}
		// The length of the record must be one that its lost bytes can hold.
		payload := end - from - lead
		if lead == 2 && (payload > 127) != c.t.keyed || lead > 2 && c.t.keyed || payload > c.usable-35 {
			continue
		}
		if !c.fits(data[i:end], own) {
			continue
		}
		if c.note(data[from+4 : end]) {
			c.emit(data[i:end], 0, false, file, at+int64(from))
		}
		return max(end-from, 4)
	}
	return 0
}

// guess finds the first column's type, which is lost, by the room for it.
func (c *carver) guess(rest int, exact bool) bool {
	col := c.t.stored[0]
	if col == c.t.rowid {
		c.types[0] = 0
		return true
	}
	if !exact || rest < 0 {
		return false
	}
	switch a := c.t.columns[col].affinity; {
	case a == text:
		c.types[0] = uint64(13 + 2*rest)
	case a == blob:
		c.types[0] = uint64(12 + 2*rest)
	case rest >= 1 && rest <= 4:
		c.types[0] = uint64(rest)
	case rest == 6:
		c.types[0] = 5
	case rest == 8 && a == real:
		c.types[0] = 7
	case rest == 8:
		c.types[0] = 6
	default:
		return false
	}
	return c.types[0] < 128
}

// fits tells whether the types in hand are a row of the table and, on a page
// that is not its own, of no other table rather.
func (c *carver) fits(body []byte, own bool) bool {
	mine := score(c.t, c.types)
	if mine < 0 {
		return false
	}
	if !own {
		for _, o := range c.byWidth[len(c.types)] {
			if o == c.t || o.keyed != c.t.keyed {
				continue
			}
			if s := score(o, c.types); s > mine || s == mine && o.public.Name < c.t.public.Name {
				return false
			}
		}
	}
	for _, t := range c.types {
		w := width(t)
		if w > len(body) {
			break
		}
		if t >= 13 && t%2 == 1 {
			if c.utf16 != nil && w%2 != 0 || c.utf16 == nil && !plain(body[:w]) {
				return false
			}
		}
		body = body[w:]
	}
	return true
}

// plain tells whether bytes are text: UTF-8 without control characters.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return utf8.Valid(b)
}

// score is how well types fit a table's columns, -1 when they don't.
func score(t *table, types []uint64) int {
	if len(types) != len(t.stored) {
		return -1
	}
	sum, full := 0, false
	for i, col := range t.stored {
		c, typ := t.columns[col], types[i]
		full = full || typ != 0
		switch {
		case col == t.rowid:
			if typ != 0 {
				return -1
			}
			sum += 2
		case typ == 0:
			if c.notNull {
				return -1
			}
		case typ >= 12 && typ%2 == 1: // text
			switch c.affinity {
			case text:
				sum += 2
			case integer, real:
				sum--
			}
		case typ >= 12:
			if c.affinity == blob {
				sum += 2
			}
		case c.affinity == text:
			return -1 // numbers become text there
		case c.affinity == real && typ == 7, c.affinity == integer && typ != 7, c.affinity == numeric:
			sum += 2
		case c.affinity == integer:
			sum--
		default:
			sum++
		}
	}
	if !full || sum < 0 {
		return -1
	}
	return sum
}
