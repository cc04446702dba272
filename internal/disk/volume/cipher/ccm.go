package cipher

import (
	"crypto/cipher"
	"crypto/subtle"
	"errors"
)

// ErrKey says that a key is not the one that bytes were encrypted with.
var ErrKey = errors.New("the key does not fit")

// OpenCCM decrypts and authenticates with CCM (RFC 3610), the nonce having 12
// bytes and the tag 16, without additional data. The lengths are the caller's to
// check: data holds less than 16 MiB. A wrong key is [ErrKey].
func OpenCCM(by cipher.Block, nonce [12]byte, data, tag []byte) ([]byte, error) {
	const length = 2 // bytes of the length field, less one
	var first, sum, pad [blockSize]byte
	first[0] = length
	copy(first[1:], nonce[:])
	by.Encrypt(pad[:], first[:])
	want := make([]byte, blockSize)
	subtle.XORBytes(want, tag, pad[:])

	first[15] = 1
	out := make([]byte, len(data))
	cipher.NewCTR(by, first[:]).XORKeyStream(out, data)

	first[0] = length | (blockSize-2)/2<<3
	first[13], first[14], first[15] = byte(len(data)>>16), byte(len(data)>>8), byte(len(data))
	by.Encrypt(sum[:], first[:])
	for rest := out; len(rest) > 0; {
		n := subtle.XORBytes(sum[:], sum[:], rest)
		by.Encrypt(sum[:], sum[:])
		rest = rest[n:]
	}
	if subtle.ConstantTimeCompare(sum[:], want) != 1 {
		clear(out)
		return nil, ErrKey
	}
	return out, nil
}
