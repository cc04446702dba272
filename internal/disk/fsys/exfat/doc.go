// Package exfat reads exFAT, lazily and from hostile bytes, and finds deleted
// files.
//
// The layout follows Microsoft's "exFAT file system specification". exFAT keeps
// no owners: they are 0. Times without a time zone are taken for UTC. Modes are
// those of Linux with a umask of 022.
package exfat

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// Driver opens exFAT.
type Driver struct{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "exfat" }

// Open implements [fsys.Driver].
func (Driver) Open(ctx context.Context, src block.Source) (fsys.Tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return open(src)
}

var le = binary.LittleEndian

// tree is an open file system. All fields but claims are fixed after open.
type tree struct {
	src   block.Source
	boot  bootSector
	heap  fatcore.Heap
	notes []string
	lost  bool // a note tells of data that is not shown

	meta   func() meta // reads the root directory once
	upper  func() func(rune) rune
	claims fatcore.Claims
}

func open(src block.Source) (*tree, error) {
	boot, notes, err := readBoot(src)
	if err != nil {
		return nil, err
	}
	t := &tree{src: src, boot: boot, notes: notes}
	t.heap = fatcore.Heap{Src: src, Base: boot.heapStart, Size: boot.cluster, Count: boot.clusters}
	t.meta, t.upper = sync.OnceValue(t.readMeta), sync.OnceValue(t.readUpper)
	t.claims.Claim(boot.root, rootID)
	t.noteState()
	return t, nil
}

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

func (t *tree) noteState() {
	if t.boot.flags&flagDirty != 0 {
		t.note(false, "not cleanly unmounted")
	}
	if t.boot.flags&flagFailure != 0 {
		t.note(false, "the file system recorded errors")
	}
	if t.boot.size > t.src.Size() {
		t.note(true, "the file system spans %d bytes, the volume has %d: what lies beyond is lost", t.boot.size, t.src.Size())
	}
}

// Info implements [fsys.Tree].
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: "exfat", Label: t.meta().label, UUID: fmt.Sprintf("%04X-%04X", t.boot.serial>>16, t.boot.serial&0xFFFF),
		BlockSize: int(t.heap.Size), Size: t.boot.size, Notes: t.notes, Incomplete: t.lost,
	}
}

// rootID stands for the root directory, which has no entry of its own.
const rootID fsys.ID = 0

// Root implements [fsys.Tree].
func (t *tree) Root() fsys.ID { return rootID }
