// Package vmdk reads VMware's disks: sparse and flat ones, in one file or in
// many, streams, and the snapshots of ESX.
//
// The layout follows VMware's Virtual Disk Format 5.0, that of seSparse extents
// QEMU's block/vmdk.c.
package vmdk

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Format opens VMDK images: a descriptor, or a file with a descriptor in it.
type Format struct{}

// Name implements [image.Format].
func (Format) Name() string { return "vmdk" }

var le = binary.LittleEndian

// How files begin.
const (
	magicHosted     = "KDMV"
	magicCOWD       = "COWD"
	magicSE         = "\xbe\xba\xfe\xca\x00\x00\x00\x00"
	magicDescriptor = "# Disk DescriptorFile"
)

const (
	sectorSize = 512
	headerSize = 512
)

// Open implements [image.Format].
func (Format) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	head := make([]byte, min(headerSize, src.Size()))
	if err := image.Probe(src, head, 0); err != nil {
		return nil, err
	}
	a := &assembly{ctx: ctx, env: env, sources: []block.Source{src}, m: &mapping{below: image.Hole}}
	disk, err := a.open(src, head)
	if err != nil {
		if cerr := image.CloseSources(a.sources[1:]); cerr != nil {
			err = fmt.Errorf("%w; %w", err, cerr)
		}
		return nil, err
	}
	return []image.Disk{disk}, nil
}

// assembly puts a disk together from the files that it lies in.
type assembly struct {
	ctx     context.Context
	env     *image.Env
	sources []block.Source // the opened file first
	m       *mapping
	disk    image.Disk
}

func (a *assembly) note(lost bool, format string, args ...any) {
	a.disk.Notes = append(a.disk.Notes, fmt.Sprintf(format, args...))
	a.disk.Incomplete = a.disk.Incomplete || lost
}

func starts(head []byte, magic string) bool {
	return len(head) >= len(magic) && string(head[:len(magic)]) == magic
}

func (a *assembly) open(src block.Source, head []byte) (image.Disk, error) {
	var err error
	switch {
	case starts(head, magicDescriptor):
		err = a.openDescriptor(src)
	case starts(head, magicHosted):
		err = a.openHosted(src, head)
	case starts(head, magicCOWD) && len(head) == headerSize && le.Uint32(head[4:]) == 1:
		err = fmt.Errorf("an extent of a disk whose descriptor is another file, open that: %w", block.ErrMissing)
	case starts(head, magicSE) && len(head) == headerSize && le.Uint64(head[8:]) == seVersion:
		err = fmt.Errorf("an extent of a disk whose descriptor is another file, open that: %w", block.ErrMissing)
	default:
		err = block.ErrNotThis
	}
	if err != nil {
		return image.Disk{}, err
	}
	near := int64(1 << 20)
	if a.m.packed { // a stream has its tables among the grains
		near = sectorSize
	}
	a.m.tables = image.NewTables(a.sources, near)
	a.disk.Source = image.NewMapped(a.m.size, a.sources, a.m)
	return a.disk, nil
}

// openDescriptor opens the extents that a descriptor file names.
func (a *assembly) openDescriptor(src block.Source) error {
	d, err := readDescriptor(src, 0, src.Size())
	if err != nil {
		return err
	}
	return a.openExtents(d)
}

// openHosted opens a file of one sparse extent with a descriptor in it.
func (a *assembly) openHosted(src block.Source, head []byte) error {
	if len(head) < headerSize || le.Uint32(head[4:]) == 0 || le.Uint32(head[4:]) > 255 {
		return block.ErrNotThis
	}
	d := &descriptor{}
	if at, n := le.Uint64(head[28:]), le.Uint64(head[36:]); at > 0 {
		if at > uint64(src.Size())/sectorSize {
			return block.Damaged("header: the descriptor lies at sector %d, the file ends at byte %d", at, src.Size())
		}
		var err error
		if d, err = readDescriptor(src, int64(at)*sectorSize, int64(min(n, maxDescriptor/sectorSize))*sectorSize); err != nil {
			return err
		}
		if le.Uint64(head[12:]) == 0 || len(d.extents) > 1 {
			return a.openExtents(d)
		}
	}
	if len(d.extents) == 0 {
		a.note(true, "one extent of a disk whose descriptor is another file: the others, if there are any, are not shown")
	}
	s, err := a.readHosted(src, 0, head)
	if err != nil {
		return err
	}
	a.m.add(extent{size: s.capacity, sparse: s})
	return a.openParent(d)
}

// openExtents opens the extents of a descriptor, which together are the disk.
func (a *assembly) openExtents(d *descriptor) error {
	if len(d.extents) == 0 {
		return block.Damaged("descriptor: it names no extents")
	}
	files := map[string]int{}
	for _, line := range d.extents {
		if line.sectors > 1<<53 || a.m.size > 1<<62-int64(line.sectors)*sectorSize {
			return block.Damaged("descriptor: an extent of %d sectors", line.sectors)
		}
		e, err := a.openExtent(line, files)
		if err != nil {
			return fmt.Errorf("extent %q: %w", line.name, err)
		}
		e.size = int64(line.sectors) * sectorSize
		if e.sparse != nil && e.sparse.capacity < e.size {
			return block.Damaged("extent %q: it has %d bytes, the descriptor says %d", line.name, e.sparse.capacity, e.size)
		}
		a.m.add(e)
	}
	return a.openParent(d)
}

// openExtent opens the file of an extent, unless it is open already.
func (a *assembly) openExtent(line extentLine, files map[string]int) (extent, error) {
	if line.access == "NOACCESS" && line.kind != "ZERO" {
		return extent{}, block.Unsupported("the descriptor gives no access to it")
	}
	switch line.kind {
	case "ZERO":
		return extent{from: image.Hole}, nil
	case "VMFSRDM", "VMFSRAW":
		return extent{}, fmt.Errorf("its data lies on a device that is mapped, open that: %w", block.ErrMissing)
	case "FLAT", "VMFS", "VMFSTHIN", "SPARSE", "VMFSSPARSE", "SESPARSE":
	default:
		return extent{}, block.Unsupported("its type is %q", line.kind)
	}
	if line.device() {
		return extent{}, fmt.Errorf("its data lies on a device, open that: %w", block.ErrMissing)
	}
	from, ok := files[line.name]
	if !ok {
		src, err := a.env.OpenExtent(line.name)
		if err != nil {
			return extent{}, err
		}
		from = len(a.sources)
		files[line.name] = from
		a.sources = append(a.sources, block.WithContext(a.ctx, src))
	}
	src := a.sources[from]
	switch line.kind {
	case "FLAT", "VMFS", "VMFSTHIN":
		if line.offset > 1<<53 {
			return extent{}, block.Damaged("descriptor: it starts at sector %d", line.offset)
		}
		return extent{from: from, offset: int64(line.offset) * sectorSize}, nil
	}
	head := make([]byte, headerSize)
	if err := block.ReadFull(src, head, 0); err != nil {
		return extent{}, fmt.Errorf("read header: %w", err)
	}
	var s *sparse
	var err error
	switch {
	case starts(head, magicHosted):
		s, err = a.readHosted(src, from, head)
	case starts(head, magicCOWD):
		s, err = readCOWD(from, head)
	case starts(head, magicSE):
		s, err = readSE(src, from, head)
	default:
		err = block.Damaged("it starts with %q", head[:8])
	}
	return extent{from: from, sparse: s}, err
}
