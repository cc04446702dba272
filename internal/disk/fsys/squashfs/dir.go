package squashfs

import (
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// List implements [fsys.Tree].
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	in, err := t.inode(id)
	if err == nil && in.kind != typeDir {
		return fmt.Errorf("inode %#x: want a directory, found %s", uint64(id), fsys.TypeName(in.fileMode()))
	}
	if err == nil {
		err = t.list(in, yield)
	}
	if err != nil {
		return fmt.Errorf("inode %#x: read directory: %w", uint64(id), err)
	}
	return nil
}

// list reads the runs of entries of a directory. Its size counts three bytes
// more, for "." and "..".
func (t *tree) list(in inode, yield func(fsys.Entry) bool) error {
	left := int64(in.size) - 3
	if left <= 0 {
		return nil
	}
	at := t.sb.dirs + uint64(in.dirBlock)
	if at >= t.sb.used {
		return block.Damaged("entries at byte %d of %d", at, t.sb.used)
	}
	c, err := t.cursor(int64(at), int(in.dirOffset))
	if err != nil {
		return err
	}
	for left >= 12 {
		b, err := c.take(12)
		if err != nil {
			return err
		}
		left -= 12
		count, start := uint64(le.Uint32(b))+1, uint64(le.Uint32(b[4:]))
		if count > 256 {
			return block.Damaged("a run of %d entries", count)
		}
		for ; count > 0; count-- {
			if left < 8 {
				return block.Damaged("the last run is cut off")
			}
			b, err := c.take(8)
			if err != nil {
				return err
			}
			offset, size := le.Uint16(b), int64(le.Uint16(b[6:]))+1
			if left -= 8 + size; left < 0 {
				return block.Damaged("a name of %d bytes is cut off", size)
			}
			if b, err = c.take(int(size)); err != nil {
				return err
			}
			name := string(b)
			if name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
				return block.Damaged("an entry has a name that no file can have")
			}
			if !yield(fsys.Entry{Name: name, ID: fsys.ID(start<<16 | uint64(offset))}) {
				return nil
			}
		}
	}
	return nil
}
