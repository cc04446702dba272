package btrfs

import (
	"fmt"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

const inodeSize = 160 // btrfs_inode_item

// inodeNoSums says that a file's data has no checksums.
const inodeNoSums = 1

// An ID holds the index of the subvolume above inodeBits, below the number of
// the inode. stub marks the directory that stands for a subvolume within
// another; the low bits are then the id of that subvolume.
const (
	inodeBits = 40
	stub      = 1 << (inodeBits - 1)
)

// Types of nodes: the high bits of a mode.
const (
	modeType = 0xF000
	modeDir  = 0x4000
	modeFile = 0x8000
	modeLink = 0xA000
)

// id gives the ID of an inode in the subvolume with the given index. A number
// that does not fit gets one that nothing has.
func nodeID(index int, ino uint64) fsys.ID {
	if ino >= stub {
		ino = 0
	}
	return fsys.ID(uint64(index)<<inodeBits | ino)
}

// inode is an inode item and the subvolume that it is in.
type inode struct {
	sub *subvolume
	num uint64
	raw []byte
}

func (in inode) size() uint64  { return le.Uint64(in.raw[16:]) }
func (in inode) mode() uint32  { return le.Uint32(in.raw[52:]) }
func (in inode) flags() uint64 { return le.Uint64(in.raw[64:]) }
func (in inode) is(kind uint32) bool {
	return in.mode()&modeType == kind
}

// split takes an ID apart. isStub tells that ino is the id of a subvolume.
func (t *tree) split(id fsys.ID) (sub *subvolume, ino uint64, isStub bool, err error) {
	index, ino := uint64(id)>>inodeBits, uint64(id)&(1<<inodeBits-1)
	switch {
	case index >= uint64(len(t.subs)):
		return nil, 0, false, block.Damaged("node %#x: subvolume %d of %d", uint64(id), index, len(t.subs))
	case ino == 0:
		return nil, 0, false, block.Unsupported("inode number from %d on", uint64(stub))
	}
	return t.subs[index], ino &^ stub, ino&stub != 0, nil
}

// inode reads the inode of an ID that is no stub.
func (t *tree) inode(id fsys.ID) (inode, error) {
	sub, ino, isStub, err := t.split(id)
	if err != nil {
		return inode{}, err
	}
	if isStub {
		return inode{}, fmt.Errorf("node %#x stands for subvolume %d", uint64(id), ino)
	}
	return t.inodeOf(sub, ino)
}

func (t *tree) inodeOf(sub *subvolume, ino uint64) (inode, error) {
	raw, ok, err := t.get(sub.root, key{ino, typeInode, 0})
	switch {
	case err != nil:
		return inode{}, fmt.Errorf("subvolume %d, inode %d: %w", sub.id, ino, err)
	case !ok:
		return inode{}, block.Damaged("subvolume %d, inode %d: it is not there", sub.id, ino)
	case len(raw) < inodeSize:
		return inode{}, block.Damaged("subvolume %d, inode %d: item of %d bytes", sub.id, ino, len(raw))
	}
	return inode{sub, ino, raw}, nil
}

// fail puts the inode before an error.
func (in inode) fail(err error) error {
	return fmt.Errorf("subvolume %d, inode %d: %w", in.sub.id, in.num, err)
}

// want checks the type.
func (in inode) want(kind uint32, name string) error {
	if !in.is(kind) {
		return in.fail(fmt.Errorf("want a %s, found %s", name, fsys.TypeName(fsys.UnixMode(in.mode()))))
	}
	return nil
}

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	sub, ino, isStub, err := t.split(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	if isStub {
		return t.statStub(id, sub, ino), nil
	}
	in, err := t.inodeOf(sub, ino)
	if err != nil {
		return fsys.Stat{}, err
	}
	return in.stat(id)
}

func (in inode) stat(id fsys.ID) (fsys.Stat, error) {
	b := in.raw
	if in.size() > 1<<62 {
		return fsys.Stat{}, in.fail(block.Damaged("size %d", in.size()))
	}
	st := fsys.Stat{
		ID: id, Mode: fsys.UnixMode(in.mode()), Size: int64(in.size()),
		Links: le.Uint32(b[40:]), UID: le.Uint32(b[44:]), GID: le.Uint32(b[48:]),
		Accessed: timeAt(b[112:]), Changed: timeAt(b[124:]), Modified: timeAt(b[136:]),
	}
	if le.Uint64(b[148:]) != 0 { // inodes made before Linux 3.19 have none
		st.Created = timeAt(b[148:])
	}
	return st, nil
}

// timeAt reads a btrfs_timespec. One that no calendar holds is zero.
func timeAt(b []byte) time.Time {
	sec, nsec := int64(le.Uint64(b)), int64(le.Uint32(b[8:]))
	const first, last = -62135596800, 253402300799 // the years 1 to 9999
	if sec < first || sec > last {
		return time.Time{}
	}
	return time.Unix(sec, min(nsec, 999_999_999)).UTC()
}
