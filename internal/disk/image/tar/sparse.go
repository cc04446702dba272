package tar

import (
	"bytes"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// oldSparse reads the map of GNU tar's old format: four runs in the header, and
// 21 in each block that follows.
func (w *walker) oldSparse(m *member) error {
	var ok bool
	if m.size, ok = number(w.h.raw[483:495]); !ok {
		return block.Damaged("size of a sparse member %q", w.h.raw[483:495])
	}
	runs, more := w.h.raw[386:482], w.h.raw[482]
	var pairs []int64
	for {
		for ; len(runs) >= 24 && runs[0] != 0; runs = runs[24:] {
			off, ok1 := number(runs[:12])
			length, ok2 := number(runs[12:24])
			if !ok1 || !ok2 {
				return block.Damaged("sparse map: run %q", runs[:24])
			}
			pairs = append(pairs, off, length)
		}
		if w.pieces+len(pairs)/2 > maxPieces {
			return errPieces()
		}
		if more == 0 {
			return w.laySparse(m, pairs, w.off, w.h.size)
		}
		var ext [blockSize]byte
		if err := block.ReadFull(w.src, ext[:], w.off); err != nil {
			return err
		}
		w.off += blockSize
		runs, more = ext[:504], ext[504]
	}
}

func errPieces() error { return block.Unsupported("more than %d runs in sparse maps", maxPieces) }

// paxSparse reads the map of a sparse member whose records are in a pax header.
func (w *walker) paxSparse(m *member, p *paxRecords, data int64) error {
	m.size = p.real
	pairs, size := p.pairs, w.h.size
	switch p.sparse {
	case "0.0", "0.1":
		if len(pairs)%2 != 0 {
			return block.Damaged("sparse map of %d numbers", len(pairs))
		}
	case "1.0":
		var taken int64
		var err error
		if pairs, taken, err = w.leadingMap(data); err != nil {
			return err
		}
		data, size = data+taken, size-taken
	default:
		return block.Unsupported("sparse format %.20q", p.sparse)
	}
	return w.laySparse(m, pairs, data, size)
}

// leadingMap reads the map that stands before the data in format 1.0: the count
// and the numbers, in decimal, a line each, padded to a block.
func (w *walker) leadingMap(data int64) (pairs []int64, taken int64, err error) {
	var line []byte
	want := int64(-1)
	for taken < w.h.size {
		piece := make([]byte, blockSize)
		if err := block.ReadFull(w.src, piece, data+taken); err != nil {
			return nil, 0, err
		}
		taken += blockSize
		for len(piece) > 0 && want != int64(len(pairs)) {
			head, rest, ended := bytes.Cut(piece, []byte{'\n'})
			line, piece = append(line, head...), rest
			if len(line) > 20 {
				return nil, 0, block.Damaged("sparse map: number %.30q", line)
			}
			if !ended {
				break
			}
			v, err := decimal(string(line))
			if err != nil {
				return nil, 0, block.Damaged("sparse map: number %q", line)
			}
			line = line[:0]
			switch {
			case want >= 0:
				pairs = append(pairs, v)
			case v > maxPieces:
				return nil, 0, errPieces()
			default:
				want = 2 * v
			}
		}
		if want == int64(len(pairs)) {
			return pairs, taken, nil
		}
	}
	return nil, 0, block.Damaged("sparse map: %d of %d numbers", len(pairs), want)
}

// laySparse holds a map to the member and the data that there is.
func (w *walker) laySparse(m *member, pairs []int64, data, size int64) error {
	if w.pieces += len(pairs) / 2; w.pieces > maxPieces {
		return errPieces()
	}
	end, at := int64(0), data
	for i := 0; i < len(pairs); i += 2 {
		off, length := pairs[i], pairs[i+1]
		if off < end || off > m.size || length > m.size-off || length > size-(at-data) {
			return block.Damaged("sparse map: run of %d bytes at %d, after %d of %d, with %d of %d of data taken", length, off, end, m.size, at-data, size)
		}
		if length > 0 {
			m.pieces = append(m.pieces, piece{off, length, at})
		}
		end, at = off+length, at+length
	}
	return nil
}
