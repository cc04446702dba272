package fatcore

import (
	"sync"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxClaims bounds the memory for who has which directory.
const maxClaims = 1 << 19

// Claims holds which entry has the directory at a cluster. Two that have the
// same one would show its files twice, a thousand of them a thousand times.
type Claims struct {
	mu sync.Mutex
	by map[uint32]fsys.ID
}

// Claim gives the entry that first claimed the directory at a cluster: id itself
// when no other one has.
func (c *Claims) Claim(first uint32, id fsys.ID) fsys.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if by, ok := c.by[first]; ok {
		return by
	}
	if c.by == nil {
		c.by = map[uint32]fsys.ID{}
	}
	if len(c.by) < maxClaims {
		c.by[first] = id
	}
	return id
}
