package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// maxRedo bounds the memory of the log's index, in bytes as it is estimated.
const maxRedo = 40 << 20

// redo is an index of the write-ahead log from the last checkpoint on: what it
// says of transactions, files and, for each page of a heap, where the records
// are that change it. A page is brought up to date when it is read.
type redo struct {
	base    uint64 // where it begins
	end     uint64 // where it ends
	entries []redoEntry
	free    int32 // a chain of entries that are no more needed
	pages   map[pageKey]int32
	rels    map[relKey]int32
	states  []relState
	xacts   map[uint32]byte
	multis  map[uint32][]member
	maps    map[uint32]map[uint32]uint32 // by database
	copies  map[uint32]uint32            // database from which one was copied as files
	spaces  map[uint32]uint32            // table space of databases that were made
	used    int
	// partial says why the log isn't replayed to its end.
	partial string
}

type pageKey struct {
	rel   int32
	block uint32
}

// redoEntry is one record that changes a page.
type redoEntry struct {
	place uint32 // of the record, in units of 8 bytes from the log's begin
	next  int32  // an older one of the page; 0 none
}

// relState is what the log says of one file.
type relState struct {
	cut    uint32     // pages of the file on disk from here on are void
	blocks uint32     // pages that the log touched, one more than the highest
	cuts   []truncate // with rising LSN and rising length
}

type truncate struct {
	lsn    uint64
	blocks uint32
}

func newRedo() *redo {
	return &redo{
		entries: make([]redoEntry, 1), pages: map[pageKey]int32{}, rels: map[relKey]int32{},
		xacts: map[uint32]byte{}, multis: map[uint32][]member{}, maps: map[uint32]map[uint32]uint32{},
		copies: map[uint32]uint32{}, spaces: map[uint32]uint32{},
	}
}

// index reads the log from start to its end.
func (r *redo) index(ctx context.Context, w *walReader, start uint64, blockSize int) error {
	var rec record
	r.base = start
	prev, at := uint64(0), start
	for n := 0; ; n++ {
		if n&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		b, begin, end, err := w.read(at)
		if errors.Is(err, errLogEnd) {
			break
		} else if err != nil {
			return err
		}
		if err := rec.parse(b, w.major, blockSize); err != nil {
			return fmt.Errorf("at %X: %w", begin, err)
		}
		if prev != 0 && rec.prev != prev {
			break // a record of an older use of the file
		}
		if err := r.note(&rec, begin, w.major); err != nil {
			return fmt.Errorf("at %X: %w", begin, err)
		}
		if r.used > maxRedo || (end-start)>>3 > math.MaxUint32 {
			r.partial = "the write-ahead log changes more than fits in memory: it is replayed up to a part of it"
			at = end
			break
		}
		prev, at = begin, end
	}
	r.end = at
	return nil
}

// note keeps what one record says.
func (r *redo) note(rec *record, lsn uint64, major int) error {
	m := rec.main
	short := func(what string) error {
		return fmt.Errorf("%w: write-ahead log: %s of %d bytes is too short", database.ErrDamaged, what, len(m))
	}
	switch rec.rmgr {
	case rmXact:
		return r.noteXact(rec, major)
	case rmSmgr:
		if rec.info&0xf0 == 0x20 {
			if len(m) < 16 {
				return short("truncation")
			}
			if major >= 11 && len(m) >= 20 && le.Uint32(m[16:])&1 == 0 {
				return nil // not of the heap itself
			}
			r.truncate(relKey{le.Uint32(m[4:]), le.Uint32(m[8:]), le.Uint32(m[12:])}, le.Uint32(m), lsn)
		}
	case rmDbase:
		op := rec.info & 0xf0
		switch {
		case op == 0x00:
			if len(m) < 16 {
				return short("creation of a database")
			}
			r.copies[le.Uint32(m)] = le.Uint32(m[8:])
			r.spaces[le.Uint32(m)] = le.Uint32(m[4:])
			r.used += 64
		case op == 0x10 && major >= 15:
			if len(m) < 8 {
				return short("creation of a database")
			}
			r.spaces[le.Uint32(m)] = le.Uint32(m[4:])
			r.used += 32
		}
	case rmRelmap:
		if len(m) < 12 {
			return short("map of files")
		}
		files, err := readMap(m[12:])
		if err != nil {
			return err
		}
		r.maps[le.Uint32(m)] = files
		r.used += 2048
	case rmMulti:
		if rec.info&0xf0 == 0x20 {
			if len(m) < 12 {
				return short("group of transactions")
			}
			n := int(le.Uint32(m[8:]))
			if n < 0 || len(m)-12 < 8*n || 12+8*n < 12 {
				return short("group of transactions")
			}
			list := make([]member, 0, min(n, maxMembers))
			for i := range min(n, maxMembers) {
				list = append(list, member{le.Uint32(m[12+8*i:]), byte(le.Uint32(m[16+8*i:]))})
			}
			r.multis[le.Uint32(m)] = list
			r.used += 48 + 8*len(list)
		}
	case rmXLOG:
		if op := rec.info & 0xf0; op == 0xa0 || op == 0xb0 {
			r.notePages(rec, lsn)
		}
	case rmHeap:
		r.notePages(rec, lsn)
	case rmHeap2:
		r.notePages(rec, lsn)
	}
	return nil
}

func (r *redo) notePages(rec *record, lsn uint64) {
	// Records of the visibility map change no row; only an image counts.
	visible := rec.rmgr == rmHeap2 && rec.info&0x70 == 0x40
	for i := range rec.blocks {
		k := &rec.blocks[i]
		if k.fork != 0 || k.block == math.MaxUint32 || visible && k.image == nil {
			continue
		}
		id := r.rel(k.rel)
		s := &r.states[id]
		s.blocks = max(s.blocks, k.block+1)
		key := pageKey{id, k.block}
		head, known := r.pages[key]
		if !known {
			r.used += 32
		}
		if k.init || k.image != nil && k.apply {
			for head != 0 { // nothing older counts
				older := r.entries[head].next
				r.entries[head].next = r.free
				r.free = head
				head = older
			}
		}
		n := r.free
		if n != 0 {
			r.free = r.entries[n].next
		} else {
			n = int32(len(r.entries))
			r.entries = append(r.entries, redoEntry{})
			r.used += 10
		}
		r.entries[n] = redoEntry{uint32((lsn - r.base) >> 3), head}
		r.pages[key] = n
	}
}

func (r *redo) rel(k relKey) int32 {
	id, ok := r.rels[k]
	if !ok {
		id = int32(len(r.states))
		r.rels[k] = id
		r.states = append(r.states, relState{cut: math.MaxUint32})
		r.used += 96
	}
	return id
}

func (r *redo) truncate(k relKey, blocks uint32, lsn uint64) {
	s := &r.states[r.rel(k)]
	s.cut, s.blocks = min(s.cut, blocks), min(s.blocks, blocks)
	for len(s.cuts) > 0 && s.cuts[len(s.cuts)-1].blocks >= blocks {
		s.cuts = s.cuts[:len(s.cuts)-1]
		r.used -= 16
	}
	s.cuts = append(s.cuts, truncate{lsn, blocks})
	r.used += 16
}

// Results of transactions, as pg_xact has them.
const (
	xactRunning   = 0
	xactCommitted = 1
	xactAborted   = 2
)

func (r *redo) noteXact(rec *record, major int) error {
	op := rec.info & 0x70
	result, commit := byte(xactAborted), op == 0x00 || op == 0x30
	if commit {
		result = xactCommitted
	} else if op != 0x20 && op != 0x40 {
		return nil
	}
	m := rec.main
	short := fmt.Errorf("%w: write-ahead log: end of a transaction of %d bytes is too short", database.ErrDamaged, len(m))
	if len(m) < 8 {
		return short
	}
	m = m[8:]
	xid, info := rec.xid, uint32(0)
	take := func(n int) []byte {
		if n < 0 || n > len(m) {
			m, info = nil, 0
			return nil
		}
		b := m[:n]
		m = m[n:]
		return b
	}
	list := func(size int) []byte {
		b := take(4)
		if b == nil {
			return nil
		}
		n := int(int32(le.Uint32(b)))
		if n < 0 || n > len(m)/size {
			return take(-1)
		}
		return take(n * size)
	}
	set := func(x uint32) {
		if x >= 3 {
			if _, ok := r.xacts[x]; !ok {
				r.used += 16
			}
			r.xacts[x] = result
		}
	}
	if rec.info&0x80 != 0 {
		b := take(4)
		if b == nil {
			return short
		}
		info = le.Uint32(b)
	}
	if info&1 != 0 && take(8) == nil {
		return short
	}
	if info&2 != 0 {
		b := list(4)
		if b == nil {
			return short
		}
		for ; len(b) >= 4; b = b[4:] {
			set(le.Uint32(b))
		}
	}
	if info&4 != 0 && list(12) == nil {
		return short
	}
	if info&256 != 0 {
		size := 12
		if major >= 18 {
			size = 16
		}
		if list(size) == nil {
			return short
		}
	}
	if info&8 != 0 && commit && list(16) == nil {
		return short
	}
	if info&16 != 0 {
		b := take(4)
		if b == nil {
			return short
		}
		xid = le.Uint32(b)
	}
	set(xid)
	return nil
}

// chain gives the LSNs of the records that change a page, the oldest first.
func (r *redo) chain(k relKey, block uint32, dst []uint64) []uint64 {
	dst = dst[:0]
	id, ok := r.rels[k]
	if !ok {
		return dst
	}
	since := uint64(0)
	cuts := r.states[id].cuts
	if n := sort.Search(len(cuts), func(i int) bool { return cuts[i].blocks > block }); n > 0 {
		since = cuts[n-1].lsn
	}
	for n := r.pages[pageKey{id, block}]; n != 0; n = r.entries[n].next {
		lsn := r.base + uint64(r.entries[n].place)<<3
		if lsn < since {
			break
		}
		dst = append(dst, lsn)
	}
	for i, j := 0, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}

// apply does to a page what one record says.
func (rec *record) apply(p page, rel relKey, block uint32, end uint64, major int) error {
	for i := range rec.blocks {
		k := &rec.blocks[i]
		if k.rel != rel || k.fork != 0 || k.block != block {
			continue
		}
		if k.image != nil && k.apply {
			if err := k.restore(p); err != nil {
				return err
			}
			if !p.isNew() {
				p.setLSN(end)
			}
			return nil
		}
		if rec.rmgr == rmXLOG {
			return nil
		}
		if k.init {
			p.reset()
		} else if p.isNew() || p.lsn() >= end {
			return nil // a page that a later record empties, or that has it already
		}
		if err := p.check(); err != nil {
			return err
		}
		var err error
		if rec.rmgr == rmHeap {
			err = rec.applyHeap(p, k)
		} else {
			err = rec.applyHeap2(p, k, major)
		}
		if err != nil {
			return err
		}
		p.setLSN(end)
		return nil
	}
	return nil
}

func (rec *record) applyHeap(p page, k *blockRef) error {
	m := rec.main
	op := rec.info & 0x70
	need := map[byte]int{0x00: 3, 0x10: 8, 0x20: 14, 0x30: 0, 0x40: 14, 0x50: 2, 0x60: 8, 0x70: 2}[op]
	if len(m) < need {
		return fmt.Errorf("%w: write-ahead log: heap record %#x of %d bytes is too short", database.ErrDamaged, op, len(m))
	}
	at := func(off int) (tuple, int, error) {
		n := int(le.Uint16(m[off:]))
		t := p.tuple(n)
		if t == nil {
			return nil, n, fmt.Errorf("%w: write-ahead log: heap record %#x of item %d, which is not there", database.ErrDamaged, op, n)
		}
		return t, n, nil
	}
	switch op {
	case 0x00: // insert
		t, err := makeTuple(k.data, rec.xid, 0)
		if err != nil {
			return err
		}
		n := int(le.Uint16(m))
		t.setPlace(k.block, n)
		return p.add(n, t)
	case 0x10: // delete
		t, n, err := at(4)
		if err != nil {
			return err
		}
		t.end(m[6])
		if m[7]&8 != 0 { // a speculative insertion is taken back
			t.setXmin(0)
		} else {
			t.setXmax(le.Uint32(m))
		}
		t.setPlace(k.block, n)
	case 0x20, 0x40: // update
		var old tuple
		if k.id == 1 || len(rec.blocks) == 1 || !rec.hasBlock(1) {
			t, _, err := at(4)
			if err != nil {
				return err
			}
			old = t
			t.end(m[6])
			t.setXmax(le.Uint32(m))
			if op == 0x40 {
				t.setInfomask2(t.infomask2() | hotUpdated)
			}
			for i := range rec.blocks {
				if rec.blocks[i].id == 0 {
					t.setPlace(rec.blocks[i].block, int(le.Uint16(m[12:])))
				}
			}
		}
		if k.id != 0 {
			return nil
		}
		t, err := updated(k.data, old, m[7], rec.xid, le.Uint32(m[8:]))
		if err != nil {
			return err
		}
		n := int(le.Uint16(m[12:]))
		t.setPlace(k.block, n)
		return p.add(n, t)
	case 0x50: // a speculative insertion is confirmed
		t, n, err := at(0)
		if err != nil {
			return err
		}
		t.setPlace(k.block, n)
	case 0x60: // lock
		t, n, err := at(4)
		if err != nil {
			return err
		}
		t.lock(m[6])
		if t.infomask()&xmaxLockOnly != 0 || t.infomask()&(xmaxMulti|xmaxExclusive) == xmaxExclusive {
			t.setInfomask2(t.infomask2() &^ hotUpdated)
			t.setPlace(k.block, n)
		}
		t.setXmax(le.Uint32(m))
	case 0x70: // a change in place
		t, _, err := at(0)
		if err != nil {
			return err
		}
		if t.hoff() > len(t) || len(t)-t.hoff() != len(k.data) {
			return fmt.Errorf("%w: write-ahead log: a change in place of %d bytes", database.ErrDamaged, len(k.data))
		}
		copy(t[t.hoff():], k.data)
	}
	return nil
}

func (rec *record) hasBlock(id byte) bool {
	for i := range rec.blocks {
		if rec.blocks[i].id == id {
			return true
		}
	}
	return false
}

// lock sets the bits of a locker as a record has them.
func (t tuple) lock(bits byte) {
	mask, mask2 := t.infomask()&^(xmaxBits|movedBits), t.infomask2()&^keysUpdated
	for i, bit := range []uint16{xmaxMulti, xmaxLockOnly, xmaxExclusive, xmaxKeyShare} {
		if bits>>i&1 != 0 {
			mask |= bit
		}
	}
	if bits&0x10 != 0 {
		mask2 |= keysUpdated
	}
	t.setInfomask(mask)
	t.setInfomask2(mask2)
}

// end sets the bits of one who deletes or updates.
func (t tuple) end(bits byte) {
	t.lock(bits)
	t.setInfomask2(t.infomask2() &^ hotUpdated)
}

// makeTuple makes a tuple from a record: five bytes of header, then what follows
// the fixed part of the header.
func makeTuple(b []byte, xmin, xmax uint32) (tuple, error) {
	if len(b) < 5 || len(b) > 65536 {
		return nil, fmt.Errorf("%w: write-ahead log: a tuple of %d bytes", database.ErrDamaged, len(b))
	}
	t := make(tuple, tupleHeader+len(b)-5)
	t.setXmin(xmin)
	t.setXmax(xmax)
	copy(t[18:23], b[:5])
	copy(t[23:], b[5:])
	return t, nil
}

// updated makes the new version of a row, whose first and last bytes may have to
// be taken from the old one.
func updated(b []byte, old tuple, flags byte, xmin, xmax uint32) (tuple, error) {
	prefix, suffix := 0, 0
	for _, x := range []struct {
		flag byte
		n    *int
	}{{0x20, &prefix}, {0x40, &suffix}} {
		if flags&x.flag != 0 {
			if len(b) < 2 {
				return nil, fmt.Errorf("%w: write-ahead log: an update is cut off", database.ErrDamaged)
			}
			*x.n = int(le.Uint16(b))
			b = b[2:]
		}
	}
	if prefix == 0 && suffix == 0 {
		return makeTuple(b, xmin, xmax)
	}
	if len(b) < 5 {
		return nil, fmt.Errorf("%w: write-ahead log: an update is cut off", database.ErrDamaged)
	}
	bitmap := int(b[4]) - tupleHeader
	if old == nil || bitmap < 0 || bitmap > len(b)-5 || old.hoff() > len(old) || prefix > len(old)-old.hoff() || suffix > len(old)-old.hoff() {
		return nil, fmt.Errorf("%w: write-ahead log: an update takes %d and %d bytes of a row that is shorter", database.ErrDamaged, prefix, suffix)
	}
	whole := append([]byte(nil), b[:5+bitmap]...)
	whole = append(whole, old[old.hoff():old.hoff()+prefix]...)
	whole = append(whole, b[5+bitmap:]...)
	whole = append(whole, old[len(old)-suffix:]...)
	return makeTuple(whole, xmin, xmax)
}

func (rec *record) applyHeap2(p page, k *blockRef, major int) error {
	m := rec.main
	short := fmt.Errorf("%w: write-ahead log: heap record %#x of %d bytes is too short", database.ErrDamaged, rec.info, len(m))
	op := rec.info & 0x70
	if op == 0x50 {
		return rec.multiInsert(p, k)
	}
	if op == 0x60 {
		if len(m) < 8 {
			return short
		}
		t := p.tuple(int(le.Uint16(m[4:])))
		if t == nil {
			return fmt.Errorf("%w: write-ahead log: a lock of item %d, which is not there", database.ErrDamaged, le.Uint16(m[4:]))
		}
		t.lock(m[6])
		t.setXmax(le.Uint32(m))
		return nil
	}
	// What the other numbers mean was changed in 14 and again in 17.
	const prune, vacuum, freeze = 1, 2, 3
	kind := 0
	switch {
	case major >= 17 && op >= 0x10 && op <= 0x30:
		return rec.pruneFreeze(p, k)
	case major >= 14:
		kind = map[byte]int{0x10: prune, 0x20: vacuum, 0x30: freeze}[op]
	default:
		kind = map[byte]int{0x10: prune, 0x20: freeze}[op]
	}
	data := k.data
	switch kind {
	case prune:
		if len(m) < 8 || len(data) < 4*int(le.Uint16(m[4:]))+2*int(le.Uint16(m[6:])) {
			return short
		}
		moved, dead := 4*int(le.Uint16(m[4:])), 2*int(le.Uint16(m[6:]))
		p.prune(data[:moved], data[moved:moved+dead], data[moved+dead:])
	case vacuum:
		p.prune(nil, nil, data)
	case freeze:
		if len(m) < 6 {
			return short
		}
		n := int(le.Uint16(m[4:]))
		if len(data) < 12*n {
			return short
		}
		if major >= 16 {
			p.freezePlans(data[:12*n], data[12*n:])
			return nil
		}
		for ; n > 0; n-- {
			p.freeze(int(le.Uint16(data[4:])), le.Uint32(data), le.Uint16(data[6:]), le.Uint16(data[8:]))
			data = data[12:]
		}
	}
	return nil
}

// prune marks line pointers: pairs of those that lead to another, those whose
// tuple is gone, those that are free. The room of the tuples becomes free.
func (p page) prune(redirected, dead, unused []byte) {
	for ; len(redirected) >= 4; redirected = redirected[4:] {
		if n := int(le.Uint16(redirected)); n >= 1 && n <= p.items() {
			p.setItem(n, int(le.Uint16(redirected[2:]))&0x7fff, lpRedirect, 0)
		}
	}
	for flag, list := range map[int][]byte{lpDead: dead, lpUnused: unused} {
		for ; len(list) >= 2; list = list[2:] {
			if n := int(le.Uint16(list)); n >= 1 && n <= p.items() {
				p.setItem(n, 0, flag, 0)
			}
		}
	}
	p.compact()
}

func (p page) freeze(n int, xmax uint32, mask2, mask uint16) {
	if t := p.tuple(n); t != nil {
		t.setXmax(xmax)
		t.setInfomask2(mask2)
		t.setInfomask(mask)
	}
}

func (p page) freezePlans(plans, items []byte) {
	for ; len(plans) >= 12; plans = plans[12:] {
		for n := int(le.Uint16(plans[10:])); n > 0 && len(items) >= 2; n-- {
			p.freeze(int(le.Uint16(items)), le.Uint32(plans), le.Uint16(plans[4:]), le.Uint16(plans[6:]))
			items = items[2:]
		}
	}
}

// pruneFreeze applies the record that does both since 17.
func (rec *record) pruneFreeze(p page, k *blockRef) error {
	short := fmt.Errorf("%w: write-ahead log: pruning of a page is cut off", database.ErrDamaged)
	if len(rec.main) < 2 {
		return short
	}
	flags, data := rec.main[1], k.data
	var lists [4][]byte // freeze plans, redirections, dead, unused
	for i, size := range []int{12, 4, 2, 2} {
		if flags&(0x10<<i) == 0 {
			continue
		}
		head := 2
		if i == 0 {
			head = 4
		}
		if len(data) < head {
			return short
		}
		n := size * int(le.Uint16(data))
		if len(data)-head < n {
			return short
		}
		lists[i], data = data[head:head+n], data[head+n:]
	}
	if flags&0xe0 != 0 {
		p.prune(lists[1], lists[2], lists[3])
	}
	p.freezePlans(lists[0], data)
	return nil
}

func (rec *record) multiInsert(p page, k *blockRef) error {
	m := rec.main
	short := fmt.Errorf("%w: write-ahead log: an insertion of several rows is cut off", database.ErrDamaged)
	if len(m) < 4 {
		return short
	}
	count := int(le.Uint16(m[2:]))
	initial := rec.info&0x80 != 0
	if !initial && len(m) < 4+2*count {
		return short
	}
	data, at := k.data, 0
	for i := range count {
		at = (at + 1) &^ 1
		if at+7 > len(data) {
			return short
		}
		size := int(le.Uint16(data[at:]))
		if at+7+size > len(data) {
			return short
		}
		t, err := makeTuple(data[at+2:at+7+size], rec.xid, 0)
		if err != nil {
			return err
		}
		at += 7 + size
		n := i + 1
		if !initial {
			n = int(le.Uint16(m[4+2*i:]))
		}
		t.setPlace(k.block, n)
		if err := p.add(n, t); err != nil {
			return err
		}
	}
	return nil
}
