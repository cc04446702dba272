package btrfs

import (
	"errors"

	"github.com/lenscap/lenscap/internal/disk/gf256"
)

// rebuild computes p from the other units of its row. Copy 1 takes what is at
// p itself for bad, copy 2 the P parity as well, the copies after that instead
// of it one other column each.
func (c *chunk) rebuild(p []byte, at place, copyNr int) error {
	cols := int(c.columns())
	rest := at.within % unit
	read := func(buf []byte, column int) error {
		return c.readStripe(buf, c.rotated(at.row, column), at.row*unit+rest)
	}
	// sumP and sumQ are what the parities lack with the units that were read.
	buf, sumP, sumQ := make([]byte, len(p)), make([]byte, len(p)), make([]byte, len(p))
	other := -1 // a second column that can't be read
	nr := 2
	for d := range cols {
		if d == at.column {
			continue
		}
		nr++
		err := errNoDevice
		if nr != copyNr {
			err = read(buf, d)
		}
		if err != nil {
			if other >= 0 {
				return err
			}
			other = d
			continue
		}
		gf256.AddMul(sumP, buf, 1)
		gf256.AddMul(sumQ, buf, gf256.Pow(d))
	}
	havePar := [2]bool{}
	var failed error
	for i, sum := range [][]byte{sumP, sumQ}[:c.parity()] {
		if i == 0 && copyNr == 2 {
			continue
		}
		if err := read(buf, cols+i); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		gf256.AddMul(sum, buf, 1)
		havePar[i] = true
	}
	switch {
	case other < 0 && havePar[0]:
		copy(p, sumP)
	case other < 0 && havePar[1]:
		clear(p)
		gf256.AddMul(p, sumQ, gf256.Inv(gf256.Pow(at.column)))
	case other >= 0 && havePar[0] && havePar[1]:
		solveTwo(p, sumP, sumQ, at.column, other)
	case failed != nil:
		return failed
	default:
		return errNoDevice
	}
	return nil
}

// solveTwo finds the unit x of two lost ones: P = x + y and Q = x·2^a + y·2^b,
// so x = (Q + P·2^b) / (2^a + 2^b).
func solveTwo(out, sumP, sumQ []byte, a, b int) {
	// Columns are fewer than 255, so the divisor is not zero.
	part := gf256.Inv(gf256.Pow(a) ^ gf256.Pow(b))
	clear(out)
	gf256.AddMul(out, sumP, gf256.Mul(gf256.Pow(b), part))
	gf256.AddMul(out, sumQ, part)
}
