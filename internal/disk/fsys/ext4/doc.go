// Package ext4 reads ext2, ext3 and ext4 without mounting them: lazily, from
// hostile bytes, with the journal of an unclean file system replayed in memory.
//
// The layout follows the kernel's Documentation/filesystems/ext4 and
// fs/ext4/ext4.h; the journal fs/jbd2 and include/linux/jbd2.h.
package ext4

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Driver opens ext2, ext3 and ext4.
type Driver struct{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "ext4" }

// Open implements [fsys.Driver].
func (Driver) Open(ctx context.Context, src block.Source) (fsys.Tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return open(src)
}

var le = binary.LittleEndian

// tree is an open file system. All fields are fixed after open.
type tree struct {
	src   block.Source // with the journal's blocks laid over it
	sb    superblock
	desc  []byte // group descriptors, sb.descSize bytes each
	notes []string
	lost  bool // a note tells of data that is not shown
}

func open(src block.Source) (*tree, error) {
	sb, err := readSuperblock(src)
	if err != nil {
		return nil, err
	}
	t := &tree{src: src, sb: sb}
	if err := t.readDescriptors(); err != nil {
		return nil, err
	}
	t.noteState()
	if sb.incompat&incompatRecover != 0 {
		if err := t.replay(); err != nil {
			return nil, err
		}
	}
	if end := sb.blocks * uint64(sb.blockSize); end > uint64(src.Size()) {
		t.note(true, "the file system spans %d bytes, the volume has %d: what lies beyond is lost", end, src.Size())
	}
	return t, nil
}

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

func (t *tree) noteState() {
	if t.sb.state&stateErrors != 0 {
		t.note(false, "the file system recorded errors")
	}
	if t.sb.compat&compatHasJournal == 0 && t.sb.state&stateValid == 0 {
		t.note(false, "not cleanly unmounted, and without a journal")
	}
}

// Info implements [fsys.Tree].
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: t.sb.family(), Label: t.sb.label, UUID: t.sb.uuidText(), BlockSize: t.sb.blockSize,
		Size:  int64(min(t.sb.blocks*uint64(t.sb.blockSize), 1<<62)),
		Files: uint64(t.sb.inodes - min(t.sb.freeInodes, t.sb.inodes)),
		Notes: t.notes, Incomplete: t.lost,
	}
}

// Root implements [fsys.Tree].
func (t *tree) Root() fsys.ID { return 2 }

func damaged(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, block.ErrDamaged)...)
}
