package innodb

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Where the undo logs are told: the transaction system's page, the headers of
// rollback segments, the undo segments and logs in them.
const (
	trxSysPage   = 5
	trxSysSlots  = filData + 18
	rsegSlots    = filData + 34
	undoActive   = 1
	undoPrepared = 5

	undoInsert   = 11
	undoUpdate   = 12
	undoUpdDel   = 13 // an update of a row that was marked deleted
	undoDelete   = 14
	sqlNull      = 0xffffffff
	externLength = sqlNull - 16<<10
)

// transactions finds those that were open when the server stopped. What they
// did is undone when the server starts again.
func (d *db) transactions() {
	sys := d.spaces[0]
	p, err := d.page(sys, trxSysPage)
	if err != nil {
		d.fail(err)
		d.note(true, "the page of transactions is damaged: changes that were not committed may be shown")
		return
	}
	for i := range 128 {
		at := trxSysSlots + 8*i
		if at+8 > len(p)-8 {
			return
		}
		id, no := be32(p, at), be32(p, at+4)
		if no == noPage || no == 0 {
			continue
		}
		sp := d.spaces[id]
		if sp == nil {
			if id != noPage {
				d.note(true, "an undo tablespace is missing: changes that were not committed may be shown")
			}
			continue
		}
		if err := d.segment(sp, no); err != nil {
			d.fail(err)
			d.note(true, "a rollback segment is damaged: changes that were not committed may be shown")
		}
	}
}

func (d *db) segment(sp *space, no uint32) error {
	p, err := d.page(sp, no)
	if err != nil {
		return err
	}
	for i := range len(p) / 16 {
		at := rsegSlots + 4*i
		if at+4 > len(p)-8 {
			break
		}
		page := be32(p, at)
		if page == noPage || page == 0 {
			continue
		}
		u, err := d.page(sp, page)
		if err != nil {
			return err
		}
		if be16(u, filType) != typeUndo {
			continue
		}
		if s := be16(u, undoSegHdr); s != undoActive && s != undoPrepared {
			continue
		}
		log := be16(u, undoSegHdr+2)
		if log < undoSegHdr || log+20 > len(u)-8 {
			return fmt.Errorf("%s: page %d: undo log at %d: %w", sp.path, page, log, database.ErrDamaged)
		}
		if id := be64(u, log); id != 0 {
			d.open[id] = true
		}
	}
	return nil
}

// packed decodes the numbers of undo records: 1 to 5 bytes, the first ones
// telling how many. n is 0 when it is bad.
func packed(b []byte) (v uint32, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	c := uint32(b[0])
	switch {
	case c < 0x80:
		return c, 1
	case c < 0xc0 && len(b) >= 2:
		return c&0x3f<<8 | uint32(b[1]), 2
	case c < 0xe0 && len(b) >= 3:
		return c&0x1f<<16 | uint32(b[1])<<8 | uint32(b[2]), 3
	case c < 0xf0 && len(b) >= 4:
		return c&0xf<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), 4
	case c == 0xf0 && len(b) >= 5:
		return be32(b, 1), 5
	case c >= 0xf8 && c < 0xfc && len(b) >= 2: // numbers near the greatest
		return 0xfffffc00 | c&3<<8 | uint32(b[1]), 2
	case c >= 0xfc && c < 0xfe && len(b) >= 3:
		return 0xfffe0000 | c&1<<16 | uint32(b[1])<<8 | uint32(b[2]), 3
	case c == 0xfe && len(b) >= 4:
		return 0xff000000 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), 4
	}
	return 0, 0
}

// cursor takes numbers off an undo record.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad = true
		return make([]byte, min(max(n, 0), 16))
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) num() uint32 {
	v, n := packed(c.b)
	if n == 0 {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

// half is a number of 64 bits whose upper half is packed.
func (c *cursor) half() uint64 {
	hi := c.num()
	return uint64(hi)<<32 | uint64(be32(c.take(4), 0))
}

// much passes over a number of 64 bits of which small ones take little room.
func (c *cursor) much() {
	if len(c.b) > 0 && c.b[0] == 0xff {
		c.b = c.b[1:]
		c.num()
	}
	c.num()
}

// before gives a row as it was before the transactions that were open; exists
// is false when there was none. steps is how many versions may be looked at.
func (d *db) before(t *table, r *record, steps *int) (cells []cell, exists bool, err error) {
	l := t.layout
	cells = append([]cell(nil), r.cells...)
	deleted := r.info&infoDeleted != 0
	for ; *steps > 0; *steps-- {
		trx := uintOf(cells[l.trx].data)
		if !d.open[trx] {
			return cells, !deleted, nil
		}
		roll := cells[l.trx+1].data
		if len(roll) != 7 {
			break
		}
		if roll[0]&0x80 != 0 {
			return nil, false, nil // this transaction inserted it
		}
		rec, err := d.undoRecord(roll)
		if err != nil {
			return nil, false, fmt.Errorf("%s: version before an open transaction: %w", t.sp.path, err)
		}
		if deleted, err = l.undo(cells, rec); err != nil {
			return nil, false, fmt.Errorf("%s: version before an open transaction: %w", t.sp.path, err)
		}
	}
	return nil, false, fmt.Errorf("%s: versions before an open transaction have no end: %w", t.sp.path, database.ErrDamaged)
}

// undoRecord finds the undo record that a roll pointer points to: the number of
// its rollback segment, its page and offset.
func (d *db) undoRecord(roll []byte) ([]byte, error) {
	seg, no, at := int(roll[0]&0x7f), be32(roll, 1), be16(roll, 5)
	sys, err := d.page(d.spaces[0], trxSysPage)
	if err != nil {
		return nil, err
	}
	sp := d.spaces[be32(sys, trxSysSlots+8*seg)]
	if sp == nil {
		return nil, fmt.Errorf("rollback segment %d is missing: %w", seg, database.ErrDamaged)
	}
	p, err := d.page(sp, no)
	if err != nil {
		return nil, err
	}
	if be16(p, filType) != typeUndo || at < undoSegHdr || at+4 > len(p)-8 {
		return nil, fmt.Errorf("%s: page %d: no undo record at %d: %w", sp.path, no, at, database.ErrDamaged)
	}
	end := be16(p, at)
	if end < at+6 || end > len(p)-8 {
		return nil, fmt.Errorf("%s: page %d: undo record at %d ends at %d: %w", sp.path, no, at, end, database.ErrDamaged)
	}
	return p[at+2 : end-2], nil
}

// undo turns a row's fields into those of the version before, which an undo
// record tells. It says whether that version was marked deleted.
func (l *layout) undo(cells []cell, rec []byte) (deleted bool, err error) {
	c := &cursor{b: rec}
	kind := c.take(1)[0]
	c.much() // its number in the transaction
	c.much() // the table
	bad := func(what string) (bool, error) {
		return false, fmt.Errorf("undo record: %s: %w", what, database.ErrDamaged)
	}
	switch kind & 15 {
	case undoUpdate, undoUpdDel, undoDelete:
	default:
		return bad("is of no update")
	}
	info := c.take(1)[0]
	trx, roll := c.half(), c.half()
	for range l.keys {
		n := c.num()
		if n == sqlNull {
			return bad("has a key without value")
		}
		c.take(int(n))
	}
	if kind&15 != undoDelete {
		n := c.num()
		if n > maxRecordFields {
			return bad("has too many fields")
		}
		for range n {
			pos := c.num()
			size := c.num()
			v := cell{}
			switch {
			case size == sqlNull:
				v.null = true
			case size == externLength:
				c.num() // its whole length
				m := int(c.num())
				v.data, v.ext = c.take(m), true
			case size > externLength:
				v.data, v.ext = c.take(int(size-externLength)), true
			default:
				v.data = c.take(int(size))
			}
			if c.bad {
				return bad("ends within a field")
			}
			if int(pos) >= len(cells) {
				continue // a computed column
			}
			cells[pos] = v
		}
	}
	if c.bad {
		return bad("ends within its header")
	}
	t, p := make([]byte, 6), make([]byte, 7)
	for i := range t {
		t[i] = byte(trx >> (40 - 8*i))
	}
	for i := range p {
		p[i] = byte(roll >> (48 - 8*i))
	}
	cells[l.trx], cells[l.trx+1] = cell{data: t}, cell{data: p}
	return info&infoDeleted != 0, nil
}

// oldLogClean tells whether a log of MariaDB before 10.8 or of MySQL to 8.0.29
// was left by a shutdown: the block that its newest checkpoint points to ends
// there.
func oldLogClean(r detect.Reader) (clean, known bool) {
	head := make([]byte, 2048)
	if n, _ := r.ReadAt(head, 0); n < len(head) {
		return false, false
	}
	var newest, at uint64
	for _, o := range []int{512, 1536} {
		if no, lsn, off := be64(head, o), be64(head, o+8), be64(head, o+16); lsn != 0 && no >= newest && off >= 2048 {
			newest, at = no, off
		}
	}
	if at == 0 || at > uint64(r.Size()) {
		return false, false
	}
	b := make([]byte, 512)
	if n, _ := r.ReadAt(b, int64(at&^511)); n < len(b) {
		return false, false
	}
	return uint64(be16(b, 4)) == at&511, true
}

// newLogClean tells the same of the many files of MySQL from 8.0.30 on.
func newLogClean(logs []detect.Reader) bool {
	var newest uint64
	head := make([]byte, 2048)
	for _, r := range logs {
		if n, _ := r.ReadAt(head, 0); n == len(head) {
			newest = max(newest, be64(head, 512+8), be64(head, 1536+8))
		}
	}
	for _, r := range logs {
		n, _ := r.ReadAt(head, 0)
		start := be64(head, 8)
		if n < len(head) || newest < start || newest-start >= uint64(max(r.Size()-2048, 0)) {
			continue
		}
		at := int64(newest-start) + 2048
		b := make([]byte, 512)
		if n, _ := r.ReadAt(b, at&^511); n == len(b) && newest != 0 {
			return be16(b, 4) == int(newest&511)
		}
	}
	return false
}
