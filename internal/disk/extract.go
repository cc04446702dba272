package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Extracted counts what [Disk.Extract] did.
type Extracted struct {
	Files, Dirs, Links int
	Bytes              int64
	// LinksLeft and Special count the symbolic links that were not asked for, and
	// the devices, pipes and sockets, which are never made.
	LinksLeft, Special int
	// Lost counts what could not be read or not be made; Skipped tells why, of
	// the first of them.
	Lost    int
	Skipped []string
}

// maxSkipped bounds the list of what was lost.
const maxSkipped = 1000

// errTarget says that the folder extracted to takes no more.
var errTarget = errors.New("write to the folder")

// full tells an error of the folder extracted to from one of a single entry.
func full(err error) bool {
	for _, e := range []error{errTarget, syscall.ENOSPC, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Extract copies what lies at and below path into the directory dir, which
// must exist. Nothing is ever written outside dir, whatever names and links
// are on the disk. Files are made with mode 0600 and directories with 0700: the
// disk's own permissions, owners and setuid bits are not given to the copy.
// Symbolic links are made only when links is set. An existing file stays as it
// is, and what was to take its place is lost, as is a name that the system
// can't hold; a folder that takes no more is an error.
func (d *Disk) Extract(ctx context.Context, volume, path, dir string, links bool) (Extracted, error) {
	var done Extracted
	v, err := d.Volume(volume)
	if err != nil {
		return done, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return done, fmt.Errorf("open the folder to extract to: %w", err)
	}
	defer root.Close() //nolint:errcheck // a directory's handle holds no data
	x := extraction{ctx: ctx, root: root, done: &done, links: links}
	return done, v.Walk(ctx, path, x.visit)
}

type extraction struct {
	ctx   context.Context
	root  *os.Root
	done  *Extracted
	links bool
}

func (x extraction) skip(e Entry, err error) {
	x.done.Lost++
	if len(x.done.Skipped) < maxSkipped {
		name, _ := Printable(e.Absolute())
		x.done.Skipped = append(x.done.Skipped, fmt.Sprintf("%s: %v", name, err))
	}
}

func (x extraction) visit(e Entry) error {
	err := x.make(e)
	if err == nil || full(err) || x.ctx.Err() != nil {
		return err
	}
	x.skip(e, err)
	if e.Mode.IsDir() {
		return fsys.SkipDir
	}
	return nil
}

// make makes one entry; its error costs this entry alone unless the folder is
// full.
func (x extraction) make(e Entry) error {
	switch {
	case e.Err != nil:
		x.skip(e, e.Err)
	case e.Mode.IsDir():
		if err := x.root.MkdirAll(e.Path, 0o700); err != nil {
			return err
		}
		x.done.Dirs++
	case e.Mode.IsRegular():
		return x.file(e)
	case e.Mode&fs.ModeSymlink != 0 && x.links:
		if err := x.parent(e); err != nil {
			return err
		}
		if err := x.root.Symlink(e.Target, e.Path); err != nil {
			return err
		}
		x.done.Links++
	case e.Mode&fs.ModeSymlink != 0:
		x.done.LinksLeft++
	default:
		x.done.Special++
	}
	return nil
}

func (x extraction) parent(e Entry) error {
	if i := strings.LastIndexByte(e.Path, '/'); i > 0 {
		return x.root.MkdirAll(e.Path[:i], 0o700)
	}
	return nil
}

// file copies one file.
func (x extraction) file(e Entry) error {
	data, err := e.Volume.FS.Tree().Open(e.ID)
	if err != nil {
		x.skip(e, err)
		return x.ctx.Err()
	}
	return x.copy(e, data)
}

// copy writes the bytes of one file; one that can't be read in full is removed
// again.
func (x extraction) copy(e Entry, data fsys.Data) error {
	if err := e.Volume.holes(data.Size()); err != nil && !fsys.TellsHoles(data) {
		return err
	}
	if err := x.parent(e); err != nil {
		return err
	}
	f, err := x.root.OpenFile(e.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := copySparse(x.ctx, f, data)
	x.done.Bytes += n
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("%w: %w", errTarget, cerr)
	}
	if err != nil {
		return errors.Join(err, x.root.Remove(e.Path))
	}
	x.done.Files++
	return nil
}

// copySparse copies data to a new file and leaves out runs of zeros, so that a
// sparse file costs what it holds.
func copySparse(ctx context.Context, f *os.File, data fsys.Data) (int64, error) {
	buf := make([]byte, 1<<20)
	written := int64(0)
	for off := int64(0); off < data.Size(); off += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		if off = fsys.NextData(data, off); off >= data.Size() {
			break
		}
		n, err := data.ReadAt(buf[:min(int64(len(buf)), data.Size()-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return written, err
		}
		if !zeros(buf[:n]) {
			if _, err := f.WriteAt(buf[:n], off); err != nil {
				return written, fmt.Errorf("%w: %w", errTarget, err)
			}
			written += int64(n)
		}
	}
	if err := f.Truncate(data.Size()); err != nil {
		return written, err // a size that the system can't hold costs this file
	}
	return written, nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
