package vmdk

import (
	"github.com/lenscap/lenscap/internal/disk/block"
)

// Flags of a hosted sparse extent.
const (
	flagRedundant = 1 << 1  // the redundant grain directory is used
	flagZeroed    = 1 << 2  // entries of 1 are grains of zeros
	flagPacked    = 1 << 16 // grains are compressed
	flagMarkers   = 1 << 17 // and begin with their place and length
)

// atEnd is the place of the grain directory of a stream: the footer has it.
const atEnd = 1<<64 - 1

// sparse is a sparse extent: grains that a directory of tables leads to.
type sparse struct {
	from        int   // the source it lies on
	capacity    int64 // bytes
	grain       int64 // bytes
	perTable    int64 // grains that a table leads to
	directories []int64
	layout      layout
}

// layout tells the kinds of sparse extents apart.
type layout struct {
	zeroed          bool
	packed, markers bool
	// Of an seSparse extent: where the tables and the grains start.
	se             bool
	tables, grains int64
	tableSize      int64
}

// Bounds of grains: VMware makes 4 KiB and 64 KiB.
const maxGrain = 16 << 20

// check bounds what a header says; numbers are sectors.
func (s *sparse) check(capacity, grain, perTable, directory uint64) error {
	switch {
	case capacity > 1<<50:
		return block.Damaged("header: a capacity of %d sectors", capacity)
	case grain == 0 || grain > maxGrain/sectorSize || grain&(grain-1) != 0:
		return block.Damaged("header: grains of %d sectors", grain)
	case perTable == 0 || perTable > 1<<16:
		return block.Damaged("header: tables of %d entries", perTable)
	case directory == 0 || directory > 1<<50:
		return block.Damaged("header: the grain directory lies at sector %d", directory)
	}
	s.capacity, s.grain, s.perTable = int64(capacity)*sectorSize, int64(grain)*sectorSize, int64(perTable)
	s.directories = []int64{int64(directory) * sectorSize}
	return nil
}

// readHosted reads the header of a hosted sparse extent.
func (a *assembly) readHosted(src block.Source, from int, head []byte) (*sparse, error) {
	if le.Uint64(head[56:]) == atEnd {
		var err error
		if head, err = readFooter(src); err != nil {
			return nil, err
		}
	}
	version, flags := le.Uint32(head[4:]), le.Uint32(head[8:])
	packing := uint16(head[77]) | uint16(head[78])<<8
	switch {
	case version < 1 || version > 3:
		return nil, block.Unsupported("version %d, want 1 to 3", version)
	case flags&flagPacked != 0 && packing != 1:
		return nil, block.Unsupported("compression algorithm %d", packing)
	}
	if head[72] != 0 {
		a.note(false, "the image was not closed cleanly")
	}
	s := &sparse{from: from, layout: layout{
		zeroed: flags&flagZeroed != 0, packed: packing == 1, markers: flags&flagMarkers != 0,
	}}
	if err := s.check(le.Uint64(head[12:]), le.Uint64(head[20:]), uint64(le.Uint32(head[44:])), le.Uint64(head[56:])); err != nil {
		return nil, err
	}
	if at := le.Uint64(head[48:]); flags&flagRedundant != 0 && at > 0 && at < 1<<50 {
		s.directories = append(s.directories, int64(at)*sectorSize)
	}
	return s, nil
}

// readFooter finds the footer of a stream, a header before the mark of the end.
// Some programs pad the file after it.
func readFooter(src block.Source) ([]byte, error) {
	const padding = 64 << 10
	b := make([]byte, headerSize)
	last := src.Size()&^(sectorSize-1) - 2*sectorSize
	for at := last; at > 0 && at > last-padding; at -= sectorSize {
		if err := block.ReadFull(src, b, at); err != nil {
			return nil, err
		}
		if starts(b, magicHosted) && le.Uint64(b[56:]) != atEnd {
			return b, nil
		}
	}
	return nil, block.Damaged("the footer with the place of the grain directory is not there: the file is cut short")
}

// readCOWD reads the header of a sparse extent of ESX.
func readCOWD(from int, head []byte) (*sparse, error) {
	if v := le.Uint32(head[4:]); v != 1 {
		return nil, block.Unsupported("version %d, want 1", v)
	}
	s := &sparse{from: from}
	return s, s.check(uint64(le.Uint32(head[12:])), uint64(le.Uint32(head[16:])), 4096, uint64(le.Uint32(head[20:])))
}

const (
	seVersion  = 0x0000_0002_0000_0001
	seVolatile = 0xCAFECAFE
)

// readSE reads the headers of an seSparse extent.
func readSE(src block.Source, from int, head []byte) (*sparse, error) {
	field := func(i int) uint64 { return le.Uint64(head[8*i:]) }
	if field(1) != seVersion || field(5) != 0 {
		return nil, block.Unsupported("version %#x, flags %#x", field(1), field(5))
	}
	volatile := make([]byte, headerSize)
	if at := field(10); at > 1<<50 {
		return nil, block.Damaged("header: the volatile header lies at sector %d", at)
	} else if err := block.ReadFull(src, volatile, int64(at)*sectorSize); err != nil {
		return nil, err
	}
	switch {
	case le.Uint64(volatile) != seVolatile:
		return nil, block.Damaged("the volatile header starts with %#x", le.Uint64(volatile))
	case le.Uint64(volatile[24:]) != 0:
		return nil, block.Unsupported("its journal was not replayed: open it in ESX first")
	case field(4) == 0 || field(4) > 1<<10 || field(18) > 1<<50 || field(24) > 1<<50:
		return nil, block.Damaged("header: tables of %d sectors at sector %d, grains at %d", field(4), field(18), field(24))
	}
	s := &sparse{from: from, layout: layout{
		se: true, tables: int64(field(18)) * sectorSize, grains: int64(field(24)) * sectorSize, tableSize: int64(field(4)) * sectorSize,
	}}
	return s, s.check(field(2), field(3), field(4)*sectorSize/8, field(16))
}
