package innodb

import "encoding/binary"

// Subtypes of extended records.
const (
	extInitOld       = 0
	extInitNew       = 1
	extUndoInit      = 2
	extUndoAppend    = 3
	extHeapOld       = 4
	extReuseOld      = 5
	extHeapNew       = 6
	extReuseNew      = 7
	extDeleteOld     = 8
	extDeleteNew     = 9
	extTrim          = 10
	undoPageHdr      = filData
	undoPageFree     = undoPageHdr + 4
	undoPageHdrSize  = 18
	maxOwned         = 8 // records that one slot of the directory owns
	minOwned         = 4
	directionLeft    = 1
	directionRight   = 2
	directionNone    = 5
	recOldExtra      = 6
	recNewExtra      = 5
	maxRecordFields  = 1023
	undoSegHdr       = undoPageHdr + undoPageHdrSize
	infimumNew       = 99
	supremumNew      = 112
	infimumOld       = 101
	supremumOld      = 116
	heapStartNew     = 120
	heapStartOld     = 125
	pageHeader       = filData
	pageSlots        = pageHeader
	pageHeapTop      = pageHeader + 2
	pageHeap         = pageHeader + 4
	pageFree         = pageHeader + 6
	pageGarbage      = pageHeader + 8
	pageLastInsert   = pageHeader + 10
	pageDirection    = pageHeader + 12 // MariaDB: also how many fields records have that know of no instant change
	pageNDirection   = pageHeader + 14
	pageRecs         = pageHeader + 16
	pageLevel        = pageHeader + 26
	pageIndexID      = pageHeader + 28
	pageData         = pageHeader + 56
	pageDirectoryEnd = 8
)

// ends are the records before the first and after the last, old and new form.
var (
	endsOld = []byte("\x08\x01\x00\x00\x03\x00\x74infimum\x00\x09\x01\x00\x08\x03\x00\x00supremum\x00")
	endsNew = []byte("\x01\x00\x02\x00\x0dinfimum\x00\x01\x00\x0b\x00\x00supremum")
)

func put16(p []byte, o, v int) { binary.BigEndian.PutUint16(p[o:], uint16(v)) }

func compact(p []byte) bool { return p[pageHeap]&0x80 != 0 }

// slotAt is where slot i of the directory lies; the first is the last in bytes.
func slotAt(p []byte, i int) int { return len(p) - pageDirectoryEnd - 2*(i+1) }

// initIndex lays out an empty index page.
func initIndex(p []byte, comp bool) {
	put16(p, filType, typeIndex)
	clear(p[pageHeader : pageHeader+26])
	p[pageSlots+1] = 2
	p[pageDirection+1] = directionNone
	ends, start, inf, sup := endsOld, heapStartOld, infimumOld, supremumOld
	p[pageHeap+1] = 2
	if comp {
		ends, start, inf, sup = endsNew, heapStartNew, infimumNew, supremumNew
		p[pageHeap] = 0x80
	}
	put16(p, pageHeapTop, start)
	copy(p[pageData:], ends)
	clear(p[start : len(p)-pageDirectoryEnd])
	put16(p, slotAt(p, 0), inf)
	put16(p, slotAt(p, 1), sup)
}

// applyExtended applies a record whose effect depends on what is on the page.
// It changes nothing when it can't be right.
func applyExtended(p, b []byte, gone func(p []byte, at int)) bool {
	sub := b[0]
	b = b[1:]
	bad := false
	next := func() int {
		v, n := varint(b)
		if n == 0 || v > 1<<20 {
			bad = true
			return 0
		}
		b = b[n:]
		return int(v)
	}
	switch sub {
	case extInitOld, extInitNew:
		initIndex(p, sub == extInitNew)
		return true
	case extUndoInit:
		put16(p, filType, typeUndo)
		put16(p, undoPageHdr, 0)
		put16(p, undoPageHdr+2, undoPageHdr+undoPageHdrSize)
		put16(p, undoPageFree, undoPageHdr+undoPageHdrSize)
		node := p[undoPageHdr+6 : undoPageHdr+18]
		clear(node)
		for _, o := range []int{0, 6} {
			binary.BigEndian.PutUint32(node[o:], noPage)
		}
		return true
	case extUndoAppend:
		free := be16(p, undoPageFree)
		if len(b) < 2 || free < undoPageHdr+undoPageHdrSize || free+len(b)+6 >= len(p)-8 {
			return false
		}
		put16(p, undoPageFree, free+4+len(b))
		put16(p, free, free+4+len(b))
		copy(p[free+2:], b)
		put16(p, free+2+len(b), free)
		return true
	case extHeapOld, extReuseOld:
		prev, enc, hdrC, dataC := next(), next(), next(), next()
		return !bad && insertOld(p, sub == extReuseOld, prev, enc, hdrC, dataC, b)
	case extHeapNew, extReuseNew:
		prev, shift := next(), 0
		if sub == extReuseNew {
			shift = next()
		}
		enc, hdrC, dataC := next(), next(), next()
		return !bad && insertNew(p, sub == extReuseNew, prev, shift, enc, hdrC, dataC, b)
	case extDeleteOld:
		prev := next()
		return !bad && len(b) == 0 && deleteRecord(p, infimumOld+prev, 0, 0, gone)
	case extDeleteNew:
		prev, hdr, data := next(), next(), next()
		return !bad && len(b) == 0 && deleteRecord(p, infimumNew+prev, hdr+recNewExtra, data, gone)
	case extTrim:
		return true
	}
	return false
}

// shape is what differs between the two forms of index pages.
type shape struct {
	comp                  bool
	inf, sup, start, back int
	owned                 int // where n_owned is, before a record
	lastSlot              int
	heapTop               int
}

func shapeOf(p []byte) (shape, bool) {
	s := shape{inf: infimumOld, sup: supremumOld, start: heapStartOld, back: recOldExtra, owned: 6}
	if compact(p) {
		s = shape{comp: true, inf: infimumNew, sup: supremumNew, start: heapStartNew, back: recNewExtra, owned: 5}
	}
	n := be16(p, pageSlots)
	if n < 2 || 2*n > len(p)-pageDirectoryEnd-s.start {
		return s, false
	}
	s.lastSlot = slotAt(p, n-1)
	s.heapTop = be16(p, pageHeapTop)
	if t := be16(p, filType); t != typeIndex && t != typeRtree && t != typeInstant {
		return s, false
	}
	return s, s.heapTop >= s.start && s.heapTop <= s.lastSlot
}

// next is the record after at; ok is false when it can't be one.
func (s *shape) next(p []byte, at int) (int, bool) {
	n := be16(p, at-2)
	if s.comp {
		n = (at + n) & 0xffff
	}
	return n, n == s.sup || n >= s.start+s.back && n <= s.heapTop
}

// owner finds the record that owns at, and the place of its slot.
func (s *shape) owner(p []byte, at int) (rec, slot, owned int, ok bool) {
	for range maxOwned + 2 {
		if owned = int(p[at-s.owned] & 15); owned != 0 {
			for slot = s.lastSlot; slot < len(p)-pageDirectoryEnd; slot += 2 {
				if be16(p, slot) == at {
					return at, slot, owned, slot < len(p)-pageDirectoryEnd-2
				}
			}
			return 0, 0, 0, false
		}
		if at, ok = s.next(p, at); !ok {
			return 0, 0, 0, false
		}
	}
	return 0, 0, 0, false
}

func (s *shape) setOwned(p []byte, at, n int) {
	p[at-s.owned] = p[at-s.owned]&0xf0 | byte(n&15)
}

// split halves the records of a slot that owns one too many.
func (s *shape) split(p []byte, slot int) bool {
	const n = maxOwned + 1
	rec := be16(p, slot+2)
	ok := rec == s.inf || rec >= s.start && rec <= s.heapTop
	for i := 0; i < n/2 && ok; i++ {
		rec, ok = s.next(p, rec)
	}
	if !ok || s.lastSlot-2 < s.heapTop {
		return false
	}
	upper := be16(p, slot)
	copy(p[s.lastSlot-2:slot], p[s.lastSlot:slot+2])
	// Slots from the split one on are now one lower; the new one takes its place.
	put16(p, slot, rec)
	put16(p, slot-2, upper)
	put16(p, pageSlots, be16(p, pageSlots)+1)
	s.setOwned(p, rec, n/2)
	s.setOwned(p, upper, n-n/2)
	return true
}

// balance fills a slot that owns too few from the next, or joins them.
func (s *shape) balance(p []byte, slot int) bool {
	if slot == s.lastSlot {
		return true // the last may be small
	}
	up, rec := be16(p, slot-2), be16(p, slot)
	if up < s.start && up != s.sup || up >= len(p) || rec < s.start || rec >= len(p) {
		return false
	}
	n := int(p[up-s.owned] & 15)
	if n <= minOwned {
		s.setOwned(p, rec, 0)
		s.setOwned(p, up, n+minOwned-1)
		copy(p[s.lastSlot+2:slot+2], p[s.lastSlot:slot])
		put16(p, s.lastSlot, 0)
		put16(p, pageSlots, be16(p, pageSlots)-1)
		return true
	}
	to, ok := s.next(p, rec)
	if !ok {
		return false
	}
	s.setOwned(p, rec, 0)
	s.setOwned(p, to, minOwned)
	s.setOwned(p, up, n-1)
	put16(p, slot, to)
	return true
}

// inserted updates what the header says of the last insertion.
func inserted(p []byte, rec, prev, next int) {
	last := be16(p, pageLastInsert)
	put16(p, pageLastInsert, rec)
	put16(p, pageRecs, be16(p, pageRecs)+1)
	if be16(p, filType) == typeRtree {
		return
	}
	dir := p[pageDirection+1] & 7
	switch {
	case last != 0 && last == prev && dir != directionLeft:
		dir = directionRight
	case last != 0 && last == next && dir != directionRight:
		dir = directionLeft
	default:
		p[pageDirection+1] = p[pageDirection+1]&^7 | directionNone
		put16(p, pageNDirection, 0)
		return
	}
	p[pageDirection+1] = p[pageDirection+1]&^7 | dir
	put16(p, pageNDirection, be16(p, pageNDirection)+1)
}

func insertNew(p []byte, reuse bool, prev, shift, enc, hdrC, dataC int, b []byte) bool {
	s, ok := shapeOf(p)
	hdrL := enc >> 3
	if !ok || !s.comp || hdrL > len(b) {
		return false
	}
	leaf := be16(p, pageLevel) == 0
	prev += s.inf
	if prev != s.inf && (prev < s.start+s.back || prev > s.heapTop) || prev-recNewExtra-hdrC < pageHeader {
		return false
	}
	next, ok := s.next(p, prev)
	if !ok {
		return false
	}
	owner, slot, owned, ok := s.owner(p, next)
	if !ok || owned > maxOwned {
		return false
	}
	extra, size := recNewExtra+hdrC+hdrL, dataC+len(b)-hdrL
	if prev+dataC > s.lastSlot {
		return false
	}
	at, heap := s.heapTop, be16(p, pageHeap)
	if reuse {
		free := be16(p, pageFree)
		if free < s.start+s.back || free > s.heapTop {
			return false
		}
		at = free - extra
		if shift&1 != 0 {
			at -= shift >> 1
		} else {
			at += shift >> 1
		}
		if at < s.start || at+extra+size > s.heapTop || be16(p, pageGarbage) < extra+size {
			return false
		}
		n := be16(p, free-2)
		if n != 0 {
			if n = (n + free) & 0xffff; n < s.start+s.back || n > s.heapTop {
				return false
			}
		}
		heap = be16(p, free-4) >> 3
		put16(p, pageFree, n)
		put16(p, pageGarbage, be16(p, pageGarbage)-extra-size)
	} else {
		if at+extra+size > s.lastSlot {
			return false
		}
		put16(p, pageHeap, heap+1)
		heap &= 0x7fff
		put16(p, pageHeapTop, at+extra+size)
		s.heapTop = at + extra + size
	}
	copy(p[at:], b[:hdrL])
	copy(p[at+hdrL:], p[prev-recNewExtra-hdrC:prev-recNewExtra])
	rec := at + extra
	p[rec-5] = byte(enc&3) << 4
	status := 1
	if leaf {
		status = enc & 4
	}
	put16(p, rec-4, heap<<3|status)
	put16(p, rec-2, next-rec)
	put16(p, prev-2, rec-prev)
	// What is shared with the record before may reach into the new one's header,
	// which is in place by now.
	copy(p[rec:], p[prev:prev+dataC])
	copy(p[rec+dataC:], b[hdrL:])
	s.setOwned(p, owner, owned+1)
	inserted(p, rec, prev, next)
	return owned != maxOwned || s.split(p, slot)
}

// oldSizes gives the bytes before and in a record of the old form.
func oldSizes(p []byte, rec int) (extra, size int, ok bool) {
	if rec < recOldExtra+pageData || rec > len(p) {
		return 0, 0, false
	}
	n := be16(p, rec-4) & 0x7fe >> 1
	if n == 0 || n > maxRecordFields {
		return 0, 0, false
	}
	if p[rec-3]&1 != 0 {
		extra = recOldExtra + n
		if rec-extra < pageHeader {
			return 0, 0, false
		}
		size = int(p[rec-extra] & 0x7f)
	} else {
		extra = recOldExtra + 2*n
		if rec-extra < pageHeader {
			return 0, 0, false
		}
		size = be16(p, rec-extra) & 0x3fff
	}
	return extra, size, rec+size <= len(p)
}

func insertOld(p []byte, reuse bool, prev, enc, hdrC, dataC int, b []byte) bool {
	s, ok := shapeOf(p)
	if !ok || s.comp {
		return false
	}
	prev += s.inf
	if prev != s.inf && (prev < s.start+s.back+1 || prev > s.heapTop) {
		return false
	}
	if _, _, ok := oldSizes(p, prev); !ok {
		return false
	}
	next, ok := s.next(p, prev)
	if !ok {
		return false
	}
	owner, slot, owned, ok := s.owner(p, next)
	if !ok || owned > maxOwned {
		return false
	}
	short, n := enc>>2&1, enc>>3+1
	if n > maxRecordFields {
		return false
	}
	extra := recOldExtra + n*(2-short)
	hdrC += recOldExtra
	if hdrC > extra || extra-hdrC > len(b) || prev-hdrC < pageHeader {
		return false
	}
	hdrL := extra - hdrC
	size := dataC + len(b) - hdrL
	if prev+dataC > s.lastSlot {
		return false
	}
	rec := make([]byte, 0, extra+size)
	rec = append(rec, b[:hdrL]...)
	rec = append(rec, p[prev-hdrC:prev]...)
	rec = append(rec, p[prev:prev+dataC]...)
	rec = append(rec, b[hdrL:]...)
	h := rec[:extra]
	h[extra-6] = byte(enc&3) << 4
	h[extra-3] = h[extra-3]&^1 | byte(short)
	v := be16(h, extra-4)&^0x7fe | n<<1
	put16(h, extra-4, v)
	at, heap := s.heapTop, be16(p, pageHeap)
	if reuse {
		free := be16(p, pageFree)
		fe, fs, ok := oldSizes(p, free)
		if !ok || free-fe < s.start || free+fs > s.heapTop || extra+size > fe+fs || be16(p, pageGarbage) < extra+size {
			return false
		}
		at = free - fe
		heap = be16(p, free-5) >> 3
		put16(p, pageFree, be16(p, free-2))
		put16(p, pageGarbage, be16(p, pageGarbage)-extra-size)
	} else {
		if at+extra+size > s.lastSlot {
			return false
		}
		put16(p, pageHeap, heap+1)
		put16(p, pageHeapTop, at+extra+size)
		s.heapTop = at + extra + size
	}
	put16(h, extra-5, be16(h, extra-5)&7|heap<<3)
	put16(h, extra-2, next)
	copy(p[at:], rec)
	at += extra
	put16(p, prev-2, at)
	s.setOwned(p, owner, owned+1)
	inserted(p, at, prev, next)
	return owned != maxOwned || s.split(p, slot)
}

// deleteRecord takes the record after prev out of the list, puts it on the list
// of free ones and zeroes it; gone sees it before.
func deleteRecord(p []byte, prev, extra, size int, gone func(p []byte, at int)) bool {
	s, ok := shapeOf(p)
	if !ok || s.comp != (extra != 0) || be16(p, pageRecs) == 0 {
		return false
	}
	if prev != s.inf && (prev < s.start || prev > s.lastSlot) {
		return false
	}
	rec, ok := s.next(p, prev)
	if !ok || rec == s.sup {
		return false
	}
	if !s.comp {
		if extra, size, ok = oldSizes(p, rec); !ok {
			return false
		}
	}
	next, ok := s.next(p, rec)
	if !ok || rec-extra < s.start || rec+size > s.lastSlot {
		return false
	}
	owner, slot, owned, ok := s.owner(p, rec)
	if !ok {
		return false
	}
	if gone != nil {
		gone(p, rec)
	}
	if owner == rec {
		owner = prev
		put16(p, slot, prev)
	}
	if s.comp {
		put16(p, prev-2, next-prev)
	} else {
		put16(p, prev-2, next)
	}
	owned--
	s.setOwned(p, owner, owned)

	free, heap := be16(p, pageFree), be16(p, pageHeap)-1
	no := be16(p, rec-5) >> 3
	if s.comp {
		no = be16(p, rec-4)>>3 | 0x8000
	}
	put16(p, pageLastInsert, 0)
	put16(p, pageRecs, be16(p, pageRecs)-1)
	if no == heap {
		if saved := s.heapTop - rec - size; saved > 0 {
			put16(p, pageGarbage, be16(p, pageGarbage)-saved)
		}
		put16(p, pageHeapTop, rec-extra)
		put16(p, pageHeap, heap)
		s.heapTop = rec - extra
		clear(p[rec-extra : rec+size])
	} else {
		clear(p[rec : rec+size])
		put16(p, pageFree, rec)
		put16(p, pageGarbage, be16(p, pageGarbage)+extra+size)
		switch {
		case free == 0:
			put16(p, rec-2, 0)
		case s.comp:
			put16(p, rec-2, free-rec)
		default:
			put16(p, rec-2, free)
		}
	}
	return owned >= minOwned || s.balance(p, slot)
}
