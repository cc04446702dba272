// Package iso9660 reads ISO 9660 with Rock Ridge, Joliet and zisofs, lazily and
// from hostile bytes.
//
// The layout follows ECMA-119, Microsoft's Joliet specification, the System Use
// Sharing Protocol (IEEE P1281), the Rock Ridge Interchange Protocol (IEEE
// P1282) and the description of zisofs in libisofs. Names are those that Linux
// shows: Rock Ridge's, else Joliet's, else in lower case without a version 1.
package iso9660

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Driver opens ISO 9660. What stands before its descriptors, a partition table
// or other boot code, is not looked at.
type Driver struct{}

// Name implements [fsys.Driver].
func (Driver) Name() string { return "iso9660" }

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
	src    block.Source
	vol    volume
	joliet bool
	rock   bool
	skip   int     // bytes before the system use entries of a record
	root   fsys.ID // the root's record of itself
	notes  []string
	lost   bool // a note tells of data that is not shown
}

func open(src block.Source) (*tree, error) {
	set, err := readDescriptors(src)
	if err != nil {
		return nil, err
	}
	t := &tree{src: src, vol: set.primary}
	t.root = t.at(set.primary.rootBlock)
	rerr := t.findRock()
	if set.joliet != nil && (!t.rock || rerr != nil) {
		t.vol, t.joliet, t.rock = *set.joliet, true, false
		t.root = t.at(set.joliet.rootBlock)
		_, rerr = t.record(t.root)
	}
	if rerr != nil {
		return nil, fmt.Errorf("root directory: %w", rerr)
	}
	t.vol.label = set.label()
	t.noteState(set)
	return t, nil
}

// note adds a fact about the state; lost tells that data is not shown.
func (t *tree) note(lost bool, format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.lost = t.lost || lost
}

func (t *tree) noteState(set descriptors) {
	if set.udf {
		t.note(true, "the disc holds a UDF file system, too, which is not read")
	}
	if t.vol.setSize > 1 {
		t.note(false, "volume %d of a set of %d", t.vol.sequence, t.vol.setSize)
	}
	if end := t.vol.blocks * t.vol.blockSize; end > t.src.Size() {
		t.note(true, "the file system spans %d bytes, the volume has %d: what lies beyond is lost", end, t.src.Size())
	}
}

// Info implements [fsys.Tree].
func (t *tree) Info() fsys.Info {
	return fsys.Info{
		Type: "iso9660", Label: t.vol.label, UUID: t.vol.uuid, BlockSize: int(t.vol.blockSize),
		Size: t.vol.blocks * t.vol.blockSize, Notes: t.notes, Incomplete: t.lost,
	}
}

// Root implements [fsys.Tree].
func (t *tree) Root() fsys.ID { return t.root }

// at gives the ID of the record that begins a directory at a block.
func (t *tree) at(b uint32) fsys.ID { return fsys.ID(int64(b) * t.vol.blockSize) }

// SameName implements [fsys.Matcher]: Rock Ridge tells cases apart, the others
// don't.
func (t *tree) SameName(a, b string) bool {
	return !t.rock && utf8.ValidString(a) && utf8.ValidString(b) && strings.EqualFold(a, b)
}
