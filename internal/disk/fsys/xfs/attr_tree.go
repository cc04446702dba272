package xfs

import (
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Magic numbers of xfs_da_blkinfo: nodes and leaves of attributes.
const (
	magicNode   = 0xFEBE
	magicNodeV5 = 0x3EBE
	magicAttr   = 0xFBEE
	magicAttrV5 = 0x3BEE
)

// maxAttrDepth bounds the levels above the leaves (XFS_DA_NODE_MAXDEPTH).
const maxAttrDepth = 5

// treeAttributes reads attributes in blocks of their own: down the left side of
// the tree, then from leaf to leaf.
func (t *tree) treeAttributes(f fork, a *attributes) error {
	m, err := t.mapping(f)
	if err != nil {
		return err
	}
	buf := make([]byte, t.sb.blockSize)
	at, err := t.firstLeaf(m, buf)
	if err != nil {
		return err
	}
	var lost error
	seen := map[uint32]bool{}
	for {
		if seen[at] {
			return block.Damaged("leaf %d comes a second time", at)
		}
		seen[at] = true
		if err := t.leafAttributes(m, buf, a); errors.Is(err, block.ErrUnsupported) {
			return err
		} else if err != nil && lost == nil {
			lost = fmt.Errorf("leaf %d: %w", at, err)
		}
		if at = be.Uint32(buf); at == 0 {
			return lost
		}
		if _, err := t.readAttrBlock(m, buf, at); err != nil {
			return err
		}
	}
}

// firstLeaf reads the first leaf into buf and gives its place in the fork.
func (t *tree) firstLeaf(m *mapping, buf []byte) (uint32, error) {
	at, level := uint32(0), maxAttrDepth+1
	for {
		magic, err := t.readAttrBlock(m, buf, at)
		if err != nil || magic == magicAttr || magic == magicAttrV5 {
			return at, err
		}
		info, entries := 12, 16
		if t.sb.v5 {
			info, entries = 56, 64
		}
		count, here := int(be.Uint16(buf[info:])), int(be.Uint16(buf[info+2:]))
		if count == 0 || entries+8*count > len(buf) || here == 0 || here >= level {
			return 0, block.Damaged("node %d of level %d, below one of %d, holds %d entries", at, here, level, count)
		}
		at, level = be.Uint32(buf[entries+4:]), here
	}
}

// readAttrBlock reads a block of the tree and gives its magic number.
func (t *tree) readAttrBlock(m *mapping, buf []byte, at uint32) (uint16, error) {
	r, err := m.lookup(uint64(at))
	if err == nil && r.phys == 0 {
		err = block.Damaged("block %d is a hole", at)
	}
	if err != nil {
		return 0, err
	}
	off := int64(r.phys) << t.sb.blockLog
	if err := t.read(buf, off); err != nil {
		return 0, err
	}
	magic := be.Uint16(buf[8:])
	known := magic == magicNode || magic == magicAttr
	if t.sb.v5 {
		known = magic == magicNodeV5 || magic == magicAttrV5
	}
	if !known {
		return 0, block.Damaged("block %d has magic %#x", at, magic)
	}
	return magic, t.verify(buf, off, 12, 16)
}

// leafAttributes reads the entries of the leaf in buf (xfs_attr_leafblock). One
// that is damaged costs itself.
func (t *tree) leafAttributes(m *mapping, buf []byte, a *attributes) error {
	countAt, entries := 12, 32
	if t.sb.v5 {
		countAt, entries = 56, 80
	}
	magic, count := be.Uint16(buf[8:]), int(be.Uint16(buf[countAt:]))
	if magic != magicAttr && magic != magicAttrV5 {
		return block.Damaged("magic %#x, want that of a leaf", magic)
	}
	if entries+8*count > len(buf) {
		return block.Damaged("%d entries in %d bytes", count, len(buf))
	}
	var lost error
	for i := range count {
		e := buf[entries+8*i:]
		if hidden(e[6]) {
			continue
		}
		err := t.leafEntry(m, buf, int(be.Uint16(e[4:])), e[6], a)
		if errors.Is(err, block.ErrUnsupported) {
			return err
		}
		if err != nil && lost == nil {
			lost = fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return lost
}

// leafEntry reads the name and value at a byte of a leaf.
func (t *tree) leafEntry(m *mapping, buf []byte, at int, flags byte, a *attributes) error {
	head := 9 // xfs_attr_leaf_name_remote
	if flags&attrLocal != 0 {
		head = 3 // xfs_attr_leaf_name_local
	}
	if at+head > len(buf) {
		return block.Damaged("name at byte %d of %d", at, len(buf))
	}
	b := buf[at:]
	nameLen := int(b[head-1])
	if head+nameLen > len(b) || nameLen == 0 {
		return block.Damaged("name of %d bytes at byte %d of %d", nameLen, at, len(buf))
	}
	name := b[head : head+nameLen]
	if flags&attrLocal == 0 {
		value, err := t.remoteValue(m, be.Uint32(b), be.Uint32(b[4:]))
		if err != nil {
			return fmt.Errorf("value of %q: %w", name, err)
		}
		return a.add(flags, name, value)
	}
	n := int(be.Uint16(b))
	if head+nameLen+n > len(b) {
		return block.Damaged("value of %q: %d bytes at byte %d of %d", name, n, at, len(buf))
	}
	return a.add(flags, name, b[head+nameLen:head+nameLen+n])
}

// remoteHeader is the length of xfs_attr3_rmt_hdr, with which each block of a
// value starts in version 5.
const remoteHeader = 56

// remoteValue reads a value in blocks of its own.
func (t *tree) remoteValue(m *mapping, at, size uint32) ([]byte, error) {
	if size > maxValue {
		return nil, block.Damaged("%d bytes, want at most %d", size, maxValue)
	}
	value := make([]byte, 0, size)
	buf := make([]byte, t.sb.blockSize)
	for ; len(value) < int(size); at++ {
		r, err := m.lookup(uint64(at))
		if err == nil && r.phys == 0 {
			err = block.Damaged("block %d is a hole", at)
		}
		off := int64(r.phys) << t.sb.blockLog
		if err == nil {
			err = t.read(buf, off)
		}
		part := buf
		if err == nil && t.sb.v5 {
			part, err = t.remotePart(buf, off, len(value), m.f.num)
		}
		if err != nil {
			return nil, err
		}
		value = append(value, part[:min(len(part), int(size)-len(value))]...)
	}
	return value, nil
}

// remotePart gives what a block with a header holds of a value.
func (t *tree) remotePart(b []byte, off int64, at int, owner uint64) ([]byte, error) {
	start, n := be.Uint32(b[4:]), be.Uint32(b[8:])
	switch {
	case string(b[:4]) != "XARM":
		return nil, block.Damaged("block at byte %d has magic %q, want \"XARM\"", off, b[:4])
	case int64(start) != int64(at) || n == 0 || int64(n) > int64(len(b)-remoteHeader):
		return nil, block.Damaged("block at byte %d holds %d bytes from %d, want some from %d", off, n, start, at)
	case be.Uint64(b[32:]) != owner:
		return nil, block.Damaged("block at byte %d is inode %d's", off, be.Uint64(b[32:]))
	}
	return b[remoteHeader : remoteHeader+n], t.verify(b, off, 12, 40)
}
