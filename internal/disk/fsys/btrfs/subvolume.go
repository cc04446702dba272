package btrfs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

const (
	rootItemSize = 239 // btrfs_root_item as it was before the UUIDs
	rootReadOnly = 1
	rootDead     = 1 << 48
	// maxSubvolumes bounds the table of subvolumes.
	maxSubvolumes = 1 << 16
	maxPathDepth  = 1024
)

// subvolume is one tree of files.
type subvolume struct {
	id       uint64
	index    int
	root     *root
	dir      uint64 // inode of its root directory
	readOnly bool
	uuid     [16]byte
	origin   [16]byte // the UUID of what it is a snapshot of

	// Where it lies in another one; parent is 0 when that is not known.
	parent, parentDir uint64
	name              string
}

// rootID gives the ID of the root directory.
func (s *subvolume) rootID() fsys.ID { return nodeID(s.index, s.dir) }

// parseRoot reads a ROOT_ITEM; ok is false for one that is being deleted.
func parseRoot(k key, b []byte) (s *subvolume, ok bool, err error) {
	if len(b) < rootItemSize {
		return nil, false, block.Damaged("root item %v of %d bytes", k, len(b))
	}
	s = &subvolume{
		id: k.obj, dir: le.Uint64(b[168:]),
		root: &root{ref: treeRef{le.Uint64(b[176:]), le.Uint64(b[160:]), b[238]}},
	}
	flags := le.Uint64(b[208:])
	s.readOnly = flags&rootReadOnly != 0
	if s.root.ref.level >= maxLevel {
		return nil, false, block.Damaged("root item %v: %d levels", k, s.root.ref.level)
	}
	// A kernel without the UUIDs leaves the second generation behind.
	if len(b) >= 279 && le.Uint64(b[239:]) == s.root.ref.generation {
		s.uuid, s.origin = [16]byte(b[247:]), [16]byte(b[263:])
	}
	return s, le.Uint32(b[216:]) != 0 && flags&rootDead == 0, nil
}

// rootScan gathers what the root tree tells.
type rootScan struct {
	subs     []*subvolume
	backrefs map[uint64]subvolume // by child: parent, parentDir, name
	csums    *root
	initial  uint64 // the default subvolume
	bad      error
}

// readRoots reads the root tree, an older one when the newest is damaged.
func (t *tree) readRoots() error {
	s, err := t.scanRoots(t.sb.root)
	for i := 0; err != nil && len(s.subs) == 0 && !isMissing(err) && i < len(t.sb.backups); i++ {
		older, oerr := t.scanRoots(t.sb.backups[i])
		if oerr != nil {
			continue
		}
		t.note(true, "the root tree can't be read (%v): the one of generation %d was taken, %d is the newest", err, t.sb.backups[i].generation, t.sb.generation)
		s, err, t.sb.logRoot = older, nil, 0
	}
	if err != nil && len(s.subs) == 0 {
		return fmt.Errorf("read root tree: %w", err)
	}
	if err = first(err, s.bad); err != nil {
		t.note(true, "root tree: %v", err)
	}
	if len(s.subs) == 0 {
		return block.Damaged("root tree: there is no tree of files")
	}
	if s.subs[0].id != objTopLevel {
		t.note(true, "root tree: the top level is not there")
		s.subs = append([]*subvolume{{id: objTopLevel, dir: objFirstFree, root: &root{}}}, s.subs...)
	}
	t.take(s)
	return nil
}

func (t *tree) scanRoots(ref treeRef) (*rootScan, error) {
	s := &rootScan{backrefs: map[uint64]subvolume{}}
	err := t.scanBase(&root{ref: ref}, key{}, maxKey, func(k key, data []byte) bool {
		s.item(k, data)
		return len(s.subs) < maxSubvolumes
	})
	if len(s.subs) >= maxSubvolumes {
		err = block.Unsupported("more than %d subvolumes", maxSubvolumes)
	}
	return s, err
}

func (s *rootScan) item(k key, data []byte) {
	switch {
	case k.typ == typeRoot && (k.obj == objTopLevel || k.obj >= objFirstFree && k.obj <= objLastFree || k.obj == objCsumTree):
		sub, ok, err := parseRoot(k, data)
		s.bad = first(s.bad, err)
		switch {
		case !ok:
		case k.obj == objCsumTree:
			s.csums = sub.root
		case len(s.subs) > 0 && s.subs[len(s.subs)-1].id == k.obj:
			s.subs[len(s.subs)-1] = sub // of a snapshot's two, the later one counts
		default:
			s.subs = append(s.subs, sub)
		}
	case k.typ == typeRootBackref && len(data) >= 18 && len(s.backrefs) < maxSubvolumes:
		n := int(le.Uint16(data[16:]))
		if 18+n > len(data) {
			s.bad = first(s.bad, block.Damaged("root reference %v: a name of %d bytes in %d", k, n, len(data)))
			return
		}
		s.backrefs[k.obj] = subvolume{parent: k.off, parentDir: le.Uint64(data), name: string(data[18 : 18+n])}
	case k.obj == objRootTreeDir && k.typ == typeDirItem:
		s.bad = first(s.bad, eachDirItem(data, func(d dirItem) bool {
			if d.name == "default" {
				s.initial = d.location.obj
			}
			return true
		}))
	}
}

// take fixes the table of subvolumes.
func (t *tree) take(s *rootScan) {
	slices.SortFunc(s.subs, func(a, b *subvolume) int { return cmp.Compare(a.id, b.id) })
	t.subs, t.csums, t.byID = s.subs, s.csums, make(map[uint64]int, len(s.subs))
	for i, sub := range t.subs {
		sub.index = i
		t.byID[sub.id] = i
		if r, ok := s.backrefs[sub.id]; ok {
			sub.parent, sub.parentDir, sub.name = r.parent, r.parentDir, r.name
		}
	}
	if s.initial != 0 && s.initial != objTopLevel {
		name := ""
		if i, ok := t.byID[s.initial]; ok {
			name = fmt.Sprintf(" (%q)", t.pathOf(t.subs[i]))
		}
		t.note(false, "the default subvolume, which is mounted when none is named, is %d%s", s.initial, name)
	}
}

// Subvolumes implements [fsys.Splitter].
func (t *tree) Subvolumes() ([]fsys.Subvolume, error) {
	byUUID := map[[16]byte]*subvolume{}
	for _, s := range t.subs {
		if s.uuid != [16]byte{} {
			byUUID[s.uuid] = s
		}
	}
	var out []fsys.Subvolume
	for _, s := range t.subs[1:] {
		v := fsys.Subvolume{Name: t.pathOf(s), Root: s.rootID()}
		kind := "subvolume"
		if s.origin != [16]byte{} {
			kind = "snapshot of a subvolume that is gone"
			if of, ok := byUUID[s.origin]; ok && of.id == objTopLevel {
				kind = "snapshot of the top level"
			} else if ok {
				kind = "snapshot of " + t.pathOf(of)
			}
		}
		if s.readOnly {
			kind = "read-only " + kind
		}
		if kind != "subvolume" {
			v.Notes = append(v.Notes, kind)
		}
		out = append(out, v)
	}
	return out, nil
}

// pathOf gives the path of a subvolume from the top level. Where it is not
// known it starts with "?".
func (t *tree) pathOf(s *subvolume) string {
	var names []string
	for len(names) < maxPathDepth {
		if s.id == objTopLevel {
			slices.Reverse(names)
			return strings.Join(names, "/")
		}
		i, ok := t.byID[s.parent]
		if s.parent == 0 || !ok || s.name == "" {
			if len(names) == 0 {
				return fmt.Sprintf("?/subvolume %d", s.id)
			}
			break
		}
		names = append(names, s.name)
		up := t.subs[i]
		dirs, err := t.dirPath(up, s.parentDir)
		names = append(names, dirs...)
		if err != nil {
			break
		}
		s = up
	}
	slices.Reverse(names)
	return "?/" + strings.Join(names, "/")
}

var errTooDeep = errors.New("too deep")

// dirPath gives the names of a directory and those above it, the lowest first,
// without the root of the subvolume.
func (t *tree) dirPath(s *subvolume, ino uint64) (names []string, err error) {
	for range maxPathDepth {
		if ino == s.dir {
			return names, nil
		}
		var parent uint64
		var name string
		err := t.scan(s.root, key{ino, typeInodeRef, 0}, key{ino, typeInodeRef, ^uint64(0)}, func(k key, data []byte) bool {
			if n := nameRefs(data); len(n) > 0 {
				parent, name = k.off, n[0].name
			}
			return false
		})
		if err != nil || name == "" {
			return names, first(err, block.Damaged("directory %d has no name", ino))
		}
		names = append(names, name)
		ino = parent
	}
	return names, errTooDeep
}

// nested tells whether the subvolume of the given id lies in s itself. In a
// snapshot of s only an empty directory is left of it.
func (t *tree) nested(s *subvolume, id uint64) (*subvolume, bool) {
	i, ok := t.byID[id]
	if !ok || t.subs[i].parent != s.id {
		return nil, false
	}
	return t.subs[i], true
}

// statStub tells of the directory that stands for a subvolume.
func (t *tree) statStub(id fsys.ID, s *subvolume, child uint64) fsys.Stat {
	if sub, ok := t.nested(s, child); ok {
		if in, err := t.inodeOf(sub, sub.dir); err == nil && in.is(modeDir) {
			if st, err := in.stat(id); err == nil {
				return st
			}
		}
	}
	return fsys.Stat{ID: id, Mode: fs.ModeDir | 0o755, Links: 1}
}
