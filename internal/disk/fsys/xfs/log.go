package xfs

import (
	"context"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// sector is the unit of the log and of places on the disk that it speaks of,
	// whatever the device's own sectors are.
	sector = 512
	// maxLog is the longest log in bytes (XFS_MAX_LOG_BYTES).
	maxLog = 2 << 30
	// maxInFlight is how many records may be on their way to the disk at once.
	maxInFlight = 8
)

// log is the log of a file system: a ring of records.
type log struct {
	t    *tree
	off  int64 // byte of the disk
	n    int64 // length in sectors
	most int64 // length of the longest record's body in bytes
	torn int64 // where records at the end fail their checksums, below zero when none do
}

// recoverLog lays the committed transactions of the log over the disk, in
// memory, unless the file system was cleanly unmounted. A log that can't be
// used is a note: the disk is then read as it stands. Only the end of ctx is
// an error.
func (t *tree) recoverLog(ctx context.Context) error {
	if t.sb.logStart == 0 {
		t.note(true, "its log is on another device, which is not read: if it holds newer data, that is not shown")
		return nil
	}
	l, err := t.openLog()
	var head, tail int64
	if err == nil {
		head, tail, err = l.ends()
	}
	if l != nil && l.torn >= 0 {
		t.note(true, "the log ends at sector %d, where a record fails its checksum: it was not written to its end, or is damaged", l.torn)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		t.note(true, "the log was not replayed: %v", err)
	case head == tail:
	case t.sb.logIncompat&^logIncompatRead != 0:
		t.note(true, "not cleanly unmounted, the log was not replayed: it has features %#x", t.sb.logIncompat&^logIncompatRead)
	default:
		return t.replay(ctx, l, head, tail)
	}
	return nil
}

func (t *tree) openLog() (*log, error) {
	size := int64(t.sb.logBlocks) << t.sb.blockLog
	at, ok := t.sb.linear(t.sb.logStart, uint64(t.sb.logBlocks))
	off := int64(at) << t.sb.blockLog
	if !ok || size == 0 || size > maxLog || off > t.raw.Size()-size {
		return nil, block.Damaged("it has %d blocks from block %#x", t.sb.logBlocks, t.sb.logStart)
	}
	l := &log{t: t, off: off, n: size / sector, most: 32 << 10, torn: -1}
	if t.sb.logV2 {
		l.most = 256 << 10
	}
	return l, nil
}

// read reads sectors of the log, around its end when need be.
func (l *log) read(p []byte, at int64) error {
	at %= l.n
	if first := (l.n - at) * sector; int64(len(p)) > first {
		if int64(len(p))-first > l.n*sector {
			return block.Damaged("%d bytes in a log of %d", len(p), l.n*sector)
		}
		if err := block.ReadFull(l.t.raw, p[:first], l.off+at*sector); err != nil {
			return err
		}
		p, at = p[first:], 0
	}
	return block.ReadFull(l.t.raw, p, l.off+at*sector)
}

// cycle is how often the ring had been gone around when a sector was written.
// It stands in place of the sector's first bytes; in a record's header it comes
// second.
func cycle(b []byte) uint32 {
	if c := be.Uint32(b); c != recordMagic {
		return c
	}
	return be.Uint32(b[4:])
}

func (l *log) cycleAt(at int64) (uint32, error) {
	var b [8]byte
	if err := block.ReadFull(l.t.raw, b[:], l.off+at*sector); err != nil {
		return 0, err
	}
	return cycle(b[:]), nil
}

// ends finds where the next record would be written and where the oldest one
// lies that is not known to be on the disk. They are the same when nothing is
// left to be done.
func (l *log) ends() (head, tail int64, err error) {
	head, clean, err := l.findHead()
	if err != nil || clean {
		return 0, 0, err
	}
	last, err := l.recordBefore(head, l.scan()+l.longest())
	if err != nil {
		return 0, 0, err
	}
	// What was on its way when the machine stopped may be there in part.
	if l.torn, err = l.firstTorn(head, last); err != nil {
		return 0, 0, err
	}
	if l.torn >= 0 {
		head = l.torn
		if last, err = l.recordBefore(head, l.scan()+l.longest()); err != nil {
			return 0, 0, err
		}
		if unmounted, err := l.unmounts(last, head); err != nil || unmounted {
			return head, head, err
		}
	}
	if last.tail() >= l.n {
		return 0, 0, block.Damaged("the record at sector %d says that the log starts at sector %d of %d", last.at, last.tail(), l.n)
	}
	return head % l.n, last.tail(), nil
}

// longest is the length of the longest record in sectors, scan that of all that
// may be on their way at once.
func (l *log) longest() int64 { return l.most/sector + 8 }
func (l *log) scan() int64    { return min(maxInFlight*l.most/sector, l.n) }

// between is the length of the way from one sector to another in the ring.
func (l *log) between(from, to int64) int64 {
	if to < from {
		to += l.n
	}
	return to - from
}
