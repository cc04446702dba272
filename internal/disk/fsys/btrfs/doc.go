// Package btrfs reads Btrfs without mounting it: lazily, from hostile bytes,
// over any number of devices, each subvolume as a tree of its own, with the log
// tree of an unclean file system replayed in memory.
//
// The layout follows include/uapi/linux/btrfs_tree.h and the on-disk format of
// the Btrfs documentation; the replay follows the order of fs/btrfs/tree-log.c;
// LZO follows Documentation/staging/lzo.rst.
package btrfs

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Driver opens Btrfs.
type Driver struct{}

var _ fsys.Pool = Driver{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "btrfs" }

// Open implements [fsys.Driver]: the file system on one device, which may be
// one of several.
func (d Driver) Open(ctx context.Context, src block.Source) (fsys.Tree, error) {
	return d.OpenPool(ctx, []block.Source{src})
}

// Device implements [fsys.Pool].
func (Driver) Device(ctx context.Context, src block.Source) (fsys.Device, error) {
	if err := ctx.Err(); err != nil {
		return fsys.Device{}, err
	}
	sb, _, err := findSuperblock(src)
	if err != nil {
		return fsys.Device{}, err
	}
	return fsys.Device{Pool: uuidText(sb.fsid), Devices: int(sb.numDevices), Label: sb.label}, nil
}

// OpenPool implements [fsys.Pool].
func (Driver) OpenPool(ctx context.Context, devices []block.Source) (fsys.Tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &tree{}
	if err := t.addDevices(devices); err != nil {
		return nil, err
	}
	t.cache.init(nodeCacheBytes / t.sb.nodeSize)
	if err := t.readChunks(); err != nil {
		return nil, err
	}
	if err := t.readRoots(); err != nil {
		return nil, err
	}
	if t.sb.logRoot != 0 {
		t.replay()
	}
	return t, ctx.Err()
}

var le = binary.LittleEndian

// nodeCacheBytes bounds the tree nodes that are held.
const nodeCacheBytes = 16 << 20

// tree is an open file system. All but the caches is fixed after open.
type tree struct {
	sb      superblock
	devices []*device
	chunks  []chunk // by logical address, not overlapping
	cache   nodeCache
	inflate inflater

	subs  []*subvolume   // by id; the first one is the top level
	byID  map[uint64]int // id → index in subs
	csums *root          // nil when there is none

	notes []string
	lost  bool // a note tells of data that is not shown
}

var (
	_ fsys.Attributer = (*tree)(nil)
	_ fsys.Splitter   = (*tree)(nil)
)

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

// Info implements [fsys.Tree].
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: "btrfs", Label: t.sb.label, UUID: uuidText(t.sb.fsid),
		BlockSize: t.sb.sectorSize, Size: int64(min(t.sb.totalBytes, 1<<62)),
		Notes: t.notes, Incomplete: t.lost,
	}
}

// Root implements [fsys.Tree]: the root directory of the top level.
func (t *tree) Root() fsys.ID { return t.subs[0].rootID() }
