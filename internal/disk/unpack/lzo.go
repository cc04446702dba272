package unpack

// LZO1X decompresses one stream of LZO1X (Linux's
// Documentation/staging/lzo.rst) into dst and gives how many bytes that were.
func LZO1X(dst, src []byte) (int, error) {
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
			return 0, ErrCut
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
		if d.out, err = match(d.dst, d.out, back, n); err != nil {
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
			return 0, 0, 0, ErrCut
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
		return 0, 0, 0, ErrCut
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
	return 0, ErrCut
}

func (d *lzoStream) literals(n int) error {
	switch {
	case n > len(d.src)-d.in:
		return ErrCut
	case n > len(d.dst)-d.out:
		return ErrLong
	}
	copy(d.dst[d.out:], d.src[d.in:d.in+n])
	d.in, d.out = d.in+n, d.out+n
	return nil
}
