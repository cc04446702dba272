package btrfs

// parseRefs reads an INODE_REF or INODE_EXTREF.
func parseRefs(k key, data []byte) []nameRef {
	if k.typ == typeInodeExtref {
		return nameExtrefs(data)
	}
	refs := nameRefs(data)
	for i := range refs {
		refs[i].parent = k.off
	}
	return refs
}

// refLogged tells whether the log has a name of an inode in an item.
func (r *replayer) refLogged(k key, parent uint64, name string) bool {
	data, ok := r.logged(k)
	if !ok {
		return false
	}
	for _, n := range parseRefs(k, data) {
		if n.parent == parent && n.name == name {
			return true
		}
	}
	return false
}

// dropRef takes a name off an inode and gives its index in the directory.
func (r *replayer) dropRef(ino, parent uint64, name string) (index uint64, ok bool) {
	for _, k := range []key{{ino, typeInodeRef, parent}, {ino, typeInodeExtref, extrefHash(parent, name)}} {
		data, _ := r.get(k)
		var rest []byte
		for _, n := range parseRefs(k, data) {
			if !ok && n.parent == parent && n.name == name {
				index, ok = n.index, true
				continue
			}
			rest = appendRef(rest, k, n)
		}
		if ok {
			r.putOrDrop(k, rest)
			return index, true
		}
	}
	return 0, false
}

// addRef gives an inode a name.
func (r *replayer) addRef(ino, parent uint64, name string, index uint64) {
	k := key{ino, typeInodeRef, parent}
	old, _ := r.get(k)
	r.put(k, appendRef(append([]byte{}, old...), k, nameRef{parent, index, name}))
}

func appendRef(b []byte, k key, n nameRef) []byte {
	if k.typ == typeInodeExtref {
		b = le.AppendUint64(b, n.parent)
	}
	b = le.AppendUint64(b, n.index)
	b = le.AppendUint16(b, uint16(len(n.name)))
	return append(b, n.name...)
}

// countLinks sets the link counts of all inodes whose names changed. A
// directory without one is empty, too.
func (r *replayer) countLinks() {
	for len(r.fixup) > 0 && !r.full() {
		for ino := range r.fixup {
			delete(r.fixup, ino)
			r.countLink(ino)
		}
	}
}

func (r *replayer) countLink(ino uint64) {
	item := r.inodeItem(ino)
	if item == nil {
		return
	}
	links := uint32(0)
	for _, kind := range []uint8{typeInodeRef, typeInodeExtref} {
		r.scan(ino, kind, 0, ^uint64(0), func(k key, data []byte) bool {
			links += uint32(len(parseRefs(k, data)))
			return true
		})
	}
	if links != le.Uint32(item[40:]) {
		le.PutUint32(item[40:], links)
		r.put(key{ino, typeInode, 0}, item)
	}
	if links == 0 && modeOf(item) == modeDir {
		r.dropRange(ino, 0, ^uint64(0), false)
	}
}
