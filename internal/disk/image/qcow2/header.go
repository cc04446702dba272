package qcow2

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

const magic = "QFI\xfb"

// Bits of incompatible_features.
const (
	incompatDirty = 1 << iota
	incompatCorrupt
	incompatData
	incompatCompression
	incompatExtendedL2

	incompatRead = incompatDirty | incompatCorrupt | incompatCompression | incompatExtendedL2
)

// Types of header extensions.
const (
	extBackingFormat = 0xE2792ACA
	extFeatureNames  = 0x6803F857
	extDataFile      = 0x44415441
)

// Values of compression_type.
const (
	compressionZlib = 0
	compressionZstd = 1
)

// maxL1 bounds the first level, as QEMU does: 32 MiB.
const maxL1 = 4 << 20

// header holds the fields of the header that reading needs.
type header struct {
	version        uint32
	clusterBits    uint32
	size           uint64 // bytes of the disk
	l1             uint64 // offset of the active first level
	l1Entries      uint32
	snapshots      uint32
	snapshotTable  uint64
	incompatible   uint64
	compression    byte
	backing        string
	backingFormat  string
	dataFile       string
	featureNames   map[int]string // names of incompatible bits
	entryBits      uint32         // of an entry of the second level, in bytes
	subclusterBits uint32
}

// readHeader reads and checks the header and its extensions, which lie in the
// first cluster.
func readHeader(src block.Source) (*header, error) {
	buf := make([]byte, min(64<<10, max(src.Size(), 0)))
	if len(buf) < 72 {
		return nil, block.ErrNotThis
	}
	if err := image.Probe(src, buf[:72], 0); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	version := be.Uint32(buf[4:])
	if string(buf[:4]) != magic || version == 0 || version > 255 {
		return nil, block.ErrNotThis
	}
	if version != 2 && version != 3 {
		return nil, block.Unsupported("version %d, want 2 or 3: convert it with qemu-img", version)
	}
	h := &header{
		version: version, clusterBits: be.Uint32(buf[20:]), size: be.Uint64(buf[24:]),
		l1Entries: be.Uint32(buf[36:]), l1: be.Uint64(buf[40:]),
		snapshots: be.Uint32(buf[60:]), snapshotTable: be.Uint64(buf[64:]), entryBits: 3,
	}
	if h.clusterBits < 9 || h.clusterBits > 21 {
		return nil, block.Damaged("header: clusters of 1<<%d bytes, want 9 to 21", h.clusterBits)
	}
	buf = buf[:min(len(buf), 1<<h.clusterBits)]
	if err := block.ReadFull(src, buf, 0); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	if err := h.more(buf); err != nil {
		return nil, err
	}
	if err := h.readBacking(src, buf); err != nil {
		return nil, err
	}
	return h, h.check(be.Uint32(buf[32:]))
}

// more reads what version 3 added, and the extensions.
func (h *header) more(buf []byte) error {
	length := uint32(72)
	if h.version == 3 {
		if len(buf) < 104 {
			return block.Damaged("header: the file ends within it")
		}
		h.incompatible, length = be.Uint64(buf[72:]), be.Uint32(buf[100:])
		if length < 104 || int64(length) > int64(len(buf)) || length%8 != 0 {
			return block.Damaged("header: its length is %d", length)
		}
		if length > 104 {
			h.compression = buf[104]
		}
	}
	if h.incompatible&incompatExtendedL2 != 0 {
		h.entryBits = 4
	}
	h.subclusterBits = h.clusterBits
	if h.entryBits == 4 {
		h.subclusterBits -= 5 // 32 subclusters in each cluster
	}
	// The extensions end with their end mark, at the latest with the name.
	end := uint64(len(buf))
	if name := be.Uint64(buf[8:]); name > 0 && name < end {
		end = name
	}
	h.extensions(buf[min(uint64(length), end):end])
	return nil
}

func (h *header) extensions(b []byte) {
	for len(b) >= 8 {
		kind, n := be.Uint32(b), be.Uint32(b[4:])
		b = b[8:]
		if kind == 0 || uint64(n) > uint64(len(b)) {
			return
		}
		data := b[:n]
		switch kind {
		case extBackingFormat:
			h.backingFormat = string(data)
		case extDataFile:
			h.dataFile = string(data)
		case extFeatureNames:
			h.featureNames = map[int]string{}
			for ; len(data) >= 48; data = data[48:] {
				if data[0] == 0 { // incompatible
					name, _, _ := bytes.Cut(data[2:48], []byte{0})
					h.featureNames[int(data[1])] = string(name)
				}
			}
		}
		b = b[min((uint64(n)+7)&^7, uint64(len(b))):]
	}
}

// readBacking reads the name of the backing file.
func (h *header) readBacking(src block.Source, buf []byte) error {
	off, n := be.Uint64(buf[8:]), be.Uint32(buf[16:])
	if off == 0 || n == 0 {
		return nil
	}
	if n > 1023 || off > 1<<h.clusterBits || off > uint64(src.Size()) {
		return block.Damaged("header: the backing file's name has %d bytes at offset %d", n, off)
	}
	name := make([]byte, n)
	if err := block.ReadFull(src, name, int64(off)); err != nil {
		return fmt.Errorf("read the backing file's name: %w", err)
	}
	h.backing = string(name)
	return nil
}

// check holds the header against itself and what is read.
func (h *header) check(encryption uint32) error {
	switch {
	case encryption == 1:
		return fmt.Errorf("its content is encrypted with AES: %w", block.ErrEncrypted)
	case encryption == 2:
		return fmt.Errorf("its content is encrypted with LUKS: %w", block.ErrEncrypted)
	case encryption != 0:
		return block.Unsupported("encryption method %d", encryption)
	case h.incompatible&incompatData != 0:
		return block.Unsupported("incompatible feature bit 2: the data lies in another file, %q; convert it with qemu-img", h.dataFile)
	case h.incompatible&^incompatRead != 0:
		return block.Unsupported("incompatible feature %s", h.unknown())
	case h.compression > compressionZstd:
		return block.Unsupported("compression type %d", h.compression)
	case h.entryBits == 4 && h.clusterBits < 14:
		return block.Damaged("header: subclusters in clusters of 1<<%d bytes, want at least 14", h.clusterBits)
	case h.size > 1<<62:
		return block.Damaged("header: a disk of %d bytes", h.size)
	case h.l1 > 1<<62 || h.l1%(1<<h.clusterBits) != 0 || h.l1Entries > maxL1:
		return block.Damaged("header: a first level of %d entries at offset %d", h.l1Entries, h.l1)
	}
	each := uint64(1) << (2*h.clusterBits - h.entryBits) // bytes of the disk for an entry
	if need := (h.size + each - 1) / each; uint64(h.l1Entries) < need {
		return block.Damaged("header: a first level of %d entries, a disk of %d bytes needs %d", h.l1Entries, h.size, need)
	}
	return nil
}

// unknown names the bits that are not read.
func (h *header) unknown() string {
	var names []string
	for rest := h.incompatible &^ incompatRead; rest != 0; rest &= rest - 1 {
		bit := bits.TrailingZeros64(rest)
		name := fmt.Sprintf("bit %d", bit)
		if n := h.featureNames[bit]; n != "" {
			name += fmt.Sprintf(" (%q)", n)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
