// Package gf256 is the arithmetic of a second RAID parity: bytes are elements of
// GF(2^8), the first parity is the sum of a row, the second one the sum of each
// times its power of 2 (H. Peter Anvin, "The mathematics of RAID-6").
package gf256

import (
	"crypto/subtle"
	"sync"
)

// exps and logs are the powers of the generator 2 in GF(2^8) with the
// polynomial x^8+x^4+x^3+x^2+1, and their logarithms.
var exps, logs = tables()

func tables() (exp [510]byte, log [256]byte) {
	x := 1
	for i := range 255 {
		exp[i], exp[i+255] = byte(x), byte(x)
		log[x] = byte(i)
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	return exp, log
}

// Mul gives a times b.
func Mul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return exps[int(logs[a])+int(logs[b])]
}

// products are all products, made when a second parity is first needed.
var products = sync.OnceValue(func() *[256][256]byte {
	var all [256][256]byte
	for a := range all {
		for b := range all[a] {
			all[a][b] = Mul(byte(a), byte(b))
		}
	}
	return &all
})

// Inv gives 1/a; a is not 0.
func Inv(a byte) byte { return exps[255-int(logs[a])] }

// Pow gives the n-th power of the generator.
func Pow(n int) byte { return exps[n%255] }

// AddMul adds factor times src to dst, byte by byte. dst is at least as long.
func AddMul(dst, src []byte, factor byte) {
	switch factor {
	case 0:
		return
	case 1:
		subtle.XORBytes(dst, dst, src)
		return
	}
	table := &products()[factor]
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] ^= table[b]
	}
}
