package xfs

import (
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// dirDataEnd is the byte of a directory at which its names end and the index of
// them starts (XFS_DIR2_LEAF_OFFSET).
const dirDataEnd = 32 << 30

// maxBadBlocks is after how many damaged blocks a directory is given up.
const maxBadBlocks = 1000

// List implements [fsys.Tree]. Only the blocks with names are read, not the
// index. A damaged block costs its own entries; the first such error comes at
// the end.
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	in, err := t.inode(id)
	if err != nil {
		return err
	}
	if in.kind() != 0x4000 {
		return in.wrongType("directory")
	}
	f, err := in.dataFork()
	if err != nil {
		return err
	}
	if f.format == formatLocal {
		return t.listShort(in, f.raw, yield)
	}
	return t.listBlocks(f, yield)
}

// listShort reads a directory within its inode (xfs_dir2_sf_hdr).
func (t *tree) listShort(in inode, b []byte, yield func(fsys.Entry) bool) error {
	b = b[:min(uint64(len(b)), in.size())]
	if len(b) < 6 {
		return block.Damaged("inode %d: directory of %d bytes", in.num, len(b))
	}
	count, wide, tail := int(b[0]), 4, 0
	if b[1] != 0 {
		count, wide = max(int(b[0]), int(b[1])), 8
	}
	if t.sb.ftype {
		tail = 1
	}
	var failed error
	pos := 2 + wide
	for i := range count {
		if pos+3 > len(b) || pos+3+int(b[pos])+tail+wide > len(b) {
			return block.Damaged("inode %d: directory entry %d of %d, at byte %d of %d, is cut off", in.num, i, count, pos, len(b))
		}
		name := string(b[pos+3 : pos+3+int(b[pos])])
		pos += 3 + len(name) + tail
		num := uint64(be.Uint32(b[pos:]))
		if wide == 8 {
			num = be.Uint64(b[pos:])
		}
		pos += wide
		if !validName(name) {
			failed = block.Damaged("inode %d: directory entry %d has a name that no file can have", in.num, i)
		} else if !yield(fsys.Entry{Name: name, ID: fsys.ID(num)}) {
			return nil
		}
	}
	return failed
}

// listBlocks reads the blocks of a directory that hold names, whatever form its
// index has.
func (t *tree) listBlocks(f fork, yield func(fsys.Entry) bool) error {
	m, err := t.mapping(f)
	if err != nil {
		return err
	}
	size := uint64(t.sb.dirBlockSize)
	per := size >> t.sb.blockLog
	buf := make([]byte, size)
	// More blocks than the volume has: the map repeats itself.
	budget, bad := uint64(t.meta.Size())/size+1, 0
	var first error
	for at := uint64(0); at < dirDataEnd>>t.sb.blockLog; {
		r, err := m.lookup(at)
		if err != nil {
			return err
		}
		if r.phys == 0 {
			at += r.n
			continue
		}
		if budget--; budget == 0 {
			return block.Damaged("inode %d: directory repeats its blocks", f.num)
		}
		at -= at % per
		more, err := t.listBlock(m, buf, at, yield)
		if err != nil && first == nil {
			first = fmt.Errorf("inode %d: directory block %d: %w", f.num, at/per, err)
		}
		if err != nil {
			bad++
		}
		if !more || bad > maxBadBlocks {
			break
		}
		at += per
	}
	return first
}

// listBlock reads the directory block at a logical block of the file system.
func (t *tree) listBlock(m *mapping, buf []byte, at uint64, yield func(fsys.Entry) bool) (more bool, err error) {
	off := int64(at) << t.sb.blockLog
	if err := block.ReadFull(&mapped{m, t.meta, off + int64(len(buf))}, buf, off); err != nil {
		return true, err
	}
	pos, end := 16, len(buf)
	var failed error
	if t.sb.v5 {
		pos = 64
		r, err := m.lookup(at)
		if err != nil {
			return true, err
		}
		// In several pieces each may have been changed by the log.
		if t.over == nil || r.n<<t.sb.blockLog >= uint64(len(buf)) {
			failed = t.verify(buf, int64(r.phys)<<t.sb.blockLog, 4, 8)
		}
	}
	switch magic := string(buf[:4]); {
	case magic == "XD2D" && !t.sb.v5, magic == "XDD3" && t.sb.v5:
	case magic == "XD2B" && !t.sb.v5, magic == "XDB3" && t.sb.v5:
		// The index lies at the end, and its length is the last but one word.
		if n := int64(be.Uint32(buf[end-8:])); n <= int64(end-pos-8)/8 {
			end -= 8 + 8*int(n)
		} else {
			failed = block.Damaged("index of %d entries", n)
		}
	default:
		return true, block.Damaged("magic %q", magic)
	}
	more, err = t.parseEntries(buf[:end], pos, yield)
	if failed == nil {
		failed = err
	}
	return more, failed
}

// parseEntries reads xfs_dir2_data_entry and xfs_dir2_data_unused records. more
// is false when yield wants no more.
func (t *tree) parseEntries(b []byte, pos int, yield func(fsys.Entry) bool) (more bool, err error) {
	for pos+16 <= len(b) {
		if be.Uint16(b[pos:]) == 0xFFFF {
			n := int(be.Uint16(b[pos+2:]))
			if n < 8 || n%8 != 0 || n > len(b)-pos {
				return true, block.Damaged("unused record of %d bytes at byte %d of %d", n, pos, len(b))
			}
			pos += n
			continue
		}
		nameLen := int(b[pos+8])
		n := 9 + nameLen + 2
		if t.sb.ftype {
			n++
		}
		n = (n + 7) &^ 7
		if n > len(b)-pos || int(be.Uint16(b[pos+n-2:])) != pos {
			return true, block.Damaged("entry of %d bytes at byte %d of %d: it does not end with its place", n, pos, len(b))
		}
		name := string(b[pos+9 : pos+9+nameLen])
		switch {
		case name == "." || name == "..":
		case !validName(name):
			err = block.Damaged("entry at byte %d has a name that no file can have", pos)
		case !yield(fsys.Entry{Name: name, ID: fsys.ID(be.Uint64(b[pos:]))}):
			return false, err
		}
		pos += n
	}
	return true, err
}

func validName(name string) bool {
	return name != "" && strings.IndexByte(name, 0) < 0 && strings.IndexByte(name, '/') < 0
}
