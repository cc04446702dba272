package btrfs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Profiles of a block group: the bits of its type.
const (
	groupRAID0   = 1 << 3
	groupRAID1   = 1 << 4
	groupDUP     = 1 << 5
	groupRAID10  = 1 << 6
	groupRAID5   = 1 << 7
	groupRAID6   = 1 << 8
	groupRAID1C3 = 1 << 9
	groupRAID1C4 = 1 << 10

	groupProfile = groupRAID0 | groupRAID1 | groupDUP | groupRAID10 | groupRAID5 | groupRAID6 | groupRAID1C3 | groupRAID1C4
	groupMirror  = groupRAID1 | groupDUP | groupRAID1C3 | groupRAID1C4
	groupRead    = groupProfile | 7 // and data, system, metadata
)

// unit is the length of a stripe unit: the kernel knows no other.
const unit = 64 << 10

// Bounds of the chunks held in memory, far above what disks need.
const (
	maxStripes   = 1 << 20
	maxChunkSize = 1 << 50
)

// chunk maps a range of logical addresses to devices.
type chunk struct {
	logical, length uint64
	kind            uint64
	sub             int // stripes that hold the same, in RAID10
	stripes         []stripe
}

// stripe is a chunk's part on one device.
type stripe struct {
	dev    *device // nil when it is missing
	offset uint64
}

func (c *chunk) end() uint64 { return c.logical + c.length }

// mirrors is how many neighbouring stripes hold the same bytes.
func (c *chunk) mirrors() int {
	switch {
	case c.kind&groupMirror != 0:
		return len(c.stripes)
	case c.kind&groupRAID10 != 0:
		return c.sub
	}
	return 1
}

// parity is how many stripes of a row hold no data.
func (c *chunk) parity() int {
	switch {
	case c.kind&groupRAID5 != 0:
		return 1
	case c.kind&groupRAID6 != 0:
		return 2
	}
	return 0
}

// copies is how many ways there are to read a byte: see rebuild for parity.
func (c *chunk) copies() int {
	if c.parity() == 2 {
		return 3 + int(c.columns()) - 1
	}
	return c.mirrors() + c.parity()
}

// columns is across how many devices data is striped.
func (c *chunk) columns() uint64 {
	return uint64((len(c.stripes) - c.parity()) / c.mirrors())
}

// striped tells whether neighbouring units lie on different devices.
func (c *chunk) striped() bool {
	return c.kind&(groupRAID0|groupRAID10|groupRAID5|groupRAID6) != 0
}

// readable tells whether all of the chunk can be read from the devices that
// are good.
func (c *chunk) readable(good func(*device) bool) bool {
	missing := 0
	group := c.mirrors()
	for i := 0; i+group <= len(c.stripes); i += group {
		there := slices.ContainsFunc(c.stripes[i:i+group], func(s stripe) bool { return good(s.dev) })
		if !there {
			missing++
		}
	}
	return missing <= c.parity()
}

// parseChunk reads a CHUNK_ITEM; size is how long it is.
func (t *tree) parseChunk(logical uint64, b []byte) (c chunk, size int, err error) {
	if len(b) < 48 {
		return c, 0, block.Damaged("chunk at %d: item of %d bytes", logical, len(b))
	}
	n := int(le.Uint16(b[44:]))
	c = chunk{logical: logical, length: le.Uint64(b), kind: le.Uint64(b[24:]), sub: int(le.Uint16(b[46:]))}
	size = 48 + 32*n
	switch {
	case n == 0 || size > len(b):
		return c, 0, block.Damaged("chunk at %d: %d stripes in an item of %d bytes", logical, n, len(b))
	case c.length == 0 || c.length > maxChunkSize || logical > 1<<63-c.length:
		return c, 0, block.Damaged("chunk at %d: %d bytes", logical, c.length)
	case le.Uint64(b[16:]) != unit:
		return c, 0, block.Damaged("chunk at %d: stripe units of %d bytes, want %d", logical, le.Uint64(b[16:]), unit)
	case c.kind&^groupRead != 0:
		return c, size, block.Unsupported("chunk at %d: block group type %#x", logical, c.kind)
	}
	c.stripes = make([]stripe, n)
	for i := range c.stripes {
		s := b[48+32*i:]
		c.stripes[i] = stripe{t.device(le.Uint64(s), s[16:32]), le.Uint64(s[8:])}
		if c.stripes[i].offset > 1<<62 {
			return c, 0, block.Damaged("chunk at %d: stripe at byte %d", logical, c.stripes[i].offset)
		}
	}
	if err := c.check(); err != nil {
		return c, 0, err
	}
	c.sortStripes()
	return c, size, nil
}

// check holds the profile against the stripes.
func (c *chunk) check() error {
	n, ok := len(c.stripes), false
	switch c.kind & groupProfile {
	case 0:
		ok = n == 1
	case groupDUP:
		ok = n == 2
	case groupRAID1, groupRAID1C3, groupRAID1C4, groupRAID0:
		ok = n >= 1
	case groupRAID10:
		ok = c.sub >= 1 && n%c.sub == 0
	case groupRAID5:
		ok = n >= 2
	case groupRAID6:
		ok = n >= 3 && n <= 256
	}
	if !ok {
		return block.Damaged("chunk at %d: type %#x with %d stripes, %d of them alike", c.logical, c.kind, n, c.sub)
	}
	return nil
}

// readChunks loads the map of logical addresses: first the system chunks in
// the superblock, then with them the chunk tree.
func (t *tree) readChunks() error {
	b := t.sb.sysChunks
	for len(b) > 0 {
		if len(b) < keySize {
			return block.Damaged("superblock: system chunks are cut off")
		}
		k := parseKey(b)
		c, size, err := t.parseChunk(k.off, b[keySize:])
		if err != nil {
			return fmt.Errorf("superblock: system %w", err)
		}
		t.chunks = append(t.chunks, c)
		b = b[keySize+size:]
	}
	if _, err := t.sortChunks(t.chunks); err != nil {
		return fmt.Errorf("superblock: system %w", err)
	}
	all, items, err := t.scanChunkTree()
	if err != nil && len(all) == 0 {
		return fmt.Errorf("read chunk tree: %w", err)
	}
	if err != nil {
		t.note(true, "chunk tree: %v", err)
	}
	// What the superblock tells stays where the tree lacks it.
	for _, c := range t.chunks {
		if !slices.ContainsFunc(all, func(o chunk) bool { return o.logical == c.logical }) {
			all = append(all, c)
		}
	}
	all, err = t.sortChunks(all)
	if err != nil {
		t.note(true, "chunk tree: %v", err)
	}
	t.chunks = all
	t.noteMissing(items)
	return nil
}

// scanChunkTree gives the chunks and devices of the chunk tree, with the first
// error.
func (t *tree) scanChunkTree() (all []chunk, items []devItem, first error) {
	stripes := 0
	r := &root{ref: t.sb.chunkRoot}
	err := t.scanBase(r, key{}, maxKey, func(k key, data []byte) bool {
		switch {
		case k.typ == typeDevItem && len(items) < 1<<16:
			if d, ok := parseDevItem(data); ok {
				items = append(items, d)
			}
		case k.typ == typeChunkItem:
			c, _, err := t.parseChunk(k.off, data)
			if stripes += len(c.stripes); err == nil && stripes > maxStripes {
				err = block.Unsupported("more than %d stripes", maxStripes)
			}
			if err == nil {
				all = append(all, c)
			} else if first == nil {
				first = err
			}
		}
		return stripes <= maxStripes
	})
	if first == nil {
		first = err
	}
	return all, items, first
}

// sortChunks orders chunks and leaves out those that overlap another.
func (t *tree) sortChunks(all []chunk) ([]chunk, error) {
	slices.SortStableFunc(all, func(a, b chunk) int { return cmp.Compare(a.logical, b.logical) })
	var err error
	out := all[:0]
	for _, c := range all {
		if n := len(out); n > 0 && c.logical < out[n-1].end() {
			err = block.Damaged("chunk at %d overlaps the one at %d", c.logical, out[n-1].logical)
			continue
		}
		out = append(out, c)
	}
	return out, err
}

// chunkAt finds the chunk that maps a logical address.
func (t *tree) chunkAt(logical uint64) (*chunk, error) {
	i, found := slices.BinarySearchFunc(t.chunks, logical, func(c chunk, at uint64) int { return cmp.Compare(c.logical, at) })
	if !found {
		i--
	}
	if i < 0 || logical >= t.chunks[i].end() {
		return nil, block.Damaged("logical address %d is in no chunk", logical)
	}
	return &t.chunks[i], nil
}
