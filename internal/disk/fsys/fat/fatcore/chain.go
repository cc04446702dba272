package fatcore

import (
	"sort"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Run is a stretch of a file's clusters: N of them from the file's cluster
// Start, at cluster First of the heap, or a hole when First is 0.
type Run struct {
	Start, N uint64
	First    uint32
}

// from gives the part of a run that begins at a cluster of the file within it.
func (r Run) from(at uint64) Run {
	skip := at - r.Start
	r.Start, r.N = at, r.N-skip
	if r.First != 0 {
		r.First += uint32(skip)
	}
	return r
}

// Follow tells how a chain goes on from cluster c: n clusters that follow each
// other on the heap, 1 to limit of them, then the cluster next, 0 for none. It
// may give fewer than there are; next is then the one that follows.
type Follow func(c uint32, limit uint64) (n uint64, next uint32, err error)

// Mapping tells where a file's clusters lie.
type Mapping interface {
	// Lookup gives the run that holds the file's cluster at, from there on. It
	// need not look for more than want clusters.
	Lookup(at, want uint64) (Run, error)
}

// maxRuns bounds how many runs of a chain are remembered. Of a longer list every
// second one is forgotten: a chain then is walked again from the one before.
const maxRuns = 2048

// Chain is the clusters of one file, found as they are asked for.
type Chain struct {
	follow Follow
	count  uint64 // clusters that the file has
	heap   *Heap

	mu     sync.Mutex
	runs   []Run  // ascending, the first one starts at 0
	stride int    // one of so many runs is remembered
	skip   int    // runs to leave out before the next one is remembered
	here   Run    // what again gave last
	last   Run    // the run that ends at known
	known  uint64 // clusters walked so far
	next   uint32 // the cluster after them, 0 at the end
	loop   loop
	err    error // the chain loops
}

// NewChain gives the chain of a file with count clusters that starts at first.
func NewChain(heap *Heap, follow Follow, first uint32, count uint64) *Chain {
	return &Chain{follow: follow, count: count, heap: heap, next: first, stride: 1}
}

// Lookup implements [Mapping].
func (c *Chain) Lookup(at, want uint64) (Run, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at < c.last.Start {
		return c.again(at, want)
	}
	for c.known <= at || c.known < at+want && c.known < c.count && c.next == c.last.First+uint32(c.last.N) {
		if err := c.extend(); err != nil {
			if c.known > at && c.err == nil {
				break // what was asked for is there
			}
			return Run{}, err
		}
	}
	if c.err != nil {
		return Run{}, c.err
	}
	return c.last.from(at), nil
}

// extend walks on by one step. Once all of the file's clusters are known it
// walks to the chain's end, for a chain without one is damage of all of it.
func (c *Chain) extend() error {
	if c.err != nil {
		return c.err
	}
	first := c.next
	switch {
	case first == 0:
		return block.Damaged("its chain ends after %d clusters, it has %d", c.known, c.count)
	case c.known >= c.count:
		return block.Damaged("cluster %d of %d", c.known, c.count)
	}
	n, next, err := c.step(first, c.count-c.known)
	if err != nil {
		return err
	}
	if c.last.N > 0 && first == c.last.First+uint32(c.last.N) {
		c.last.N += n
		if k := len(c.runs); k > 0 && c.runs[k-1].Start == c.last.Start {
			c.runs[k-1].N = c.last.N
		}
	} else {
		c.last = Run{Start: c.known, N: n, First: first}
		c.remember()
	}
	c.known, c.next = c.known+n, next
	if c.known == c.count {
		c.finish()
	}
	return c.err
}

// step follows the chain and watches for loops.
func (c *Chain) step(first uint32, limit uint64) (n uint64, next uint32, err error) {
	if !c.heap.Holds(first) {
		return 0, 0, block.Damaged("its chain goes to cluster %d of %d", first, c.heap.Count)
	}
	n, next, err = c.follow(first, min(limit, c.heap.Rest(first)))
	if err != nil {
		return 0, 0, err
	}
	if c.loop.passes(first, n) {
		c.err = block.Damaged("its chain comes back to cluster %d", c.loop.mark)
		return 0, 0, c.err
	}
	return n, next, nil
}

// finish walks on from the file's last cluster. What lies there is not the
// file's, so only a loop matters; one among the file's own clusters shows itself
// before the chain is a few times as long.
func (c *Chain) finish() {
	budget := 4*c.count + 64
	for next := c.next; next != 0 && budget > 0; {
		n, after, err := c.step(next, budget)
		if err != nil {
			return
		}
		budget, next = budget-n, after
	}
}

func (c *Chain) remember() {
	if c.skip > 0 {
		c.skip--
		return
	}
	c.runs = append(c.runs, c.last)
	c.skip = c.stride - 1
	if len(c.runs) < maxRuns {
		return
	}
	for i := range maxRuns / 2 {
		c.runs[i] = c.runs[2*i]
	}
	c.runs = c.runs[:maxRuns/2]
	c.stride *= 2
	c.skip = c.stride - 1
}

// again finds a run before the last one: among those that are remembered, or by
// walking on from the one before.
func (c *Chain) again(at, want uint64) (Run, error) {
	if c.err != nil {
		return Run{}, c.err
	}
	r := c.runs[sort.Search(len(c.runs), func(i int) bool { return c.runs[i].Start > at })-1]
	if c.here.Start > r.Start && c.here.Start <= at {
		r = c.here
	}
	for at >= r.Start+r.N {
		_, next, err := c.follow(r.First+uint32(r.N-1), 1)
		if err != nil {
			return Run{}, err
		}
		if !c.heap.Holds(next) {
			return Run{}, block.Damaged("its chain changed after cluster %d", r.First+uint32(r.N-1))
		}
		after := r.Start + r.N
		n, _, err := c.follow(next, min(at-after+want, c.heap.Rest(next)))
		if err != nil {
			return Run{}, err
		}
		r = Run{Start: after, N: n, First: next}
	}
	c.here = r
	return r.from(at), nil
}

// loop finds loops as R. P. Brent does: it marks a cluster, and marks another
// one once it has gone twice as far as the time before. Passing the mark is a
// loop.
type loop struct {
	mark        uint32
	gone, power uint64
}

// passes takes n clusters from first on and tells whether the mark is there.
func (l *loop) passes(first uint32, n uint64) bool {
	if l.mark >= first && uint64(l.mark-first) < n {
		return true
	}
	if l.gone += n; l.gone >= l.power {
		l.mark, l.gone, l.power = first+uint32(n-1), 0, max(2*l.power, 16)
	}
	return false
}
