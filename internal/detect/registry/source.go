package registry

import "io"

const (
	block     = 64 << 10 // bytes of one read
	maxBlocks = 64       // kept at a time: 4 MiB
)

// source gives parts of a hive: out of memory as they are, out of a file by
// whole blocks, of which the newest are kept.
type source struct {
	data   []byte
	r      io.ReaderAt
	size   int64
	blocks map[int64][]byte
	read   int // bytes read from r since somebody cleared it
}

// view gives exactly n bytes at an offset, or nothing. They must not be changed.
func (s *source) view(at, n int64) ([]byte, bool) {
	if at < 0 || n < 0 || at > s.size || n > s.size-at {
		return nil, false
	}
	if s.r == nil {
		return s.data[at : at+n : at+n], true
	}
	first := at / block
	if (at+n-1)/block == first {
		b, ok := s.block(first)
		at -= first * block
		if !ok || at+n > int64(len(b)) {
			return nil, false
		}
		return b[at : at+n : at+n], true
	}
	out := make([]byte, n)
	s.read += len(out)
	if m, err := s.r.ReadAt(out, at); int64(m) < n && err != nil {
		return nil, false
	}
	return out, true
}

func (s *source) block(i int64) ([]byte, bool) {
	if b, ok := s.blocks[i]; ok {
		return b, true
	}
	b := make([]byte, min(block, s.size-i*block))
	s.read += len(b)
	if n, err := s.r.ReadAt(b, i*block); n < len(b) && err != nil {
		return nil, false
	}
	if s.blocks == nil || len(s.blocks) >= maxBlocks {
		s.blocks = map[int64][]byte{}
	}
	s.blocks[i] = b
	return b, true
}
