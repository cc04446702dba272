package squashfs

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Types of inodes; those with more fields are extended higher.
const (
	typeDir      = 1
	typeFile     = 2
	typeLink     = 3
	typeBlock    = 4
	typeChar     = 5
	typeFIFO     = 6
	typeSocket   = 7
	typeExtended = 7
)

// noFragment is the number of a fragment that is not there.
const noFragment = 1<<32 - 1

// inode is one node, whatever its type.
type inode struct {
	ref      fsys.ID
	kind     uint16 // without typeExtended
	mode     uint16
	uid, gid uint16 // into the id table
	mtime    uint32
	links    uint32
	size     uint64
	attrs    uint32 // into the table of attributes

	// of a file: where its blocks lie, and its end within a fragment
	blocks         uint64
	fragment       uint32
	fragmentOffset uint32
	// of a directory: where its entries are
	dirBlock  uint32
	dirOffset uint16
	// after the fixed part: the list of blocks, the target of a link
	rest cursor
}

// fixed is how many bytes follow the 16 that all inodes begin with.
var fixed = [15]int{0, 16, 16, 8, 8, 8, 4, 4, 24, 40, 8, 12, 12, 8, 8}

// inode reads the inode of a reference: its block of metadata, counted from the
// start of the table, and the offset in it.
func (t *tree) inode(id fsys.ID) (inode, error) {
	place, offset := uint64(id)>>16, int(id&0xFFFF)
	if place > t.sb.used || t.sb.inodes+place >= t.sb.used {
		return inode{}, block.Damaged("inode %#x lies outside of %d bytes", uint64(id), t.sb.used)
	}
	in, err := t.parseInode(id, int64(t.sb.inodes+place), offset)
	if err != nil {
		return in, fmt.Errorf("inode %#x: %w", uint64(id), err)
	}
	return in, nil
}

func (t *tree) parseInode(id fsys.ID, at int64, offset int) (in inode, err error) {
	c, err := t.cursor(at, offset)
	if err != nil {
		return in, err
	}
	b, err := c.take(16)
	if err != nil {
		return in, err
	}
	kind := le.Uint16(b)
	if kind < typeDir || kind > typeSocket+typeExtended {
		return in, block.Damaged("type %d", kind)
	}
	in = inode{
		ref: id, kind: kind, mode: le.Uint16(b[2:]), uid: le.Uint16(b[4:]), gid: le.Uint16(b[6:]), mtime: le.Uint32(b[8:]),
		links: 1, fragment: noFragment, attrs: noAttributes,
	}
	if b, err = c.take(fixed[kind]); err != nil {
		return in, err
	}
	if kind > typeExtended {
		in.kind = kind - typeExtended
	}
	switch {
	case kind == typeDir:
		in.dirBlock, in.links, in.size = le.Uint32(b), le.Uint32(b[4:]), uint64(le.Uint16(b[8:]))
		in.dirOffset = le.Uint16(b[10:])
	case kind == typeDir+typeExtended:
		in.links, in.size, in.dirBlock = le.Uint32(b), uint64(le.Uint32(b[4:])), le.Uint32(b[8:])
		in.dirOffset, in.attrs = le.Uint16(b[18:]), le.Uint32(b[20:])
	case kind == typeFile:
		in.blocks, in.fragment = uint64(le.Uint32(b)), le.Uint32(b[4:])
		in.fragmentOffset, in.size = le.Uint32(b[8:]), uint64(le.Uint32(b[12:]))
	case kind == typeFile+typeExtended:
		in.blocks, in.size, in.links = le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[24:])
		in.fragment, in.fragmentOffset, in.attrs = le.Uint32(b[28:]), le.Uint32(b[32:]), le.Uint32(b[36:])
	case in.kind == typeLink:
		in.links, in.size = le.Uint32(b), uint64(le.Uint32(b[4:]))
		if kind > typeExtended {
			in.attrs, err = linkAttributes(c, in.size)
		}
	default:
		in.links = le.Uint32(b)
		if kind > typeExtended {
			in.attrs = le.Uint32(b[len(b)-4:])
		}
	}
	if in.size > 1<<62 {
		return in, block.Damaged("size %d", in.size)
	}
	in.rest = c
	return in, err
}

// maxTarget bounds the target of a link, as the kernel does with a page.
const maxTarget = 65536

// linkAttributes reads what follows the target of a link.
func linkAttributes(c cursor, target uint64) (uint32, error) {
	if target > maxTarget {
		return 0, block.Damaged("link target of %d bytes", target)
	}
	if err := c.skip(int64(target)); err != nil {
		return 0, err
	}
	b, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return le.Uint32(b), nil
}

// unixTypes are the kinds of nodes as a Unix mode has them.
var unixTypes = [...]uint32{
	typeDir: 0x4000, typeFile: 0x8000, typeLink: 0xA000, typeBlock: 0x6000, typeChar: 0x2000, typeFIFO: 0x1000, typeSocket: 0xC000,
}

// fileMode turns type and mode into Go's.
func (in *inode) fileMode() fs.FileMode {
	return fsys.UnixMode(uint32(in.mode&0o7777) | unixTypes[in.kind])
}

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	in, err := t.inode(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	st := fsys.Stat{
		ID: id, Mode: in.fileMode(), Size: int64(in.size), Links: in.links, Modified: time.Unix(int64(in.mtime), 0).UTC(),
	}
	if t.ids == nil {
		return st, nil
	}
	if n := max(in.uid, in.gid); int(n) >= len(t.ids) {
		return st, block.Damaged("inode %#x: owner %d of %d", uint64(id), n, len(t.ids))
	}
	st.UID, st.GID = t.ids[in.uid], t.ids[in.gid]
	return st, nil
}

// readIDs reads the table of users and groups, which has at most 256 KiB.
func (t *tree) readIDs() error {
	tb := table{"id table", t.sb.ids, 4, uint64(t.sb.idCount)}
	var ids []uint32
	for i := range tb.count {
		b, err := t.record(tb, i)
		if err != nil {
			return err
		}
		ids = append(ids, le.Uint32(b))
	}
	t.ids = ids
	return nil
}

// ReadLink implements [fsys.Tree].
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	in, err := t.inode(id)
	switch {
	case err != nil:
		return "", err
	case in.kind != typeLink:
		return "", fmt.Errorf("inode %#x: want a symbolic link, found %s", uint64(id), fsys.TypeName(in.fileMode()))
	case in.size > maxTarget:
		return "", block.Damaged("inode %#x: link target of %d bytes", uint64(id), in.size)
	}
	b, err := in.rest.take(int(in.size))
	if err != nil {
		return "", fmt.Errorf("inode %#x: read link target: %w", uint64(id), err)
	}
	return string(b), nil
}
