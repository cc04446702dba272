package fat

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// maxDir is how many bytes a directory has at most: 65536 entries.
const maxDir = 65536 * fatcore.SlotSize

// dirChunk is how much of a directory is read at once.
const dirChunk = 16 << 10

var dirChunks = sync.Pool{New: func() any { return new([dirChunk]byte) }}

// ranges gives the ranges of a directory in order until fn says false, and the
// error at which it ends early.
type ranges func(fn func(block.Extent) bool) error

// dir finds where a directory lies. odd tells that it does not begin as one
// does: what is there may be other bytes.
func (t *tree) dir(id fsys.ID) (dir ranges, odd bool, err error) {
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
	if other := t.claims.claim(first, id); other != id {
		return nil, false, block.Damaged("entry at byte %d: its directory is that of the entry at byte %d", id*fatcore.SlotSize, other*fatcore.SlotSize)
	}
	return t.dirChain(first), t.heap.Holds(first) && !t.isDirectory(first), nil
}

// maxClaims bounds the memory for who has which directory.
const maxClaims = 1 << 19

// claims holds which entry has the directory at a cluster. Two that have the
// same one would show its files twice, a thousand of them a thousand times.
type claims struct {
	mu sync.Mutex
	by map[uint32]fsys.ID
}

// claim gives the first entry that had the directory.
func (c *claims) claim(first uint32, id fsys.ID) fsys.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if by, ok := c.by[first]; ok {
		return by
	}
	if len(c.by) < maxClaims {
		c.by[first] = id
	}
	return id
}

func (t *tree) rootDir() ranges {
	if t.boot.bits == 32 {
		return t.dirChain(t.boot.rootCluster)
	}
	return func(fn func(block.Extent) bool) error {
		fn(block.Extent{Offset: t.boot.rootStart(), Length: t.boot.rootEntries * fatcore.SlotSize})
		return nil
	}
}

// dirChain gives the clusters of a directory. Their number is bounded, so a
// loop costs little; but it must not show an entry twice.
func (t *tree) dirChain(first uint32) ranges {
	return func(fn func(block.Extent) bool) error {
		var seen []fatcore.Run
		left := t.heap.Clusters(maxDir)
		for c := first; ; {
			switch {
			case !t.heap.Holds(c):
				return block.Damaged("directory goes to cluster %d of %d", c, t.heap.Count)
			case left == 0:
				return block.Damaged("directory is longer than %d bytes", maxDir)
			}
			n, next, err := t.fat.follow(c, min(left, t.heap.Rest(c)))
			if err != nil {
				return err
			}
			again := false
			for _, r := range seen {
				if c < r.First+uint32(r.N) && r.First < c+uint32(n) {
					again, n = true, uint64(max(r.First, c)-c)
				}
			}
			left -= n
			if n > 0 && !fn(block.Extent{Offset: t.heap.Offset(c), Length: int64(n) * t.heap.Size}) || next == 0 && !again {
				return nil
			}
			if again {
				return block.Damaged("directory comes back to cluster %d", c+uint32(n))
			}
			seen = append(seen, fatcore.Run{First: c, N: n})
			c = next
		}
	}
}

// slots gives the entries of a directory in order, each with its place on the
// volume, until fn says false; a part that can't be read is left out, which
// lost tells. The error comes at the end.
func (t *tree) slots(dir ranges, fn func(at int64, s slot) bool, lost func()) error {
	chunk := dirChunks.Get().(*[dirChunk]byte)
	defer dirChunks.Put(chunk)
	var first error
	err := dir(func(e block.Extent) bool {
		for e.Length > 0 {
			b := chunk[:min(e.Length, dirChunk)]
			if err := block.ReadFull(t.src, b, e.Offset); err != nil {
				if first == nil {
					first = fmt.Errorf("read directory: %w", err)
				}
				lost()
				clear(b)
			} else {
				for i := 0; i+fatcore.SlotSize <= len(b); i += fatcore.SlotSize {
					if !fn(e.Offset+int64(i), slot(b[i:i+fatcore.SlotSize])) {
						return false
					}
				}
			}
			e.Offset, e.Length = e.Offset+int64(len(b)), e.Length-int64(len(b))
		}
		return true
	})
	if first == nil {
		first = err
	}
	return first
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
