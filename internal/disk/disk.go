// Package disk reads a disk without mounting it: images, partitions, volumes,
// file systems, files. It knows no cloud and no finding, holds no state but a
// cache, and treats every byte as hostile.
//
//	opts := all.Options()
//	d, err := disk.Open(ctx, src, opts)
//	defer d.Close()
//	err = d.Walk(ctx, func(e disk.Entry) error { … })
package disk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// State says how far a volume can be read.
type State string

// The states of a volume.
const (
	Read        State = "read"        // its files are there
	Part        State = "part"        // a part of other volumes, which show its bytes
	Unsupported State = "unsupported" // recognised or not, its content is not read
	Damaged     State = "damaged"     // it should be readable and is not
	Encrypted   State = "encrypted"   // not readable without a key
	Missing     State = "missing"     // not readable without another device or file
	Blank       State = "blank"       // looked at in full: zeros only
	Raw         State = "raw"         // holds no files by its kind: swap, a boot loader
)

// Options are how a disk is opened. Drivers is needed; without Formats or
// Managers images or volumes are recognised and not read. The package all gives
// them filled with what there is.
type Options struct {
	Drivers  []fsys.Driver
	Managers []volume.Manager
	Formats  []image.Format
	// Image says what opening an image may do besides reading its own bytes.
	Image image.Options
	// More are further disks that belong with the first: members of an array,
	// of a volume group, of a file system. They stay the caller's to close.
	More []block.Source
	// Keys are the contents of key files.
	Keys [][]byte
	// CacheBytes bounds the memory that holds blocks of metadata; 0 means 32 MiB.
	CacheBytes int64
	// ChunkBytes is how much one read of metadata fetches; 0 means 64 KiB. For
	// a remote source it should be the remote's block.
	ChunkBytes int
}

// Volume is one part of a disk.
type Volume struct {
	Name   string // p1, p5, whole, vg/lv, md0, a subvolume's path
	Type   string // ext4, xfs, luks, … or unknown
	Kind   string // the partition table's type: mbr:83, gpt:…; empty without one
	Label  string // the file system's, else the partition's
	UUID   string
	Offset int64 // bytes into the disk; below zero for a volume made of others
	Size   int64 // bytes
	State  State
	Note   string
	// Incomplete is set for a volume that is read, when there is data on it
	// that is not shown; the note says why.
	Incomplete bool
	// Members are the volumes that it is made of.
	Members []string
	FS      *fsys.FS // set when State is Read
	// Source is the volume's bytes, nil when there are none to be had.
	Source block.Source
}

// Disk is an open disk.
type Disk struct {
	Format  string // of the image, empty for a raw disk
	Scheme  string // gpt, mbr, or empty
	Size    int64  // bytes
	Volumes []Volume
	// Notes tell of the image and of damage to the partition table.
	Notes []string
	// Incomplete is set when volumes may be missing.
	Incomplete bool

	images []image.Disk
}

// ErrNoVolume says that a disk has no volume of that name, or none that is read.
var ErrNoVolume = errors.New("no such volume")

// Open finds what is on src and opens what can be read. A volume that can't is
// there with its state and a note; the error is for what leaves nothing to say:
// ctx ended, the image or the partition table can't be read. src stays the
// caller's to close, after the disk. Reads of files fail once ctx has ended.
func Open(ctx context.Context, src block.Source, opts Options) (*Disk, error) {
	a := &assembly{ctx: ctx, opts: opts, disk: &Disk{}}
	err := a.images(append([]block.Source{src}, opts.More...))
	if err == nil {
		err = a.run()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, a.disk.Close())
	}
	return a.disk, nil
}

// Close frees what opening made: temporary files, files beside the image. The
// source stays open.
func (d *Disk) Close() error {
	var errs []error
	for _, i := range d.images {
		errs = append(errs, i.Close())
	}
	d.images = nil
	return errors.Join(errs...)
}

// Whole tells whether all that the disk holds is shown, but for what holds no
// files by its kind.
func (d *Disk) Whole() bool {
	for i := range d.Volumes {
		if !d.Volumes[i].Whole() {
			return false
		}
	}
	return !d.Incomplete
}

// Whole tells whether nothing of the volume's files is missing.
func (v *Volume) Whole() bool {
	switch v.State {
	case Read, Part, Blank, Raw:
		return !v.Incomplete
	}
	return false
}

// Volume gives the volume of a name; an empty name means the only one that is
// read. Otherwise the error wraps [ErrNoVolume] and names what there is.
func (d *Disk) Volume(name string) (*Volume, error) {
	var found *Volume
	var names []string
	for i := range d.Volumes {
		v := &d.Volumes[i]
		names = append(names, fmt.Sprintf("%s (%s, %s)", v.Name, v.Type, v.State))
		switch {
		case name == v.Name:
			if v.FS == nil {
				return nil, fmt.Errorf("volume %s is %s, %s: %w that is read", v.Name, v.Type, v.State, ErrNoVolume)
			}
			return v, nil
		case name == "" && v.FS != nil && found == nil:
			found = v
		case name == "" && v.FS != nil:
			return nil, fmt.Errorf("several volumes are read, name one: %s: %w", strings.Join(names, ", "), ErrNoVolume)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%q: %w that is read; there are: %s", name, ErrNoVolume, strings.Join(names, ", "))
	}
	return found, nil
}

// Split parts "p1:/etc/passwd" into volume and path by the names that there
// are; "/etc/passwd" names no volume.
func (d *Disk) Split(s string) (name, path string) {
	for _, v := range d.Volumes {
		if p, ok := strings.CutPrefix(s, v.Name+":"); ok && len(v.Name) > len(name) {
			name, path = v.Name, p
		}
	}
	if name != "" {
		return name, path
	}
	// A name that is none: the error for it names those that there are.
	if v, p, ok := strings.Cut(s, ":"); ok && !strings.Contains(v, "/") {
		return v, p
	}
	return "", s
}
