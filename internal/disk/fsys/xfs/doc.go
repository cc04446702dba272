// Package xfs reads XFS, versions 4 and 5, without mounting it: lazily, from
// hostile bytes, with the log of an unclean file system replayed in memory.
//
// The layout follows the kernel's fs/xfs/libxfs/xfs_format.h, xfs_da_format.h
// and xfs_log_format.h, and "XFS Algorithms & Data Structures".
package xfs

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Driver opens XFS.
type Driver struct{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "xfs" }

// Open implements [fsys.Driver].
func (Driver) Open(ctx context.Context, src block.Source) (fsys.Tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return open(ctx, src)
}

// All of XFS is big endian but for checksums and what the log holds of the
// memory of the machine that wrote it.
var be, le = binary.BigEndian, binary.LittleEndian

// tree is an open file system. All fields but the cache are fixed after open.
type tree struct {
	raw   block.Source // the disk as it stands: file data is never in the log
	meta  block.Source // the disk with the log laid over it
	over  *overlay     // nil when nothing was replayed
	sb    superblock
	files uint64
	notes []string
	lost  bool // a note tells of data that is not shown

	clusters clusterCache
}

func open(ctx context.Context, src block.Source) (*tree, error) {
	sb, err := readSuperblock(src)
	if err != nil {
		return nil, err
	}
	t := &tree{raw: src, meta: src, sb: sb, files: sb.inodesUsed}
	if err := t.recoverLog(ctx); err != nil {
		return nil, err
	}
	t.noteState()
	return t, nil
}

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

func (t *tree) noteState() {
	sb := &t.sb
	if !sb.sumHolds {
		t.note(true, "the superblock fails its checksum")
	}
	if sb.incompat&incompatNeedsRepair != 0 {
		t.note(true, "the file system is marked as in need of repair: some of it may be wrong or missing")
	}
	if sb.inProgress {
		t.note(true, "the file system was not made to the end")
	}
	switch {
	case sb.realtimeInside():
		t.note(true, "files in the realtime section of a zoned file system are not read")
	case sb.realtimeBlocks != 0:
		t.note(true, "it has a realtime device, which is not read: the bytes of files on it are not read")
	}
	if end := sb.blocks * uint64(sb.blockSize); end > uint64(t.raw.Size()) {
		t.note(true, "the file system spans %d bytes, the volume has %d: what lies beyond is lost", end, t.raw.Size())
	}
}

// Info implements [fsys.Tree].
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: "xfs", Label: t.sb.label, UUID: t.sb.uuidText(), BlockSize: t.sb.blockSize,
		Size: int64(t.sb.blocks * uint64(t.sb.blockSize)), Files: t.files,
		Notes: t.notes, Incomplete: t.lost,
	}
}

// Root implements [fsys.Tree].
func (t *tree) Root() fsys.ID { return fsys.ID(t.sb.root) }

// SameName implements [fsys.Matcher]: with the feature ascii-ci case is ignored,
// in ISO 8859-1 as the kernel does it.
func (t *tree) SameName(a, b string) bool {
	if len(a) != len(b) || !t.sb.ignoreCase {
		return a == b
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' || c >= 0xC0 && c <= 0xDE && c != 0xD7 {
		return c + 32
	}
	return c
}
