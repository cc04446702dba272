package ext4

import (
	"fmt"
	"time"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// i_flags.
const (
	flagEncrypt    = 0x800
	flagExtents    = 0x80000
	flagEAInode    = 0x200000
	flagInlineData = 0x10000000
)

// inode is one entry of an inode table, as many bytes as an entry has.
type inode struct {
	num uint64
	raw []byte
}

// inode reads an inode. One that is not in use is damage of whoever names it.
func (t *tree) inode(id fsys.ID) (inode, error) {
	num := uint64(id)
	if num == 0 || num > uint64(t.sb.inodes) {
		return inode{}, damaged("inode %d of %d", num, t.sb.inodes)
	}
	group := uint32((num - 1) / uint64(t.sb.inodesPerGroup))
	index := (num - 1) % uint64(t.sb.inodesPerGroup)
	table := t.inodeTable(group)
	if table == 0 {
		return inode{}, damaged("inode %d: group %d has no inode table", num, group)
	}
	perBlock := uint64(t.sb.blockSize / t.sb.inodeSize)
	in := inode{num, make([]byte, t.sb.inodeSize)}
	err := t.readIn(in.raw, table+index/perBlock, int(index%perBlock)*t.sb.inodeSize)
	if err != nil {
		return inode{}, fmt.Errorf("read inode %d: %w", num, err)
	}
	if in.mode() == 0 {
		return inode{}, damaged("inode %d is not in use", num)
	}
	return in, nil
}

func (in inode) mode() uint16   { return le.Uint16(in.raw) }
func (in inode) flags() uint32  { return le.Uint32(in.raw[0x20:]) }
func (in inode) iblock() []byte { return in.raw[0x28:0x64] }
func (in inode) has(flag uint32) bool {
	return in.flags()&flag != 0
}

// size gives i_size. The high half belongs to files; directories have it only
// with the feature largedir, before that it is another field.
func (in inode) size(sb *superblock) uint64 {
	size := uint64(le.Uint32(in.raw[4:]))
	if in.mode()&0xF000 == 0x8000 || sb.incompat&incompatLargedir != 0 {
		size |= uint64(le.Uint32(in.raw[0x6C:])) << 32
	}
	return size
}

// extra is how many bytes of the inode beyond 128 hold fields.
func (in inode) extra() int {
	if len(in.raw) <= 130 {
		return 0
	}
	n := int(le.Uint16(in.raw[0x80:]))
	if n < 4 || n%4 != 0 || 128+n > len(in.raw) {
		return 0
	}
	return n
}

// time reads a time with its extra field (two bits of epoch, 30 of
// nanoseconds), when the inode has that.
func (in inode) time(at, extraAt int) time.Time {
	sec := int64(int32(le.Uint32(in.raw[at:])))
	nsec := int64(0)
	if extraAt+4 <= 128+in.extra() {
		x := le.Uint32(in.raw[extraAt:])
		sec += int64(x&3) << 32
		nsec = int64(x >> 2)
	}
	return time.Unix(sec, min(nsec, 999_999_999)).UTC()
}

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	in, err := t.inode(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	return t.stat(in)
}

func (t *tree) stat(in inode) (fsys.Stat, error) {
	size := in.size(&t.sb)
	if size > 1<<62 {
		return fsys.Stat{}, damaged("inode %d: size %d", in.num, size)
	}
	st := fsys.Stat{
		ID: fsys.ID(in.num), Mode: fsys.UnixMode(uint32(in.mode())), Size: int64(size),
		UID:      uint32(le.Uint16(in.raw[2:])) | uint32(le.Uint16(in.raw[0x78:]))<<16,
		GID:      uint32(le.Uint16(in.raw[0x18:])) | uint32(le.Uint16(in.raw[0x7A:]))<<16,
		Links:    uint32(le.Uint16(in.raw[0x1A:])),
		Accessed: in.time(0x08, 0x8C), Changed: in.time(0x0C, 0x84), Modified: in.time(0x10, 0x88),
		Encrypted: in.has(flagEncrypt),
	}
	if 0x94 <= 128+in.extra() {
		st.Created = in.time(0x90, 0x94)
	}
	return st, nil
}
