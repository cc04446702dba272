// Package squashfs reads SquashFS 4.0 with every compressor there is: lazily,
// from hostile bytes.
//
// The layout follows the kernel's Documentation/filesystems/squashfs.rst and
// fs/squashfs/squashfs_fs.h.
package squashfs

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Driver opens SquashFS.
type Driver struct{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "squashfs" }

var le = binary.LittleEndian

// Bounds of what is kept decompressed, in bytes.
const (
	metadataBytes = 8 << 20
	dataBytes     = 16 << 20
)

// tree is an open file system. All fields are fixed after open.
type tree struct {
	src       block.Source
	sb        superblock
	unpack    decompressor
	metadata  *cache   // blocks of metadata by their place
	data      *cache   // blocks of data and of fragments by their place
	ids       []uint32 // of users and groups
	fragments table
	attrs     table
	attrsAt   int64 // where the attributes themselves begin
	notes     []string
	lost      bool // a note tells of data that is not shown
}

// Open implements [fsys.Driver].
func (Driver) Open(ctx context.Context, src block.Source) (fsys.Tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sb, err := readSuperblock(src)
	if err != nil {
		return nil, err
	}
	unpack, err := newDecompressor(sb.compressor)
	if err != nil {
		return nil, err
	}
	t := &tree{src: src, sb: sb, unpack: unpack, metadata: newCache(metadataBytes), data: newCache(dataBytes)}
	t.fragments = table{"fragment table", sb.fragments, 16, uint64(sb.fragmentCount)}
	if err := t.readIDs(); err != nil {
		t.note(true, "owners are not read, they are shown as 0: %v", err)
	}
	if sb.attrs != none {
		if err := t.readAttributeTable(); err != nil {
			t.note(true, "extended attributes are not read: %v", err)
		}
	}
	if sb.used > uint64(src.Size()) {
		t.note(true, "the file system spans %d bytes, the volume has %d: what lies beyond is lost", sb.used, src.Size())
	}
	return t, nil
}

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

// Info implements [fsys.Tree].
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: "squashfs", BlockSize: int(t.sb.blockSize), Size: int64(min(t.sb.used, 1<<62)),
		Files: uint64(t.sb.inodeCount), Notes: t.notes, Incomplete: t.lost,
	}
}

// Root implements [fsys.Tree].
func (t *tree) Root() fsys.ID { return fsys.ID(t.sb.root) }
