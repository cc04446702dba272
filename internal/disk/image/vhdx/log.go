package vhdx

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	logSector = 4 << 10
	// maxLog bounds the log, which is kept in memory. Hyper-V makes 1 MiB.
	maxLog = 16 << 20
)

// entry is the header of a log entry that holds in itself.
type entry struct {
	at, length, tail uint32 // bytes of the log
	sequence         uint64
	descriptors      uint32
	flushed, last    uint64 // lengths of the file
}

// journal is the log, read into memory.
type journal struct {
	b     []byte
	id    guid
	spare int64 // bytes that may still be summed up: hostile entries overlap
	holds map[uint32]entry
}

// replay lays what the log holds over the file. It tells what it did, and
// whether something may be missing.
func replay(ctx context.Context, src block.Source, h *header) (block.Source, string, bool, error) {
	switch {
	case h.logLength > maxLog:
		return nil, "", false, block.Unsupported("it has %d bytes, want at most %d", h.logLength, maxLog)
	case h.logLength == 0 || h.logLength%bodyAt != 0 || h.log < bodyAt || h.log%bodyAt != 0 || h.log > uint64(src.Size()):
		return nil, "", false, block.Damaged("it has %d bytes at offset %d", h.logLength, h.log)
	}
	j := &journal{b: make([]byte, h.logLength), id: h.logID, spare: 4 * int64(h.logLength), holds: map[uint32]entry{}}
	if err := block.ReadFull(src, j.b, int64(h.log)); err != nil {
		return nil, "", false, err
	}
	sequence, later, err := j.active(ctx)
	if err != nil {
		return nil, "", false, err
	}
	if len(sequence) == 0 {
		return src, "the log holds no valid sequence of entries: the last changes may be missing", true, nil
	}
	head := sequence[len(sequence)-1]
	if head.flushed > uint64(src.Size()) {
		return nil, "", false, block.Damaged("the file had at least %d bytes when it was written, it has %d", head.flushed, src.Size())
	}
	over := &overlay{Source: src, size: max(src.Size(), int64(min(head.last, 1<<62)))}
	for _, e := range sequence {
		e.each(j.bytes(e.at, e.length), over.apply)
	}
	over.finish()
	note := fmt.Sprintf("the image was not closed cleanly: %d log entries were replayed in memory", len(sequence))
	if later {
		note += ", later ones are out of sequence: the last changes may be missing"
	}
	return over, note, later, nil
}

// active finds the entries to replay, in their order: the valid sequence with
// the highest number. A sequence is valid when it starts at the tail that its
// last entry names. later tells that there are valid entries with higher
// numbers that belong to no such sequence.
func (j *journal) active(ctx context.Context) (list []entry, later bool, err error) {
	var all []entry
	for at := uint32(0); int(at) < len(j.b); at += logSector {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		e, ok, err := j.entry(at)
		if err != nil {
			return nil, false, err
		}
		if ok {
			j.holds[at] = e
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(b.sequence, a.sequence) })
	for i, head := range all {
		if list := j.from(head); list != nil {
			return list, i > 0, nil
		}
	}
	return nil, false, nil
}

// from gives the entries from the tail of head up to it, nil when they are not
// all there.
func (j *journal) from(head entry) []entry {
	var list []entry
	at := head.tail
	for range len(j.holds) {
		e, ok := j.holds[at]
		if !ok || len(list) > 0 && e.sequence != list[len(list)-1].sequence+1 {
			return nil
		}
		list = append(list, e)
		if at == head.at {
			return list
		}
		at = uint32((uint64(at) + uint64(e.length)) % uint64(len(j.b)))
	}
	return nil
}

// bytes gives a part of the log, which is a ring.
func (j *journal) bytes(at, n uint32) []byte {
	start := uint64(at) % uint64(len(j.b))
	if start+uint64(n) <= uint64(len(j.b)) {
		return j.b[start : start+uint64(n)]
	}
	return append(slices.Clone(j.b[start:]), j.b[:start+uint64(n)-uint64(len(j.b))]...)
}

// entry reads the entry at a sector of the log; false means that there is none.
func (j *journal) entry(at uint32) (entry, bool, error) {
	b := j.b[at:]
	if string(b[:4]) != "loge" || guid(b[32:48]) != j.id {
		return entry{}, false, nil
	}
	e := entry{
		at: at, length: le.Uint32(b[8:]), tail: le.Uint32(b[12:]), sequence: le.Uint64(b[16:]),
		descriptors: le.Uint32(b[24:]), flushed: le.Uint64(b[48:]), last: le.Uint64(b[56:]),
	}
	switch {
	case e.length == 0 || e.length%logSector != 0 || uint64(e.length) > uint64(len(j.b)),
		e.tail%logSector != 0 || uint64(e.tail) >= uint64(len(j.b)),
		e.sequence == 0 || 64+32*uint64(e.descriptors) > uint64(e.length):
		return entry{}, false, nil
	}
	if j.spare -= int64(e.length); j.spare < 0 {
		return entry{}, false, block.Damaged("its entries overlap")
	}
	whole := j.bytes(at, e.length)
	if !sums(whole) {
		return entry{}, false, nil
	}
	return e, e.each(whole, nil), nil
}

// change is one descriptor: a sector of data, or a range of zeros.
type change struct {
	off, length uint64
	data        []byte // a sector, nil for zeros
}

// each reads the descriptors of an entry and the data that follows them, and
// gives the changes to do unless it is nil. It tells whether they hold.
func (e entry) each(b []byte, do func(change)) bool {
	data := (64 + 32*int(e.descriptors) + logSector - 1) / logSector * logSector
	for i := range int(e.descriptors) {
		d := b[64+32*i:]
		c := change{off: le.Uint64(d[16:]), length: logSector}
		if le.Uint64(d[24:]) != e.sequence || c.off%logSector != 0 || c.off > 1<<62 {
			return false
		}
		switch string(d[:4]) {
		case "zero":
			if c.length = le.Uint64(d[8:]); c.length%logSector != 0 || c.length > 1<<62 {
				return false
			}
		case "desc":
			if data+logSector > len(b) {
				return false
			}
			s := b[data : data+logSector]
			data += logSector
			// The sequence number takes the place of bytes that the descriptor keeps.
			if string(s[:4]) != "data" || uint64(le.Uint32(s[4:]))<<32|uint64(le.Uint32(s[logSector-4:])) != e.sequence {
				return false
			}
			if do != nil {
				c.data = slices.Clone(s)
				copy(c.data, d[8:16])
				copy(c.data[logSector-4:], d[4:8])
			}
		default:
			return false
		}
		if do != nil {
			do(c)
		}
	}
	return true
}
