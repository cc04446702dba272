package personal

import "hash/maphash"

// seed keys the hashes of values; it is another one in each process.
var seed = maphash.MakeSeed()

// How many values a set counts exactly, of a file and of a column; beyond, it keeps
// a sample.
const (
	setMax       = 4096
	columnSetMax = 1024
)

// set counts distinct values. It keeps keyed hashes, never values, and at most
// max of them (setMax when that is 0): then only those whose low level bits are zero, and the count is
// an estimate within a few percent. The zero set is empty.
type set struct {
	m     map[uint64]struct{}
	level uint
	max   int
}

// add gives whether the value was new, as far as the sample tells.
func (s *set) add(b []byte) bool {
	h := maphash.Bytes(seed, b)
	if h&(1<<s.level-1) != 0 {
		return false
	}
	if _, ok := s.m[h]; ok {
		return false
	}
	if s.m == nil {
		s.m = map[uint64]struct{}{}
	}
	s.m[h] = struct{}{}
	if s.max == 0 {
		s.max = setMax
	}
	for len(s.m) > s.max {
		s.level++
		for h := range s.m {
			if h&(1<<s.level-1) != 0 {
				delete(s.m, h)
			}
		}
	}
	return true
}

// count is how many distinct values there were; exact tells whether that is so or
// about so.
func (s *set) count() (n int64, exact bool) {
	return int64(len(s.m)) << s.level, s.level == 0
}
