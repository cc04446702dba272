// Package vhd reads virtual hard disks of Virtual PC, Hyper-V and Azure: fixed,
// dynamic and differencing ones.
//
// The layout follows Microsoft's Virtual Hard Disk Image Format Specification,
// version 1.0.
package vhd

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Format opens VHD images.
type Format struct{}

// Name implements [image.Format].
func (Format) Name() string { return "vhd" }

var be = binary.BigEndian

// Open implements [image.Format].
func (Format) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	f, err := readFooter(src)
	if err != nil {
		return nil, err
	}
	out := image.Disk{Notes: f.notes, Incomplete: f.lost}
	sources := []block.Source{src}
	if f.kind == kindFixed {
		if f.size > uint64(f.end) {
			return nil, block.Damaged("a fixed disk of %d bytes, its footer lies at %d", f.size, f.end)
		}
		out.Source = image.NewMapped(int64(f.size), sources, fixed(f.size))
		return []image.Disk{out}, nil
	}
	h, err := readHeader(src, f)
	if err != nil {
		return nil, err
	}
	m := &mapping{header: h}
	if f.kind == kindDifferencing {
		parent, err := openParent(ctx, src, h, env)
		if err != nil {
			return nil, err
		}
		sources = append(sources, parent.Source)
		m.parent = parent.Size()
		for _, n := range parent.Notes {
			out.Notes = append(out.Notes, "parent: "+n)
		}
		out.Incomplete = out.Incomplete || parent.Incomplete
	}
	m.tables = image.NewTables(sources, m.bitmap)
	out.Source = image.NewMapped(int64(f.size), sources, m)
	return []image.Disk{out}, nil
}

// fixed is the mapping of a disk that lies in the file as it is.
type fixed uint64

// Run implements [image.Mapping].
func (f fixed) Run(off, _ int64) (image.Run, error) {
	return image.Run{Length: int64(f) - off, Offset: off}, nil
}

// header holds the fields of the dynamic disk header that reading needs.
type header struct {
	*footer
	table     int64 // where the block allocation table starts
	entries   uint32
	blockSize int64
	bitmap    int64 // bytes of the sector bitmap before each block
	parentID  [16]byte
	parent    string // its name, UTF-8
	locators  []locator
}

const headerSize = 1024

func readHeader(src block.Source, f *footer) (*header, error) {
	b := make([]byte, headerSize)
	if f.data%512 != 0 || f.data > uint64(src.Size()) {
		return nil, block.Damaged("footer: the dynamic disk header lies at %d", f.data)
	}
	if err := block.ReadFull(src, b, int64(f.data)); err != nil {
		return nil, fmt.Errorf("read dynamic disk header: %w", err)
	}
	if string(b[:8]) != "cxsparse" {
		return nil, block.Damaged("dynamic disk header at %d: it starts with %q", f.data, b[:8])
	}
	if !sums(b, 36) {
		f.note(false, "the checksum of the dynamic disk header is wrong")
	}
	h := &header{
		footer: f, table: int64(min(be.Uint64(b[16:]), 1<<62)), entries: be.Uint32(b[28:]), blockSize: int64(be.Uint32(b[32:])),
		parentID: [16]byte(b[40:56]), parent: utf16Text(b[64:576], be),
	}
	for i := range 8 {
		l := b[576+24*i:]
		h.locators = append(h.locators, locator{string(l[:4]), be.Uint32(l[8:]), be.Uint64(l[16:])})
	}
	switch {
	case h.blockSize < 512 || h.blockSize&(h.blockSize-1) != 0:
		return nil, block.Damaged("dynamic disk header: blocks of %d bytes", h.blockSize)
	case f.size > uint64(h.entries)*uint64(h.blockSize):
		return nil, block.Damaged("dynamic disk header: %d blocks of %d bytes for a disk of %d", h.entries, h.blockSize, f.size)
	case h.table%4 != 0:
		return nil, block.Damaged("dynamic disk header: the block allocation table lies at %d", h.table)
	}
	h.bitmap = (h.blockSize/512/8 + 511) &^ 511
	return h, nil
}
