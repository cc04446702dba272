// Package fsys is what every file system looks like to the rest of the engine.
//
// A [Driver] recognises its file system on a block source by magic and opens
// it as a [Tree]: nodes by number, no paths. [FS] puts paths, symbolic links,
// walking and the io/fs interfaces on top, once for all drivers.
//
// Names are bytes. A Go string holds them unchanged, so a name that is not
// UTF-8 survives; [ValidPath] is io/fs's rule without the demand for UTF-8.
package fsys

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Driver opens one family of file systems. It holds no state.
type Driver interface {
	// Name is the family: ext4, xfs, …
	Name() string
	// Open reads what it must to serve the file system, no file and no
	// directory. A source without the family's magic is [block.ErrNotThis]; with
	// the magic but beyond reading, [block.ErrDamaged] or [block.ErrUnsupported]. src stays
	// the caller's to close.
	Open(ctx context.Context, src block.Source) (Tree, error)
}

// Pool is an optional power of a [Driver]: its file systems may span several
// sources.
type Pool interface {
	// Device tells which file system src is a part of. Other bytes are
	// [block.ErrNotThis].
	Device(ctx context.Context, src block.Source) (Device, error)
	// OpenPool opens the file system on the devices that were found of it, one
	// or more. Where too few are there for some of the data, that data is
	// [block.ErrMissing] and [Info.Incomplete] is set; where nothing can be
	// read without the others, the error is [block.ErrMissing].
	OpenPool(ctx context.Context, devices []block.Source) (Tree, error)
}

// Device is one source of a file system that may span several.
type Device struct {
	Pool    string // names the file system: its UUID
	Devices int    // how many it has
	Label   string
}

// ID names one node within its tree, an inode number where there is one.
type ID uint64

// Tree is an open file system: nodes by number. It is read-only, lazy and safe
// for use by several goroutines. Whatever the bytes say, each call ends, panics
// never and keeps to bounded memory. Damage is an error of the node it hits.
type Tree interface {
	Info() Info
	// Root is the top directory.
	Root() ID
	// Stat tells what is known of a node.
	Stat(id ID) (Stat, error)
	// List gives the entries of a directory, without "." and "..", until
	// yield says false. Names hold no slash, no NUL and are not empty.
	List(id ID, yield func(Entry) bool) error
	// ReadLink gives the target of a symbolic link as it stands on the disk.
	ReadLink(id ID) (string, error)
	// Open opens the bytes of a regular file.
	Open(id ID) (Data, error)
}

// Attributer is an optional power of a [Tree]: it reads extended attributes.
type Attributer interface {
	// Attributes gives the extended attributes by full name: user.comment.
	Attributes(id ID) (map[string][]byte, error)
}

// Streamer is an optional power of a [Tree]: files have more than one stream of
// bytes.
type Streamer interface {
	// Streams gives the streams of a node besides its own bytes. Each has an ID
	// of its own, for which Stat gives a regular file and Open its bytes.
	Streams(id ID) ([]Entry, error)
}

// Matcher is an optional power of a [Tree]: it tells when two names are the
// same to it, as file systems do that ignore case.
type Matcher interface {
	SameName(a, b string) bool
}

// Splitter is an optional power of a [Tree]: it holds several trees of files,
// each shown as a volume of its own. The directory that stands for one of them
// in another one is empty there.
type Splitter interface {
	// Subvolumes gives all but the one that [Tree.Root] is the root of.
	Subvolumes() ([]Subvolume, error)
}

// Subvolume is one tree of a [Splitter].
type Subvolume struct {
	Name string // its path from the top, without a leading slash: @home
	Root ID
	// Notes tell what a reader must know: that it is a snapshot.
	Notes []string
}

// Undeleter is an optional power of a [Tree]: it finds deleted files that the
// structures still tell of.
type Undeleter interface {
	// Deleted gives what it finds until yield says false. It may read all of
	// the metadata. Damage costs what it hits; the first such error comes at
	// the end.
	Deleted(ctx context.Context, yield func(Removed) bool) error
}

// Removed is a deleted file or directory, as far as it is still known.
type Removed struct {
	// Path is the name with its directory's path where that is known; where it
	// is not, "?/" and what there is: a name, or the node's number.
	Path string
	Stat
	At time.Time // when it was deleted; zero when that is not kept
	// State tells what is left of its bytes.
	State RemovedState
	// Data opens what is left, nil when that is nothing. It is read like any
	// file; whether the bytes are still the file's own, State tells.
	Data Data
}

// RemovedState tells what is left of a deleted file.
type RemovedState string

// What is left of a deleted file's bytes.
const (
	// Whole: all its blocks are known and none is in use again.
	Whole RemovedState = "whole"
	// Part: some of its blocks are unknown or in use again.
	Part RemovedState = "part"
	// Guess: where it starts is known, the rest is assumed to follow (FAT).
	Guess RemovedState = "guess"
	// NameOnly: no block is known.
	NameOnly RemovedState = "name"
)

// Info says what a file system is.
type Info struct {
	Type      string // as people call it: ext2, ext3, ext4, xfs
	Label     string
	UUID      string // canonical form, empty when it has none
	BlockSize int    // bytes
	Size      int64  // bytes it claims to span
	// Files is how many nodes are in use by the file system's own count.
	Files uint64
	// Notes are facts about its state that a reader of results must know: a
	// journal that was or was not replayed, errors it recorded.
	Notes []string
	// Incomplete is set when the notes tell of data that is on the disk but
	// is not shown.
	Incomplete bool
}

// Stat is what is known of a node.
type Stat struct {
	ID       ID
	Mode     fs.FileMode
	Size     int64 // bytes; of a symbolic link, of its target
	UID, GID uint32
	Links    uint32
	Accessed time.Time
	Modified time.Time
	Changed  time.Time
	Created  time.Time // zero when the file system keeps none
	// Encrypted is set for a node whose bytes or names are encrypted.
	Encrypted bool
}

// Entry is one name in a directory.
type Entry struct {
	Name string
	ID   ID
}

// Data is the bytes of a regular file. It needs no closing and is safe for use
// by several goroutines.
type Data interface {
	io.ReaderAt
	Size() int64
	// Extents lists where on the source the file's data lies, in the file's
	// order, at most limit of them (0: all). Holes, unwritten ranges and data
	// kept within metadata are left out.
	Extents(limit int) ([]block.Extent, error)
}

// Skipper is an optional power of [Data]: it tells where data lies between holes.
type Skipper interface {
	// NextData gives the first byte at or after off that does not lie in a hole,
	// and the size when there is none. Where this file's holes can't be told the
	// error is [errors.ErrUnsupported].
	NextData(off int64) (int64, error)
}

// TellsHoles tells whether [NextData] knows the holes of a file.
func TellsHoles(d Data) bool {
	s, ok := d.(Skipper)
	if !ok {
		return false
	}
	_, err := s.NextData(0)
	return !errors.Is(err, errors.ErrUnsupported)
}

// NextData gives the first byte of d at or after off that may be anything but
// zero, and the size when there is none. Where it can't be told it is off
// itself: reading will tell.
func NextData(d Data, off int64) int64 {
	if s, ok := d.(Skipper); ok && off < d.Size() {
		if next, err := s.NextData(off); err == nil && next > off {
			return min(next, d.Size())
		}
	}
	return off
}
