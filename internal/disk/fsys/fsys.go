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

// Sentinels that callers test.
var (
	// ErrNotThis says that the source holds no file system of this driver.
	ErrNotThis = errors.New("not this file system")
	// ErrDamaged says that a structure on the disk contradicts itself or the disk.
	ErrDamaged = errors.New("damaged")
	// ErrUnsupported says that the file system uses a feature that is not read.
	ErrUnsupported = errors.New("not supported")
	// ErrEncrypted says that a file's or directory's bytes are encrypted.
	ErrEncrypted = errors.New("encrypted")
)

// Driver opens one family of file systems. It holds no state.
type Driver interface {
	// Name is the family: ext4, xfs, …
	Name() string
	// Open reads what it must to serve the file system, no file and no
	// directory. A source without the family's magic is [ErrNotThis]; with the
	// magic but beyond reading, [ErrDamaged] or [ErrUnsupported]. src stays
	// the caller's to close.
	Open(ctx context.Context, src block.Source) (Tree, error)
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
