package btrfs

import (
	"errors"
	"fmt"
)

var (
	errLZOInput  = errors.New("the input is cut off")
	errLZOOutput = errors.New("more output than was told")
	errLZOBack   = errors.New("a match before the start")
)

// inflateLZO reads Btrfs's framing: the length of all, then segments, each with
// its length before it and one sector when decompressed. No segment's length
// crosses a sector of the input.
func inflateLZO(dst, src []byte, sector int) (int, error) {
	if len(src) < 8 {
		return 0, errLZOInput
	}
	total := int(le.Uint32(src))
	if total < 4 || total > len(src) {
		return 0, fmt.Errorf("%d bytes of segments in %d", total, len(src))
	}
	n := 0
	for at := 4; at+4 <= total && n < len(dst); {
		size := int(le.Uint32(src[at:]))
		at += 4
		if size < 0 || size > len(src)-at {
			return n, fmt.Errorf("a segment of %d bytes, %d are left", size, len(src)-at)
		}
		got, err := lzo1x(dst[n:min(n+sector, len(dst))], src[at:at+size])
		if err != nil {
			return n, fmt.Errorf("segment at %d: %w", at, err)
		}
		n, at = n+got, at+size
		if left := sector - at%sector; left < 4 {
			at += left
		}
	}
	return n, nil
}

// lzo1x decompresses LZO1X into dst and gives how many bytes that were.
func lzo1x(dst, src []byte) (int, error) {
	d := lzoStream{dst: dst, src: src}
	state := 0 // literals copied by the last instruction, 4: four or more
	if len(src) > 0 && src[0] > 17 {
		n := int(src[0]) - 17
		d.in, state = 1, min(n, 4)
		if err := d.literals(n); err != nil {
			return 0, err
		}
	}
	for {
		if d.in >= len(src) {
			return 0, errLZOInput
		}
		t := int(src[d.in])
		d.in++
		if t < 16 && state == 0 {
			n, err := d.length(t, 15)
			if err == nil {
				err = d.literals(n + 3)
			}
			if err != nil {
				return 0, err
			}
			state = 4
			continue
		}
		back, n, next, err := d.match(t, state)
		if err != nil {
			return 0, err
		}
		if back == 0 {
			return d.out, nil
		}
		if err := d.copyBack(back, n); err != nil {
			return 0, err
		}
		if err := d.literals(next); err != nil {
			return 0, err
		}
		state = next
	}
}

type lzoStream struct {
	dst, src []byte
	in, out  int
}

// match reads the rest of an instruction that copies n bytes from back bytes
// before; next is how many literals follow. back is 0 at the end.
func (d *lzoStream) match(t, state int) (back, n, next int, err error) {
	if t >= 64 || t < 16 {
		if d.in >= len(d.src) {
			return 0, 0, 0, errLZOInput
		}
		high := int(d.src[d.in])
		d.in++
		switch {
		case t >= 64:
			return t>>2&7 + high<<3 + 1, t>>5 + 1, t & 3, nil
		case state == 4:
			return t>>2 + high<<2 + 2049, 3, t & 3, nil
		}
		return t>>2 + high<<2 + 1, 2, t & 3, nil
	}
	mask := 31
	if t < 32 {
		mask = 7
	}
	if n, err = d.length(t&mask, mask); err != nil {
		return 0, 0, 0, err
	}
	if d.in+2 > len(d.src) {
		return 0, 0, 0, errLZOInput
	}
	v := int(le.Uint16(d.src[d.in:]))
	d.in += 2
	back = v>>2 + 1
	if t < 32 {
		if back = t&8<<11 + v>>2; back != 0 {
			back += 16384
		}
	}
	return back, n + 2, v & 3, nil
}

// length reads a length that goes on in further bytes when n is zero.
func (d *lzoStream) length(n, base int) (int, error) {
	if n != 0 {
		return n, nil
	}
	n = base
	for d.in < len(d.src) {
		c := d.src[d.in]
		d.in++
		if c != 0 {
			return n + int(c), nil
		}
		n += 255
	}
	return 0, errLZOInput
}

func (d *lzoStream) literals(n int) error {
	switch {
	case n > len(d.src)-d.in:
		return errLZOInput
	case n > len(d.dst)-d.out:
		return errLZOOutput
	}
	copy(d.dst[d.out:], d.src[d.in:d.in+n])
	d.in, d.out = d.in+n, d.out+n
	return nil
}

func (d *lzoStream) copyBack(back, n int) error {
	switch {
	case back > d.out:
		return errLZOBack
	case n > len(d.dst)-d.out:
		return errLZOOutput
	case back >= n:
		copy(d.dst[d.out:d.out+n], d.dst[d.out-back:])
	default: // it repeats itself
		for i := range n {
			d.dst[d.out+i] = d.dst[d.out-back+i]
		}
	}
	d.out += n
	return nil
}
