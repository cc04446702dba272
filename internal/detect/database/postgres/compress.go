package postgres

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// unpglz decompresses PostgreSQL's own LZ format (src/common/pg_lzcompress.c)
// to exactly size bytes.
func unpglz(src []byte, size int) ([]byte, error) {
	dst := make([]byte, 0, size)
	for i := 0; i < len(src) && len(dst) < size; {
		control := src[i]
		i++
		for bit := 0; bit < 8 && i < len(src) && len(dst) < size; bit++ {
			if control>>bit&1 == 0 {
				dst = append(dst, src[i])
				i++
				continue
			}
			if i+1 >= len(src) {
				return nil, fmt.Errorf("%w: pglz at %d: a copy is cut off", database.ErrDamaged, i)
			}
			length, offset := int(src[i]&15)+3, int(src[i]&0xf0)<<4|int(src[i+1])
			i += 2
			if length == 18 {
				if i >= len(src) {
					return nil, fmt.Errorf("%w: pglz at %d: a length is cut off", database.ErrDamaged, i)
				}
				length += int(src[i])
				i++
			}
			var ok bool
			if dst, ok = repeat(dst, offset, min(length, size-len(dst))); !ok {
				return nil, fmt.Errorf("%w: pglz at %d: a copy from %d bytes before %d", database.ErrDamaged, i, offset, len(dst))
			}
		}
	}
	if len(dst) != size {
		return nil, fmt.Errorf("%w: pglz: want %d bytes, found %d", database.ErrDamaged, size, len(dst))
	}
	return dst, nil
}

// unlz4 decompresses one LZ4 block to exactly size bytes.
func unlz4(src []byte, size int) ([]byte, error) {
	dst := make([]byte, 0, size)
	cut := func(i int) error {
		return fmt.Errorf("%w: lz4 at %d: it doesn't fit in its block or in %d bytes", database.ErrDamaged, i, size)
	}
	for i := 0; i < len(src); {
		token := src[i]
		i++
		n := int(token >> 4)
		if n == 15 {
			for {
				if i >= len(src) {
					return nil, cut(i)
				}
				n += int(src[i])
				i++
				if src[i-1] != 255 {
					break
				}
			}
		}
		if n > len(src)-i || n > size-len(dst) {
			return nil, cut(i)
		}
		dst = append(dst, src[i:i+n]...)
		i += n
		if i == len(src) {
			break // the last sequence has no copy
		}
		if i+2 > len(src) {
			return nil, cut(i)
		}
		offset := int(le.Uint16(src[i:]))
		i += 2
		n = int(token&15) + 4
		if n == 19 {
			for {
				if i >= len(src) {
					return nil, cut(i)
				}
				n += int(src[i])
				i++
				if src[i-1] != 255 {
					break
				}
			}
		}
		if n > size-len(dst) {
			return nil, cut(i)
		}
		var ok bool
		if dst, ok = repeat(dst, offset, n); !ok {
			return nil, cut(i)
		}
	}
	if len(dst) != size {
		return nil, fmt.Errorf("%w: lz4: want %d bytes, found %d", database.ErrDamaged, size, len(dst))
	}
	return dst, nil
}

// repeat appends n bytes from offset bytes before the end, which may overlap.
func repeat(dst []byte, offset, n int) ([]byte, bool) {
	if offset < 1 || offset > len(dst) {
		return dst, false
	}
	for n > 0 {
		from := dst[len(dst)-offset:]
		k := min(n, len(from))
		dst = append(dst, from[:k]...)
		n -= k
	}
	return dst, true
}
