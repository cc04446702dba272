package btrfs

import "errors"

// Tables of GF(2^8) with the polynomial 0x11D and the generator 2.
var gfExp, gfLog = func() (exp [512]byte, log [256]byte) {
	x := 1
	for i := range 255 {
		exp[i], exp[i+255] = byte(x), byte(x)
		log[x] = byte(i)
		if x <<= 1; x > 255 {
			x ^= 0x11D
		}
	}
	return exp, log
}()

// gfScale multiplies each byte of p by 2^power.
func gfScale(p []byte, power int) {
	power %= 255
	if power == 0 {
		return
	}
	var table [256]byte
	for i := 1; i < 256; i++ {
		table[i] = gfExp[int(gfLog[i])+power]
	}
	for i, b := range p {
		p[i] = table[b]
	}
}

func xor(dst, src []byte) {
	for i, b := range src {
		dst[i] ^= b
	}
}

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
		xor(sumP, buf)
		gfScale(buf, d)
		xor(sumQ, buf)
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
		xor(sum, buf)
		havePar[i] = true
	}
	switch {
	case other < 0 && havePar[0]:
		copy(p, sumP)
	case other < 0 && havePar[1]:
		copy(p, sumQ)
		gfScale(p, 255-at.column%255)
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
	copy(out, sumP)
	gfScale(out, b)
	xor(out, sumQ)
	// Columns are fewer than 255, so the divisor is not zero.
	gfScale(out, 255-int(gfLog[gfExp[a%255]^gfExp[b%255]]))
}
