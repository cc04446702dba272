// Package image finds the disk inside a file that holds one: qcow2, VMDK, VHD,
// VHDX, VDI, and the wrappers around them: gzip, xz, zstd, tar, OVA.
//
// A [Format] gives, for a source that is such a file, the disks in it as
// sources of their own. [Open] peels formats off until a raw disk is left.
package image

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Format opens one format of disk images. It holds no state.
type Format interface {
	// Name is the format as people call it: qcow2, vmdk, gzip, …
	Name() string
	// Open gives the disks in src, reading metadata only. A source that is not
	// of this format is [block.ErrNotThis]; of it but beyond reading,
	// [block.ErrDamaged], [block.ErrUnsupported], [block.ErrEncrypted] or
	// [block.ErrMissing] (another file that the image needs). src stays the
	// caller's to close. The sources given are the caller's, too: closing one
	// frees what the format opened for it, never src.
	//
	// Whatever the bytes say, Open and each read of what it gives end, never
	// panic, and keep to bounded memory: at most a few tens of MiB.
	Open(ctx context.Context, src block.Source, env *Env) ([]Disk, error)
}

// Disk is one disk found in a file.
type Disk struct {
	block.Source
	// Name is what the file calls it when it holds several: a member's name.
	Name string
	// Format is the chain of formats it was found in: "gzip, tar, vmdk". [Open]
	// sets it.
	Format string
	// Notes are facts that a reader of results must know: a log that was
	// replayed, a dirty flag, a stream that was spilled to a temporary file.
	Notes []string
	// Incomplete is set when the notes tell of bytes that are not shown.
	Incomplete bool
	// Err tells why the disk can't be read where a file holds others as well; the
	// source then is the image.
	Err error
	// Extent, when it is set, opens files that lie beside the disk in what it
	// was found in, instead of [Options.Extent].
	Extent func(name string) (block.Source, error)
}

// Options say what opening an image may do besides reading its own bytes.
type Options struct {
	// Extent opens a file that is part of the image and that it names: the
	// extents of a split VMDK. nil means that there is none to be had. It gets
	// a plain name without folders.
	Extent func(name string) (block.Source, error)
	// Backing opens another image that this one is a difference to, by the name
	// that the image gives. nil means that it is not permitted.
	Backing func(name string) (block.Source, error)
	// SpillBytes bounds the temporary files that hold streams which can't be
	// read at random; 0 means that none is made.
	SpillBytes int64
	// SpillDir is the folder for them; empty means the system's.
	SpillDir string
}

// Env is what a format may use while it opens an image.
type Env struct {
	Options
	formats []Format
	depth   int
}

// maxDepth bounds formats within formats and chains of backing files.
const maxDepth = 16

// Sentinels for [block.ErrMissing] with what to do about it.
var (
	errNoExtent  = fmt.Errorf("it is not beside the image: %w", block.ErrMissing)
	errNoBacking = fmt.Errorf("it may not be opened: permit backing files (--backing), or merge the image into one file first: %w", block.ErrMissing)
)

// OpenExtent opens a file that is part of the image. A name with a folder in it
// is refused.
func (e *Env) OpenExtent(name string) (block.Source, error) {
	if e.Extent == nil {
		return nil, fmt.Errorf("extent %q: %w", name, errNoExtent)
	}
	if name == "" || name == "." || name == ".." || !plain(name) {
		return nil, block.Damaged("extent %q: want a file's name without a folder", name)
	}
	src, err := e.Extent(name)
	if err != nil {
		return nil, fmt.Errorf("extent %q: %w", name, err)
	}
	return src, nil
}

func plain(name string) bool {
	for i := range len(name) {
		if name[i] == '/' || name[i] == '\\' || name[i] == 0 {
			return false
		}
	}
	return true
}

// OpenBacking opens the image that this one is a difference to and gives the
// disk in it. format is what the image says of it: "raw" is taken as it stands,
// another name must be the format found, and empty means that it is to be
// recognised. Closing the disk closes the file.
func (e *Env) OpenBacking(ctx context.Context, name, format string) (Disk, error) {
	if e.Backing == nil {
		return Disk{}, fmt.Errorf("backing file %q: %w", name, errNoBacking)
	}
	src, err := e.Backing(name)
	if err != nil {
		return Disk{}, fmt.Errorf("backing file %q: %w", name, err)
	}
	formats := e.formats
	if format == "raw" {
		formats = nil
	}
	src = block.WithContext(ctx, src)
	disks, err := open(ctx, src, &Env{Options: e.Options, formats: formats, depth: e.depth + 1})
	switch {
	case err == nil && len(disks) != 1:
		err = block.Unsupported("it holds %d disks", len(disks))
	case err == nil && format != "" && format != "raw" && disks[0].Format != format:
		err = block.Damaged("the image says that it is %s, found %q", format, disks[0].Format)
	}
	if err != nil {
		return Disk{}, errors.Join(fmt.Errorf("backing file %q: %w", name, err), closeAll(disks), src.Close())
	}
	d := disks[0]
	d.Source = owner{d.Source, src}
	return d, nil
}

// Probe reads the bytes by which a format is recognised. Where the source is
// damaged there itself, as the disk in an image that was cut short, it can be
// of no format: [block.ErrNotThis]. What lies on it may be read all the same.
func Probe(src block.Source, p []byte, off int64) error {
	err := block.ReadFull(src, p, off)
	if errors.Is(err, block.ErrDamaged) {
		return block.ErrNotThis
	}
	return err
}

// Spill makes a temporary file for a stream. It has no name on systems that
// allow that, and is gone when it is closed.
func (e *Env) Spill() (*os.File, error) {
	if e.SpillBytes <= 0 {
		return nil, block.Unsupported("it can only be read as a stream, and no temporary file is permitted")
	}
	f, err := os.CreateTemp(e.SpillDir, "lenscap-spill-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	// Without its name the file goes with the process, whatever ends it. Where
	// the system does not allow that, the one who closes it removes it.
	_ = os.Remove(f.Name())
	return f, nil
}

// Open gives the disks in src: src itself when no format knows it. Formats are
// tried in their order, on what they give again, up to a bounded depth. src
// stays the caller's to close, after the disks, which are the caller's too.
func Open(ctx context.Context, src block.Source, formats []Format, opts Options) ([]Disk, error) {
	return open(ctx, src, &Env{Options: opts, formats: formats})
}

func open(ctx context.Context, src block.Source, env *Env) ([]Disk, error) {
	if env.depth > maxDepth {
		return nil, block.Unsupported("more than %d formats within each other", maxDepth)
	}
	for _, f := range env.formats {
		outer, err := f.Open(ctx, src, env)
		if errors.Is(err, block.ErrNotThis) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		return peel(ctx, f.Name(), outer, env)
	}
	return []Disk{{Source: borrowed{src}}}, nil
}

// peel opens what lies in the disks that a format gave.
func peel(ctx context.Context, format string, outer []Disk, env *Env) ([]Disk, error) {
	var out []Disk
	for i, o := range outer {
		opts := env.Options
		if o.Extent != nil {
			opts.Extent = o.Extent
		}
		inner, err := open(ctx, o.Source, &Env{Options: opts, formats: env.formats, depth: env.depth + 1})
		if err != nil && (len(outer) == 1 || ctx.Err() != nil) {
			return nil, errors.Join(fmt.Errorf("%s: %w", format, err), closeAll(out), closeAll(outer[i:]))
		}
		if err != nil { // it costs this disk, not the others
			o.Format, o.Err = format, err
			out = append(out, o)
			continue
		}
		for j, in := range inner {
			if in.Format = format + ", " + in.Format; inner[j].Format == "" {
				in.Format = format
			}
			if in.Name == "" {
				in.Name = o.Name
			}
			in.Notes = append(append([]string{}, o.Notes...), in.Notes...)
			in.Incomplete = in.Incomplete || o.Incomplete
			if j == len(inner)-1 { // the last one to be closed closes what it stands on
				in.Source = owner{in.Source, o.Source}
			}
			out = append(out, in)
		}
		if len(inner) == 0 {
			if err := o.Close(); err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w", format, err), closeAll(out), closeAll(outer[i+1:]))
			}
		}
	}
	return out, nil
}

func closeAll(disks []Disk) error {
	var errs []error
	for _, d := range disks {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}
