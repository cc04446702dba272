package exfat

import (
	"context"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// Deleted implements [fsys.Undeleter]. A deleted set only lacks the bits that
// say that it is in use. Where the clusters followed each other, or the chain is
// still there, all of them are known; else those after the first are a guess.
// Of a set whose first entry was used again, the name and the bytes are left.
// Free clusters that no entry tells of are not searched.
func (t *tree) Deleted(ctx context.Context, yield func(fsys.Removed) bool) error {
	used, err := t.used()
	if err != nil {
		return err
	}
	u := &undelete{fatcore.Search{Heap: &t.heap, Used: used, Yield: yield}, t}
	return u.Run(ctx, t.rootDir(), t.boot.root, u.scan)
}

// undelete is one search.
type undelete struct {
	fatcore.Search
	t *tree
}

// scan searches one directory.
func (u *undelete) scan(f *fatcore.Folder) {
	var live, gone collector
	ended := f.Gone // what is here was deleted, or lies behind the end
	err := fatcore.Slots(u.t.src, f.Dir, func(at int64, slot []byte) bool {
		kind := slot[0]
		switch {
		case kind == typeEnd:
			ended = true
			live.reset()
			u.orphan(f, &gone)
		case kind&inUse != 0 && !ended:
			u.orphan(f, &gone)
			u.live(f, &live, at, slot)
		default:
			live.reset()
			u.slot(f, &gone, at, slot)
		}
		return !u.Stopped()
	}, func() {
		live.reset()
		gone.reset()
	})
	if err != nil {
		u.Fail(err)
	}
	u.orphan(f, &gone)
}

// live notes the directories that are there.
func (u *undelete) live(f *fatcore.Folder, c *collector, at int64, slot []byte) {
	switch {
	case slot[0] == typeFile:
		c.start(at, slot)
	case slot[0]&secondary == 0:
		c.reset()
	case c.add(slot):
		c.reset()
		s := c.set
		if s.check() == nil && s.whole() && s.isDir() && s.size() != 0 {
			u.Push(f, fatcore.Text(s.units()), s.first(), u.t.dir(s), false)
		}
	}
}

// slot takes an entry that is not in use.
func (u *undelete) slot(f *fatcore.Folder, c *collector, at int64, slot []byte) {
	switch kind := slot[0] | inUse; {
	case kind == typeFile:
		u.orphan(f, c)
		c.start(at, slot)
		c.set[0] = kind
	case kind == typeStream && c.want == 0:
		// The file's entry is gone: an empty one stands for it.
		c.start(at-fatcore.SlotSize, make([]byte, fatcore.SlotSize))
		c.set[0], c.want = typeFile, 1+maxSecondary
		c.set = append(c.set, slot...)
		c.set[fatcore.SlotSize] = kind
	case kind&secondary != 0 && c.want > 0:
		done := c.add(slot)
		c.set[len(c.set)-fatcore.SlotSize] = kind
		if done || c.want > maxSecondary && c.set.count() == 2+c.set.nameSlots() {
			u.orphan(f, c)
		}
	default:
		u.orphan(f, c)
	}
}

// orphan gives the set that was gathered, if it is one: its checksum is right,
// or, with entries lost, the hash of its name.
func (u *undelete) orphan(f *fatcore.Folder, c *collector) {
	if !c.reset() || c.set.count() < 3 || c.set.slot(1)[0] != typeStream {
		return
	}
	s := c.set
	if n := 2 + s.nameSlots(); n < s.count() && !s.whole() {
		s = s[:n*fatcore.SlotSize]
	}
	if s.check() != nil || !s.whole() && s.nameHash() != u.hash(s.units()) {
		return
	}
	if name := fatcore.Text(s.units()); fatcore.ValidName(name) {
		u.found(f, name, c.at, slices.Clone(s))
	}
}

// hash is the hash of a name, taken of it in upper case.
func (u *undelete) hash(units []uint16) (sum uint16) {
	upper := u.t.upper()
	for _, v := range units {
		v = uint16(upper(rune(v)))
		for _, c := range [2]byte{byte(v), byte(v >> 8)} {
			sum = sum>>1 | sum<<15
			sum += uint16(c)
		}
	}
	return sum
}

// found gives a deleted file or directory.
func (u *undelete) found(f *fatcore.Folder, name string, at int64, s set) {
	if s.size() > uint64(u.Heap.Count)*uint64(u.Heap.Size) || s.valid() > s.size() {
		return
	}
	size := int64(s.size())
	r := fsys.Removed{Path: f.Path(name), Stat: s.stat(fsys.ID(at / fatcore.SlotSize))}
	left := fatcore.Mapping(nil)
	if r.State = fsys.Whole; size > 0 {
		left = u.left(&r, s, size)
	}
	switch {
	case s.isDir() && left != nil:
		u.Push(f, name, s.first(), goneDir(u.Heap, left, min(size, maxDir)), true)
	case !s.isDir() && (left != nil || size == 0):
		r.Data = fatcore.NewData(u.Heap, left, r.ID, size, int64(s.valid()))
	}
	u.Found(r)
}

// left finds what is left of a set's clusters.
func (u *undelete) left(r *fsys.Removed, s set, size int64) fatcore.Mapping {
	if !s.contiguous() {
		if left, state, known := u.Used.LeftOf(u.Heap, u.t.follow, s.first(), u.Heap.Clusters(size)); known && !u.Used.Used(s.first()) {
			r.State = state
			return left
		}
	}
	left := u.Left(r, s.first(), size)
	if r.State == fsys.Whole && !s.contiguous() {
		r.State = fsys.Guess
	}
	return left
}

// goneDir gives the clusters of a deleted directory that are not in use again.
func goneDir(h *fatcore.Heap, left fatcore.Mapping, size int64) fatcore.Ranges {
	return func(fn func(block.Extent) bool) error {
		total := h.Clusters(size)
		for at := uint64(0); at < total; {
			r, err := left.Lookup(at, total-at)
			if err != nil {
				return err
			}
			n := min(r.N, total-at)
			if r.First != 0 && !fn(block.Extent{Offset: h.Offset(r.First), Length: int64(n) * h.Size}) {
				return nil
			}
			at += n
		}
		return nil
	}
}
