// Package fat reads FAT12, FAT16 and FAT32 with long names, lazily and from
// hostile bytes, and finds deleted files.
//
// The layout follows Microsoft's "FAT: General Overview of On-Disk Format"
// (fatgen103) and ECMA-107; the case bits of short names are Windows NT's.
//
// FAT keeps neither owners nor a time zone nor the code page of its short
// names: owners are 0, times are taken for UTC, and bytes from 0x80 on for code
// page 437, which Linux and mtools assume, too. Modes are those of Linux with a
// umask of 022.
package fat

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// Driver opens FAT12, FAT16 and FAT32. They have no magic: it belongs behind
// those that have one.
type Driver struct{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "fat" }

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
	fat   table
	notes []string
	lost  bool // a note tells of data that is not shown

	label  func() string // reads the root directory once
	claims fatcore.Claims
}

func open(src block.Source) (*tree, error) {
	b, fat, notes, err := readBoot(src)
	if err != nil {
		return nil, err
	}
	t := &tree{src: src, boot: b, heap: b.heap(src), fat: fat, notes: notes}
	t.claims.Claim(b.rootCluster, rootID)
	t.label = sync.OnceValue(t.readLabel)
	t.noteState()
	return t, nil
}

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

func (t *tree) noteState() {
	b := &t.boot
	if held := b.fatEntries(); held < b.clusters {
		t.note(true, "the FAT has entries for %d of %d clusters: what lies in the others is lost", held, b.clusters)
		t.heap.Count = held
	}
	t.fat.count = t.heap.Count
	if b.size() > t.src.Size() {
		t.note(true, "the file system spans %d bytes, the volume has %d: what lies beyond is lost", b.size(), t.src.Size())
	}
	clean, sound := t.fat.state()
	if !clean || b.state&1 != 0 {
		t.note(false, "not cleanly unmounted")
	}
	if !sound || b.state&2 != 0 {
		t.note(false, "the file system recorded errors")
	}
}

// Info implements [fsys.Tree].
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: fmt.Sprintf("fat%d", t.boot.bits), Label: t.label(), UUID: t.boot.serialText(),
		BlockSize: int(t.heap.Size), Size: t.boot.size(), Notes: t.notes, Incomplete: t.lost,
	}
}

// rootID stands for the root directory, which has no entry of its own.
const rootID fsys.ID = 0

// Root implements [fsys.Tree].
func (t *tree) Root() fsys.ID { return rootID }
