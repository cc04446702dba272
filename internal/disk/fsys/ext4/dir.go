package ext4

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// List implements [fsys.Tree]. Hashed directories are read as linear ones: the
// nodes of their index look like free entries. A damaged block costs its own
// entries; the first such error comes at the end.
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	in, err := t.inode(id)
	switch {
	case err != nil:
		return err
	case in.mode()&0xF000 != 0x4000:
		return fmt.Errorf("inode %d: want a directory, found %s", in.num, fsys.TypeName(fsys.UnixMode(uint32(in.mode()))))
	case in.has(flagEncrypt):
		return fmt.Errorf("inode %d: names: %w", in.num, block.ErrEncrypted)
	case in.has(flagInlineData):
		return t.listInline(in, yield)
	}
	return t.listBlocks(in, yield)
}

func (t *tree) listInline(in inode, yield func(fsys.Entry) bool) error {
	// The first four bytes are the parent; "." and ".." are not there.
	more, err := t.parseEntries(in, in.iblock()[4:], yield)
	if !more {
		return err
	}
	tail, _, terr := t.inlineTail(in)
	if terr == nil {
		_, terr = t.parseEntries(in, tail, yield)
	}
	if err == nil {
		err = terr
	}
	return err
}

func (t *tree) listBlocks(in inode, yield func(fsys.Entry) bool) error {
	bs := uint64(t.sb.blockSize)
	blocks := (in.size(&t.sb) + bs - 1) / bs
	buf := make([]byte, bs)
	var first error
	// More blocks than the volume has: the map repeats itself.
	budget := uint64(t.src.Size())/bs + 1
	for at := uint64(0); at < blocks; {
		r, err := t.lookup(in, at)
		if err != nil {
			return err
		}
		n := min(r.n, blocks-at)
		at += n
		for i := uint64(0); r.phys != 0 && i < n; i++ {
			if budget--; budget == 0 {
				return damaged("inode %d: directory repeats its blocks", in.num)
			}
			more, err := t.listBlock(in, buf, r.phys+i, yield)
			if err != nil && first == nil {
				first = err
			}
			if !more {
				return first
			}
		}
	}
	return first
}

func (t *tree) listBlock(in inode, buf []byte, at uint64, yield func(fsys.Entry) bool) (bool, error) {
	if err := block.ReadFull(t.src, buf, int64(at)*int64(len(buf))); err != nil {
		return true, fmt.Errorf("inode %d: read directory block: %w", in.num, err)
	}
	return t.parseEntries(in, buf, yield)
}

// parseEntries reads ext4_dir_entry_2 records. more is false when yield wants
// no more.
func (t *tree) parseEntries(in inode, b []byte, yield func(fsys.Entry) bool) (more bool, err error) {
	for pos := 0; pos+8 <= len(b); {
		recLen := recordLength(le.Uint16(b[pos+4:]), t.sb.blockSize)
		nameLen := int(b[pos+6])
		if t.sb.incompat&incompatFiletype == 0 {
			nameLen = int(le.Uint16(b[pos+6:]))
		}
		if recLen < 8 || recLen > len(b)-pos || 8+nameLen > recLen && le.Uint32(b[pos:]) != 0 {
			if recLen == 0 && le.Uint32(b[pos:]) == 0 && len(b) < t.sb.blockSize {
				return true, nil // the unused end of inline data
			}
			return true, damaged("inode %d: directory entry at byte %d: record of %d bytes, name of %d", in.num, pos, recLen, nameLen)
		}
		if num := le.Uint32(b[pos:]); num != 0 {
			name := string(b[pos+8 : pos+8+nameLen])
			if name != "." && name != ".." {
				if !validName(name) {
					err = damaged("inode %d: directory entry at byte %d has a name that no file can have", in.num, pos)
				} else if !yield(fsys.Entry{Name: name, ID: fsys.ID(num)}) {
					return false, err
				}
			}
		}
		pos += recLen
	}
	return true, err
}

// recordLength undoes the encoding of rec_len, which has 16 bits for 65536.
func recordLength(v uint16, blockSize int) int {
	if blockSize < 65536 {
		return int(v)
	}
	if v == 0 || v == 0xFFFF {
		return blockSize
	}
	return int(v&0xFFFC) | int(v&3)<<16
}

func validName(name string) bool {
	for i := range len(name) {
		if name[i] == 0 || name[i] == '/' {
			return false
		}
	}
	return name != ""
}
