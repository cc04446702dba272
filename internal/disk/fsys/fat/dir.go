package fat

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// maxDir is how many bytes a directory has at most: 65536 entries.
const maxDir = 65536 * fatcore.SlotSize

// dir finds where a directory lies. odd tells that it does not begin as one
// does: what is there may be other bytes.
func (t *tree) dir(id fsys.ID) (dir fatcore.Ranges, odd bool, err error) {
	if id == rootID {
		return t.rootDir(), false, nil
	}
	s, err := t.slotAt(id)
	switch {
	case err != nil:
		return nil, false, err
	case !s.isDir():
		return nil, false, fmt.Errorf("entry at byte %d: want a directory, found file", id*fatcore.SlotSize)
	}
	first := s.first(t.boot.bits)
	if other := t.claims.Claim(first, id); other != id {
		return nil, false, block.Damaged("entry at byte %d: its directory is that of the entry at byte %d", id*fatcore.SlotSize, other*fatcore.SlotSize)
	}
	return t.dirChain(first), t.heap.Holds(first) && !t.isDirectory(first), nil
}

func (t *tree) rootDir() fatcore.Ranges {
	if t.boot.bits == 32 {
		return t.dirChain(t.boot.rootCluster)
	}
	return func(fn func(block.Extent) bool) error {
		fn(block.Extent{Offset: t.boot.rootStart(), Length: t.boot.rootEntries * fatcore.SlotSize})
		return nil
	}
}

func (t *tree) dirChain(first uint32) fatcore.Ranges {
	return fatcore.Dir(&t.heap, t.fat.follow, first, t.heap.Clusters(maxDir), false)
}

// slots is [fatcore.Slots] on the tree's source.
func (t *tree) slots(dir fatcore.Ranges, fn func(at int64, s slot) bool, lost func()) error {
	return fatcore.Slots(t.src, dir, func(at int64, b []byte) bool { return fn(at, b) }, lost)
}

// List implements [fsys.Tree]. A directory that does not begin as one does is
// shown up to the first slot that can't be an entry.
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	dir, odd, err := t.dir(id)
	if err != nil {
		return err
	}
	var l long
	var bad error
	err = t.slots(dir, func(at int64, s slot) bool {
		switch {
		case s[0] == slotEnd:
			return false
		case odd && !s.isLong() && !t.plausible(s):
			bad = block.Damaged("entry at byte %d: no directory begins at its cluster", id*fatcore.SlotSize)
			return false
		case s[0] == slotDeleted:
			l.parts = 0
		case s.isLong():
			l.add(s)
		case s.isLabel() || s.isDots():
			l.parts = 0
		default:
			name, ok := l.name(s)
			if !ok {
				name = s.shortName()
				ok = fatcore.ValidName(name)
			}
			if ok {
				return yield(fsys.Entry{Name: name, ID: s.id(at)})
			}
			if bad == nil {
				bad = block.Damaged("entry at byte %d: a name that no file can have", at)
			}
		}
		return true
	}, func() { l.parts = 0 })
	if bad == nil {
		bad = err
	}
	return bad
}

// readLabel finds the volume's label: the entry for it in the root directory,
// else the one in the boot sector.
func (t *tree) readLabel() string {
	label := t.boot.label
	// What can't be read of the root is told by who lists it.
	_ = t.slots(t.rootDir(), func(_ int64, s slot) bool {
		if s[0] == slotEnd {
			return false
		}
		if s[0] == slotDeleted || s.isLong() || !s.isLabel() {
			return true
		}
		name := append(slot(nil), s[:11]...)
		if name[0] == slotKanji {
			name[0] = 0xE5
		}
		label = labelText(name)
		return false
	}, func() {})
	return label
}

// SameName implements [fsys.Matcher].
func (t *tree) SameName(a, b string) bool { return fatcore.SameName(a, b, fatcore.Upper) }
