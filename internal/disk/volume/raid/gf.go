package raid

import (
	"crypto/subtle"
	"sync"
)

// gfExp and gfLog are the powers of the generator 2 in GF(2^8) with the
// polynomial x^8+x^4+x^3+x^2+1, and their logarithms.
var gfExp, gfLog = gfTables()

func gfTables() (exp [510]byte, log [256]byte) {
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

func gfMul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return gfExp[int(gfLog[a])+int(gfLog[b])]
}

// gfProducts are all products, made when a second parity is first needed.
var gfProducts = sync.OnceValue(func() *[256][256]byte {
	var all [256][256]byte
	for a := range all {
		for b := range all[a] {
			all[a][b] = gfMul(byte(a), byte(b))
		}
	}
	return &all
})

// gfInv gives 1/a; a is not 0.
func gfInv(a byte) byte { return gfExp[255-int(gfLog[a])] }

// gfPow gives the n-th power of the generator.
func gfPow(n int) byte { return gfExp[n%255] }

// addMul adds factor times src to dst, byte by byte.
func addMul(dst, src []byte, factor byte) {
	switch factor {
	case 0:
		return
	case 1:
		subtle.XORBytes(dst, dst, src)
		return
	}
	table := &gfProducts()[factor]
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] ^= table[b]
	}
}
