package innodb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// The redo log of MariaDB 10.8 and newer is one file, a ring after a header of
// 12 KiB. It holds mini-transactions: records of physical changes to pages, an
// end byte that changes with each round of the ring, and a CRC-32C.

const (
	logStart   = 12288   // where the ring begins in the file
	maxMtr     = 1 << 20 // bytes of one mini-transaction, at most
	maxEntries = 4 << 20 // changes of pages that are indexed, 8 bytes each
	maxPages   = 256 << 10
)

// Types of records, in the bits 0x70 of their first byte.
const (
	redoFree  = 0x00
	redoInit  = 0x10
	redoExt   = 0x20
	redoWrite = 0x30
	redoSet   = 0x40
	redoMove  = 0x50
	redoRsv   = 0x60
	redoOpt   = 0x70
)

// redo is an open log: where the changes of each page lie since the last
// checkpoint. It is not changed once it was scanned.
type redo struct {
	r                 detect.Reader
	first, capacity   uint64
	checkpoint, end   uint64 // log sequence numbers
	heads             map[uint64]redoChain
	next              []uint32 // chains through offs
	offs              []uint32 // of a page's first record in one mini-transaction, from checkpoint
	names             map[string]uint32
	changes           int
	unsupported, full bool
}

type redoChain struct {
	head, tail uint32 // 1 + index in offs; 0 none
	init       bool   // the page begins empty
}

func pageKey(space, page uint32) uint64 { return uint64(space)<<32 | uint64(page) }

// openRedo reads the header of a log and indexes what follows the newest
// checkpoint.
func openRedo(r detect.Reader, path string) (*redo, error) {
	head := make([]byte, logStart)
	if n, err := r.ReadAt(head, 0); n < len(head) {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return nil, fmt.Errorf("%s: log of %d bytes: %w", path, n, database.ErrDamaged)
	}
	if string(head[:4]) != "Phys" {
		return nil, fmt.Errorf("%s: log format %#x: %w", path, be32(head, 0), database.ErrUnsupported)
	}
	if crc32.Checksum(head[:508], castagnoli) != be32(head, 508) {
		return nil, fmt.Errorf("%s: checksum of the header is wrong: %w", path, database.ErrDamaged)
	}
	if be32(head, 48) != 0 {
		return nil, fmt.Errorf("%s: log: %w", path, database.ErrEncrypted)
	}
	l := &redo{r: r, first: be64(head, 8), heads: map[uint64]redoChain{}, names: map[string]uint32{}}
	if r.Size() <= logStart+16 {
		return nil, fmt.Errorf("%s: log of %d bytes: %w", path, r.Size(), database.ErrDamaged)
	}
	l.capacity = uint64(r.Size() - logStart)
	for _, at := range []int{4096, 8192} {
		b := head[at : at+64]
		lsn := be64(b, 0)
		if crc32.Checksum(b[:60], castagnoli) == be32(b, 60) && lsn >= l.first && lsn > l.checkpoint {
			l.checkpoint = lsn
		}
	}
	if l.checkpoint == 0 {
		return nil, fmt.Errorf("%s: no good checkpoint: %w", path, database.ErrDamaged)
	}
	return l, l.scan(path)
}

// read fills b from the ring.
func (l *redo) read(lsn uint64, b []byte) error {
	for len(b) > 0 {
		at := (lsn - l.first) % l.capacity
		n := min(uint64(len(b)), l.capacity-at)
		if m, err := l.r.ReadAt(b[:n], int64(logStart+at)); m < int(n) {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		b, lsn = b[n:], lsn+n
	}
	return nil
}

func (l *redo) sequence(lsn uint64) byte { return byte(1 - (lsn-l.first)/l.capacity&1) }

// varint decodes the log's integers: 1 to 5 bytes, each length going on where
// the shorter ends. n is 0 when it is bad.
func varint(b []byte) (v uint32, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	const min2, min3, min4 = 1 << 7, 1<<7 + 1<<14, 1<<7 + 1<<14 + 1<<21
	c := uint32(b[0])
	switch {
	case c < 0x80:
		return c, 1
	case c < 0xc0 && len(b) >= 2:
		return min2 + (c&0x3f)<<8 + uint32(b[1]), 2
	case c < 0xe0 && len(b) >= 3:
		return min3 + (c&0x1f)<<16 + uint32(b[1])<<8 + uint32(b[2]), 3
	case c < 0xf0 && len(b) >= 4:
		return min4 + (c&0xf)<<24 + uint32(b[1])<<16 + uint32(b[2])<<8 + uint32(b[3]), 4
	case c == 0xf0 && len(b) >= 5:
		i := be32(b, 1)
		if v := i + min4 + 1<<28; v >= i {
			return v, 5
		}
	}
	return 0, 0
}

// redoRecord is one record: its type byte, what follows the page's identity,
// and its whole length.
type redoRecord struct {
	kind        byte
	same        bool
	space, page uint32
	body        []byte
	size        int
}

// nextRecord splits a record off b, which begins with one. cur is the record
// before, whose page a record may share.
func nextRecord(b []byte, cur redoRecord) (redoRecord, bool) {
	kind := b[0]
	n, at := int(kind&15), 1
	if n == 0 {
		v, k := varint(b[1:])
		if k == 0 || v > maxMtr {
			return redoRecord{}, false
		}
		n, at = int(v)+15-k, 1+k
	}
	if n < 0 || n > len(b)-at {
		return redoRecord{}, false
	}
	r := redoRecord{kind: kind, body: b[at : at+n], size: at + n}
	if kind&0x80 != 0 && cur.size != 0 {
		r.same, r.space, r.page = true, cur.space, cur.page
		return r, true
	}
	for _, p := range []*uint32{&r.space, &r.page} {
		v, k := varint(r.body)
		if k == 0 {
			// A checkpoint's record of padding has nothing.
			return r, kind&0xf0 == 0xf0
		}
		*p, r.body = v, r.body[k:]
	}
	return r, true
}

// mtr finds the end of the mini-transaction that b begins with: the length of
// its records, or -1 when it isn't all in b, or -2 when it is none.
func mtr(b []byte) int {
	n := 0
	for n < len(b) {
		if b[n] <= 1 {
			if n == 0 {
				return -2
			}
			if n+5 > len(b) {
				return -1
			}
			return n
		}
		size := int(b[n] & 15)
		if size == 0 {
			v, k := varint(b[n+1:])
			if k == 0 {
				if n+6 > len(b) {
					return -1
				}
				return -2
			}
			if v > maxMtr {
				return -2
			}
			size = int(v) + 15
		}
		if n += 1 + size; n > maxMtr {
			return -2
		}
	}
	return -1
}

// scan indexes the log from the checkpoint to its end, which is where no good
// mini-transaction follows.
func (l *redo) scan(path string) error {
	buf := make([]byte, min(4<<20, l.capacity))
	lsn := l.checkpoint
	for lsn-l.checkpoint < l.capacity && lsn-l.checkpoint < 1<<32-maxMtr {
		b := buf
		if err := l.read(lsn, b); err != nil {
			return fmt.Errorf("%s: at %d: %w", path, lsn, err)
		}
		used := 0
		for {
			n := mtr(b[used:])
			if n < 0 {
				if n == -1 && used > 0 {
					break // read on from here
				}
				l.end = lsn + uint64(used)
				return nil
			}
			m := b[used:]
			if m[n] != l.sequence(lsn+uint64(used+n)) || crc32.Checksum(m[:n], castagnoli) != be32(m, n+1) {
				l.end = lsn + uint64(used)
				return nil
			}
			if !l.index(m[:n], uint32(lsn+uint64(used)-l.checkpoint)) {
				l.full = true
				l.end = lsn + uint64(used)
				return nil
			}
			used += n + 5
		}
		lsn += uint64(used)
	}
	l.end, l.full = lsn, true
	return nil
}

// index notes the pages that a mini-transaction changes. It says no when there
// is no more room.
func (l *redo) index(b []byte, off uint32) bool {
	var cur redoRecord
	for at := 0; at < len(b); at += cur.size {
		prev := cur
		r, ok := nextRecord(b[at:], prev)
		if !ok {
			l.unsupported = true
			return true
		}
		cur = r
		if r.kind&0x80 != 0 && !r.same {
			l.file(r)
			at += r.size
			cur = redoRecord{}
			continue
		}
		switch r.kind & 0x70 {
		case redoRsv:
			l.unsupported = true
			continue
		case redoFree:
			continue // what was on a freed page stays to be seen
		}
		if r.same {
			continue
		}
		l.changes++
		key := pageKey(r.space, r.page)
		c, known := l.heads[key]
		if !known && len(l.heads) >= maxPages || len(l.offs) >= maxEntries {
			return false
		}
		if r.kind&0x70 == redoInit {
			c = redoChain{init: true}
		}
		l.offs = append(l.offs, off+uint32(at))
		l.next = append(l.next, 0)
		i := uint32(len(l.offs))
		if c.tail != 0 {
			l.next[c.tail-1] = i
		} else {
			c.head = i
		}
		c.tail = i
		l.heads[key] = c
	}
	return true
}

// file notes what a record tells of files: which space has which name.
func (l *redo) file(r redoRecord) {
	name := r.body
	switch r.kind & 0xf0 {
	case 0x80, 0xb0: // made, changed
	case 0xa0: // renamed: the old name, NUL, the new one
		_, name, _ = bytes.Cut(name, []byte{0})
	default:
		return
	}
	if len(l.names) < 50000 && len(name) < 1024 {
		l.names[strings.TrimPrefix(string(name), "./")] = r.space
	}
}

// apply brings a page to its last state; p is as it is in the file, or nil when
// it can't be read. It returns false when a change can't be applied. gone, if
// any, sees each record just before it is deleted.
func (l *redo) apply(p []byte, size int, space, page uint32, gone func(p []byte, at int)) ([]byte, bool) {
	c, ok := l.heads[pageKey(space, page)]
	if !ok {
		return p, p != nil
	}
	if p == nil {
		if !c.init {
			return nil, false
		}
		p = make([]byte, size)
	}
	had := be64(p, filLSN)
	buf := make([]byte, 64<<10)
	good := true
	for i := c.head; i != 0; i = l.next[i-1] {
		lsn := l.checkpoint + uint64(l.offs[i-1])
		if lsn < had {
			continue
		}
		var cur redoRecord
		last := 0
		for {
			r, ok := l.record(lsn, &buf, cur)
			if !ok || cur.size != 0 && !r.same {
				break
			}
			if last, ok = applyRecord(p, r, last, gone); !ok {
				good = false
				break
			}
			lsn += uint64(r.size)
			cur = r
		}
	}
	return p, good
}

// record reads one record from the ring; at the end of a mini-transaction there
// is none.
func (l *redo) record(lsn uint64, buf *[]byte, cur redoRecord) (redoRecord, bool) {
	b := (*buf)[:6]
	if l.read(lsn, b) != nil || b[0] <= 1 || cur.size != 0 && b[0]&0x80 == 0 {
		return redoRecord{}, false
	}
	n := 1 + int(b[0]&15)
	if n == 1 {
		v, k := varint(b[1:])
		if k == 0 || v > maxMtr {
			return redoRecord{}, false
		}
		n = int(v) + 16
	}
	if n > len(*buf) {
		*buf = make([]byte, n)
	}
	b = (*buf)[:n]
	if l.read(lsn, b) != nil {
		return redoRecord{}, false
	}
	return nextRecord(b, cur)
}

// applyRecord changes a page by one record. last is where the record before
// ended, which the next one's offset counts from.
func applyRecord(p []byte, r redoRecord, last int, gone func(p []byte, at int)) (int, bool) {
	if !r.same {
		last = 0
	}
	b := r.body
	switch r.kind & 0x70 {
	case redoOpt:
		return last, true
	case redoFree:
		return 1, true
	case redoInit:
		clear(p)
		binary.BigEndian.PutUint32(p[filPage:], r.page)
		for i := 8; i < 16; i++ {
			p[i] = 0xff
		}
		binary.BigEndian.PutUint32(p[filSpace:], r.space)
		return filType, true
	case redoExt:
		if len(b) == 0 || r.page < 3 {
			return last, len(b) == 1 && b[0] == extTrim
		}
		return filType, applyExtended(p, b, gone)
	}
	off, n := varint(b)
	if n == 0 || int64(off)+int64(last) >= int64(len(p)) || int(off)+last < 8 {
		return last, false
	}
	last += int(off)
	b = b[n:]
	if r.kind&0x70 == redoWrite {
		if len(b) == 0 || len(b) > len(p)-last {
			return last, false
		}
		return last + copy(p[last:], b), true
	}
	size, n := varint(b)
	if n == 0 || size == 0 || int64(size) > int64(len(p)-last) {
		return last, false
	}
	to := p[last : last+int(size)]
	b = b[n:]
	if r.kind&0x70 == redoSet {
		if len(b) == 0 {
			return last, false
		}
		for i := 0; i < len(to); i += copy(to[i:], b) {
			continue
		}
		return last + len(to), true
	}
	s, n := varint(b)
	if n == 0 || n != len(b) {
		return last, false
	}
	from := int64(last) + int64(s>>1) + 1
	if s&1 != 0 {
		from = int64(last) - int64(s>>1) - 1
	}
	if from < 8 || from+int64(size) > int64(len(p)) {
		return last, false
	}
	copy(to, p[from:from+int64(size)])
	return last + len(to), true
}
