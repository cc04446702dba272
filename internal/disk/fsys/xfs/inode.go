package xfs

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// di_format and di_aformat.
const (
	formatDevice  = 0
	formatLocal   = 1
	formatExtents = 2
	formatTree    = 3
)

// di_flags and di_flags2.
const (
	flagRealtime = 0x1
	flag2Bigtime = 0x8
	flag2Nrext64 = 0x10
)

// inode is xfs_dinode with both forks, as many bytes as an inode has. They
// are shared and never written to.
type inode struct {
	num uint64
	raw []byte
}

// clusterSize is how many bytes of inodes are read at once: they are looked at
// in the order of their numbers, most of the time.
const clusterSize = 16 << 10

// clusterCache holds the inodes last read, by place. Inodes never cross the
// border of a cluster.
type clusterCache [64]atomic.Pointer[cluster]

type cluster struct {
	off  int64
	data []byte
}

// inodeBytes gives the bytes of the inode at off.
func (t *tree) inodeBytes(off int64) ([]byte, error) {
	start := off &^ (clusterSize - 1)
	slot := &t.clusters[uint64(start/clusterSize)%uint64(len(t.clusters))]
	within := int(off - start)
	if c := slot.Load(); c != nil && c.off == start && within+t.sb.inodeSize <= len(c.data) {
		return c.data[within : within+t.sb.inodeSize], nil
	}
	c := &cluster{start, make([]byte, min(clusterSize, max(t.meta.Size()-start, 0)))}
	if within+t.sb.inodeSize > len(c.data) || block.ReadFull(t.meta, c.data, start) != nil {
		// What hides a neighbour need not hide this one.
		b := make([]byte, t.sb.inodeSize)
		return b, t.read(b, off)
	}
	slot.Store(c)
	return c.data[within : within+t.sb.inodeSize], nil
}

// inode reads an inode. One that is not in use is damage of whoever names it.
func (t *tree) inode(id fsys.ID) (inode, error) {
	num := uint64(id)
	off, ok := t.sb.inodeOffset(num)
	if !ok {
		return inode{}, block.Damaged("inode %d lies outside of the file system", num)
	}
	raw, err := t.inodeBytes(off)
	if err != nil {
		return inode{}, fmt.Errorf("read inode %d: %w", num, err)
	}
	in := inode{num, raw}
	switch {
	case string(raw[:2]) != "IN":
		return inode{}, block.Damaged("inode %d at byte %d has magic %q, want \"IN\"", num, off, raw[:2])
	case (in.version() >= 3) != t.sb.v5 || in.version() == 0 || in.version() > 3:
		return inode{}, block.Damaged("inode %d has version %d", num, in.version())
	case in.mode() == 0:
		return inode{}, block.Damaged("inode %d is not in use", num)
	case t.sb.v5 && be.Uint64(raw[152:]) != num:
		return inode{}, block.Damaged("inode %d says that it is inode %d", num, be.Uint64(raw[152:]))
	}
	if err := t.verify(raw, off, 100, -1); err != nil {
		return inode{}, fmt.Errorf("inode %d: %w", num, err)
	}
	return in, nil
}

func (in inode) mode() uint16   { return be.Uint16(in.raw[2:]) }
func (in inode) version() byte  { return in.raw[4] }
func (in inode) size() uint64   { return be.Uint64(in.raw[56:]) }
func (in inode) kind() uint16   { return in.mode() & 0xF000 }
func (in inode) flags2() uint64 { return flags2(in.raw) }

func flags2(raw []byte) uint64 {
	if raw[4] < 3 {
		return 0
	}
	return be.Uint64(raw[120:])
}

// realtime tells whether a file's data lies in the realtime section.
func (in inode) realtime() bool { return be.Uint16(in.raw[90:])&flagRealtime != 0 }

func (in inode) links() uint32 {
	if in.version() == 1 {
		return uint32(be.Uint16(in.raw[6:]))
	}
	return be.Uint32(in.raw[16:])
}

// bigtimeEpoch is where the 64 bits of nanoseconds start: the first second that
// 32 bits can tell.
const bigtimeEpoch = -1 << 31

// time reads a time: seconds and nanoseconds, or nanoseconds alone.
func (in inode) time(at int) time.Time {
	if in.flags2()&flag2Bigtime != 0 {
		ns := be.Uint64(in.raw[at:])
		return time.Unix(int64(ns/1e9)+bigtimeEpoch, int64(ns%1e9)).UTC()
	}
	sec, nsec := int32(be.Uint32(in.raw[at:])), be.Uint32(in.raw[at+4:])
	return time.Unix(int64(sec), int64(min(nsec, 999_999_999))).UTC()
}

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	in, err := t.inode(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	if in.size() > 1<<63-1 {
		return fsys.Stat{}, block.Damaged("inode %d: size %d", in.num, in.size())
	}
	st := fsys.Stat{
		ID: id, Mode: fsys.UnixMode(uint32(in.mode())), Size: int64(in.size()),
		UID: be.Uint32(in.raw[8:]), GID: be.Uint32(in.raw[12:]), Links: in.links(),
		Accessed: in.time(32), Modified: in.time(40), Changed: in.time(48),
	}
	if in.version() >= 3 {
		st.Created = in.time(144)
	}
	return st, nil
}

// wrongType says that an inode is not what it was taken for.
func (in inode) wrongType(want string) error {
	return fmt.Errorf("inode %d: want a %s, found %s", in.num, want, fsys.TypeName(fsys.UnixMode(uint32(in.mode()))))
}
