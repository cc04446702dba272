package innodb

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// Columns of the engine itself, in place of a column's number.
const (
	colRowID = -1 - iota
	colTrx
	colRoll
	colMeta    // MariaDB's blob that tells of dropped columns, only in the first record
	colDropped // dropped at once, or the part of a column that a key keeps
)

// physical is one field of the clustered index's records.
type physical struct {
	col      int // the column's number, or one of the engine's
	fixed    int // bytes, 0 for a variable length
	big      bool
	nullable bool
	added    int // MySQL 8: the version of the row that has it first
	dropped  int // and the one that has it no more, 0 never
	def      []byte
	hasDef   bool // def, or NULL when that is nil, is the value in records that are too short
}

// layout is how the records of a clustered index are laid out.
type layout struct {
	comp   bool
	fields []physical
	keys   int // fields of the key, by which records are ordered
	trx    int // where the transaction's number is; the roll pointer follows
	core   int // MariaDB: fields in records of before any instant change
	instV1 int // MySQL 8: the same, 0 without
	mysql  bool
	guess  int // bytes of bits for NULL in inner pages, while the fields aren't known; -1 when they are
}

func (c *column) physical(i int) physical {
	fixed, most := c.storage()
	return physical{col: i, fixed: fixed, big: most > 255, nullable: c.nullable}
}

// clustered finds the key that the rows are ordered by: the primary one, else
// the first unique one without NULL.
func (d *definition) clustered() *key {
	for i := range d.keys {
		k := &d.keys[i]
		ok := k.unique && len(k.parts) > 0
		for _, p := range k.parts {
			c := &d.columns[p.column]
			ok = ok && !c.nullable && !c.virtual
			if k.name != "PRIMARY" {
				ok = ok && p.prefix == 0
			}
		}
		if ok {
			return k
		}
	}
	return nil
}

// layout derives the layout of records as the server does when it makes a
// table.
func (d *definition) layout(comp bool) *layout {
	l := &layout{comp: comp, guess: -1}
	in := make([]bool, len(d.columns))
	if k := d.clustered(); k != nil {
		for _, p := range k.parts {
			f := d.columns[p.column].physical(p.column)
			if p.prefix != 0 {
				f.col = colDropped
				if f.fixed != 0 {
					f.fixed = p.prefix
				}
				f.big = p.prefix > 255
				if d.columns[p.column].isBlob() {
					f.big = true
				}
			} else {
				in[p.column] = true
			}
			l.fields = append(l.fields, f)
		}
		l.keys = len(l.fields)
	} else {
		l.fields = append(l.fields, physical{col: colRowID, fixed: 6})
		l.keys = 1
	}
	l.trx = len(l.fields)
	l.fields = append(l.fields, physical{col: colTrx, fixed: 6}, physical{col: colRoll, fixed: 7})
	for i := range d.columns {
		if !in[i] && !d.columns[i].virtual {
			l.fields = append(l.fields, d.columns[i].physical(i))
		}
	}
	l.core = len(l.fields)
	return l
}

// cell is one field of a record: part of the page, and whether the rest lies
// elsewhere.
type cell struct {
	data    []byte
	null    bool
	ext     bool
	missing bool // the record is of before the field
}

// record is one record, split into fields.
type record struct {
	at      int // in the page
	info    byte
	cells   []cell
	end     int
	version int
}

const (
	infoMin     = 0x10
	infoDeleted = 0x20
)

func badRecord(at int, what string) error {
	return fmt.Errorf("record at %d: %s: %w", at, what, database.ErrDamaged)
}

// parse splits the record at an offset of a page. r's cells are used again.
func (l *layout) parse(p []byte, at int, r *record) error {
	r.at, r.cells, r.version = at, r.cells[:0], 0
	if at < pageData+7 || at >= len(p)-pageDirectoryEnd {
		return badRecord(at, "outside of the page")
	}
	if !l.comp {
		return l.parseOld(p, at, r)
	}
	r.info = p[at-5] & 0xf0
	status := p[at-3] & 7
	n := min(l.core, len(l.fields))
	pos := at - 6
	meta := false
	switch {
	case l.mysql:
		n = len(l.fields)
		switch {
		case r.info&0x40 != 0:
			r.version = int(p[pos])
			pos--
		case p[at-5]&0x80 != 0:
			n = int(p[pos])
			pos--
			if n&0x80 != 0 {
				n = n&0x7f<<8 | int(p[pos])
				pos--
			}
		case l.instV1 != 0:
			n = l.instV1
		}
	case status == 4:
		add := int(p[pos])
		pos--
		if add&0x80 != 0 {
			add = add&0x7f | int(p[pos])<<7
			pos--
		}
		n = l.core + 1 + add
		// The record that tells of dropped columns has one field more, and counts it.
		meta = r.info&(infoMin|infoDeleted) == infoMin|infoDeleted
	case status != 0:
		return badRecord(at, "is none of a leaf")
	}
	total := len(l.fields)
	if meta {
		total++
	}
	if n > total || n <= 0 {
		return badRecord(at, "has more fields than the table")
	}
	field := func(i int) physical {
		if meta && i > l.trx+1 {
			if i == l.trx+2 {
				return physical{col: colMeta, fixed: 20}
			}
			return l.fields[i-1]
		}
		return l.fields[i]
	}
	nulls := 0
	for i := range n {
		if f := field(i); f.nullable && l.has(f, r.version) {
			nulls++
		}
	}
	bits := pos
	pos -= (nulls + 7) / 8
	bit, data := 0, at
	for i := range n {
		f := field(i)
		if !l.has(f, r.version) {
			r.cells = append(r.cells, cell{missing: true})
			continue
		}
		if f.nullable {
			if bits-bit/8 < pageData {
				return badRecord(at, "has a header that begins before the page's data")
			}
			null := p[bits-bit/8]>>(bit%8)&1 != 0
			bit++
			if null {
				r.cells = append(r.cells, cell{null: true})
				continue
			}
		}
		size, ext := f.fixed, false
		if size == 0 {
			if pos-1 < pageData {
				return badRecord(at, "has a header that begins before the page's data")
			}
			size = int(p[pos])
			pos--
			if f.big && size&0x80 != 0 {
				ext = size&0x40 != 0
				size = size&0x3f<<8 | int(p[pos])
				pos--
			}
		}
		if size > len(p)-pageDirectoryEnd-data {
			return badRecord(at, "goes over the page's end")
		}
		r.cells = append(r.cells, cell{data: p[data : data+size : data+size], ext: ext})
		data += size
	}
	r.end = data
	for i := n; i < total; i++ {
		r.cells = append(r.cells, cell{missing: true})
	}
	return nil
}

// has tells whether records of a row version have a field.
func (l *layout) has(f physical, version int) bool {
	return !l.mysql || f.added <= version && (f.dropped == 0 || f.dropped > version)
}

// parseOld splits a record of ROW_FORMAT=REDUNDANT, which tells where each field
// ends.
func (l *layout) parseOld(p []byte, at int, r *record) error {
	r.info = p[at-6] & 0xf0
	n := be16(p, at-4) & 0x7fe >> 1
	short := p[at-3]&1 != 0
	width := 2
	if short {
		width = 1
	}
	total := len(l.fields)
	meta := r.info&(infoMin|infoDeleted) == infoMin|infoDeleted
	if meta {
		total++
	}
	if n == 0 || n > total || at-6-n*width < pageData {
		return badRecord(at, "has another number of fields than the table")
	}
	last := 0
	for i := range n {
		var end int
		var null, ext bool
		if short {
			o := p[at-7-i]
			end, null = int(o&0x7f), o&0x80 != 0
		} else {
			o := be16(p, at-8-2*i)
			end, null, ext = o&0x3fff, o&0x8000 != 0, o&0x4000 != 0
		}
		if end < last || at+end > len(p)-pageDirectoryEnd {
			return badRecord(at, "has fields that overlap or go over the page's end")
		}
		c := cell{null: null, ext: ext}
		if !null {
			c.data = p[at+last : at+end : at+end]
		}
		last = end
		r.cells = append(r.cells, c)
	}
	r.end = at + last
	for i := n; i < total; i++ {
		r.cells = append(r.cells, cell{missing: true})
	}
	return nil
}

// nodeChild gives the page that a record of an inner page points to.
func (l *layout) nodeChild(p []byte, at int) (uint32, error) {
	if at < pageData+7 || at >= len(p)-pageDirectoryEnd {
		return 0, badRecord(at, "outside of the page")
	}
	if !l.comp {
		n := be16(p, at-4) & 0x7fe >> 1
		if n < 2 {
			return 0, badRecord(at, "has no fields")
		}
		var start int
		if p[at-3]&1 != 0 {
			start = int(p[at-7-(n-2)] & 0x7f)
		} else {
			if at-8-2*(n-2) < pageData {
				return 0, badRecord(at, "has too many fields")
			}
			start = be16(p, at-8-2*(n-2)) & 0x3fff
		}
		if at+start+4 > len(p) {
			return 0, badRecord(at, "goes over the page's end")
		}
		return be32(p, at+start), nil
	}
	if p[at-3]&7 != 1 {
		return 0, badRecord(at, "is none of an inner page")
	}
	pos, data := at-6, at
	// The bits for NULL are there too, though no key has one.
	nulls := 0
	for i, f := range l.fields {
		if f.nullable && i < l.core && l.has(f, 0) {
			nulls++
		}
	}
	if l.guess >= 0 {
		nulls = 8 * l.guess
	}
	pos -= (nulls + 7) / 8
	for _, f := range l.fields[:l.keys] {
		size := f.fixed
		if size == 0 {
			if pos-1 < pageData {
				return 0, badRecord(at, "has a header that begins before the page's data")
			}
			size = int(p[pos])
			pos--
			if f.big && size&0x80 != 0 {
				size = size&0x3f<<8 | int(p[pos])
				pos--
			}
		}
		data += size
	}
	if data+4 > len(p) {
		return 0, badRecord(at, "goes over the page's end")
	}
	return be32(p, data), nil
}

// records calls f with the place of each record of an index page in order.
func records(p []byte, f func(at int) bool) error {
	at, sup := infimumOld, supremumOld
	comp := compact(p)
	if comp {
		at, sup = infimumNew, supremumNew
	}
	for range len(p) / 6 {
		next := be16(p, at-2)
		if comp {
			next = (at + next) & 0xffff
		}
		if next == sup {
			return nil
		}
		if next < pageData+7 || next >= len(p)-pageDirectoryEnd {
			return badRecord(at, "has a next one outside of the page")
		}
		if at = next; !f(at) {
			return nil
		}
	}
	return badRecord(at, "is in a list without end")
}

// freed calls f with each record on the list of free ones.
func freed(p []byte, f func(at int) bool) {
	at := be16(p, pageFree)
	for range len(p) / 6 {
		if at < pageData+7 || at >= len(p)-pageDirectoryEnd || !f(at) {
			return
		}
		next := be16(p, at-2)
		if next == 0 {
			return
		}
		if compact(p) {
			next = (at + next) & 0xffff
		}
		at = next
	}
}
