// Package disk reads a disk without mounting it: partitions, file systems,
// files. It knows no cloud and no finding, holds no state but a cache, and
// treats every byte as hostile.
//
//	d, err := disk.Open(ctx, src, disk.Options{Drivers: all.Drivers()})
//	err = d.Walk(ctx, func(e disk.Entry) error { … })
package disk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/part"
)

// State says how far a volume can be read.
type State string

// The states of a volume.
const (
	Read        State = "read"        // its files are there
	Unsupported State = "unsupported" // recognised or not, its content is not read
	Damaged     State = "damaged"     // it should be readable and is not
	Encrypted   State = "encrypted"   // not readable without a key
	Blank       State = "blank"       // looked at in full: zeros only
)

// Options are how a disk is opened. Drivers is needed.
type Options struct {
	Drivers []fsys.Driver
	// CacheBytes bounds the memory that holds blocks of metadata; 0 means 32 MiB.
	CacheBytes int64
	// ChunkBytes is how much one read of metadata fetches; 0 means 64 KiB. For
	// a remote source it should be the remote's block.
	ChunkBytes int
}

// Volume is one part of a disk.
type Volume struct {
	Name   string // p1, p5, whole
	Type   string // ext4, xfs, luks, … or unknown
	Label  string // the file system's, else the partition's
	UUID   string
	Offset int64 // bytes into the disk
	Size   int64 // bytes
	State  State
	Note   string
	// Incomplete is set for a volume that is read, when there is data on it
	// that is not shown; the note says why.
	Incomplete bool
	FS         *fsys.FS // set when State is Read
}

// Disk is an open disk.
type Disk struct {
	Scheme  string // gpt, mbr, or empty
	Size    int64  // bytes
	Volumes []Volume
	// Notes tell of damage to the partition table.
	Notes []string
	// Incomplete is set when volumes may be missing.
	Incomplete bool
}

// ErrNoVolume says that a disk has no volume of that name, or none that is read.
var ErrNoVolume = errors.New("no such volume")

// blankLimit is how much of an unrecognised volume is read to call it blank.
const blankLimit = 1 << 30

// Open finds what is on src and opens what can be read. A volume that can't is
// there with its state and a note; the error is for what leaves nothing to say:
// ctx ended, or the partition table can't be read. src stays the caller's to
// close, after the disk's last use. Reads of files fail once ctx has ended.
func Open(ctx context.Context, src block.Source, opts Options) (*Disk, error) {
	chunk, limit := opts.ChunkBytes, opts.CacheBytes
	if chunk <= 0 {
		chunk = 64 << 10
	}
	if limit <= 0 {
		limit = 32 << 20
	}
	cached, err := block.NewCache(block.WithContext(ctx, src), chunk, max(limit, int64(chunk)))
	if err != nil {
		return nil, err
	}
	table, err := part.Read(cached)
	if err != nil && !errors.Is(err, part.ErrDamaged) {
		return nil, err
	}
	d := &Disk{Scheme: table.Scheme, Size: src.Size(), Notes: table.Notes, Incomplete: table.Incomplete}
	if err != nil {
		d.Notes, d.Incomplete = append(d.Notes, err.Error()), true
	}
	for _, p := range table.Partitions {
		v, err := open(ctx, cached, p, opts.Drivers)
		if err != nil {
			return nil, err
		}
		d.Volumes = append(d.Volumes, v)
	}
	return d, ctx.Err()
}

// open opens one partition. The error is not nil only when ctx ended.
func open(ctx context.Context, src block.Source, p part.Partition, drivers []fsys.Driver) (Volume, error) {
	v := Volume{Name: p.Name, Type: "unknown", Label: p.Label, Offset: p.Offset, Size: p.Length, State: Unsupported}
	sec, err := block.NewSection(src, p.Offset, p.Length)
	if err != nil {
		v.State, v.Note = Damaged, err.Error()
		return v, nil //nolint:nilerr // the volume's state tells it
	}
	for _, drv := range drivers {
		tree, err := drv.Open(ctx, sec)
		if errors.Is(err, fsys.ErrNotThis) {
			continue
		}
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		v.Type = drv.Name()
		if err != nil {
			v.State, v.Note = Damaged, err.Error()
			if errors.Is(err, fsys.ErrUnsupported) {
				v.State = Unsupported
			}
			return v, nil
		}
		v.take(tree)
		return v, nil
	}
	return v, v.name(ctx, sec)
}

// take fills in what an open file system says of itself.
func (v *Volume) take(tree fsys.Tree) {
	info := tree.Info()
	v.Type, v.UUID, v.State, v.FS = info.Type, info.UUID, Read, fsys.New(tree)
	if info.Label != "" {
		v.Label = info.Label
	}
	v.Note, v.Incomplete = strings.Join(info.Notes, "; "), info.Incomplete
}

// name recognises a volume that no driver reads.
func (v *Volume) name(ctx context.Context, src block.Source) error {
	kind, state, ok, err := recognise(src)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		v.State, v.Note = Damaged, err.Error()
	case ok:
		v.Type, v.State = kind, state
		v.Note = "recognised, its content is not read"
		if state == Encrypted {
			v.Note = "encrypted, its content is not read"
		}
	default:
		empty, err := blank(ctx, src, blankLimit)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.Note = "nothing that is known, its content is not read"
		if err != nil {
			v.State, v.Note = Damaged, err.Error()
		} else if empty {
			v.State, v.Note = Blank, "zeros only"
		}
	}
	return nil
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
