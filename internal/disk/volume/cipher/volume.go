package cipher

import (
	"context"
	"sort"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Piece is a range of a volume: bytes of the source below, decrypted.
type Piece struct {
	Length int64 // bytes
	// Base is where it begins on the source.
	Base int64
	// Sectors decrypts it, nil when its bytes are not encrypted; Number is that
	// of its first sector.
	Sectors *Sectors
	Number  uint64
	// Zero is set for a range that reads as zeros and lies nowhere.
	Zero bool
	// Err is what reading the range gives.
	Err error
}

// Volume is a [block.Source] of pieces that follow each other. It is safe for
// use by several goroutines. Closing it leaves the source open.
type Volume struct {
	src    block.Source
	pieces []Piece
	ends   []int64 // where each piece ends
	pool   sync.Pool
}

// NewVolume lays pieces of src one after another. Each must lie on src and hold
// whole sectors.
func NewVolume(src block.Source, pieces []Piece) (*Volume, error) {
	v := &Volume{src: src, pieces: pieces}
	end, largest := int64(0), 0
	for i, p := range pieces {
		if p.Length <= 0 || p.Length > 1<<62-end || !p.Zero && p.Err == nil && (p.Base < 0 || p.Base > src.Size() || p.Length > src.Size()-p.Base) {
			return nil, block.Damaged("range %d: %d bytes at %d of %d", i, p.Length, p.Base, src.Size())
		}
		if p.Sectors != nil {
			if p.Length%int64(p.Sectors.size) != 0 {
				return nil, block.Damaged("range %d: %d bytes are no whole sectors of %d", i, p.Length, p.Sectors.size)
			}
			largest = max(largest, p.Sectors.size)
		}
		end += p.Length
		v.ends = append(v.ends, end)
	}
	v.pool.New = func() any { b := make([]byte, largest); return &b }
	return v, nil
}

// Size implements [block.Source].
func (v *Volume) Size() int64 {
	if len(v.ends) == 0 {
		return 0
	}
	return v.ends[len(v.ends)-1]
}

// Close implements [block.Source]; it does nothing.
func (v *Volume) Close() error { return nil }

// at gives the piece that holds the byte at off and where that piece begins.
func (v *Volume) at(off int64) (*Piece, int64) {
	i := sort.Search(len(v.ends), func(i int) bool { return v.ends[i] > off })
	return &v.pieces[i], v.ends[i] - v.pieces[i].Length
}

// ReadAt implements [io.ReaderAt].
func (v *Volume) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, v.Size())
	for done := 0; done < n; {
		piece, start := v.at(off + int64(done))
		within := off + int64(done) - start
		want := int(min(int64(n-done), piece.Length-within))
		got, err := v.read(piece, p[done:done+want], within)
		done += got
		if err != nil {
			return done, err
		}
	}
	return n, end
}

// read reads from within a piece. All whole sectors are one read of the source,
// decrypted where they are wanted.
func (v *Volume) read(piece *Piece, p []byte, within int64) (int, error) {
	switch {
	case piece.Err != nil:
		return 0, piece.Err
	case piece.Zero:
		clear(p)
		return len(p), nil
	case piece.Sectors == nil:
		return len(p), block.ReadFull(v.src, p, piece.Base+within)
	}
	size := int64(piece.Sectors.size)
	done := 0
	for done < len(p) {
		pos := within + int64(done)
		whole := int64(len(p)-done) / size * size
		if skip := pos % size; skip != 0 || whole == 0 {
			n, err := v.edge(piece, p[done:], pos-skip, int(skip))
			if err != nil {
				return done, err
			}
			done += n
			continue
		}
		part := p[done : done+int(whole)]
		if err := block.ReadFull(v.src, part, piece.Base+pos); err != nil {
			return done, err
		}
		piece.decrypt(part, pos)
		done += len(part)
	}
	return done, nil
}

// edge reads a part of the sector at pos.
func (v *Volume) edge(piece *Piece, p []byte, pos int64, skip int) (int, error) {
	buf := v.pool.Get().(*[]byte)
	defer v.pool.Put(buf)
	b := (*buf)[:piece.Sectors.size]
	if err := block.ReadFull(v.src, b, piece.Base+pos); err != nil {
		return 0, err
	}
	piece.decrypt(b, pos)
	return copy(p, b[skip:]), nil
}

// decrypt decrypts the whole sectors at pos within the piece.
func (p *Piece) decrypt(b []byte, pos int64) {
	p.Sectors.Decrypt(b, p.Number+uint64(pos/int64(p.Sectors.size))*p.Sectors.step)
}

// Extents implements [block.Mapper]. What is a hole below is encrypted, too: no
// zeros come of it.
func (v *Volume) Extents(ctx context.Context) ([]block.Extent, error) {
	var out []block.Extent
	for i, p := range v.pieces {
		start := v.ends[i] - p.Length
		switch last := len(out) - 1; {
		case p.Zero:
		case last >= 0 && out[last].Offset+out[last].Length == start:
			out[last].Length += p.Length
		default:
			out = append(out, block.Extent{Offset: start, Length: p.Length})
		}
	}
	return out, ctx.Err()
}

// Prefetch implements [block.Prefetcher].
func (v *Volume) Prefetch(ctx context.Context, ranges []block.Extent) error {
	var below []block.Extent
	for _, r := range ranges {
		end := min(r.Offset+r.Length, v.Size())
		for off := max(r.Offset, 0); off < end; {
			piece, start := v.at(off)
			stop := min(end, start+piece.Length)
			if !piece.Zero && piece.Err == nil {
				first, last := off-start, stop-start
				if piece.Sectors != nil {
					size := int64(piece.Sectors.size)
					first, last = first/size*size, (last+size-1)/size*size
				}
				below = append(below, block.Extent{Offset: piece.Base + first, Length: last - first})
			}
			off = stop
		}
	}
	return block.Prefetch(ctx, v.src, below)
}

// Locate implements [block.Locator].
func (v *Volume) Locate(off int64) int64 {
	if off < 0 || off >= v.Size() {
		return -1
	}
	piece, start := v.at(off)
	if piece.Zero || piece.Err != nil {
		return -1
	}
	return block.Locate(v.src, piece.Base+off-start)
}
