package btrfs

import (
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// dropNames takes away the names of a directory that the log tells are gone:
// those in the ranges that it logged all of, and does not have.
func (r *replayer) dropNames(dir uint64) {
	if r.inodeItem(dir) == nil {
		return // it is new
	}
	type span struct{ from, to uint64 }
	var spans []span
	err := r.t.scanBase(r.log, key{dir, typeDirLogIndex, 0}, key{dir, typeDirLogIndex, ^uint64(0)}, func(k key, data []byte) bool {
		if len(data) < 8 {
			r.fail(block.Damaged("directory %d: log range of %d bytes", dir, len(data)))
			return true
		}
		if n := len(spans); n == 0 || k.off > spans[n-1].to {
			spans = append(spans, span{k.off, le.Uint64(data)})
		}
		return len(spans) < 1<<20
	})
	if err != nil {
		r.fail(err)
	}
	for _, s := range spans {
		r.dropRange(dir, s.from, s.to, true)
	}
}

// dropRange takes away the names of a directory in a range, those that the log
// has not when kept is set.
func (r *replayer) dropRange(dir, from, to uint64, kept bool) {
	var gone []dirItem
	r.scan(dir, typeDirIndex, from, to, func(k key, data []byte) bool {
		d, _, err := parseDirItem(data)
		if err != nil {
			r.fail(err)
			return true
		}
		if item, ok := r.logged(k); !kept || !ok || !hasName(item, d.name) {
			gone = append(gone, d)
		}
		return len(gone)*changeBytes <= r.budget
	})
	for _, d := range gone {
		r.unlink(dir, d)
	}
}

// entry finds a name in a directory.
func (r *replayer) entry(dir uint64, name string) (dirItem, bool) {
	return r.entryIn(key{dir, typeDirItem, nameHash(name)}, name)
}

func (r *replayer) entryIn(k key, name string) (out dirItem, ok bool) {
	data, there := r.get(k)
	if !there {
		return out, false
	}
	err := eachDirItem(data, func(d dirItem) bool {
		if ok = d.name == name; ok {
			out = d
		}
		return !ok
	})
	if err != nil {
		r.fail(err)
	}
	return out, ok
}

// unlink takes a name out of a directory and off its inode.
func (r *replayer) unlink(dir uint64, d dirItem) {
	if d.location.typ != typeInode {
		r.fail(block.Unsupported("directory %d: the log takes away a subvolume", dir))
		return
	}
	r.fixup[d.location.obj] = true
	k := key{dir, typeDirItem, nameHash(d.name)}
	if data, ok := r.get(k); ok {
		r.putOrDrop(k, withoutName(data, d.name))
	}
	if index, ok := r.dropRef(d.location.obj, dir, d.name); ok {
		r.drop(key{dir, typeDirIndex, index})
	} else {
		r.fail(block.Damaged("inode %d has no reference for its name in directory %d", d.location.obj, dir))
	}
	r.resize(dir, -2*int64(len(d.name)))
}

// resize changes the size of a directory.
func (r *replayer) resize(dir uint64, by int64) {
	if item := r.inodeItem(dir); item != nil {
		le.PutUint64(item[16:], uint64(max(0, int64(le.Uint64(item[16:]))+by)))
		r.put(key{dir, typeInode, 0}, item)
	}
}

// link adds a name to a directory that has it not; with ref its inode is told,
// too. It gives false when the inode or the directory is not there.
func (r *replayer) link(dir, ino uint64, name string, index uint64, ref bool) bool {
	item := r.inodeItem(ino)
	if item == nil || r.inodeItem(dir) == nil {
		return false
	}
	if ref {
		r.addRef(ino, dir, name, index)
	}
	kinds := map[uint32]byte{0x1000: 5, 0x2000: 3, modeDir: 2, 0x6000: 4, modeFile: 1, modeLink: 7, 0xC000: 6}
	d := make([]byte, dirItemSize, dirItemSize+len(name))
	le.PutUint64(d, ino)
	d[8] = typeInode
	le.PutUint64(d[17:], r.t.sb.generation+1)
	le.PutUint16(d[27:], uint16(len(name)))
	d[29] = kinds[modeOf(item)]
	d = append(d, name...)
	k := key{dir, typeDirItem, nameHash(name)}
	old, _ := r.get(k)
	r.put(k, append(withoutName(old, name), d...))
	r.put(key{dir, typeDirIndex, index}, d)
	r.resize(dir, 2*int64(len(name)))
	return true
}

// name replays a name of a logged directory, unless the inode that it points
// to was logged with a reference to it: then it is added with that.
func (r *replayer) name(k key, d dirItem) {
	if r.inodeItem(k.obj) == nil {
		r.fail(block.Damaged("name %q in directory %d, which is not there", d.name, k.obj))
		return
	}
	exists := d.location.typ == typeRoot || r.inodeItem(d.location.obj) != nil
	byName := r.sameEntry(k.obj, key{k.obj, typeDirItem, nameHash(d.name)}, d, exists)
	byIndex := r.sameEntry(k.obj, k, d, exists)
	if byName && byIndex {
		return
	}
	ino := d.location.obj
	if r.refLogged(key{ino, typeInodeRef, k.obj}, k.obj, d.name) ||
		r.refLogged(key{ino, typeInodeExtref, extrefHash(k.obj, d.name)}, k.obj, d.name) {
		return
	}
	if d.location.typ != typeInode {
		r.fail(block.Unsupported("directory %d: the log adds a subvolume", k.obj))
		return
	}
	if !exists {
		return
	}
	if r.link(k.obj, ino, d.name, k.off, true) && d.kind != 2 {
		r.fixup[ino] = true
	}
}

// sameEntry tells whether the directory has an entry already. Another one of
// the same name goes away when the new one's inode is there.
func (r *replayer) sameEntry(dir uint64, at key, d dirItem, exists bool) bool {
	old, ok := r.entryIn(at, d.name)
	switch {
	case !ok:
		return false
	case old.location == d.location && old.kind == d.kind:
		return true
	case exists:
		r.unlink(dir, old)
	}
	return false
}

// refs replays the names of an inode. Directories that are not there were not
// logged: their names are left out, the links are counted at the end.
func (r *replayer) refs(k key, data []byte) {
	if r.inodeItem(k.obj) == nil {
		r.fail(block.Damaged("names of inode %d, which is not there", k.obj))
		return
	}
	names := parseRefs(k, data)
	if k.typ == typeInodeRef && r.inodeItem(k.off) == nil {
		return
	}
	for _, n := range names {
		if r.inodeItem(n.parent) == nil || r.linked(n, k.obj) {
			continue
		}
		if k.obj == n.parent { // the root directory
			return
		}
		r.clearFor(n, k)
		r.link(n.parent, k.obj, n.name, n.index, false)
	}
	// Names that the inode had and the log has not go away.
	old, _ := r.get(k)
	for _, n := range parseRefs(k, old) {
		if !slices.ContainsFunc(names, func(o nameRef) bool { return o.parent == n.parent && o.name == n.name }) {
			r.unlinkRef(n, k.obj)
		}
	}
	r.put(k, append([]byte{}, data...))
}

// linked tells whether a name is there with its index.
func (r *replayer) linked(n nameRef, ino uint64) bool {
	d, ok := r.entryIn(key{n.parent, typeDirIndex, n.index}, n.name)
	if !ok || d.location.obj != ino {
		return false
	}
	d, ok = r.entry(n.parent, n.name)
	return ok && d.location.obj == ino
}

// clearFor takes away what is in the way of a name: other names of the inode in
// that directory that the log has not, and names of others.
func (r *replayer) clearFor(n nameRef, k key) {
	for _, at := range []key{{k.obj, typeInodeRef, n.parent}, {k.obj, typeInodeExtref, extrefHash(n.parent, n.name)}} {
		data, _ := r.get(at)
		for _, old := range parseRefs(at, data) {
			if old.parent != n.parent {
				continue
			}
			in := at
			if at.typ == typeInodeExtref {
				in.off = extrefHash(old.parent, old.name)
			}
			if !r.refLogged(in, old.parent, old.name) {
				r.unlinkRef(old, k.obj)
			}
		}
	}
	if d, ok := r.entryIn(key{n.parent, typeDirIndex, n.index}, n.name); ok {
		r.unlink(n.parent, d)
	}
	if d, ok := r.entry(n.parent, n.name); ok {
		r.unlink(n.parent, d)
	}
}

func (r *replayer) unlinkRef(n nameRef, ino uint64) {
	r.unlink(n.parent, dirItem{location: key{ino, typeInode, 0}, name: n.name})
}
