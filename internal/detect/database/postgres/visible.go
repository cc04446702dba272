package postgres

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/lenscap/lenscap/internal/detect"
)

const (
	slruPages  = 32 // pages of a segment of pg_xact and pg_multixact
	maxMembers = 1024
	// Kinds of member of a group of transactions that change the row.
	memberNoKeyUpdate = 4
	memberUpdate      = 5
)

// member is one transaction of a group that locks or changes a row.
type member struct {
	xid  uint32
	kind byte
}

// slru reads the files of pg_xact and pg_multixact by pages.
type slru struct {
	files detect.Files
	dir   string
	block int

	mu    sync.Mutex
	pages map[uint32][]byte // nil where there is no such page
	segs  map[uint32]detect.Reader
}

func newSLRU(files detect.Files, dir string, block int) *slru {
	return &slru{files: files, dir: dir, block: block, pages: map[uint32][]byte{}, segs: map[uint32]detect.Reader{}}
}

// page gives a page; nil when it is not there.
func (s *slru) page(n uint32) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.pages[n]; ok {
		return p, nil
	}
	seg := n / slruPages
	r, ok := s.segs[seg]
	if !ok {
		var err error
		r, err = s.files.Open(fmt.Sprintf("%s/%04X", s.dir, seg))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open a segment of %s: %w", s.dir, err)
		}
		if len(s.segs) > 64 {
			clear(s.segs)
		}
		s.segs[seg] = r
	}
	var p []byte
	if r != nil {
		p = make([]byte, s.block)
		k, err := r.ReadAt(p, int64(n%slruPages)*int64(s.block))
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read a page of %s: %w", s.dir, err)
		}
		if k < s.block {
			p = nil
		}
	}
	if len(s.pages) > 256 {
		clear(s.pages)
	}
	s.pages[n] = p
	return p, nil
}

// precedes compares transaction ids, which go round.
func precedes(a, b uint32) bool {
	if a < 3 || b < 3 {
		return a < b
	}
	return int32(a-b) < 0
}

// xact tells how a transaction ended, as the server would see it after recovery:
// one that was open at a crash was rolled back.
func (c *cluster) xact(xid uint32) (byte, error) {
	if xid < 3 {
		if xid == 0 {
			return xactAborted, nil
		}
		return xactCommitted, nil // what initdb made, and frozen rows
	}
	if c.redo != nil {
		if result, ok := c.redo.xacts[xid]; ok {
			return result, nil
		}
	}
	if precedes(xid, c.control.oldestXid) {
		return xactCommitted, nil // the log no more reaches back to it
	}
	per := uint32(c.control.block) * 4
	p, err := c.clog.page(xid / per)
	if err != nil || p == nil {
		return xactAborted, err
	}
	if result := p[xid%per/4] >> (xid % 4 * 2) & 3; result == xactCommitted {
		return xactCommitted, nil
	}
	return xactAborted, nil
}

// updater gives the transaction of a group that changed or deleted the row, 0
// when they only locked it.
func (c *cluster) updater(multi uint32) (uint32, error) {
	var list []member
	if c.redo != nil {
		list = c.redo.multis[multi]
	}
	if list == nil {
		var err error
		if list, err = c.members(multi); err != nil {
			return 0, err
		}
	}
	for _, m := range list {
		if m.kind == memberNoKeyUpdate || m.kind == memberUpdate {
			return m.xid, nil
		}
	}
	return 0, nil
}

// members reads a group from pg_multixact (access/transam/multixact.c).
func (c *cluster) members(multi uint32) ([]member, error) {
	per := uint32(c.control.block) / 4
	offset := func(m uint32) (uint32, error) {
		p, err := c.offsets.page(m / per)
		if err != nil || p == nil {
			return 0, err
		}
		return le.Uint32(p[4*(m%per):]), nil
	}
	from, err := offset(multi)
	if err != nil || from == 0 {
		return nil, err
	}
	to := c.control.nextMember
	if multi+1 != c.control.nextMulti {
		if to, err = offset(multi + 1); err != nil {
			return nil, err
		}
	}
	if to-from > maxMembers {
		to = from + maxMembers
	}
	// Four members lie together: a byte for each kind, then the transactions.
	groups := uint32(c.control.block) / 20
	var list []member
	for ; from != to; from++ {
		if from == 0 {
			continue // offset 0 is left out when they go round
		}
		p, err := c.memberPages.page(from / (groups * 4))
		if err != nil || p == nil {
			return list, err
		}
		at := from % (groups * 4) / 4 * 20
		list = append(list, member{le.Uint32(p[at+4+4*(from%4):]), p[at+from%4]})
	}
	return list, nil
}

// fate is what the server would make of a tuple.
type fate uint8

const (
	fateLive    fate = iota
	fateDeleted      // deleted, or an old version of a row
	fateAborted      // of a transaction that was rolled back: never shown
)

// fate tells whether a tuple is to be seen (access/heap/heapam_visibility.c).
func (c *cluster) fate(t tuple) (fate, error) {
	mask := t.infomask()
	if mask&xminFrozen != xminFrozen && mask&xminCommitted == 0 {
		if mask&xminInvalid != 0 {
			return fateAborted, nil
		}
		result, err := c.xact(t.xmin())
		if err != nil {
			return fateAborted, err
		}
		if result != xactCommitted {
			return fateAborted, nil
		}
	}
	if mask&xmaxInvalid != 0 || mask&xmaxLockOnly != 0 {
		return fateLive, nil
	}
	xmax := t.xmax()
	if mask&xmaxMulti != 0 {
		var err error
		if xmax, err = c.updater(xmax); err != nil {
			return fateLive, err
		}
	} else if mask&xmaxCommitted != 0 {
		return fateDeleted, nil
	}
	if xmax == 0 {
		return fateLive, nil
	}
	result, err := c.xact(xmax)
	if err != nil || result != xactCommitted {
		return fateLive, err
	}
	return fateDeleted, nil
}
