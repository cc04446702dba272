package btrfs

import (
	"container/list"
	"errors"
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	maxLevel   = 8
	headerSize = 101 // btrfs_header
	itemSize   = 25  // btrfs_item
	ptrSize    = 33  // btrfs_key_ptr
)

// node is a verified block of a tree: a leaf of items at level 0, above that
// keys with pointers. Its bytes don't change.
type node struct {
	logical uint64
	data    []byte
	level   uint8
	n       int
}

func (n *node) size() int {
	if n.level == 0 {
		return itemSize
	}
	return ptrSize
}

func (n *node) key(i int) key { return parseKey(n.data[headerSize+i*n.size():]) }

// item gives the bytes of an item of a leaf.
func (n *node) item(i int) []byte {
	b := n.data[headerSize+i*itemSize:]
	off := headerSize + int(le.Uint32(b[17:]))
	end := off + int(le.Uint32(b[21:]))
	return n.data[off:end:end]
}

// child gives the pointer at i.
func (n *node) child(i int) treeRef {
	b := n.data[headerSize+i*ptrSize:]
	return treeRef{le.Uint64(b[17:]), le.Uint64(b[25:]), n.level - 1}
}

// upTo gives the last index whose key is not above k, -1 when there is none.
func (n *node) upTo(k key) int {
	lo, hi, size := 0, n.n, n.size()
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if compareKey(n.data[headerSize+mid*size:], k) > 0 {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo - 1
}

// readNode gives the block that ref points to, from the first copy that holds.
func (t *tree) readNode(ref treeRef) (*node, error) {
	if n := t.cache.get(ref.logical); n != nil {
		if n.level != ref.level || le.Uint64(n.data[0x50:]) != ref.generation {
			return nil, block.Damaged("tree block at %d: level %d of generation %d, want %d of %d", ref.logical, n.level, le.Uint64(n.data[0x50:]), ref.level, ref.generation)
		}
		return n, nil
	}
	copies, err := t.copiesAt(ref.logical)
	if err != nil {
		return nil, fmt.Errorf("tree block at %d: %w", ref.logical, err)
	}
	n := &node{logical: ref.logical, data: make([]byte, t.sb.nodeSize)}
	for i := range copies {
		cerr := t.readCopy(n.data, ref.logical, i)
		if cerr == nil {
			cerr = t.verifyNode(n, ref)
		}
		if err = worse(err, cerr, i); cerr == nil {
			t.cache.put(n)
			return n, nil
		}
	}
	return nil, fmt.Errorf("tree block at %d: %w", ref.logical, err)
}

// verifyNode holds a block against its checksum, the pointer to it and itself.
func (t *tree) verifyNode(n *node, ref treeRef) error {
	b := n.data
	gen := le.Uint64(b[0x50:])
	switch {
	case !t.sb.sum.holds(b[32:], b[:t.sb.sum.size()]):
		return block.Damaged("its checksum does not hold")
	case le.Uint64(b[0x30:]) != n.logical:
		return block.Damaged("it says that it is at %d", le.Uint64(b[0x30:]))
	case [16]byte(b[0x20:0x30]) != t.sb.metadataUUID:
		return block.Damaged("it belongs to file system %s", uuidText([16]byte(b[0x20:])))
	case gen != ref.generation:
		return block.Damaged("it is of generation %d, want %d", gen, ref.generation)
	case b[0x64] != ref.level:
		return block.Damaged("it is of level %d, want %d", b[0x64], ref.level)
	}
	count := le.Uint32(b[0x60:])
	n.level = ref.level
	if room := len(b) - headerSize; uint64(count)*uint64(n.size()) > uint64(room) {
		return block.Damaged("%d entries in %d bytes", count, room)
	}
	n.n = int(count)
	if n.level > 0 && n.n == 0 {
		return block.Damaged("no pointers at level %d", n.level)
	}
	for i := range n.n {
		if i > 0 && compareKey(b[headerSize+i*n.size():], n.key(i-1)) <= 0 {
			return block.Damaged("key %v after %v", n.key(i), n.key(i-1))
		}
		if n.level > 0 {
			continue
		}
		h := b[headerSize+i*itemSize:]
		off, size := uint64(le.Uint32(h[17:])), uint64(le.Uint32(h[21:]))
		if off < uint64(n.n)*itemSize || off+size > uint64(len(b)-headerSize) {
			return block.Damaged("item %v of %d bytes at %d", n.key(i), size, off)
		}
	}
	return nil
}

// nodeCache keeps verified nodes, the least recently used going first.
type nodeCache struct {
	mu    sync.Mutex
	limit int
	have  map[uint64]*list.Element
	order list.List
}

func (c *nodeCache) init(limit int) { c.limit, c.have = limit, map[uint64]*list.Element{} }

func (c *nodeCache) get(logical uint64) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.have[logical]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*node)
}

func (c *nodeCache) put(n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.have[n.logical]; ok {
		return
	}
	c.have[n.logical] = c.order.PushFront(n)
	if c.order.Len() > c.limit {
		last := c.order.Back()
		delete(c.have, last.Value.(*node).logical)
		c.order.Remove(last)
	}
}

// first keeps the first error of several.
func first(old, err error) error {
	if old != nil {
		return old
	}
	return err
}

// isMissing tells whether err is of a device that was not given.
func isMissing(err error) bool { return errors.Is(err, block.ErrMissing) }
