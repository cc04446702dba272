package vhdx

import (
	"fmt"
	"unicode/utf16"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Items of the metadata table.
var (
	itemFileParameters = mustGUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
	itemSize           = mustGUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
	itemDiskID         = mustGUID("BECA12AB-B2E6-4523-93EF-C309E000C746")
	itemLogicalSector  = mustGUID("8141BF1D-A96F-4709-BA47-F233A8FAAB5F")
	itemPhysicalSector = mustGUID("CDA348C7-445D-4471-9CC9-E9885251C556")
	itemParentLocator  = mustGUID("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")

	locatorVHDX = mustGUID("B04AEFB7-D19E-4A81-B789-25B8E9445913")
)

// items are those that are known, with the bytes that they have at least.
var items = map[guid]uint32{
	itemFileParameters: 8, itemSize: 8, itemLogicalSector: 4, itemPhysicalSector: 4, itemDiskID: 16, itemParentLocator: 20,
}

// maxKeys bounds the keys of a parent locator; there are five.
const maxKeys = 64

// maxSize is the largest disk that the format allows: 64 TiB.
const maxSize = 64 << 40

// metadata holds what the metadata region says.
type metadata struct {
	size      uint64
	blockSize int64
	sector    int64
	hasParent bool
	parent    map[string]string // the parent locator
}

func readMetadata(src block.Source, regions map[guid]region) (*metadata, error) {
	r := regions[metadataRegion]
	b := make([]byte, tableSize)
	if err := block.ReadFull(src, b, r.off); err != nil {
		return nil, fmt.Errorf("read metadata table: %w", err)
	}
	n := le.Uint16(b[10:])
	if string(b[:8]) != "metadata" || n > maxItems {
		return nil, block.Damaged("metadata table at %d: it starts with %q and has %d entries", r.off, b[:8], n)
	}
	m, seen := &metadata{}, map[guid]bool{}
	for i := range int(n) {
		e := b[32+32*i:]
		off, length, flags := le.Uint32(e[16:]), le.Uint32(e[20:]), le.Uint32(e[24:])
		if flags&1 != 0 { // for users
			continue
		}
		id := guid(e[:16])
		if _, known := items[id]; !known {
			if flags&4 != 0 {
				return nil, block.Unsupported("metadata item %s", id)
			}
			continue
		}
		if seen[id] || length < items[id] || length > 1<<20 || int64(off)+int64(length) > r.length {
			return nil, block.Damaged("metadata table: item %s has %d bytes at %d of %d", id, length, off, r.length)
		}
		seen[id] = true
		item := make([]byte, length)
		if err := block.ReadFull(src, item, r.off+int64(off)); err != nil {
			return nil, fmt.Errorf("read metadata item %s: %w", id, err)
		}
		if err := m.take(id, item); err != nil {
			return nil, err
		}
	}
	return m, m.check(regions[batRegion])
}

// take reads one item.
func (m *metadata) take(id guid, b []byte) error {
	switch id {
	case itemFileParameters:
		m.blockSize, m.hasParent = int64(le.Uint32(b)), le.Uint32(b[4:])&2 != 0
	case itemSize:
		m.size = le.Uint64(b)
	case itemLogicalSector:
		m.sector = int64(le.Uint32(b))
	case itemParentLocator:
		return m.takeLocator(b)
	}
	return nil
}

// takeLocator reads the pairs of keys and values that lead to the parent.
func (m *metadata) takeLocator(b []byte) error {
	if id := guid(b[:16]); id != locatorVHDX {
		return block.Unsupported("parent locator of type %s", id)
	}
	m.parent = map[string]string{}
	n := int(le.Uint16(b[18:]))
	if 20+12*n > len(b) || n > maxKeys {
		return block.Damaged("parent locator: %d entries in %d bytes", n, len(b))
	}
	for i := range n {
		e := b[20+12*i:]
		key, err := text(b, le.Uint32(e), le.Uint16(e[8:]))
		if err != nil {
			return err
		}
		value, err := text(b, le.Uint32(e[4:]), le.Uint16(e[10:]))
		if err != nil {
			return err
		}
		m.parent[key] = value
	}
	return nil
}

func text(b []byte, off uint32, n uint16) (string, error) {
	if uint64(off)+uint64(n) > uint64(len(b)) {
		return "", block.Damaged("parent locator: a text of %d bytes at %d of %d", n, off, len(b))
	}
	b = b[off : off+uint32(n)]
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, le.Uint16(b))
	}
	return string(utf16.Decode(units)), nil
}

// check holds the metadata against itself and the block allocation table.
func (m *metadata) check(bat region) error {
	switch {
	case m.blockSize < 1<<20 || m.blockSize > 256<<20 || m.blockSize&(m.blockSize-1) != 0:
		return block.Damaged("metadata: blocks of %d bytes, want 1 MiB to 256 MiB", m.blockSize)
	case m.sector != 512 && m.sector != 4096:
		return block.Damaged("metadata: sectors of %d bytes, want 512 or 4096", m.sector)
	case m.size > maxSize || m.size%uint64(m.sector) != 0:
		return block.Damaged("metadata: a disk of %d bytes", m.size)
	case m.hasParent && m.parent == nil:
		return block.Damaged("metadata: a differencing disk without a parent locator")
	}
	blocks := (int64(m.size) + m.blockSize - 1) / m.blockSize
	if blocks > 0 && m.entry(blocks-1)*8+8 > bat.length {
		return block.Damaged("metadata: the block allocation table has %d bytes, %d blocks need more", bat.length, blocks)
	}
	return nil
}

// perChunk is how many blocks share a sector bitmap, which covers 1<<23 sectors.
func (m *metadata) perChunk() int64 { return m.sector << 23 / m.blockSize }

// entry gives the index of a block's entry in the block allocation table: after
// the blocks of each chunk comes the entry of their sector bitmap.
func (m *metadata) entry(index int64) int64 { return index + index/m.perChunk() }
