package innodb

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// prepare reads what the rows of a table need to be told: how its records are
// laid out.
func (d *db) prepare(t *table) error {
	p, err := d.page(t.sp, t.root)
	if err != nil {
		t.Note = "its root page is damaged"
		return err
	}
	if ty := be16(p, filType); ty != typeIndex && ty != typeInstant {
		if ty == 0 && zero(p) {
			return nil // never written: no rows
		}
		return fmt.Errorf("%s: page %d: type %d, expected the root of an index: %w", t.sp.path, t.root, ty, database.ErrDamaged)
	}
	if t.layout == nil {
		t.layout = t.def.layout(compact(p))
	}
	t.layout.comp = compact(p)
	if be16(p, filType) == typeInstant && !t.layout.mysql {
		if err := d.instant(t, p); err != nil {
			return err
		}
	}
	return nil
}

// instant reads what MariaDB notes of columns that were added, dropped or moved
// without a rebuild: a first record with the defaults.
func (d *db) instant(t *table, root []byte) error {
	core := be16(root, pageDirection) >> 3
	l := t.layout
	if core < l.trx+2 || core > maxRecordFields {
		return fmt.Errorf("%s: page %d: %d fields before instant changes: %w", t.sp.path, t.root, core, database.ErrDamaged)
	}
	p, no := root, t.root
	for depth := 0; be16(p, pageLevel) > 0; depth++ {
		at := 0
		if err := records(p, func(rec int) bool { at = rec; return false }); err != nil || at == 0 || depth > 20 {
			return fmt.Errorf("%s: page %d: no first record: %w", t.sp.path, no, database.ErrDamaged)
		}
		// How many bytes of bits for NULL there are isn't known yet, when columns
		// were dropped; but the next page is known by its looks.
		var next []byte
		for l.guess = -1; l.guess < 128 && next == nil; l.guess++ {
			child, err := l.nodeChild(p, at)
			if err != nil || child < 3 || child >= t.sp.pages() {
				continue
			}
			q, err := d.page(t.sp, child)
			if err == nil && be16(q, filType) == typeIndex && be64(q, pageIndexID) == be64(root, pageIndexID) &&
				be16(q, pageLevel) == be16(p, pageLevel)-1 && be32(q, filNext-4) == noPage {
				next, no = q, child
			}
		}
		l.guess = -1
		if next == nil {
			return fmt.Errorf("%s: page %d: no first leaf: %w", t.sp.path, no, database.ErrDamaged)
		}
		p = next
	}
	var first int
	if err := records(p, func(at int) bool { first = at; return false }); err != nil || first == 0 {
		return fmt.Errorf("%s: page %d: no record of instant changes: %w", t.sp.path, no, database.ErrDamaged)
	}
	info := p[first-6] & 0xf0
	if l.comp {
		info = p[first-5] & 0xf0
	}
	if info&infoMin == 0 {
		return fmt.Errorf("%s: page %d: first record is none of instant changes: %w", t.sp.path, no, database.ErrDamaged)
	}
	// The key and the engine's columns come first in any case; the blob next to
	// them tells where the others are.
	if info&infoDeleted != 0 {
		if err := d.instantFields(t, p, first); err != nil {
			return err
		}
	}
	if core > len(l.fields) {
		return fmt.Errorf("%s: page %d: %d fields of %d before instant changes: %w", t.sp.path, t.root, core, len(l.fields), database.ErrDamaged)
	}
	l.core = core
	var r record
	if err := l.parse(p, first, &r); err != nil {
		return fmt.Errorf("%s: page %d: %w", t.sp.path, no, err)
	}
	cells := r.cells
	if info&infoDeleted != 0 {
		cells = append(append([]cell(nil), cells[:l.trx+2]...), cells[l.trx+3:]...)
	}
	for i := core; i < len(l.fields) && i < len(cells); i++ {
		c := cells[i]
		if c.missing {
			continue
		}
		l.fields[i].hasDef = true
		if !c.null {
			v, err := d.whole(t.sp, c)
			if err != nil {
				return err
			}
			l.fields[i].def = append([]byte{}, v...)
		}
	}
	return nil
}

// instantFields puts the fields after the engine's in the order that the blob
// tells, dropped columns among them.
func (d *db) instantFields(t *table, p []byte, at int) error {
	l := t.layout
	head := &layout{comp: l.comp, trx: l.trx, keys: l.keys}
	head.fields = append(head.fields, l.fields[:l.trx+2]...)
	var ref cell
	if l.comp {
		// Of the key, what has no fixed length is empty; the blob's place takes the
		// same room always.
		at := at
		for _, f := range head.fields {
			at += f.fixed
		}
		if at+20 <= len(p) {
			ref = cell{data: p[at : at+20], ext: true}
		}
	} else {
		var r record
		head.fields = append(head.fields, make([]physical, maxRecordFields-len(head.fields))...)
		if err := head.parseOld(p, at, &r); err != nil {
			return err
		}
		if i := l.trx + 2; i < len(r.cells) && r.cells[i].ext {
			ref = r.cells[i]
		}
	}
	if ref.data == nil {
		return fmt.Errorf("%s: record at %d: no list of dropped columns: %w", t.sp.path, at, database.ErrDamaged)
	}
	b, err := d.whole(t.sp, ref)
	if err != nil {
		return err
	}
	if len(b) < 4 || be32(b, 0) > maxRecordFields || len(b) < 4+2*int(be32(b, 0)) {
		return fmt.Errorf("%s: list of dropped columns has %d bytes: %w", t.sp.path, len(b), database.ErrDamaged)
	}
	// Columns are counted as the table has them now, without those that aren't kept.
	var kept []int
	for i := range t.def.columns {
		if !t.def.columns[i].virtual {
			kept = append(kept, i)
		}
	}
	fields := append([]physical(nil), l.fields[:l.trx+2]...)
	for i := range int(be32(b, 0)) {
		v := be16(b, 4+2*i)
		if v&0x8000 != 0 {
			f := physical{col: colDropped, nullable: v&0x4000 == 0}
			switch n := v & 0x3fff; n {
			case 0:
			case 1:
				f.big = true
			default:
				f.fixed = n - 1
			}
			fields = append(fields, f)
			continue
		}
		if v >= len(kept) {
			return fmt.Errorf("%s: list of dropped columns names column %d of %d: %w", t.sp.path, v, len(kept), database.ErrDamaged)
		}
		fields = append(fields, t.def.columns[kept[v]].physical(kept[v]))
	}
	l.fields = fields
	return nil
}

// whole gives all of a field, the part that lies in other pages too.
func (d *db) whole(sp *space, c cell) ([]byte, error) {
	if !c.ext {
		return c.data, nil
	}
	if len(c.data) < 20 {
		return nil, fmt.Errorf("%s: field that goes on elsewhere has %d bytes: %w", sp.path, len(c.data), database.ErrDamaged)
	}
	n := len(c.data) - 20
	ref := c.data[n:]
	no, at, size := be32(ref, 4), int(be32(ref, 8)), be64(ref, 12)&(1<<32-1)
	if be32(ref, 0) != sp.id || size > maxValue {
		return nil, fmt.Errorf("%s: field of %d bytes goes on in space %d: %w", sp.path, size, be32(ref, 0), database.ErrDamaged)
	}
	out := append(make([]byte, 0, n+int(size)), c.data[:n]...)
	left := int(size)
	for left > 0 {
		p, err := d.page(sp, no)
		if err != nil {
			return nil, err
		}
		if be16(p, filType) == typeLOBFirst {
			return d.lob(sp, p, out, left)
		}
		if ty := be16(p, filType); at < filData || at+8 > len(p) || ty != typeBlob && ty != typeSDIBlob {
			return nil, fmt.Errorf("%s: page %d: part of a field at %d: %w", sp.path, no, at, database.ErrDamaged)
		}
		part := int(be32(p, at))
		if part <= 0 || part > len(p)-at-8 || part > left {
			return nil, fmt.Errorf("%s: page %d: part of a field has %d bytes: %w", sp.path, no, part, database.ErrDamaged)
		}
		out = append(out, p[at+8:at+8+part]...)
		left -= part
		no, at = be32(p, at+4), filData
	}
	return out, nil
}

// lob reads a value of MySQL 8: its first page has a list of where the parts
// lie.
func (d *db) lob(sp *space, first, out []byte, left int) ([]byte, error) {
	// After the page's header: version, flags, the last change, the data's length
	// on this page, the transaction, two lists of entries, ten entries, the data.
	const list, entries, entry = 64, 96, 60
	data := entries + 10*entry
	no, at := be32(first, list+4), be16(first, list+8)
	for range d.steps(sp) {
		if left <= 0 || no == noPage {
			break
		}
		p, err := d.page(sp, no)
		if err != nil {
			return nil, err
		}
		if at < filData || at+entry > len(p) {
			break
		}
		e := p[at : at+entry]
		page, size := be32(e, 48), be16(e, 52)
		q, err := d.page(sp, page)
		if err != nil {
			return nil, err
		}
		from := 49
		if be16(q, filType) == typeLOBFirst {
			from = data
		}
		if size > len(q)-from || size > left {
			break
		}
		out = append(out, q[from:from+size]...)
		left -= size
		no, at = be32(e, 6), be16(e, 10)
	}
	if left > 0 {
		return nil, fmt.Errorf("%s: value in parts lacks %d bytes: %w", sp.path, left, database.ErrDamaged)
	}
	return out, nil
}

// steps bounds walks through a space's pages.
func (d *db) steps(sp *space) int { return int(min(sp.pages(), 1<<24)) + 64 }

// walker gives the rows of one table.
type walker struct {
	d       *db
	ctx     context.Context
	t       *table
	opts    database.RowOptions
	yield   func(database.Row) bool
	seen    map[uint32]struct{}
	leaves  int
	stopped bool
	second  bool     // the turn of deleted rows
	given   []uint64 // a Bloom filter of the versions of rows that were given
	seed    maphash.Seed
	room    int64 // bytes that may still be read outside of the rows' own pages
	undo    int   // older versions that may still be looked at
	failed  error
	rec     record
	values  []database.Value
	buf     []byte
	ends    []int
}

// Rows gives a table's rows.
func (d *db) Rows(ctx context.Context, want database.Table, opts database.RowOptions, yield func(database.Row) bool) error {
	for _, t := range d.tables {
		if t.Database != want.Database || t.Name != want.Name {
			continue
		}
		switch {
		case t.err != nil:
			return t.err
		case t.layout == nil:
			if t.sp == nil {
				return fmt.Errorf("table of another engine: %w", database.ErrUnsupported)
			}
			return nil
		}
		w := &walker{d: d, ctx: ctx, t: t, opts: opts, yield: yield, seen: map[uint32]struct{}{}, room: 4*t.sp.r.Size() + 64<<20, undo: 4 << 20}
		if opts.Deleted {
			w.given, w.seed = make([]uint64, bloomBits/64), maphash.MakeSeed()
		}
		w.tree(t.root, -1)
		if opts.Deleted && !w.stopped {
			// Deleted ones come last, when it is known which rows only moved.
			w.second, w.leaves, w.seen = true, 0, map[uint32]struct{}{}
			w.tree(t.root, -1)
			w.lostPages()
		}
		return w.failed
	}
	return fmt.Errorf("no such table: %w", io.EOF)
}

// bloomBits are enough to tell a few million rows apart.
const bloomBits = 1 << 25

// mark notes a version of a row, by its key, transaction and roll pointer, and
// tells whether it was noted before.
func (w *walker) mark(cells []cell) bool {
	if w.given == nil {
		return false
	}
	var h maphash.Hash
	h.SetSeed(w.seed)
	for _, c := range cells[:w.t.layout.trx+2] {
		_, _ = h.Write(c.data)
		_ = h.WriteByte(byte(len(c.data)))
	}
	sum, known := h.Sum64(), true
	for range 2 {
		i, bit := sum%bloomBits/64, uint64(1)<<(sum%64)
		known = known && w.given[i]&bit != 0
		w.given[i] |= bit
		sum >>= 32
	}
	return known
}

// lost gives a row that was deleted, unless it is still there or was given.
func (w *walker) lost(no uint32, at int) {
	if w.plausible(&w.rec) && !w.mark(w.rec.cells) {
		w.give(no, at, w.rec.cells, true)
	}
}

func (w *walker) fail(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

// tree walks the pages from one down; level is what the page must be at, -1 for
// any.
func (w *walker) tree(no uint32, level int) {
	if w.stopped {
		return
	}
	if err := w.ctx.Err(); err != nil {
		w.fail(err)
		w.stopped = true
		return
	}
	if _, ok := w.seen[no]; ok || len(w.seen) > w.d.steps(w.t.sp) {
		w.fail(fmt.Errorf("%s: page %d: is in the tree twice: %w", w.t.sp.path, no, database.ErrDamaged))
		return
	}
	w.seen[no] = struct{}{}
	if level == 0 {
		w.leaves++
		if w.opts.Every > 1 && (w.leaves-1)%w.opts.Every != 0 {
			return
		}
	}
	p, err := w.d.page(w.t.sp, no)
	if err != nil {
		w.fail(err)
		return
	}
	at := be16(p, pageLevel)
	ty := be16(p, filType)
	if ty != typeIndex && ty != typeInstant || level >= 0 && at != level || at > 30 || compact(p) != w.t.layout.comp {
		w.fail(fmt.Errorf("%s: page %d: is no page of the tree: %w", w.t.sp.path, no, database.ErrDamaged))
		return
	}
	if at == 0 {
		w.leaf(p, no, false)
		return
	}
	var children []uint32
	if err := records(p, func(rec int) bool {
		child, err := w.t.layout.nodeChild(p, rec)
		if err != nil {
			w.fail(fmt.Errorf("%s: page %d: %w", w.t.sp.path, no, err))
			return false
		}
		children = append(children, child)
		return true
	}); err != nil {
		w.fail(fmt.Errorf("%s: page %d: %w", w.t.sp.path, no, err))
	}
	for _, c := range children {
		w.tree(c, at-1)
	}
}

// leaf gives the rows of one page; gone says that the page is in the tree no
// more, so that all its rows are deleted ones.
func (w *walker) leaf(p []byte, no uint32, gone bool) {
	l := w.t.layout
	err := records(p, func(at int) bool {
		if err := l.parse(p, at, &w.rec); err != nil {
			if !gone {
				w.fail(fmt.Errorf("%s: page %d: %w", w.t.sp.path, no, err))
			}
			return !gone
		}
		if w.rec.info&infoMin != 0 {
			return true // the record of instant changes
		}
		if gone {
			w.lost(no, at)
			return !w.stopped
		}
		w.record(no, at)
		return !w.stopped
	})
	if err != nil && !gone {
		w.fail(fmt.Errorf("%s: page %d: %w", w.t.sp.path, no, err))
	}
	if !w.second || w.stopped {
		return
	}
	freed(p, func(at int) bool {
		if l.parse(p, at, &w.rec) == nil {
			w.lost(no, at)
		}
		return !w.stopped
	})
	w.erased(no)
}

// erased gives the rows that were deleted for good since the last checkpoint:
// the log still tells them.
func (w *walker) erased(no uint32) {
	d, l := w.d, w.t.layout
	if d.log == nil || w.stopped {
		return
	}
	c, ok := d.log.heads[pageKey(w.t.sp.id, no)]
	if !ok {
		return
	}
	p, err := w.t.sp.readPage(no)
	if err != nil && !c.init {
		return
	}
	root, err := d.page(w.t.sp, w.t.root)
	if err != nil {
		return
	}
	id := be64(root, pageIndexID)
	d.log.apply(p, w.t.sp.size, w.t.sp.id, no, func(p []byte, at int) {
		if !w.stopped && be64(p, pageIndexID) == id && compact(p) == l.comp && l.parse(p, at, &w.rec) == nil {
			w.lost(no, at)
		}
	})
}

// record gives one row that is in the tree, as it was before any transaction
// that was open.
func (w *walker) record(no uint32, at int) {
	r := &w.rec
	l := w.t.layout
	deleted := r.info&infoDeleted != 0
	if len(r.cells) < l.trx+2 {
		return
	}
	open := w.d.open[uintOf(r.cells[l.trx].data)]
	switch {
	case w.second && (deleted || open):
		// What an open transaction made of a row is there too.
		w.lost(no, at)
	case w.second:
	case open:
		cells, exists, err := w.d.before(w.t, r, &w.undo)
		if err != nil {
			w.fail(err)
			return
		}
		if exists {
			w.mark(cells)
			w.give(no, at, cells, false)
		}
	case !deleted:
		w.mark(r.cells)
		w.give(no, at, r.cells, false)
	}
}

// plausible tells whether a record that isn't in the list of a page looks like
// one of this table.
func (w *walker) plausible(r *record) bool {
	l := w.t.layout
	if len(r.cells) <= l.trx+1 {
		return false
	}
	trx, roll := r.cells[l.trx], r.cells[l.trx+1]
	if len(trx.data) != 6 || len(roll.data) != 7 || zero(trx.data) && zero(roll.data) || trx.data[0] != 0 || r.info&infoMin != 0 {
		return false
	}
	for i, c := range r.cells {
		if c.ext && len(c.data) < 20 || c.null && i < l.keys {
			return false
		}
		if f := l.fields[min(i, len(l.fields)-1)]; f.col >= 0 && !c.missing && !c.null && !c.ext {
			col := &w.t.def.columns[f.col]
			out, kind := col.render(w.buf[:0], c.data)
			w.buf = out[:0]
			if kind == database.Lost || kind == database.Bytes && col.isString() && col.charset != binaryCharset {
				return false
			}
		}
	}
	return true
}

// give hands a row on.
func (w *walker) give(no uint32, at int, cells []cell, deleted bool) {
	l := w.t.layout
	def := w.t.def
	w.values = w.values[:0]
	w.buf = w.buf[:0]
	w.ends = w.ends[:0]
	byCol := make([]int, len(def.columns))
	for i := range l.fields {
		if c := l.fields[i].col; c >= 0 && l.fields[i].dropped == 0 {
			byCol[c] = i + 1
		}
	}
	for i := range def.columns {
		if def.columns[i].virtual || def.columns[i].hidden {
			continue
		}
		kind := database.Lost
		if f := byCol[i] - 1; f >= 0 {
			kind = w.value(&def.columns[i], &l.fields[f], f, cells, deleted)
		}
		w.values = append(w.values, database.Value{Kind: kind})
		w.ends = append(w.ends, len(w.buf))
	}
	start := 0
	for i, end := range w.ends {
		if w.values[i].Kind != database.Null && w.values[i].Kind != database.Lost {
			w.values[i].Data = w.buf[start:end:end]
		}
		start = end
	}
	row := database.Row{Deleted: deleted, Values: w.values, File: w.t.sp.path, Offset: int64(no)*int64(w.t.sp.physical()) + int64(at)}
	if !w.yield(row) {
		w.stopped = true
	}
}

// value appends one value to the buffer and tells its kind.
func (w *walker) value(c *column, f *physical, i int, cells []cell, deleted bool) database.Kind {
	v := cell{missing: true}
	if i < len(cells) {
		v = cells[i]
	}
	if v.missing {
		switch {
		case !f.hasDef && f.nullable:
			return database.Null
		case !f.hasDef:
			return database.Lost
		case f.def == nil:
			return database.Null
		}
		v = cell{data: f.def}
	}
	if v.null {
		return database.Null
	}
	if v.ext && len(v.data) >= 20 {
		// Many rows that point to one long value would take forever.
		if w.room -= int64(be32(v.data, len(v.data)-4)); w.room < 0 {
			w.fail(fmt.Errorf("%s: values are longer than the file: %w", w.t.sp.path, database.ErrDamaged))
			return database.Lost
		}
	}
	data, err := w.d.whole(w.t.sp, v)
	if err != nil {
		if !deleted {
			w.fail(err)
		}
		return database.Lost
	}
	var kind database.Kind
	w.buf, kind = c.render(w.buf, data)
	return kind
}

// lostPages looks at pages that were once in the tree and are in it no more.
func (w *walker) lostPages() {
	root, err := w.d.page(w.t.sp, w.t.root)
	if err != nil {
		return
	}
	id := be64(root, pageIndexID)
	for no := range w.t.sp.pages() {
		if w.stopped || w.ctx.Err() != nil {
			return
		}
		if _, ok := w.seen[no]; ok || no < 3 || w.opts.Every > 1 && int(no)%w.opts.Every != 0 {
			continue
		}
		p, err := w.d.page(w.t.sp, no)
		if err != nil {
			continue
		}
		if be16(p, filType) == typeIndex && be64(p, pageIndexID) == id && be16(p, pageLevel) == 0 && compact(p) == w.t.layout.comp {
			w.leaf(p, no, true)
		}
	}
}
