package image

import (
	"container/list"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// Bounds of how much of a table is read at once.
	minPage = 4 << 10
	maxPage = 64 << 10
	// tableCache bounds the memory for the tables of one disk.
	tableCache = 8 << 20
)

// Tables reads the tables of an image in pages and keeps the last used ones. It
// is safe for concurrent use.
type Tables struct {
	sources []block.Source
	page    int64
	cache   *lru
}

// NewTables reads the tables on the sources of a [Mapped] disk. near is how
// many bytes of tables lie together, a power of two: where they are small and
// lie among the data, no more of that is read with them than must be.
func NewTables(sources []block.Source, near int64) *Tables {
	return &Tables{sources, max(min(near, maxPage), minPage), newLRU(tableCache)}
}

// At gives the entries of n bytes, a power of two, of a table from off on: one
// at least, and those that follow it in its page. off must be a multiple of n,
// so that no entry lies in two pages. They must not be changed.
func (t *Tables) At(from int, off int64, n int) ([]byte, error) {
	src := t.sources[from]
	if size := src.Size(); off < 0 || off > size-int64(n) || off%int64(n) != 0 {
		return nil, block.Damaged("a table at offset %d of the file, which ends at %d", off, size)
	}
	start := off - off%t.page
	k := key{from, start}
	data, ok := t.cache.hit(k)
	if !ok {
		var err error
		data, err = t.cache.get(k, t.page, func() ([]byte, error) {
			page := make([]byte, min(t.page, src.Size()-start))
			return page, block.ReadFull(src, page, start)
		})
		if err != nil {
			return nil, err
		}
	}
	data = data[off-start:]
	return data[:len(data)-len(data)%n], nil
}

// Size gives the length of a source.
func (t *Tables) Size(from int) int64 { return t.sources[from].Size() }

// lru keeps the last used pieces of data up to a number of bytes. What several
// want at once is loaded once, and no lock is held meanwhile.
type lru struct {
	mu    sync.Mutex
	limit int64
	used  int64
	have  map[key]*list.Element
	order *list.List // of *piece, the last used first
}

// key names a piece: a source and a place on it.
type key struct {
	from int
	off  int64
}

type piece struct {
	key   key
	size  int64
	ready chan struct{} // closed when data and err are set
	data  []byte
	err   error
}

func newLRU(limit int64) *lru {
	return &lru{limit: limit, have: map[key]*list.Element{}, order: list.New()}
}

// hit gives a piece that is there, or is being loaded.
func (c *lru) hit(k key) ([]byte, bool) {
	c.mu.Lock()
	e, ok := c.have[k]
	if !ok {
		c.mu.Unlock()
		return nil, false
	}
	c.order.MoveToFront(e)
	c.mu.Unlock()
	p := e.Value.(*piece)
	<-p.ready
	return p.data, p.err == nil
}

// get gives a piece of the given size, which load makes when it is not there.
func (c *lru) get(k key, size int64, load func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	if e, ok := c.have[k]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		p := e.Value.(*piece)
		<-p.ready
		return p.data, p.err
	}
	p := &piece{key: k, size: size, ready: make(chan struct{})}
	e := c.order.PushFront(p)
	c.have[k] = e
	c.used += size
	for c.used > c.limit && c.order.Len() > 1 {
		c.drop(c.order.Back())
	}
	c.mu.Unlock()

	defer close(p.ready)
	if p.data, p.err = load(); p.err == nil {
		return p.data, nil
	}
	c.mu.Lock() // a failure is not kept: the next one tries again
	if c.have[k] == e {
		c.drop(e)
	}
	c.mu.Unlock()
	return nil, p.err
}

// drop forgets a piece; those who wait for it still get it. mu is held.
func (c *lru) drop(e *list.Element) {
	p := e.Value.(*piece)
	c.order.Remove(e)
	delete(c.have, p.key)
	c.used -= p.size
}
