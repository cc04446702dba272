// Package ntfs reads NTFS 1.2 to 3.1 without mounting it: lazily and from
// hostile bytes.
//
// The layout follows the Linux-NTFS documentation, the definitions in the
// kernel's fs/ntfs3 and, for reparse points, [MS-FSCC]; LZNT1 and XPRESS follow
// [MS-XCA], LZX [MS-PATCH] and the WIM format.
//
// What differs from other file systems:
//   - A node's number is its MFT record, the sequence number that the reference
//     to it held, and which of the file's streams is meant (see nodeID).
//   - The metadata files of the volume itself ($MFT, $LogFile, …) are not listed,
//     nor are 8.3 aliases of longer names.
//   - Symbolic links and junctions are links. A target relative to the link or
//     to its volume has slashes for backslashes; one that names a drive, a
//     volume or a server stands as it is, without the leading \??\.
//   - $LogFile is not replayed. Where it holds changes, [fsys.Info] says so.
package ntfs

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Driver opens NTFS.
type Driver struct{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "ntfs" }

// Open implements [fsys.Driver].
func (Driver) Open(ctx context.Context, src block.Source) (fsys.Tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return open(src)
}

var le = binary.LittleEndian

// Numbers of the MFT records that a volume itself needs.
const (
	recMFT     = 0
	recLogFile = 2
	recVolume  = 3
	recRoot    = 5
	recBitmap  = 6
	recUpCase  = 10
	recExtend  = 11
	recUser    = 16 // the first that is not reserved
)

// tree is an open file system. All fields but the caches are fixed after open.
type tree struct {
	src    block.Source
	boot   boot
	mft    mft
	label  string
	notes  []string
	lost   bool // a note tells of data that is not shown
	upcase upcase
	listed atomic.Pointer[file] // the last file with an attribute list
}

var (
	_ fsys.Tree       = (*tree)(nil)
	_ fsys.Streamer   = (*tree)(nil)
	_ fsys.Matcher    = (*tree)(nil)
	_ fsys.Undeleter  = (*tree)(nil)
	_ fsys.Attributer = (*tree)(nil)
)

func open(src block.Source) (*tree, error) {
	t := &tree{src: src}
	if err := t.readBoot(); err != nil {
		return nil, err
	}
	if err := t.openMFT(); err != nil {
		return nil, err
	}
	if err := t.readVolume(); err != nil {
		return nil, err
	}
	t.noteLog()
	if t.boot.size > src.Size() {
		t.note(true, "the file system spans %d bytes, the volume has %d: what lies beyond is lost", t.boot.size, src.Size())
	}
	return t, nil
}

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

// Info implements [fsys.Tree]. NTFS keeps no count of its files.
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: "ntfs", Label: t.label, UUID: fmt.Sprintf("%016X", t.boot.serial), BlockSize: t.boot.cluster,
		Size: t.boot.size, Notes: t.notes, Incomplete: t.lost,
	}
}

// Root implements [fsys.Tree].
func (t *tree) Root() fsys.ID { return nodeID(recRoot, 0, 0) }

// nodeID makes a node's number of an MFT record (32 bits: the most that NTFS
// has), the record's sequence number as the reference to it has it (0: not
// known) and a stream: 0 is the node itself, from 1 on its named streams in
// their order. Nodes thus come in the order of the MFT.
func nodeID(num uint64, seq, stream uint16) fsys.ID {
	return fsys.ID(num<<32 | uint64(seq)<<16 | uint64(stream))
}

func splitID(id fsys.ID) (num uint64, seq, stream uint16) {
	return uint64(id >> 32), uint16(id >> 16), uint16(id)
}

// splitRef takes a file reference apart: 48 bits of record number, 16 of
// sequence number.
func splitRef(ref uint64) (num uint64, seq uint16) { return ref & (1<<48 - 1), uint16(ref >> 48) }
