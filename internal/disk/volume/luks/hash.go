package luks

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/ripemd160" //nolint:staticcheck // what volumes are encrypted with
)

// hashes are the hash functions by the names that headers use.
var hashes = map[string]func() hash.Hash{
	"sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	"sha3-224":  func() hash.Hash { return sha3.New224() },
	"sha3-256":  func() hash.Hash { return sha3.New256() },
	"sha3-384":  func() hash.Hash { return sha3.New384() },
	"sha3-512":  func() hash.Hash { return sha3.New512() },
	"ripemd160": ripemd160.New,
	"blake2b-512": func() hash.Hash {
		h, _ := blake2b.New512(nil) // fails for keys alone
		return h
	},
	"blake2s-256": func() hash.Hash {
		h, _ := blake2s.New256(nil)
		return h
	},
}
