package btrfs

import "github.com/lenscap/lenscap/internal/disk/block"

// inodeItem gives a copy of an inode as it is by now, nil when there is none.
func (r *replayer) inodeItem(ino uint64) []byte {
	data, ok := r.get(key{ino, typeInode, 0})
	if !ok {
		return nil
	}
	if len(data) < inodeSize {
		r.fail(block.Damaged("inode %d: item of %d bytes", ino, len(data)))
		return nil
	}
	return append([]byte{}, data...)
}

func modeOf(item []byte) uint32 { return le.Uint32(item[52:]) & modeType }

// inode replays an inode: first what the log no longer has goes away.
func (r *replayer) inode(k key, data []byte) {
	r.dropXattrs(k.obj)
	if modeOf(data) == modeDir {
		r.dropNames(k.obj)
	}
	item := r.mergeInode(k, data)
	if modeOf(data) == modeFile {
		size, sector := le.Uint64(item[16:]), uint64(r.t.sb.sectorSize)
		if size <= maxFileSize {
			// Before the extents come: some may be allocated beyond the end.
			r.dropExtents(k.obj, (size+sector-1)&^(sector-1), ^uint64(0))
		}
	}
	r.fixup[k.obj] = true
}

// mergeInode puts an inode of the log in its place and gives what it is then.
func (r *replayer) mergeInode(k key, data []byte) []byte {
	item := append([]byte{}, data...)
	old := r.inodeItem(k.obj)
	isDir := modeOf(data) == modeDir
	switch {
	case old == nil:
		if isDir { // it grows with its names
			le.PutUint64(item[16:], 0)
		}
	case le.Uint64(data) == 0:
		// Logged only to exist: a file's size counts when it has one.
		size := le.Uint64(data[16:])
		if modeOf(data) != modeFile || modeOf(old) != modeFile || size == 0 {
			return old
		}
		item = old
		le.PutUint64(item[16:], size)
	case isDir && modeOf(old) == modeDir:
		copy(item[16:24], old[16:24])
	}
	r.put(k, item)
	return item
}

// dropXattrs takes away the attributes that the log does not have.
func (r *replayer) dropXattrs(ino uint64) {
	type place struct {
		key  key
		name string
	}
	var gone []place
	r.scan(ino, typeXattr, 0, ^uint64(0), func(k key, data []byte) bool {
		err := eachDirItem(data, func(d dirItem) bool {
			if item, ok := r.logged(k); !ok || !hasName(item, d.name) {
				gone = append(gone, place{k, d.name})
			}
			return true
		})
		if err != nil {
			r.fail(err)
		}
		return true
	})
	for _, g := range gone {
		if data, ok := r.get(g.key); ok {
			r.putOrDrop(g.key, withoutName(data, g.name))
		}
	}
}

// hasName tells whether one of the entries of an item has a name.
func hasName(item []byte, name string) bool {
	has := false
	_ = eachDirItem(item, func(d dirItem) bool {
		has = d.name == name
		return !has
	})
	return has
}

// withoutName gives a copy of an item without the entry of a name.
func withoutName(item []byte, name string) []byte {
	var out []byte
	for len(item) > 0 {
		d, size, err := parseDirItem(item)
		if err != nil {
			break
		}
		if d.name != name {
			out = append(out, item[:size]...)
		}
		item = item[size:]
	}
	return out
}

// extent replays an extent of a file: it takes the place of what was there.
func (r *replayer) extent(k key, data []byte) {
	if len(data) < inlineHeader || data[20] != extentInline && len(data) < extentSize {
		r.fail(block.Damaged("inode %d: extent at %d: item of %d bytes", k.obj, k.off, len(data)))
		return
	}
	if r.inodeItem(k.obj) == nil {
		r.fail(block.Damaged("extent at %d of inode %d, which is not there", k.off, k.obj))
		return
	}
	end := r.extentEnd(k.off, data)
	if end <= k.off {
		r.fail(block.Damaged("inode %d: extent at %d ends at %d", k.obj, k.off, end))
		return
	}
	r.dropExtents(k.obj, k.off, end)
	const noHoles = 1 << 9
	if data[20] != extentInline && le.Uint64(data[21:]) == 0 && r.t.sb.incompat&noHoles != 0 {
		return // what is not there is a hole
	}
	r.put(k, append([]byte{}, data...))
}

// extentEnd gives where an extent of a file ends, at the start of it or before
// when it makes no sense.
func (r *replayer) extentEnd(start uint64, data []byte) uint64 {
	if data[20] == extentInline {
		sector := uint64(r.t.sb.sectorSize)
		ram := min(le.Uint64(data[8:]), maxCompressed)
		return start + (max(ram, 1)+sector-1)&^(sector-1)
	}
	return start + le.Uint64(data[45:])
}

// dropExtents takes away the extents of a file from start up to end. Those
// that reach beyond are cut.
func (r *replayer) dropExtents(ino, start, end uint64) {
	from := start
	if k, ok, err := r.t.floor(r.dst, key{ino, typeExtentData, start}); err != nil {
		r.fail(err)
	} else if ok && k.obj == ino && k.typ == typeExtentData {
		from = k.off
	}
	type item struct {
		at   uint64
		data []byte
	}
	var hit []item
	r.scan(ino, typeExtentData, from, end-1, func(k key, data []byte) bool {
		if len(data) < inlineHeader || data[20] != extentInline && len(data) < extentSize {
			r.fail(block.Damaged("inode %d: extent at %d: item of %d bytes", ino, k.off, len(data)))
		} else if r.extentEnd(k.off, data) > start {
			hit = append(hit, item{k.off, data})
		}
		return true
	})
	for _, h := range hit {
		till := r.extentEnd(h.at, h.data)
		cut := h.at < start || till > end
		if cut && h.data[20] == extentInline {
			r.fail(block.Damaged("inode %d: inline data up to %d, replaced from %d to %d", ino, till, start, end))
			continue
		}
		r.drop(key{ino, typeExtentData, h.at})
		if h.at < start {
			left := append([]byte{}, h.data...)
			le.PutUint64(left[45:], start-h.at)
			r.put(key{ino, typeExtentData, h.at}, left)
		}
		if till > end {
			right := append([]byte{}, h.data...)
			if le.Uint64(right[21:]) != 0 {
				le.PutUint64(right[37:], le.Uint64(right[37:])+end-h.at)
			}
			le.PutUint64(right[45:], till-end)
			r.put(key{ino, typeExtentData, end}, right)
		}
	}
}
