package block

import (
	"fmt"
	"io"
)

// Clip bounds a read of n bytes at off to a source of the given size. It gives
// how many bytes may be read and the error that the read must end with when
// all of them were had: io.EOF at the end, nil before. With it a ReadAt is
//
//	n, end := block.Clip(len(p), off, size)
//	… fill p[:n], return early on errors …
//	return n, end
func Clip(n int, off, size int64) (int, error) {
	switch {
	case off < 0:
		return 0, fmt.Errorf("read at offset %d: want an offset from 0", off)
	case off >= size:
		if n == 0 {
			return 0, nil
		}
		return 0, io.EOF
	case int64(n) > size-off:
		return int(size - off), io.EOF
	}
	return n, nil
}

// ReadFull reads len(p) bytes at off. Fewer is an error that wraps
// [io.ErrUnexpectedEOF] and names the place.
func ReadFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at offset %d: had %d: %w", len(p), off, n, err)
}

// Zero is a source of size bytes, all zero.
func Zero(size int64) Source { return zero(size) }

type zero int64

func (z zero) ReadAt(p []byte, off int64) (int, error) {
	n, err := Clip(len(p), off, int64(z))
	clear(p[:n])
	return n, err
}

func (z zero) Size() int64 { return int64(z) }
func (zero) Close() error  { return nil }
