// Package cipher decrypts the sectors of encrypted volumes: XTS, CBC with the
// ways there are to number its sectors, and CBC with BitLocker's diffuser.
//
// XTS is IEEE Std 1619; the numbering of sectors (plain, plain64, ESSIV, EBOIV)
// is that of Linux's dm-crypt, Documentation/admin-guide/device-mapper; the
// Elephant diffuser N. Ferguson's "AES-CBC + Elephant diffuser", 2006.
package cipher

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
)

var le = binary.LittleEndian

// blockSize is that of all ciphers here, in bytes.
const blockSize = 16

// Sectors decrypts sectors of one size. It is safe for use by several
// goroutines.
type Sectors struct {
	mode mode
	size int    // bytes
	step uint64 // from the number of one sector to that of the next
}

// mode decrypts one sector in place.
type mode interface {
	decrypt(sector []byte, number uint64, r *room)
}

// room is memory that a mode may use while it decrypts, so that it need not
// take any for each sector.
type room struct {
	iv  [blockSize]byte
	pad [512]byte
}

// New gives the decryption of sectors of size bytes, a multiple of 16, whose
// numbers rise by step.
func New(m Mode, size int, step uint64) (*Sectors, error) {
	if size < blockSize || size%blockSize != 0 {
		return nil, fmt.Errorf("sectors of %d bytes: want a multiple of %d", size, blockSize)
	}
	return &Sectors{m.mode, size, step}, nil
}

// Size is how many bytes a sector has.
func (s *Sectors) Size() int { return s.size }

// splitBytes is the least that is worth a goroutine of its own.
const splitBytes = 128 << 10

// Decrypt decrypts whole sectors in place, the first of which has the given
// number. Many of them are shared out among the processors.
func (s *Sectors) Decrypt(p []byte, number uint64) {
	hands := min(runtime.GOMAXPROCS(0), len(p)/splitBytes)
	if hands < 2 {
		s.decrypt(p, number)
		return
	}
	var wg sync.WaitGroup
	share := (len(p)/hands + s.size - 1) / s.size
	for at := 0; at < len(p); at += share * s.size {
		part, first := p[at:min(at+share*s.size, len(p))], number+uint64(at/s.size)*s.step
		wg.Go(func() { s.decrypt(part, first) })
	}
	wg.Wait()
}

func (s *Sectors) decrypt(p []byte, number uint64) {
	var r room
	for ; len(p) >= s.size; p = p[s.size:] {
		s.mode.decrypt(p[:s.size], number, &r)
		number += s.step
	}
}

// Mode is a way to decrypt one sector.
type Mode struct{ mode mode }

// XTS decrypts with two keys: data for the bytes, tweak for the sector's number.
func XTS(data, tweak cipher.Block, number Numbering) Mode { return Mode{xts{data, tweak, number}} }

// CBC chains the blocks of a sector, beginning with an IV made of its number.
func CBC(data cipher.Block, number Numbering) Mode { return Mode{cbc{data, number}} }

// Numbering writes a sector's number as an IV.
type Numbering func(iv *[blockSize]byte, number uint64)

// Plain64 is the number in 64 bits, little-endian.
func Plain64(iv *[blockSize]byte, number uint64) {
	le.PutUint64(iv[:], number)
	le.PutUint64(iv[8:], 0)
}

// Plain is the number in 32 bits, little-endian.
func Plain(iv *[blockSize]byte, number uint64) { Plain64(iv, number&0xFFFFFFFF) }

// Plain64BE is the number in 64 bits, big-endian, at the end.
func Plain64BE(iv *[blockSize]byte, number uint64) {
	clear(iv[:8])
	binary.BigEndian.PutUint64(iv[8:], number)
}

// Encrypted is the number in 64 bits, encrypted: ESSIV with a key made of the
// volume's key by a hash, EBOIV with the volume's key itself.
func Encrypted(by cipher.Block) Numbering {
	return func(iv *[blockSize]byte, number uint64) {
		Plain64(iv, number)
		by.Encrypt(iv[:], iv[:])
	}
}

type xts struct {
	data, tweak cipher.Block
	number      Numbering
}

func (x xts) decrypt(sector []byte, number uint64, r *room) {
	x.number(&r.iv, number)
	x.tweak.Encrypt(r.iv[:], r.iv[:])
	lo, hi := le.Uint64(r.iv[:]), le.Uint64(r.iv[8:])
	for len(sector) > 0 {
		part := sector[:min(len(r.pad), len(sector))]
		pad := r.pad[:len(part)]
		for at := 0; at+blockSize <= len(pad); at += blockSize {
			le.PutUint64(pad[at:], lo)
			le.PutUint64(pad[at+8:], hi)
			// The next tweak is this one times x in GF(2^128).
			carry := -(hi >> 63) & 0x87
			lo, hi = lo<<1^carry, hi<<1|lo>>63
		}
		// Three passes: a block that was just written is slow to read again.
		subtle.XORBytes(part, part, pad)
		for at := 0; at+blockSize <= len(part); at += blockSize {
			b := part[at : at+blockSize : at+blockSize]
			x.data.Decrypt(b, b)
		}
		subtle.XORBytes(part, part, pad)
		sector = sector[len(part):]
	}
}

type cbc struct {
	data   cipher.Block
	number Numbering
}

func (c cbc) decrypt(sector []byte, number uint64, r *room) {
	c.number(&r.iv, number)
	// From the end, so that the block before is still as it was encrypted.
	for at := len(sector) - blockSize; at >= 0; at -= blockSize {
		b := sector[at : at+blockSize : at+blockSize]
		c.data.Decrypt(b, b)
		before := r.iv[:]
		if at > 0 {
			before = sector[at-blockSize : at]
		}
		xor(b, before)
	}
}

// xor adds one block to another.
func xor(b, with []byte) {
	_, _ = b[15], with[15]
	le.PutUint64(b, le.Uint64(b)^le.Uint64(with))
	le.PutUint64(b[8:], le.Uint64(b[8:])^le.Uint64(with[8:]))
}
