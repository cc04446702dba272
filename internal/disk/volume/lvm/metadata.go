package lvm

import (
	"container/list"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// metaBlock is the block size of the device mapper's persistent metadata.
const metaBlock = 4096

// What the checksums of the kinds of blocks are combined with.
const (
	thinSalt  = 160774
	cacheSalt = 9031977
	nodeSalt  = 121107
	arraySalt = 595846735
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// metadata is a device with persistent metadata. Blocks come through a cache.
type metadata struct {
	src   block.Source
	cache *nodeCache
}

// maxNodes is how many blocks are kept of all metadata: 8 MiB.
const maxNodes = 2048

// nodeCache keeps checked blocks, the least recently used going first.
type nodeCache struct {
	mu    sync.Mutex
	have  map[nodeKey]*list.Element
	order *list.List // of cachedNode, most recently used first
}

type nodeKey struct {
	of   *metadata
	at   uint64
	salt uint32
}

type cachedNode struct {
	key  nodeKey
	data []byte
}

func newNodeCache() *nodeCache {
	return &nodeCache{have: map[nodeKey]*list.Element{}, order: list.New()}
}

func (c *nodeCache) get(key nodeKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.have[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedNode).data
}

func (c *nodeCache) put(key nodeKey, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.have[key]; ok {
		return
	}
	c.have[key] = c.order.PushFront(&cachedNode{key, data})
	if c.order.Len() > maxNodes {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.have, last.Value.(*cachedNode).key)
	}
}

// block gives block number at, its checksum and its own number checked; the
// number stands at byte self.
func (m *metadata) block(at uint64, salt uint32, self int) ([]byte, error) {
	key := nodeKey{m, at, salt}
	if b := m.cache.get(key); b != nil {
		return b, nil
	}
	if at >= uint64(m.src.Size()/metaBlock) {
		return nil, block.Damaged("metadata block %d of %d", at, m.src.Size()/metaBlock)
	}
	b := make([]byte, metaBlock)
	if err := block.ReadFull(m.src, b, int64(at)*metaBlock); err != nil {
		return nil, fmt.Errorf("read metadata block %d: %w", at, err)
	}
	if got, want := ^crc32.Checksum(b[4:], castagnoli)^salt, le.Uint32(b); got != want {
		return nil, block.Damaged("metadata block %d has checksum %#x, want %#x", at, got, want)
	}
	if own := le.Uint64(b[self:]); own != at {
		return nil, block.Damaged("metadata block %d says to be %d", at, own)
	}
	m.cache.put(key, b)
	return b, nil
}
