package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// maxChunks bounds the index of a TOAST table: 16 bytes each.
const maxChunks = 3 << 19

// chunk is one part of a value that lies in a TOAST table.
type chunk struct {
	value, seq, block uint32
	item              uint16
	dead              bool
}

// toastReader puts values together that lie in a TOAST table.
type toastReader struct {
	rel    *relation
	chunks []chunk
	page   page
	number int64 // of the page that is in it, -1 none
	datum  []datum
	err    error
}

var toastShape = []attribute{
	{name: "chunk_id", length: 4, align: 'i'}, {name: "chunk_seq", length: 4, align: 'i'}, {name: "chunk_data", length: -1, align: 'i'},
}

// index finds all chunks.
func (r *toastReader) index(ctx context.Context) error {
	c := r.rel.c
	r.page, r.number = make(page, c.control.block), -1
	var first error
	for n := range r.rel.blocks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.load(n); err != nil {
			first = firstOf(first, err)
			continue
		}
		for i := 1; i <= r.page.items(); i++ {
			t := r.page.tuple(i)
			if t == nil || t.hoff()+8 > len(t) {
				continue
			}
			f, err := c.fate(t)
			if err != nil || f == fateAborted {
				first = firstOf(first, err)
				continue
			}
			if len(r.chunks) >= maxChunks {
				return fmt.Errorf("%w: TOAST table with more than %d chunks", database.ErrUnsupported, maxChunks)
			}
			d := t[t.hoff():]
			r.chunks = append(r.chunks, chunk{le.Uint32(d), le.Uint32(d[4:]), n, uint16(i), f == fateDeleted})
		}
	}
	sort.Slice(r.chunks, func(i, j int) bool {
		a, b := &r.chunks[i], &r.chunks[j]
		switch {
		case a.value != b.value:
			return a.value < b.value
		case a.dead != b.dead:
			return b.dead
		}
		return a.seq < b.seq
	})
	return first
}

func (r *toastReader) load(n uint32) error {
	if r.number == int64(n) {
		return nil
	}
	r.number = -1
	if err := r.rel.page(n, r.page); err != nil {
		return err
	}
	if r.page.isNew() {
		r.page.reset()
	}
	if err := r.page.check(); err != nil {
		return fmt.Errorf("page %d of %s: %w", n, r.rel.path, err)
	}
	r.number = int64(n)
	return nil
}

// fetch gives what the pointer raw leads to.
func (r *toastReader) fetch(raw []byte) ([]byte, error) {
	if len(raw) != 18 {
		return nil, damagedValue("pointer to a value")
	}
	size, info, value := int(le.Uint32(raw[2:]))-4, le.Uint32(raw[6:]), le.Uint32(raw[10:])
	stored := int(info & 0x3fffffff)
	if size < 0 || stored > size {
		return nil, damagedValue("pointer to a value")
	}
	if size > maxValue {
		return nil, errValue
	}
	out := make([]byte, 0, min(stored, len(r.chunks)*r.rel.c.control.block))
	at := sort.Search(len(r.chunks), func(i int) bool { return r.chunks[i].value >= value })
	for seq := uint32(0); len(out) < stored; at++ {
		if at >= len(r.chunks) || r.chunks[at].value != value || r.chunks[at].seq > seq {
			return nil, fmt.Errorf("%w: a value of %d bytes: part %d is not in its TOAST table", database.ErrDamaged, stored, seq)
		}
		k := r.chunks[at]
		if k.seq < seq {
			continue
		}
		if err := r.load(k.block); err != nil {
			return nil, err
		}
		t := r.page.tuple(int(k.item))
		if t == nil {
			return nil, damagedValue("part of a value")
		}
		var err error
		if r.datum, err = deform(t, toastShape, r.datum); err != nil {
			return nil, err
		}
		b, err := inline(r.datum[2].data)
		if err != nil {
			return nil, err
		}
		if len(b) == 0 || len(b) > stored-len(out) {
			return nil, damagedValue("part of a value")
		}
		out = append(out, b...)
		seq++
	}
	if stored == size {
		return out, nil
	}
	if len(out) < 4 {
		return nil, damagedValue("compressed value")
	}
	head := le.Uint32(out)
	if int(head&0x3fffffff) != size {
		return nil, damagedValue("compressed value")
	}
	return unpack(out[4:], size, head>>30)
}

// reader gives the rows of one table.
type reader struct {
	c       *cluster
	k       *class
	printer printer
	kinds   []database.Kind
	toast   *toastReader
	datum   []datum
	values  []database.Value
	ends    []int
	buf     []byte
	first   error
}

// Rows gives the rows of a table.
func (c *cluster) Rows(ctx context.Context, t database.Table, opts database.RowOptions, yield func(database.Row) bool) error {
	cat, k, err := c.find(ctx, t)
	if err != nil {
		return fmt.Errorf("postgresql: table: %w", err)
	}
	if k.kind == 'p' || k.file == 0 {
		return nil
	}
	emptied := k.persistence == 'u' && c.redo != nil
	if emptied && !opts.Deleted {
		return nil
	}
	rel, missing, err := c.relation(c.heap(cat, k))
	if err != nil {
		return err
	}
	if missing {
		return fmt.Errorf("%w: %s is not there", database.ErrDamaged, rel.path)
	}
	r := &reader{c: c, k: k, printer: printer{cat: cat}}
	for i := range k.columns {
		r.kinds = append(r.kinds, cat.kindOf(k.columns[i].typ))
	}
	r.printer.fetch = func(raw []byte) ([]byte, error) {
		if r.toast == nil {
			key := c.toast(cat, k)
			r.toast = &toastReader{}
			if key.rel == 0 {
				r.toast.err = fmt.Errorf("%w: a value lies in a TOAST table, but there is none", database.ErrDamaged)
			} else if r.toast.rel, _, r.toast.err = c.relation(key); r.toast.err == nil {
				if err := r.toast.index(ctx); errors.Is(err, database.ErrUnsupported) || ctx.Err() != nil {
					r.toast.err = err
				} else {
					r.first = firstOf(r.first, err)
				}
			}
		}
		if r.toast.err != nil {
			return nil, r.toast.err
		}
		return r.toast.fetch(raw)
	}
	p := make(page, c.control.block)
	step := uint32(min(max(1, opts.Every), math.MaxInt32))
	for n := uint32(0); n < rel.blocks; n += step {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := rel.page(n, p)
		if err == nil && !p.isNew() {
			if err = p.check(); err != nil {
				err = fmt.Errorf("page %d of %s: %w", n, rel.path, err)
			}
		}
		if err != nil {
			r.first = firstOf(r.first, err)
			continue
		}
		if p.isNew() {
			continue
		}
		if !r.page(rel, n, p, opts.Deleted, emptied, yield) || n > math.MaxUint32-step {
			break
		}
	}
	return r.first
}

// page gives the rows of one page.
func (r *reader) page(rel *relation, n uint32, p page, deleted, emptied bool, yield func(database.Row) bool) bool {
	file, base := rel.place(n)
	for i := 1; i <= p.items(); i++ {
		off, flags, _ := p.item(i)
		t := p.tuple(i)
		if t == nil {
			if flags == lpNormal {
				r.first = firstOf(r.first, fmt.Errorf("%w: page %d of %s: item %d is not in the page", database.ErrDamaged, n, rel.path, i))
			}
			continue
		}
		f, err := r.c.fate(t)
		if err != nil {
			r.first = firstOf(r.first, err)
		}
		gone := f != fateLive || emptied
		if gone && !deleted {
			continue
		}
		_, err = r.row(t)
		if err != nil {
			if !gone {
				r.first = firstOf(r.first, fmt.Errorf("page %d of %s, item %d: %w", n, rel.path, i, err))
			}
			if r.values == nil {
				continue
			}
		}
		if !yield(database.Row{Deleted: gone, Values: r.values, File: file, Offset: base + int64(off)}) {
			return false
		}
	}
	if deleted {
		return r.carve(rel, p, file, base, yield)
	}
	return true
}

// row takes one tuple apart into r.values and tells where it ends. An error that
// costs some values only leaves the others; without any, r.values is nil.
func (r *reader) row(t tuple) (end int, err error) {
	r.datum, end, err = deformTo(t, r.k.columns, r.datum)
	if err != nil && len(r.datum) == 0 {
		r.values = nil
		return 0, err
	}
	values := r.values[:0]
	r.buf, r.ends = r.buf[:0], r.ends[:0]
	for i := range r.k.columns {
		a := &r.k.columns[i]
		if a.dropped {
			continue
		}
		from := len(r.buf)
		v := database.Value{Kind: r.kinds[i]}
		switch {
		case i >= len(r.datum):
			v.Kind = database.Lost
		case r.datum[i].null:
			v.Kind = database.Null
		default:
			var bad error
			if r.buf, bad = r.printer.print(r.buf, a.typ, r.datum[i].data, 0); bad != nil {
				r.buf, v.Kind = r.buf[:from], database.Lost
				// What isn't supported is told by the table's note.
				if !errors.Is(bad, database.ErrUnsupported) {
					err = firstOf(err, fmt.Errorf("column %d: %w", i+1, bad))
				}
			}
		}
		values = append(values, v)
		r.ends = append(r.ends, len(r.buf))
	}
	from := 0
	for i := range values {
		if k := values[i].Kind; k != database.Null && k != database.Lost {
			values[i].Data = r.buf[from:r.ends[i]:r.ends[i]]
		}
		from = r.ends[i]
	}
	r.values = values
	return end, err
}

// carve looks for rows in the free room of a page: pruning forgets where they
// lie, but not what they were. What it takes for one must fit in every part, and
// is no copy of a row that the page still has.
func (r *reader) carve(rel *relation, p page, file string, base int64, yield func(database.Row) bool) bool {
	columns := len(r.k.columns)
	if columns == 0 {
		return true
	}
	var seen map[string]bool
	for off := (p.lower() + 7) &^ 7; off+tupleHeader < p.upper(); {
		t := tuple(p[off:p.upper():p.upper()])
		end, ok := r.carved(t, rel.blocks, columns)
		if !ok {
			off += 8
			continue
		}
		if seen == nil {
			seen = map[string]bool{}
			for i := 1; i <= p.items(); i++ {
				if t := p.tuple(i); t != nil && t.hoff() <= len(t) {
					seen[identity(t, len(t))] = true
				}
			}
		}
		if id := identity(t, end); !seen[id] {
			seen[id] = true
			if !yield(database.Row{Deleted: true, Values: r.values, File: file, Offset: base + int64(off)}) {
				return false
			}
		}
		off = (off + end + 7) &^ 7
	}
	return true
}

// identity is what two copies of one version of a row have in common.
func identity(t tuple, end int) string {
	return string(t[:4]) + string(t[t.hoff():end])
}

// carved tells whether a row begins at t, and where it ends.
func (r *reader) carved(t tuple, blocks uint32, columns int) (end int, ok bool) {
	natts, hoff := int(t.infomask2()&attsMask), tupleHeader+1
	if natts < 1 || natts > columns || t.infomask2()&0x1800 != 0 {
		return 0, false
	}
	if t.infomask()&hasNull != 0 {
		hoff = (tupleHeader + (natts+7)/8 + 7) &^ 7
	}
	block := uint32(le.Uint16(t[12:]))<<16 | uint32(le.Uint16(t[14:]))
	item := le.Uint16(t[16:])
	if t.hoff() != hoff || hoff > len(t) || t.infomask()&hasOID != 0 || block >= blocks || item < 1 || int(item) > r.c.control.block/24 {
		return 0, false
	}
	if xmin := t.xmin(); xmin < 1 || xmin >= 3 && !precedes(xmin, r.c.nextXid) {
		return 0, false
	}
	r.values = r.values[:0]
	end, err := r.row(t)
	if err != nil || end <= hoff && t.infomask()&hasNull == 0 {
		return 0, false
	}
	for _, v := range r.values {
		if v.Kind == database.Text && !utf8.Valid(v.Data) {
			return 0, false
		}
	}
	return end, true
}
