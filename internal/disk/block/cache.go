package block

import (
	"container/list"
	"fmt"
	"sync"
)

// Cache is a [Source] that keeps aligned chunks of another one in memory, the
// least recently used going first. A chunk that several readers want at once
// is fetched once. Reads that cover whole chunks pass by the cache for what it
// does not hold: bulk reads of file data don't drive out metadata.
type Cache struct {
	through
	chunk int64
	limit int // chunks

	mu    sync.Mutex
	have  map[int64]*list.Element // chunk index → *piece
	order *list.List              // most recently used first
}

type piece struct {
	index int64
	ready chan struct{} // closed when data and err are set
	data  []byte
	err   error
}

// NewCache keeps at most limit bytes of src in aligned chunks of the given
// size. Closing it closes src.
func NewCache(src Source, chunk int, limit int64) (*Cache, error) {
	if chunk <= 0 || limit < int64(chunk) {
		return nil, fmt.Errorf("cache of %d bytes in chunks of %d: want at least one chunk", limit, chunk)
	}
	return &Cache{
		through: through{src}, chunk: int64(chunk), limit: int(limit / int64(chunk)),
		have: make(map[int64]*list.Element), order: list.New(),
	}, nil
}

// ReadAt implements [io.ReaderAt].
func (c *Cache) ReadAt(p []byte, off int64) (int, error) {
	n, end := Clip(len(p), off, c.Size())
	for done := 0; done < n; {
		pos := off + int64(done)
		if span := c.bypass(pos, int64(n-done)); span > 0 {
			if err := ReadFull(c.Source, p[done:done+int(span)], pos); err != nil {
				return done, err
			}
			done += int(span)
			continue
		}
		data, err := c.get(pos / c.chunk)
		if err != nil {
			return done, err
		}
		done += copy(p[done:n], data[pos%c.chunk:])
	}
	return n, end
}

// bypass gives how many bytes from pos are whole chunks that are not at hand:
// they are read in one request and not kept.
func (c *Cache) bypass(pos, want int64) int64 {
	if pos%c.chunk != 0 || want < c.chunk {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(0)
	for ; want-n >= c.chunk; n += c.chunk {
		if _, ok := c.have[(pos+n)/c.chunk]; ok {
			break
		}
	}
	return n
}

// get gives one chunk, fetching it when it is not at hand.
func (c *Cache) get(index int64) ([]byte, error) {
	c.mu.Lock()
	if e, ok := c.have[index]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		p := e.Value.(*piece)
		<-p.ready
		return p.data, p.err
	}
	p := &piece{index: index, ready: make(chan struct{})}
	e := c.order.PushFront(p)
	c.have[index] = e
	for c.order.Len() > c.limit {
		c.drop(c.order.Back())
	}
	c.mu.Unlock()

	defer close(p.ready)
	start := index * c.chunk
	data := make([]byte, min(c.chunk, c.Size()-start))
	if p.err = ReadFull(c.Source, data, start); p.err == nil {
		p.data = data
		return data, nil
	}
	c.mu.Lock() // a failure is not kept: the next reader tries again
	if c.have[index] == e {
		c.drop(e)
	}
	c.mu.Unlock()
	return nil, p.err
}

// drop forgets a chunk; those who wait for it still get it. mu is held.
func (c *Cache) drop(e *list.Element) {
	c.order.Remove(e)
	delete(c.have, e.Value.(*piece).index)
}
