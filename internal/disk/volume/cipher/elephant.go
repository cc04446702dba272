package cipher

import (
	"crypto/cipher"
	"math/bits"
)

// Elephant is CBC as [CBC] does it, with the diffuser around it: the words of a
// sector are mixed in both directions, and a key made of its number by tweak is
// added.
func Elephant(data, tweak cipher.Block) Mode {
	return Mode{elephant{cbc{data, Encrypted(data)}, tweak}}
}

type elephant struct {
	cbc
	tweak cipher.Block
}

func (e elephant) decrypt(sector []byte, number uint64, r *room) {
	e.cbc.decrypt(sector, number, r)
	words := make([]uint32, len(sector)/4)
	for i := range words {
		words[i] = le.Uint32(sector[4*i:])
	}
	diffuse(words, 3, 2, 5, [4]int{0, 10, 0, 25})  // B
	diffuse(words, 5, -2, -5, [4]int{9, 0, 13, 0}) // A
	for i, w := range words {
		le.PutUint32(sector[4*i:], w)
	}
	for half := range 2 {
		Plain64(&r.iv, number)
		r.iv[15] = byte(half) << 7
		e.tweak.Encrypt(r.iv[:], r.iv[:])
		for at := half * blockSize; at < len(sector); at += 2 * blockSize {
			xor(sector[at:at+blockSize], r.iv[:])
		}
	}
}

// diffuse adds to each word one that lies near steps away and one that lies far
// steps away and is turned; the whole as often as cycles says.
func diffuse(words []uint32, cycles, near, far int, turn [4]int) {
	n := len(words)
	a, b := (near+n)%n, (far+n)%n
	for range cycles {
		for i := range words {
			words[i] += words[a] ^ bits.RotateLeft32(words[b], turn[i%4])
			if a++; a == n {
				a = 0
			}
			if b++; b == n {
				b = 0
			}
		}
	}
}
