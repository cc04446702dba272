package innodb

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// zipAdler is the checksum of ROW_FORMAT=COMPRESSED before crc32.
func zipAdler(p []byte) uint32 {
	h := adler32.New()
	_, _ = h.Write(p[filPage:filLSN])
	_, _ = h.Write(p[filType : filType+2])
	_, _ = h.Write(p[filSpace:])
	return h.Sum32()
}

// inflate decompresses all of b to at most n bytes; what is missing stays zero.
func inflate(b, out []byte) (int, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(z, out)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		// The end of the stream may be padded or its checksum cut.
		err = nil
	}
	return n, err
}

// decompress gives the page whose file form is p: MariaDB's or MySQL's page
// compression, which keeps the header of 38 bytes.
func (s *space) decompress(p []byte, no uint32) ([]byte, error) {
	out := make([]byte, s.size)
	copy(out, p[:filData])
	var algo, skip, size, head int
	mysql := false
	switch t := be16(p, filType); {
	case s.fcrc:
		algo, skip = s.comp, filFlushLSN
		size = (t&0x7fff)<<8 - 4 - skip
		binary.BigEndian.PutUint16(out[filType:], typeIndex)
		if size > 0 {
			// The last byte before the checksum tells how much of the last 256 is used:
			// decoders stop by themselves.
			size = min(size, len(p)-skip-4)
		}
	case t == typeMariaComp:
		algo = int(be64(p, filFlushLSN))
		size, skip = be16(p, filData), filData+2
		binary.BigEndian.PutUint16(out[filType:], typeIndex)
	default: // MySQL: version 1, algorithm 1, original type 2, original size 2, size 2
		mysql = true
		algo, size, skip = int(p[filFlushLSN+1]), be16(p, filFlushLSN+6), filData
		copy(out[filType:], p[filFlushLSN+2:filFlushLSN+4])
	}
	if size <= 0 || skip+size > len(p) {
		return nil, fmt.Errorf("%s: page %d: %d compressed bytes in a page of %d: %w", s.path, no, size, len(p), database.ErrDamaged)
	}
	if mysql {
		head = filData
	}
	in := p[skip : skip+size]
	var n int
	var err error
	switch algo {
	case 1: // zlib
		n, err = inflate(in, out[head:])
	case 2: // lz4
		n, err = lz4Block(in, out[head:])
	default:
		return nil, fmt.Errorf("%s: page %d: compression method %d: %w", s.path, no, algo, database.ErrUnsupported)
	}
	if err != nil || n < filData+8 {
		return nil, fmt.Errorf("%s: page %d: compressed data is bad: %w", s.path, no, database.ErrDamaged)
	}
	if be32(out, filPage) != no {
		return nil, fmt.Errorf("%s: page %d: decompressed, it says it is page %d: %w", s.path, no, be32(out, filPage), database.ErrDamaged)
	}
	return out, nil
}

// lz4Block decompresses one block of LZ4 and gives how many bytes came out. What
// follows in the input once out is full is ignored.
func lz4Block(in, out []byte) (int, error) {
	n, i := 0, 0
	length := func(l int) (int, bool) {
		if l != 15 {
			return l, true
		}
		for i < len(in) {
			c := in[i]
			i++
			l += int(c)
			if c != 255 {
				return l, true
			}
		}
		return 0, false
	}
	for i < len(in) && n < len(out) {
		t := in[i]
		i++
		lit, ok := length(int(t >> 4))
		if !ok || lit > len(in)-i || lit > len(out)-n {
			return n, database.ErrDamaged
		}
		n += copy(out[n:], in[i:i+lit])
		i += lit
		if n == len(out) || i+2 > len(in) {
			break
		}
		back := int(in[i]) | int(in[i+1])<<8
		i += 2
		m, ok := length(int(t & 15))
		m += 4
		if !ok || back == 0 || back > n || m > len(out)-n {
			return n, database.ErrDamaged
		}
		for range m {
			out[n] = out[n-back]
			n++
		}
	}
	return n, nil
}

// inflateRaw decompresses exactly size bytes without a header.
func inflateRaw(b []byte, size int) ([]byte, error) {
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(flate.NewReader(bytes.NewReader(b)), int64(size)))
	if err == nil && n != int64(size) {
		err = io.ErrUnexpectedEOF
	}
	return out.Bytes(), err
}
