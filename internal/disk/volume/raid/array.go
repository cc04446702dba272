package raid

import (
	"context"
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// geometry places the bytes of an array on its members.
type geometry interface {
	// size is the array's length in bytes.
	size() int64
	// copies is how many places each byte has.
	copies() int
	// place finds a copy of the byte at off, which lies in the array: the member,
	// the byte there, and for how many bytes from off on the answer holds.
	place(off int64, copy int) (member int, at, n int64)
	// lift adds the ranges of the array that a range of a member has a part in:
	// those, or more.
	lift(member int, e block.Extent, add func(off, n int64))
	// gather tells how far apart on a member bytes may lie to be had in one read;
	// below zero they are read as they come.
	gather() int64
}

// Array is a volume made of members. It is safe for concurrent use.
type Array struct {
	members []block.Source
	absent  []bool
	geo     geometry
	parity  *parity // of geo, when bytes can be computed
	length  int64
}

// newArray takes nil members for missing ones.
func newArray(members []block.Source, geo geometry) *Array {
	a := &Array{members: make([]block.Source, len(members)), absent: make([]bool, len(members)), geo: geo, length: geo.size()}
	a.parity, _ = geo.(*parity)
	for i, m := range members {
		if m == nil {
			m = Lost(0, fmt.Errorf("member %d of %d: %w", i, len(members), block.ErrMissing))
		}
		a.members[i], a.absent[i] = m, IsLost(m)
	}
	return a
}

// Size implements [block.Source].
func (a *Array) Size() int64 { return a.length }

// Cut gives the array without what lies behind size bytes.
func (a *Array) Cut(size int64) *Array {
	short := *a
	short.length = max(min(size, a.length), 0)
	return &short
}

// Close implements [block.Source]; it leaves the members open.
func (a *Array) Close() error { return nil }

// ReadAt implements [io.ReaderAt].
func (a *Array) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, a.Size())
	for done := 0; done < n; {
		got, err := a.step(p[done:n], off+int64(done))
		if err != nil {
			return done, err
		}
		done += got
	}
	return n, end
}

// step reads some of the bytes at off, at least one.
func (a *Array) step(p []byte, off int64) (int, error) {
	member, at, run := a.geo.place(off, 0)
	if run >= int64(len(p)) && !a.absent[member] {
		if block.ReadFull(a.members[member], p, at) == nil {
			return len(p), nil
		}
		return a.piece(p, off)
	}
	if a.parity != nil && a.degraded() {
		p = a.parity.toRow(p, off)
		if n, err := a.rows(p, off); n > 0 || err != nil {
			return n, err
		}
	}
	if slack := a.geo.gather(); slack >= 0 && run < int64(len(p)) {
		return a.window(p, off, slack)
	}
	return a.piece(p, off)
}

// piece reads from off to where the place changes: from the first copy that
// can be had, or computed from the other members.
func (a *Array) piece(p []byte, off int64) (int, error) {
	var failed error
	for c := range a.geo.copies() {
		member, at, run := a.geo.place(off, c)
		n := min(run, int64(len(p)))
		err := block.ReadFull(a.members[member], p[:n], at)
		if err == nil {
			return int(n), nil
		}
		if stopped(err) {
			return 0, err
		}
		if failed == nil || errors.Is(failed, block.ErrMissing) {
			failed = err
		}
	}
	if a.parity != nil {
		return a.compute(p, off, failed)
	}
	if n := halfOf(p, off); n > 0 && !errors.Is(failed, block.ErrMissing) {
		return a.piece(p[:n], off) // what fails may be further on
	}
	return 0, failed
}

// halfOf gives a shorter length for a read that failed, ending at a multiple of
// 4 KiB; 0 when it is short already.
func halfOf(p []byte, off int64) int {
	half := off + int64(len(p))/2
	n := (half+4095)/4096*4096 - off
	if n >= int64(len(p)) {
		return 0
	}
	return int(n)
}

// Readable tells whether enough members are there for every byte.
func (a *Array) Readable() bool {
	gone := 0
	for _, m := range a.absent {
		if m {
			gone++
		}
	}
	if a.parity != nil {
		return gone <= a.parity.disks-a.parity.data
	}
	if gone == 0 || a.geo.copies() == 1 {
		return gone == 0
	}
	// The places of copies repeat after as many changes as there are members.
	for off, i := int64(0), 0; off < a.Size() && i < len(a.members); i++ {
		member, _, n := a.first(off)
		if a.absent[member] {
			return false
		}
		off += n
	}
	return true
}

// stopped tells that a read failed because the whole run ends: no other copy
// will do better.
func stopped(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (a *Array) degraded() bool {
	for _, m := range a.absent {
		if m {
			return true
		}
	}
	return false
}
