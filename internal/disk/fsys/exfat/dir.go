package exfat

import (
	"fmt"
	"io/fs"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// maxDir is how many bytes a directory has at most.
const maxDir = 256 << 20

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	if id == rootID {
		return fsys.Stat{ID: id, Mode: fs.ModeDir | 0o755, Links: 1}, nil
	}
	s, err := t.set(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	return s.stat(id), nil
}

// Open implements [fsys.Tree].
func (t *tree) Open(id fsys.ID) (fsys.Data, error) {
	if id == rootID {
		return nil, fmt.Errorf("the root: want a regular file, found dir")
	}
	s, err := t.set(id)
	switch {
	case err != nil:
		return nil, err
	case s.isDir():
		return nil, fmt.Errorf("entry at byte %d: want a regular file, found dir", place(id))
	}
	return t.data(id, s.first(), s.contiguous(), int64(s.size()), int64(s.valid())), nil
}

func (t *tree) data(id fsys.ID, first uint32, contiguous bool, size, valid int64) *fatcore.Data {
	chain := fatcore.NewChain(&t.heap, t.along(contiguous), first, t.heap.Clusters(size))
	return fatcore.NewData(&t.heap, chain, id&^contiguousDir, size, valid)
}

// ReadLink implements [fsys.Tree]: there are no links.
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	return "", fmt.Errorf("entry at byte %d: exFAT has no symbolic links", place(id))
}

// rootDir gives the root directory.
func (t *tree) rootDir() fatcore.Ranges {
	return fatcore.Dir(&t.heap, t.follow, t.boot.root, t.heap.Clusters(maxDir), false)
}

// dir gives the directory of a set.
func (t *tree) dir(s set) fatcore.Ranges {
	if s.size() == 0 {
		return func(func(block.Extent) bool) error { return nil }
	}
	return fatcore.Dir(&t.heap, t.along(s.contiguous()), s.first(), t.heap.Clusters(int64(min(s.size(), maxDir))), true)
}

// collector puts the entries of sets together.
type collector struct {
	set  set
	at   int64 // of the file's entry
	want int   // entries
}

func (c *collector) start(at int64, slot []byte) {
	c.set, c.at, c.want = append(c.set[:0], slot...), at, 1+int(slot[1])
}

// add takes an entry that follows; done tells that the set is complete.
func (c *collector) add(slot []byte) (done bool) {
	if c.want == 0 {
		return false
	}
	c.set = append(c.set, slot...)
	return c.set.count() == c.want
}

// reset forgets a set; cut tells that it was not complete.
func (c *collector) reset() (cut bool) {
	cut = c.want > 0
	c.want = 0
	return cut
}

// List implements [fsys.Tree].
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	dir, mark := t.rootDir(), fsys.ID(0)
	if id != rootID {
		s, err := t.set(id)
		switch {
		case err != nil:
			return err
		case !s.isDir():
			return fmt.Errorf("entry at byte %d: want a directory, found file", place(id))
		}
		if other := t.claims.Claim(s.first(), id); other != id && s.size() != 0 {
			return block.Damaged("entry at byte %d: its directory is that of the entry at byte %d", place(id), place(other))
		}
		if dir = t.dir(s); s.contiguous() {
			mark = contiguousDir
		}
	}
	l := lister{mark: mark, yield: yield}
	err := fatcore.Slots(t.src, dir, l.slot, func() { l.reset() })
	if l.reset() {
		l.fail(block.Damaged("entry at byte %d: %d entries of %d", l.at, l.set.count(), int(l.set[1])+1))
	}
	if err == nil {
		err = l.err
	}
	return err
}

// lister gives the names of a directory.
type lister struct {
	collector
	mark  fsys.ID
	yield func(fsys.Entry) bool
	err   error // the first one
}

func (l *lister) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// slot takes the next entry.
func (l *lister) slot(at int64, slot []byte) bool {
	kind := slot[0]
	if kind&(inUse|secondary) == inUse|secondary && l.want > 0 {
		if !l.add(slot) {
			return true
		}
		l.want = 0
		return l.give()
	}
	if l.reset() {
		l.fail(block.Damaged("entry at byte %d: %d entries of %d", l.at, l.set.count(), int(l.set[1])+1))
	}
	switch {
	case kind == typeEnd:
		return false
	case kind == typeFile && slot[1] < 2:
		l.fail(block.Damaged("entry at byte %d: %d entries follow it", at, slot[1]))
	case kind == typeFile:
		l.start(at, slot)
	case kind&inUse == 0 || kind&benign != 0, kind == typeBitmap, kind == typeUpper, kind == typeLabel:
	case kind&secondary != 0:
		l.fail(block.Damaged("entry at byte %d: type %#x belongs to no file", at, kind))
	default:
		l.fail(block.Unsupported("entry at byte %d: type %#x", at, kind))
	}
	return true
}

// give gives the name of a complete set. What a wrong checksum makes of the file
// is told by who asks for it.
func (l *lister) give() bool {
	err := l.set.check()
	name := ""
	if err == nil {
		if name = fatcore.Text(l.set.units()); !fatcore.ValidName(name) {
			err = block.Damaged("a name that no file can have")
		}
	}
	if err != nil {
		l.fail(fmt.Errorf("entry at byte %d: %w", l.at, err))
		return true
	}
	return l.yield(fsys.Entry{Name: name, ID: fsys.ID(l.at/fatcore.SlotSize) | l.mark})
}
