package squashfs

// lzo decompresses one LZO1X stream (the kernel's Documentation/staging/lzo.rst)
// into dst and gives how many bytes that were.
func lzo(dst, src []byte) (int, error) {
	d := lzoReader{dst: dst, src: src}
	if len(src) > 0 && src[0] > 17 {
		d.in = 1
		d.literals(int(src[0]) - 17)
	}
	for d.err == nil && !d.done {
		d.instruction()
	}
	return d.out, d.err
}

type lzoReader struct {
	dst, src []byte
	in, out  int
	state    int // literals that the last instruction copied; 4: more than 3
	done     bool
	err      error
}

func (d *lzoReader) byte() int {
	if d.in == len(d.src) {
		d.err = errCut
		return 0
	}
	d.in++
	return int(d.src[d.in-1])
}

// length gives n, or, when that is zero, one that follows on top of most.
func (d *lzoReader) length(n, most int) int {
	if n != 0 {
		return n
	}
	n = most
	for d.err == nil {
		b := d.byte()
		if b != 0 {
			return n + b
		}
		n += 255
	}
	return 0
}

func (d *lzoReader) literals(n int) {
	switch {
	case d.err != nil:
	case n > len(d.src)-d.in:
		d.err = errCut
	case n > len(d.dst)-d.out:
		d.err = errLong
	default:
		copy(d.dst[d.out:], d.src[d.in:d.in+n])
		d.in, d.out, d.state = d.in+n, d.out+n, min(n, 4)
	}
}

// match copies n bytes from back, then the literals that go with it.
func (d *lzoReader) match(back, n, literals int) {
	if d.err == nil {
		d.out, d.err = match(d.dst, d.out, back, n)
	}
	d.literals(literals)
}

func (d *lzoReader) instruction() {
	t := d.byte()
	switch {
	case t >= 64:
		n := 3 + t>>5&1
		if t >= 128 {
			n = 5 + t>>5&3
		}
		d.match(d.byte()<<3+t>>2&7+1, n, t&3)
	case t >= 32:
		n := d.length(t&31, 31) + 2
		v := d.byte() | d.byte()<<8
		d.match(v>>2+1, n, v&3)
	case t >= 16:
		n := d.length(t&7, 7) + 2
		v := d.byte() | d.byte()<<8
		back := t&8<<11 + v>>2 + 16384
		if d.done = back == 16384; !d.done {
			d.match(back, n, v&3)
		}
	case d.state == 0:
		d.literals(d.length(t, 15) + 3)
	case d.state < 4:
		d.match(d.byte()<<2+t>>2+1, 2, t&3)
	default:
		d.match(d.byte()<<2+t>>2+2049, 3, t&3)
	}
}
