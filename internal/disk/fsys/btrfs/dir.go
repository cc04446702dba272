package btrfs

import (
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

const dirItemSize = 30 // btrfs_dir_item without its name

// dirItem is a name in a directory or an extended attribute.
type dirItem struct {
	location key // of the inode, or of the root of a subvolume
	kind     uint8
	name     string
	value    []byte // of an attribute
}

// parseDirItem reads the first entry of an item, size is how long it is.
func parseDirItem(b []byte) (d dirItem, size int, err error) {
	if len(b) < dirItemSize {
		return d, 0, block.Damaged("directory item of %d bytes", len(b))
	}
	valueLen, nameLen := int(le.Uint16(b[25:])), int(le.Uint16(b[27:]))
	size = dirItemSize + nameLen + valueLen
	if size > len(b) {
		return d, 0, block.Damaged("directory item of %d bytes with a name of %d and a value of %d", len(b), nameLen, valueLen)
	}
	return dirItem{
		location: parseKey(b), kind: b[29],
		name: string(b[dirItemSize : dirItemSize+nameLen]), value: b[dirItemSize+nameLen : size],
	}, size, nil
}

// eachDirItem gives all entries of an item: those whose names have one hash.
func eachDirItem(b []byte, fn func(dirItem) bool) error {
	for len(b) > 0 {
		d, size, err := parseDirItem(b)
		if err != nil {
			return err
		}
		if !fn(d) {
			return nil
		}
		b = b[size:]
	}
	return nil
}

// List implements [fsys.Tree].
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	sub, ino, isStub, err := t.split(id)
	if err != nil || isStub {
		return err
	}
	in, err := t.inodeOf(sub, ino)
	if err == nil {
		err = in.want(modeDir, "directory")
	}
	if err != nil {
		return err
	}
	var bad error
	more := true
	err = t.scan(sub.root, key{ino, typeDirIndex, 0}, key{ino, typeDirIndex, ^uint64(0)}, func(k key, data []byte) bool {
		d, _, err := parseDirItem(data)
		if err == nil && (d.name == "" || strings.ContainsAny(d.name, "/\x00") || d.name == "." || d.name == "..") {
			err = block.Damaged("a name that no file can have")
		}
		if err != nil {
			bad = first(bad, in.fail(block.Damaged("directory entry %d: %v", k.off, err)))
			return true
		}
		more = yield(fsys.Entry{Name: d.name, ID: sub.entryID(d.location)})
		return more
	})
	if err != nil {
		err = in.fail(err)
	}
	return first(bad, err)
}

// entryID gives the ID of what an entry of a directory points to.
func (s *subvolume) entryID(location key) fsys.ID {
	if location.typ == typeRoot {
		if location.obj >= stub {
			return nodeID(s.index, 0)
		}
		return fsys.ID(uint64(s.index)<<inodeBits | stub | location.obj)
	}
	return nodeID(s.index, location.obj)
}

// Attributes implements [fsys.Attributer].
func (t *tree) Attributes(id fsys.ID) (map[string][]byte, error) {
	sub, ino, isStub, err := t.split(id)
	if err != nil || isStub {
		return nil, err
	}
	out := map[string][]byte{}
	var bad error
	err = t.scan(sub.root, key{ino, typeXattr, 0}, key{ino, typeXattr, ^uint64(0)}, func(_ key, data []byte) bool {
		bad = first(bad, eachDirItem(data, func(d dirItem) bool {
			out[d.name] = append([]byte{}, d.value...)
			return true
		}))
		return true
	})
	if err = first(bad, err); err != nil {
		return out, inode{sub: sub, num: ino}.fail(err)
	}
	return out, nil
}
