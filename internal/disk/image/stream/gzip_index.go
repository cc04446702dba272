package stream

import (
	"bytes"

	"github.com/klauspost/compress/s2"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// firstSpacing is how far checkpoints are apart at first, in bytes of content.
	firstSpacing = 1 << 20
	// maxWindows bounds the memory that the checkpoints' windows take. When it is
	// full every other one goes, and from then on they lie twice as far apart.
	maxWindows = 16 << 20
)

// checkpoint is a place from which a gzip file can be inflated.
type checkpoint struct {
	out    int64 // in the content
	bit    int64 // the next bit on the source
	header int64 // the bit with the header of the block, below zero between blocks
	left   int   // of a stored block
	final  bool
	length int    // of the window
	window []byte // compressed with S2; nil: zeros
}

// index gathers checkpoints.
type index struct {
	points  []checkpoint
	spacing int64
	memory  int
	most    int // maxWindows, less in tests
}

func newIndex() *index {
	return &index{points: []checkpoint{{}}, spacing: firstSpacing, most: maxWindows}
}

// consider takes a checkpoint at out, where g stands, when it is due.
func (ix *index) consider(g *gunzip, out int64) {
	last := ix.points[len(ix.points)-1].out
	if out-last < ix.spacing || !g.inside {
		return
	}
	p := g.checkpoint()
	p.out = out
	ix.points = append(ix.points, p)
	ix.memory += p.cost()
	for ix.memory > ix.most && len(ix.points) > 2 {
		ix.spacing *= 2
		kept := ix.points[:1]
		ix.memory = 0
		for _, p := range ix.points[1:] {
			if p.out-kept[len(kept)-1].out >= ix.spacing {
				kept = append(kept, p)
				ix.memory += p.cost()
			}
		}
		clear(ix.points[len(kept):]) // lets go of their windows
		ix.points = kept
	}
}

// cost is the memory that a checkpoint takes, in bytes.
func (p *checkpoint) cost() int { return len(p.window) + 80 }

// checkpoint is where the inflater stands, but for its place in the content.
func (d *inflater) checkpoint() checkpoint {
	window := d.out[max(d.floor, d.w-windowSize):d.w]
	p := checkpoint{bit: d.at(), header: -1, left: d.left, final: d.final, length: len(window)}
	if d.state != betweenBlocks {
		p.header = d.header
	}
	if !bytes.Equal(window, make([]byte, len(window))) {
		p.window = s2.EncodeBetter(nil, window)
	}
	return p
}

// resume goes to a checkpoint within a member.
func (d *inflater) resume(p *checkpoint) error {
	d.w, d.floor = p.length, 0
	if p.window == nil {
		clear(d.out[:p.length])
	} else if _, err := s2.Decode(d.out[:p.length], p.window); err != nil {
		return err
	}
	d.state, d.final = betweenBlocks, p.final
	if p.header >= 0 {
		if err := d.seek(p.header); err != nil {
			return err
		}
		if err := d.blockHeader(); err != nil {
			return err
		}
	}
	d.left = p.left
	return d.seek(p.bit)
}

// cursor inflates from some place on.
type cursor struct {
	*gunzip
	base int64 // in the content, of out[0]
	ok   bool  // it stands somewhere
}

func newCursor(src block.Source) *cursor { return &cursor{gunzip: newGunzip(src, false)} }

// end is the place up to which it has inflated.
func (c *cursor) end() int64 { return c.base + int64(c.w) }

// restart goes to a checkpoint; that at 0 is the beginning of the file.
func (c *cursor) restart(p *checkpoint) error {
	c.ok = false
	c.inside = p.bit > 0
	if c.inside {
		if err := c.resume(p); err != nil {
			return err
		}
	} else {
		c.in.seek(0)
		c.w, c.floor = 0, 0
	}
	c.base, c.ok = p.out-int64(c.w), true
	return nil
}
