package xfs

import (
	"context"
	"errors"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// findHead finds the end of the newest complete record. clean tells that
// nothing is to be replayed.
func (l *log) findHead() (head int64, clean bool, err error) {
	first, err := l.cycleAt(0)
	if err != nil || first == 0 {
		return 0, true, err // never written to
	}
	last, err := l.cycleAt(l.n - 1)
	if err != nil {
		return 0, false, err
	}
	// The cycle of what was not written over yet.
	old := last
	if first == last {
		head, old = l.n, last-1
	} else if head, err = l.firstOf(last); err != nil {
		return 0, false, err
	}
	// An unmount waits for all writes before it: no need to look for gaps.
	if before, err := l.recordBefore(head, l.longest()); err == nil {
		if done, err := l.unmounts(before, head); err == nil && done {
			return head, true, nil
		}
	}
	if head, err = l.beforeGaps(head, old); err != nil {
		return 0, false, err
	}
	before, err := l.recordBefore(head, l.scan()+l.longest())
	if err != nil {
		return 0, false, err
	}
	if l.between(before.at, head) != before.sectors() {
		head = before.at
		if before, err = l.recordBefore(head, l.scan()+l.longest()); err != nil {
			return 0, false, err
		}
	}
	clean, err = l.unmounts(before, head)
	return head, clean, err
}

// firstOf searches for the first sector of the last cycle by halves.
func (l *log) firstOf(last uint32) (int64, error) {
	low, high := int64(0), l.n-1
	for high-low > 1 {
		mid := (low + high) / 2
		c, err := l.cycleAt(mid)
		if err != nil {
			return 0, err
		}
		if c == last {
			high = mid
		} else {
			low = mid
		}
	}
	return high, nil
}

// beforeGaps moves the head before the first gap that writes out of order left:
// sectors of an old cycle among the last written ones.
func (l *log) beforeGaps(head int64, old uint32) (int64, error) {
	scan := l.scan()
	if head < scan && old > 0 {
		gap, err := l.find(old-1, l.n-(scan-head), scan-head)
		if err != nil || gap >= 0 {
			return max(gap, 0), err
		}
	}
	start := max(head-scan, 0)
	gap, err := l.find(old, start, head-start)
	if err != nil || gap < 0 {
		return head, err
	}
	return gap, nil
}

// find gives the first of n sectors that is of the given cycle, -1 when none is.
func (l *log) find(want uint32, at, n int64) (int64, error) {
	buf := make([]byte, 128*sector)
	for n > 0 {
		b := buf[:min(n*sector, int64(len(buf)))]
		if err := l.read(b, at); err != nil {
			return -1, err
		}
		for ; len(b) > 0; b, at, n = b[sector:], at+1, n-1 {
			if cycle(b) == want {
				return at, nil
			}
		}
	}
	return -1, nil
}

// recordBefore finds the last record that starts before a sector, at most so
// many sectors before it.
func (l *log) recordBefore(at, limit int64) (record, error) {
	end, limit := at, min(limit, l.n)
	buf := make([]byte, 128*sector)
	for limit > 0 {
		n := min(limit, int64(len(buf)/sector))
		from := (at - n + l.n) % l.n
		b := buf[:n*sector]
		if err := l.read(b, from); err != nil {
			return record{}, err
		}
		for i := n - 1; i >= 0; i-- {
			if be.Uint32(b[i*sector:]) == recordMagic {
				return l.header(b[i*sector:(i+1)*sector], (from+i)%l.n)
			}
		}
		at, limit = from, limit-n
	}
	return record{}, block.Damaged("no record before sector %d", end)
}

// unmounts tells whether a record that ends at a sector says that all is done.
func (l *log) unmounts(r record, end int64) (bool, error) {
	if r.ops() != 1 || l.between(r.at, end) != r.sectors() || r.length < 12 {
		return false, nil
	}
	b := make([]byte, sector)
	if err := l.read(b, r.at+r.heads); err != nil {
		return false, err
	}
	return b[9]&opUnmount != 0, nil
}

// firstTorn gives the first of the last records whose checksum fails, -1 when
// all hold.
func (l *log) firstTorn(head int64, last record) (int64, error) {
	start, tail := last, last.tail()%l.n
	for range maxInFlight - 1 {
		if start.at == tail {
			break
		}
		before, err := l.recordBefore(start.at, l.longest())
		if err != nil || l.between(before.at, start.at) != before.sectors() || l.between(tail, before.at) > l.between(tail, start.at) {
			break // the oldest of those in flight
		}
		start = before
	}
	err := l.records(context.Background(), start.at, head%l.n, func(*record) error { return nil })
	if bad, ok := errors.AsType[*badRecord](err); ok {
		return bad.at, nil
	}
	return -1, err
}
