package luks

import (
	"crypto/aes"
	"crypto/cipher"
	"strings"

	"golang.org/x/crypto/twofish" //nolint:staticcheck // what volumes are encrypted with

	"github.com/lenscap/lenscap/internal/disk/block"
	sectors "github.com/lenscap/lenscap/internal/disk/volume/cipher"
)

// spec is a way to encrypt sectors as headers write it: aes-xts-plain64.
type spec struct {
	name                   string
	cipher, mode, iv, hash string
	// err is set when it is not read.
	err error
}

var blocks = map[string]func([]byte) (cipher.Block, error){
	"aes":     aes.NewCipher,
	"twofish": func(key []byte) (cipher.Block, error) { return twofish.NewCipher(key) },
}

// parseSpec takes the name of a cipher apart.
func parseSpec(name string) spec {
	name = text([]byte(name))
	s := spec{name: name}
	var ok bool
	if s.cipher, s.mode, ok = strings.Cut(name, "-"); ok {
		s.mode, s.iv, _ = strings.Cut(s.mode, "-")
	}
	s.iv, s.hash, _ = strings.Cut(s.iv, ":")
	known := s.iv == "plain" || s.iv == "plain64" || s.iv == "plain64be" || s.iv == "essiv" && hashes[s.hash] != nil
	if !s.keyless() && (blocks[s.cipher] == nil || s.mode != "xts" && s.mode != "cbc" || !known) {
		s.err = block.Unsupported("cipher %q", name)
	}
	return s
}

// keyless tells of the cipher that does nothing.
func (s spec) keyless() bool { return s.cipher == "cipher_null" }

// sectors gives the decryption of sectors of size bytes with a key. Sectors are
// numbered in units of 512 bytes, however large they are.
func (s spec) sectors(key []byte, size int) (*sectors.Sectors, error) {
	if s.err != nil {
		return nil, s.err
	}
	data, tweak := key, key
	if s.mode == "xts" {
		data, tweak = key[:len(key)/2], key[len(key)/2:]
	}
	by, err := blocks[s.cipher](data)
	if err != nil {
		return nil, block.Damaged("cipher %s: a key of %d bytes", s.name, len(key))
	}
	number := sectors.Plain64
	switch s.iv {
	case "plain":
		number = sectors.Plain
	case "plain64be":
		number = sectors.Plain64BE
	case "essiv":
		h := hashes[s.hash]()
		h.Write(data)
		salt, err := blocks[s.cipher](h.Sum(nil))
		if err != nil {
			return nil, block.Unsupported("cipher %s: a hash of %d bytes is no key", s.name, h.Size())
		}
		number = sectors.Encrypted(salt)
	}
	mode := sectors.CBC(by, number)
	if s.mode == "xts" {
		second, err := blocks[s.cipher](tweak)
		if err != nil {
			return nil, block.Damaged("cipher %s: a key of %d bytes", s.name, len(key))
		}
		mode = sectors.XTS(by, second, number)
	}
	return sectors.New(mode, size, uint64(size/sector))
}
