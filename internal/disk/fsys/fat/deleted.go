package fat

import (
	"context"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// Bounds of a search for deleted files.
const (
	maxDirs  = 1 << 20
	maxDepth = 512
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
	u := &undelete{t: t, used: used, seen: map[uint32]struct{}{}, yield: yield}
	u.todo = []*folder{{dir: t.rootDir()}}
	if t.boot.bits == 32 {
		u.seen[t.boot.rootCluster] = struct{}{}
	}
	for len(u.todo) > 0 && !u.stop {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := u.todo[len(u.todo)-1]
		u.todo = u.todo[:len(u.todo)-1]
		u.scan(f)
	}
	return u.err
}

// folder is a directory that is to be searched.
type folder struct {
	dir    ranges
	gone   bool // it is deleted itself
	parent *folder
	name   string
	depth  int
}

// path gives the path of a name in the directory.
func (f *folder) path(name string) string {
	parts := make([]string, f.depth+1)
	for ; ; f = f.parent {
		parts[f.depth] = name
		if f.depth == 0 {
			return strings.Join(parts, "/")
		}
		name = f.name
	}
}

// undelete is one search.
type undelete struct {
	t     *tree
	used  *fatcore.Bitmap
	seen  map[uint32]struct{} // first clusters of directories
	todo  []*folder           // a stack
	yield func(fsys.Removed) bool
	stop  bool
	err   error // the first one
}

func (u *undelete) fail(err error) {
	if u.err == nil {
		u.err = err
	}
}

// scan searches one directory.
func (u *undelete) scan(f *folder) {
	var names names
	ended := false
	err := u.t.slots(f.dir, func(at int64, s slot) bool {
		switch {
		case s[0] == slotEnd && f.gone:
			return false
		case s[0] == slotEnd:
			ended = true
			names.reset()
		case s.isLong():
			names.add(s)
		case s.isLabel():
			names.reset()
		case s.isDots():
			names.reset()
		case s[0] != slotDeleted && !ended && !f.gone:
			if name, ok := names.live(s); ok && s.isDir() {
				u.push(f, name, s.first(u.t.boot.bits), false)
			}
		default:
			u.entry(f, at, s, &names)
		}
		return !u.stop
	}, names.reset)
	if err != nil {
		u.fail(err)
	}
}

// entry takes a deleted file's entry.
func (u *undelete) entry(f *folder, at int64, s slot, names *names) {
	name, ok := names.gone(s)
	if !ok || !u.t.plausible(s) {
		return
	}
	r := fsys.Removed{Path: f.path(name), Stat: s.stat(s.id(at)), State: fsys.NameOnly}
	first := s.first(u.t.boot.bits)
	switch {
	case s.isDir():
		if u.t.heap.Holds(first) && !u.used.Used(first) && u.t.isDirectory(first) {
			r.State = fsys.Guess
			u.push(f, name, first, true)
		}
	case s.size() == 0:
		r.State = fsys.Whole
		r.Data = fatcore.NewData(&u.t.heap, nil, r.ID, 0, 0)
	default:
		left, state, ok := u.used.Left(first, u.t.heap.Clusters(s.size()))
		if !ok {
			u.fail(block.Damaged("deleted files: more of them overlap than can be looked at"))
			u.stop = true
			return
		}
		if r.State = state; state == fsys.Whole {
			r.State = fsys.Guess
		}
		if left != nil {
			r.Data = fatcore.NewData(&u.t.heap, left, r.ID, s.size(), s.size())
		}
	}
	u.stop = !u.yield(r)
}

// push notes a directory for later, once.
func (u *undelete) push(parent *folder, name string, first uint32, gone bool) {
	if _, ok := u.seen[first]; ok || !u.t.heap.Holds(first) {
		return
	}
	if parent.depth >= maxDepth || len(u.seen) >= maxDirs {
		u.fail(block.Damaged("more than %d directories, or more than %d deep: deleted files of the rest are left out", maxDirs, maxDepth))
		return
	}
	u.seen[first] = struct{}{}
	f := &folder{gone: gone, parent: parent, name: name, depth: parent.depth + 1}
	if f.dir = u.t.dirChain(first); gone {
		f.dir = u.goneDir(first)
	}
	u.todo = append(u.todo, f)
}

// goneDir gives the free clusters that a deleted directory may lie in: the first
// one, and those that follow as long as they hold entries.
func (u *undelete) goneDir(first uint32) ranges {
	return func(fn func(block.Extent) bool) error {
		n, used := u.used.Run(first, u.t.heap.Clusters(maxDir))
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
