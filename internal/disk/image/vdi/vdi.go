// Package vdi reads the disk images of VirtualBox.
//
// The layout follows VirtualBox's src/VBox/Storage/VDICore.h.
package vdi

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Format opens VDI images.
type Format struct{}

// Name implements [image.Format].
func (Format) Name() string { return "vdi" }

var le = binary.LittleEndian

const (
	signature  = 0xBEDA107F
	headerSize = 512

	// Types of images.
	typeDynamic = 1
	typeStatic  = 2
	typeUndo    = 3
	typeDiff    = 4

	// Entries of the block map that are no block of the file.
	blockFree = 0xFFFFFFFF
	blockZero = 0xFFFFFFFE
)

// header holds the fields of the header that reading needs.
type header struct {
	kind      uint32
	blocks    int64 // where the block map starts
	data      int64 // where the blocks start
	size      uint64
	blockSize int64
	extra     int64 // bytes before the data of each block
	entries   uint32
	parent    []byte // UUID of the disk that this is a difference to
}

// Open implements [image.Format].
func (Format) Open(_ context.Context, src block.Source, _ *image.Env) ([]image.Disk, error) {
	h, err := readHeader(src)
	if err != nil {
		return nil, err
	}
	sources := []block.Source{src}
	m := &mapping{h, image.NewTables(sources, 1<<20)}
	return []image.Disk{{Source: image.NewMapped(int64(h.size), sources, m)}}, nil
}

func readHeader(src block.Source) (*header, error) {
	b := make([]byte, headerSize)
	if src.Size() < headerSize {
		return nil, block.ErrNotThis
	}
	if err := image.Probe(src, b, 0); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	// The text at the start names the program, in angle brackets.
	if le.Uint32(b[64:]) != signature || !bytes.HasPrefix(b, []byte("<<<")) {
		return nil, block.ErrNotThis
	}
	if version := le.Uint32(b[68:]); version>>16 != 1 {
		return nil, block.Unsupported("version %d.%d, want 1.x", version>>16, version&0xFFFF)
	}
	h := &header{
		kind: le.Uint32(b[76:]), blocks: int64(le.Uint32(b[340:])), data: int64(le.Uint32(b[344:])),
		size: le.Uint64(b[368:]), blockSize: int64(le.Uint32(b[376:])), extra: int64(le.Uint32(b[380:])),
		entries: le.Uint32(b[384:]), parent: b[424:440],
	}
	return h, h.check()
}

// check holds the header against itself and what is read.
func (h *header) check() error {
	switch {
	case h.kind == typeUndo || h.kind == typeDiff:
		return fmt.Errorf("a difference to the disk with UUID %s, whose file it does not name: merge them in VirtualBox first: %w", uuid(h.parent), block.ErrMissing)
	case h.kind != typeDynamic && h.kind != typeStatic:
		return block.Unsupported("image type %d", h.kind)
	case h.blockSize < 512 || h.blockSize > 1<<30 || h.blockSize&(h.blockSize-1) != 0:
		return block.Damaged("header: blocks of %d bytes", h.blockSize)
	case h.size > uint64(h.entries)*uint64(h.blockSize):
		return block.Damaged("header: %d blocks of %d bytes for a disk of %d", h.entries, h.blockSize, h.size)
	case h.blocks < 72 || h.blocks%4 != 0:
		return block.Damaged("header: the block map starts at %d", h.blocks)
	}
	return nil
}

// uuid writes a UUID as VirtualBox does: its first three fields are numbers.
func uuid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%s-%s", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]),
		hex.EncodeToString(b[8:10]), hex.EncodeToString(b[10:16]))
}

// mapping finds the blocks of the disk.
type mapping struct {
	*header
	tables *image.Tables
}

// Run implements [image.Mapping].
func (m *mapping) Run(off, want int64) (image.Run, error) {
	index, within := off/m.blockSize, off%m.blockSize
	entries, err := m.tables.At(0, m.blocks+4*index, 4)
	if err != nil {
		return image.Run{}, err
	}
	first, n := le.Uint32(entries), m.blockSize-within
	for rest := entries[4:]; n < want && len(rest) >= 4; rest, n = rest[4:], n+m.blockSize {
		if next := le.Uint32(rest); !hole(first) || !hole(next) {
			break
		}
	}
	if hole(first) {
		return image.Run{Length: n, From: image.Hole}, nil
	}
	at := m.data + int64(first)*(m.extra+m.blockSize) + m.extra + within
	return image.Run{Length: n, Offset: at}, nil
}

func hole(entry uint32) bool { return entry == blockFree || entry == blockZero }
