package unpack

// UnLZMA decompresses a file in the old format of LZMA into dst: properties, the
// size of the dictionary, that of the data, the data. It gives how many bytes
// that were.
func UnLZMA(dst, src []byte) (int, error) {
	const headSize = 13
	if len(src) < headSize {
		return 0, ErrCut
	}
	limit, size := len(dst), le.Uint64(src[5:])
	marked := size == 1<<64-1 // its end is
	switch {
	case marked:
	case size > uint64(len(dst)):
		return 0, ErrLong
	default:
		limit = int(size)
	}
	d := lzmas.Get().(*LZMA2)
	defer d.free()
	d.out = dst
	d.begin(nil, nil, len(dst), int64(len(dst)))
	if err := d.properties(src[0]); err != nil {
		return 0, err
	}
	d.reset()
	copy(d.room(len(src)-headSize), src[headSize:])
	if err := d.start(); err != nil {
		return 0, err
	}
	ended, err := d.run(limit)
	if err == nil && marked && !ended {
		err = d.wantMarker()
	}
	return d.w, err
}

// wantMarker reads the marker of the end.
func (d *lzma) wantMarker() error {
	place := (d.w - d.floor) & (1<<d.pb - 1)
	if d.bit(&d.isMatch[d.state][place]) == 0 || d.match(place) != 0 {
		return ErrLong
	}
	return nil
}
