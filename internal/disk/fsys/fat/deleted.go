package fat

import (
	"context"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// Deleted implements [fsys.Undeleter]. A deleted entry still tells its name but
// for the first character of a short one, its size and its first cluster. The
// chain is gone: the clusters that follow are a guess. Directories are looked
// into, deleted ones when their clusters are free, and what lies behind the end
// of a directory. Free clusters that no entry tells of are not searched.
func (t *tree) Deleted(ctx context.Context, yield func(fsys.Removed) bool) error {
	used, err := t.fat.used(&t.heap)
	if err != nil {
		return err
	}
	u := &undelete{fatcore.Search{Heap: &t.heap, Used: used, Yield: yield}, t}
	return u.Run(ctx, t.rootDir(), t.boot.rootCluster, u.scan)
}

// undelete is one search.
type undelete struct {
	fatcore.Search
	t *tree
}

// scan searches one directory.
func (u *undelete) scan(f *fatcore.Folder) {
	var names names
	ended := false
	err := u.t.slots(f.Dir, func(at int64, s slot) bool {
		switch {
		case s[0] == slotEnd && f.Gone:
			return false
		case s[0] == slotEnd:
			ended = true
			names.reset()
		case s.isLong():
			names.add(s)
		case s.isLabel() || s.isDots():
			names.reset()
		case s[0] != slotDeleted && !ended && !f.Gone:
			if name, ok := names.live(s); ok && s.isDir() {
				first := s.first(u.t.boot.bits)
				u.Push(f, name, first, u.t.dirChain(first), false)
			}
		default:
			u.entry(f, at, s, &names)
		}
		return !u.Stopped()
	}, names.reset)
	if err != nil {
		u.Fail(err)
	}
}

// entry takes a deleted file's entry.
func (u *undelete) entry(f *fatcore.Folder, at int64, s slot, names *names) {
	name, ok := names.gone(s)
	if !ok || !u.t.plausible(s) {
		return
	}
	r := fsys.Removed{Path: f.Path(name), Stat: s.stat(s.id(at)), State: fsys.NameOnly}
	first := s.first(u.t.boot.bits)
	switch {
	case s.isDir():
		if u.t.heap.Holds(first) && !u.Used.Used(first) && u.t.isDirectory(first) {
			r.State = fsys.Guess
			u.Push(f, name, first, u.goneDir(first), true)
		}
	case s.size() == 0:
		r.State = fsys.Whole
		r.Data = fatcore.NewData(&u.t.heap, nil, r.ID, 0, 0)
	default:
		if left := u.Left(&r, first, s.size()); left != nil {
			r.Data = fatcore.NewData(&u.t.heap, left, r.ID, s.size(), s.size())
		}
		if r.State == fsys.Whole {
			r.State = fsys.Guess
		}
	}
	u.Found(r)
}

// goneDir gives the free clusters that a deleted directory may lie in: the first
// one, and those that follow as long as they hold entries.
func (u *undelete) goneDir(first uint32) fatcore.Ranges {
	return func(fn func(block.Extent) bool) error {
		n, used := u.Used.Run(first, u.t.heap.Clusters(maxDir))
		if used {
			return nil
		}
		for c := first; c < first+uint32(n); c++ {
			if c != first && !u.t.holdsEntries(c) {
				return nil
			}
			if !fn(block.Extent{Offset: u.t.heap.Offset(c), Length: u.t.heap.Size}) {
				return nil
			}
		}
		return nil
	}
}

// isDirectory tells whether a cluster begins with the entry "." of a directory
// that starts there.
func (t *tree) isDirectory(c uint32) bool {
	s := slot(make([]byte, fatcore.SlotSize))
	return block.ReadFull(t.src, s, t.heap.Offset(c)) == nil &&
		string(s[:11]) == dotName && s.isDir() && s.first(t.boot.bits) == c
}

// holdsEntries tells whether a cluster may be a further one of a deleted
// directory.
func (t *tree) holdsEntries(c uint32) bool {
	b := make([]byte, 512)
	if block.ReadFull(t.src, b, t.heap.Offset(c)) != nil || b[0] == slotEnd {
		return false
	}
	for i := 0; i < len(b) && b[i] != slotEnd; i += fatcore.SlotSize {
		s := slot(b[i : i+fatcore.SlotSize])
		if s.isDots() || !s.isLong() && !t.plausible(s) {
			return false
		}
	}
	return true
}

// plausible tells whether a slot looks like an entry and not like other bytes.
// The first byte of its name is not looked at: it may be gone.
func (t *tree) plausible(s slot) bool {
	for i := 1; i < 11; i++ {
		c := s[i]
		double := c >= 0x40 && s[i-1] >= 0x80 // may be the second byte of a character
		if c < 0x20 || !double && (c >= 'a' && c <= 'z' || strings.IndexByte(`"*+,./:;<=>?[\]|`, c) >= 0) {
			return false
		}
	}
	date := le.Uint16(s[24:])
	month, day := date>>5&0xF, date&0x1F
	first := s.first(t.boot.bits)
	switch {
	case s.attr()&0xC8 != 0, date != 0 && (month == 0 || month > 12 || day == 0),
		first != 0 && !t.heap.Holds(first), first == 0 && s.size() != 0,
		s.isDir() && s.size() != 0:
		return false
	}
	return t.heap.Clusters(s.size()) <= uint64(t.heap.Count)
}
