package btrfs

import "math/bits"

// Primes of XXH64.
const (
	xx1 uint64 = 0x9E3779B185EBCA87
	xx2 uint64 = 0xC2B2AE3D27D4EB4F
	xx3 uint64 = 0x165667B19E3779F9
	xx4 uint64 = 0x85EBCA77C2B2AE63
)

// xxhash64 is XXH64 with seed 0, of a multiple of 32 bytes: all that is summed
// is that.
func xxhash64(b []byte) uint64 {
	p1, p2 := xx1, xx2 // sums of constants may not overflow
	v := [4]uint64{p1 + p2, p2, 0, -p1}
	n := uint64(len(b))
	for ; len(b) >= 32; b = b[32:] {
		v[0] = xxRound(v[0], le.Uint64(b))
		v[1] = xxRound(v[1], le.Uint64(b[8:]))
		v[2] = xxRound(v[2], le.Uint64(b[16:]))
		v[3] = xxRound(v[3], le.Uint64(b[24:]))
	}
	h := bits.RotateLeft64(v[0], 1) + bits.RotateLeft64(v[1], 7) +
		bits.RotateLeft64(v[2], 12) + bits.RotateLeft64(v[3], 18)
	for _, x := range v {
		h = (h^xxRound(0, x))*xx1 + xx4
	}
	h += n
	h = (h ^ h>>33) * xx2
	h = (h ^ h>>29) * xx3
	return h ^ h>>32
}

func xxRound(acc, x uint64) uint64 { return bits.RotateLeft64(acc+x*xx2, 31) * xx1 }
