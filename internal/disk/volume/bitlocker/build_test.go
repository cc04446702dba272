package bitlocker_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"golang.org/x/crypto/xts"
)

var le = binary.LittleEndian

// Where the built volumes have their parts: the copies of the metadata in no
// order, and the volume's header between them.
const (
	deviceSize = 2 << 20
	headerAt   = 700 << 10
	headerSize = 8192
	password   = "pässword"
	recovery   = "471207-278498-422125-177177-561902-537405-468006-693451"
)

var areas = [3]int64{512 << 10, 1 << 20, 256 << 10}

// recipe is how a volume is built.
type recipe struct {
	toGo      bool
	sector    int
	method    uint16
	state     uint16
	encrypted int // bytes; 0: all
	kinds     []uint16
}

// built is a volume and what is true of it.
type built struct {
	disk, plain     []byte
	master, startup []byte
}

func random(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// build writes a BitLocker volume from its description alone: it shares no code
// with the reader.
func build(t testing.TB, r recipe) built {
	t.Helper()
	if r.sector == 0 {
		r.sector = 512
	}
	if r.encrypted == 0 {
		r.encrypted = deviceSize
	}
	b := built{disk: make([]byte, deviceSize), plain: random(deviceSize, 1), master: random(32, 2), startup: random(32, 3)}
	key := random(map[uint16]int{0x8000: 64, 0x8001: 64, 0x8002: 16, 0x8003: 32, 0x8004: 32, 0x8005: 64}[r.method], 4)
	enc := encrypter(t, r, key)
	for off := 0; off < deviceSize; off += r.sector {
		at := off
		if off < headerSize {
			at = headerAt + off
		}
		sector := bytes.Clone(b.plain[off : off+r.sector])
		if at < r.encrypted {
			enc(sector, at)
		}
		if within(off) {
			clear(b.plain[off : off+r.sector])
		} else {
			copy(b.disk[at:], sector)
		}
	}
	boot := b.disk[:512]
	clear(b.disk[:headerSize])
	copy(boot, "\xeb\x58\x90-FVE-FS-")
	at := 160
	if r.toGo {
		copy(boot[3:], "MSWIN4.1")
		at = 424
	}
	le.PutUint16(boot[11:], uint16(r.sector))
	boot[13] = 8
	copy(boot[at:], "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")
	for i, a := range areas {
		le.PutUint64(boot[at+16+8*i:], uint64(a))
	}
	boot[510], boot[511] = 0x55, 0xAA
	meta := metadata(t, r, b, key)
	for _, a := range areas {
		copy(b.disk[a:], meta)
	}
	return b
}

// within tells whether a byte of the volume reads as zero: it lies where the
// metadata or the volume's header do.
func within(off int) bool {
	for _, a := range areas {
		if off >= int(a) && off < int(a)+64<<10 {
			return true
		}
	}
	return off >= headerAt && off < headerAt+headerSize
}

// encrypter gives the encryption of a sector at an offset.
func encrypter(t testing.TB, r recipe, key []byte) func(sector []byte, at int) {
	t.Helper()
	must := func(key []byte) cipher.Block {
		c, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	offset := func(at int, last byte) []byte {
		b := make([]byte, 16)
		le.PutUint64(b, uint64(at))
		b[15] = last
		return b
	}
	n := 16
	if r.method&1 != 0 {
		n = 32
	}
	chain := func(sector []byte, at int) {
		c := must(key[:n])
		iv := offset(at, 0)
		c.Encrypt(iv, iv)
		cipher.NewCBCEncrypter(c, iv).CryptBlocks(sector, sector)
	}
	switch r.method {
	case 0x8002, 0x8003:
		return chain
	case 0x8004, 0x8005:
		x, err := xts.NewCipher(aes.NewCipher, key)
		if err != nil {
			t.Fatal(err)
		}
		return func(sector []byte, at int) { x.Encrypt(sector, sector, uint64(at/r.sector)) }
	}
	tweak := must(key[32 : 32+n])
	return func(sector []byte, at int) {
		low, high := offset(at, 0), offset(at, 0x80)
		tweak.Encrypt(low, low)
		tweak.Encrypt(high, high)
		pad := slices.Concat(low, high)
		for i := range sector {
			sector[i] ^= pad[i%32]
		}
		mix(sector)
		chain(sector, at)
	}
}

// mix is diffuser A, then B, in the direction of encryption: Ferguson's paper
// gives the other one, this undoes its steps in turn.
func mix(sector []byte) {
	n := len(sector) / 4
	d := make([]uint32, n)
	for i := range d {
		d[i] = le.Uint32(sector[4*i:])
	}
	for range 5 {
		for i := n - 1; i >= 0; i-- {
			d[i] -= d[(i+n-2)%n] ^ bits.RotateLeft32(d[(i+n-5)%n], []int{9, 0, 13, 0}[i%4])
		}
	}
	for range 3 {
		for i := n - 1; i >= 0; i-- {
			d[i] -= d[(i+2)%n] ^ bits.RotateLeft32(d[(i+5)%n], []int{0, 10, 0, 25}[i%4])
		}
	}
	for i, w := range d {
		le.PutUint32(sector[4*i:], w)
	}
}

// entry writes one entry of the metadata.
func entry(kind, value uint16, data ...[]byte) []byte {
	all := bytes.Join(data, nil)
	b := le.AppendUint16(nil, uint16(8+len(all)))
	b = le.AppendUint16(b, kind)
	b = le.AppendUint16(b, value)
	return append(le.AppendUint16(b, 1), all...)
}

func utf16le(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// sealed encrypts a key with AES-CCM: a nonce, the tag, the encrypted key.
func sealed(t testing.TB, with, key []byte, nonce byte) []byte {
	t.Helper()
	c, err := aes.NewCipher(with)
	if err != nil {
		t.Fatal(err)
	}
	n := bytes.Repeat([]byte{nonce}, 12)
	plain := le.AppendUint32(nil, uint32(12+len(key)))
	plain = append(append(plain, 1, 0, 0, 0, 2, 0x20, 0, 0), key...)
	mac := make([]byte, 16)
	c.Encrypt(mac, append(append([]byte{0x3A}, n...), 0, 0, byte(len(plain))))
	padded := append(bytes.Clone(plain), make([]byte, (16-len(plain)%16)%16)...)
	for ; len(padded) > 0; padded = padded[16:] {
		for i := range mac {
			mac[i] ^= padded[i]
		}
		c.Encrypt(mac, mac)
	}
	out := make([]byte, 16+len(plain))
	cipher.NewCTR(c, append(append([]byte{2}, n...), 0, 0, 0)).XORKeyStream(out, append(mac, plain...))
	return append(n, out...)
}

var stretches sync.Map // of the hash and the salt

// stretched makes a key of a password's hash.
func stretched(hash [32]byte, salt []byte) []byte {
	id := string(hash[:]) + string(salt)
	if key, ok := stretches.Load(id); ok {
		return key.([]byte)
	}
	last := [32]byte{}
	for i := range uint64(1 << 20) {
		b := append(append(append([]byte{}, last[:]...), hash[:]...), salt...)
		last = sha256.Sum256(le.AppendUint64(b, i))
	}
	stretches.Store(id, last[:])
	return last[:]
}

func identifier(kind uint16) []byte { return random(16, byte(kind>>8)+100) }

// protectors writes the ways in.
func protectors(t testing.TB, r recipe, b built) (out []byte) {
	t.Helper()
	for _, kind := range r.kinds {
		head := append(identifier(kind), make([]byte, 10)...)
		head = le.AppendUint16(head, kind)
		salt := random(16, byte(kind>>8))
		stretch := entry(0, 3, []byte{0, 0x10, 0, 0}, salt, entry(0, 5, random(60, 9)))
		var data [][]byte
		switch kind {
		case 0:
			open := random(32, 7)
			data = [][]byte{entry(0, 1, []byte{0, 0x20, 0, 0}, open), entry(0, 5, sealed(t, open, b.master, 1))}
		case 0x200:
			data = [][]byte{entry(0, 2, utf16le("ExternalKey\x00")), entry(0, 4, random(20, 8)), entry(0, 5, sealed(t, b.startup, b.master, 2))}
		case 0x800:
			var words []byte
			for group := range strings.SplitSeq(recovery, "-") {
				n := 0
				for _, digit := range group {
					n = 10*n + int(digit-'0')
				}
				words = le.AppendUint16(words, uint16(n/11))
			}
			data = [][]byte{entry(0, 2, utf16le("DiskPassword\x00")), stretch, entry(0, 5, sealed(t, stretched(sha256.Sum256(words), salt), b.master, 3))}
		case 0x2000:
			once := sha256.Sum256(utf16le(password))
			data = [][]byte{stretch, entry(0, 5, sealed(t, stretched(sha256.Sum256(once[:]), salt), b.master, 4))}
		default:
			data = [][]byte{entry(0, 6, random(100, 10))}
		}
		out = append(out, entry(2, 8, append([][]byte{head}, data...)...)...)
	}
	return out
}

// metadata writes one copy of the metadata, with its checksum.
func metadata(t testing.TB, r recipe, b built, key []byte) []byte {
	t.Helper()
	body := protectors(t, r, b)
	body = append(body, entry(3, 5, sealed(t, b.master, key, 5))...)
	body = append(body, entry(7, 2, utf16le("HOST C: 1/2/2024\x00"))...)
	block := make([]byte, 16)
	le.PutUint64(block, headerAt)
	le.PutUint64(block[8:], headerSize)
	body = append(body, entry(15, 15, block)...)

	m := make([]byte, 112, 1024)
	copy(m, "-FVE-FS-")
	total := (len(m) + len(body) + 15) / 16 * 16
	le.PutUint16(m[8:], uint16(total>>4))
	le.PutUint16(m[10:], 2)
	state := r.state
	if state == 0 {
		state = 4
	}
	le.PutUint16(m[12:], state)
	le.PutUint16(m[14:], state)
	le.PutUint64(m[16:], uint64(r.encrypted))
	le.PutUint32(m[28:], uint32(headerSize/r.sector))
	for i, a := range areas {
		le.PutUint64(m[32+8*i:], uint64(a))
	}
	le.PutUint64(m[56:], headerAt)
	le.PutUint32(m[64:], uint32(48+len(body)))
	le.PutUint32(m[68:], 1)
	le.PutUint32(m[72:], 48)
	le.PutUint32(m[76:], uint32(48+len(body)))
	copy(m[80:], random(16, 11))
	le.PutUint32(m[96:], 20)
	le.PutUint16(m[100:], r.method)
	le.PutUint64(m[104:], 133_000_000_000_000_000)
	m = append(m, body...)
	m = append(m, make([]byte, total-len(m))...)
	sum := crc32.ChecksumIEEE(m)
	return le.AppendUint32(append(m, 8, 0, 1, 0), sum)
}

// startupFile is what Windows writes as {…}.BEK.
func startupFile(b built) []byte {
	key := entry(6, 9, identifier(0x200), make([]byte, 8), entry(0, 2, utf16le("ExternalKey\x00")), entry(0, 1, []byte{2, 0x20, 0, 0}, b.startup))
	head := make([]byte, 48)
	le.PutUint32(head, uint32(48+len(key)))
	le.PutUint32(head[4:], 1)
	le.PutUint32(head[8:], 48)
	le.PutUint32(head[12:], uint32(48+len(key)))
	copy(head[16:], identifier(0x200))
	return append(head, key...)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
