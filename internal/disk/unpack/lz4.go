package unpack

// LZ4 decompresses one block (LZ4 block format) into dst and gives how many
// bytes that were.
func LZ4(dst, src []byte) (int, error) {
	in, out := 0, 0
	// more adds to a length that its nibble could not hold.
	more := func(n int) (int, bool) {
		if n < 15 {
			return n, true
		}
		for in < len(src) {
			b := src[in]
			in++
			if n += int(b); b != 255 {
				return n, true
			}
		}
		return 0, false
	}
	for in < len(src) {
		token := int(src[in])
		in++
		n, ok := more(token >> 4)
		if !ok || n > len(src)-in {
			return out, ErrCut
		}
		if n > len(dst)-out {
			return out, ErrLong
		}
		copy(dst[out:], src[in:in+n])
		in, out = in+n, out+n
		if in == len(src) {
			return out, nil // the last sequence has no match
		}
		if len(src)-in < 2 {
			return out, ErrCut
		}
		back := int(le.Uint16(src[in:]))
		in += 2
		if n, ok = more(token & 15); !ok {
			return out, ErrCut
		}
		var err error
		if out, err = match(dst, out, back, n+4); err != nil {
			return out, err
		}
	}
	return out, ErrCut
}
