package squashfs

import (
	"container/list"
	"sync"
)

// cache keeps decompressed blocks, the least recently used going first. A block
// that several readers want at once is decompressed once. Failures aren't kept.
type cache struct {
	limit int

	mu    sync.Mutex
	used  int
	have  map[int64]*list.Element // place → *unpacked
	order *list.List              // most recently used first
}

// unpacked is a decompressed block.
type unpacked struct {
	at    int64
	ready chan struct{} // closed when the rest is set
	data  []byte
	next  int64 // where the block after it begins
	err   error
}

func newCache(limit int) *cache {
	return &cache{limit: limit, have: map[int64]*list.Element{}, order: list.New()}
}

// peek gives a block that is at hand.
func (c *cache) peek(at int64) (*unpacked, bool) {
	c.mu.Lock()
	e, ok := c.have[at]
	if ok {
		c.order.MoveToFront(e)
	}
	c.mu.Unlock()
	if !ok {
		return nil, false
	}
	u := e.Value.(*unpacked)
	<-u.ready
	return u, u.err == nil
}

// get gives the block at a place, which load makes when it is not at hand.
func (c *cache) get(at int64, load func() (data []byte, next int64, err error)) (*unpacked, error) {
	c.mu.Lock()
	if e, ok := c.have[at]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		u := e.Value.(*unpacked)
		<-u.ready
		return u, u.err
	}
	u := &unpacked{at: at, ready: make(chan struct{})}
	e := c.order.PushFront(u)
	c.have[at] = e
	c.mu.Unlock()

	u.data, u.next, u.err = load()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(u.ready)
	c.used += len(u.data)
	if u.err != nil {
		c.drop(e)
		return u, u.err
	}
	for last := c.order.Back(); c.used > c.limit && last != e; last = c.order.Back() {
		select {
		case <-last.Value.(*unpacked).ready:
			c.drop(last)
		default:
			return u, nil // what is being made stays for those who wait
		}
	}
	return u, nil
}

// drop forgets a block. mu is held.
func (c *cache) drop(e *list.Element) {
	u := e.Value.(*unpacked)
	c.order.Remove(e)
	delete(c.have, u.at)
	c.used -= len(u.data)
}
