package btrfs

import (
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// errNoDevice is the error of bytes on a device that was not given.
var errNoDevice = fmt.Errorf("it lies on a device that was not given: %w", block.ErrMissing)

// place is where a byte of a chunk lies: the stripe that holds it, the row of
// units, the column of data among those of its row.
type place struct {
	stripe int
	row    uint64
	column int
	within uint64 // offset on the device from the start of the stripe
	run    uint64 // bytes that follow on the same stripe
}

// locate finds the byte at off of a chunk in one of its copies. With parity,
// copies other than the first are computed: see rebuild.
func (c *chunk) locate(off uint64, copyNr int) place {
	if !c.striped() {
		return place{stripe: copyNr, within: off, run: c.length - off}
	}
	nr, rest := off/unit, off%unit
	cols := c.columns()
	p := place{
		row: nr / cols, column: int(nr % cols),
		within: nr/cols*unit + rest, run: min(unit-rest, c.length-off),
	}
	if cols == 1 && c.parity() == 0 {
		p.run = c.length - off
	}
	switch {
	case c.parity() > 0:
		p.stripe = c.rotated(p.row, p.column)
	default:
		p.stripe = p.column*c.mirrors() + copyNr
	}
	return p
}

// rotated tells which stripe holds a column of a row: with parity the columns
// move on by one each row. P and Q follow the columns of data.
func (c *chunk) rotated(row uint64, column int) int {
	return int((row + uint64(column)) % uint64(len(c.stripes)))
}

// readRun reads p at off of a chunk in one of its copies. It must not reach
// beyond the run of locate.
func (c *chunk) readRun(p []byte, off uint64, copyNr int) error {
	at := c.locate(off, copyNr)
	if copyNr > 0 && c.parity() > 0 {
		return c.rebuild(p, at, copyNr)
	}
	return c.readStripe(p, at.stripe, at.within)
}

// readStripe reads from one device.
func (c *chunk) readStripe(p []byte, nr int, within uint64) error {
	s := c.stripes[nr]
	if s.dev == nil {
		return errNoDevice
	}
	// Both are below 2^62.
	if err := block.ReadFull(s.dev.src, p, int64(s.offset+within)); err != nil {
		return fmt.Errorf("device %d: %w", s.dev.id, err)
	}
	return nil
}

// copiesAt is how many ways there are to read at a logical address.
func (t *tree) copiesAt(logical uint64) (int, error) {
	c, err := t.chunkAt(logical)
	if err != nil {
		return 0, err
	}
	return c.copies(), nil
}

// readCopy reads p at a logical address from one copy.
func (t *tree) readCopy(p []byte, logical uint64, copyNr int) error {
	for len(p) > 0 {
		c, err := t.chunkAt(logical)
		if err != nil {
			return err
		}
		off := logical - c.logical
		n := min(uint64(len(p)), c.locate(off, 0).run)
		if err := c.readRun(p[:n], off, min(copyNr, c.copies()-1)); err != nil {
			return err
		}
		p, logical = p[n:], logical+n
	}
	return nil
}

// readAny reads p at a logical address from whichever copy can be read.
func (t *tree) readAny(p []byte, logical uint64) error {
	for len(p) > 0 {
		c, err := t.chunkAt(logical)
		if err != nil {
			return err
		}
		off := logical - c.logical
		n := min(uint64(len(p)), c.locate(off, 0).run)
		for i := range c.copies() {
			rerr := c.readRun(p[:n], off, i)
			if err = worse(err, rerr, i); rerr == nil {
				err = nil
				break
			}
		}
		if err != nil {
			return fmt.Errorf("read %d bytes at logical address %d: %w", n, logical, err)
		}
		p, logical = p[n:], logical+n
	}
	return nil
}

// worse gives the error that tells more of two copies: not the one that merely
// says that a device is missing.
func worse(old, err error, i int) error {
	if i == 0 || errors.Is(old, block.ErrMissing) && err != nil {
		return err
	}
	return old
}
