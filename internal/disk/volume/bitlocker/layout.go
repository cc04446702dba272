package bitlocker

import (
	"cmp"
	"crypto/aes"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/cipher"
)

// method is a way to encrypt sectors.
type method struct {
	name string
	bits int
	kind methodKind
	// err is set when it is not read.
	err error
}

type methodKind int

const (
	methodElephant methodKind = iota
	methodCBC
	methodXTS
)

func (m method) String() string { return m.name }

func methodOf(code uint16) method {
	switch code {
	case 0x8000:
		return method{name: "AES-CBC 128 with Elephant diffuser", bits: 128, kind: methodElephant}
	case 0x8001:
		return method{name: "AES-CBC 256 with Elephant diffuser", bits: 256, kind: methodElephant}
	case 0x8002:
		return method{name: "AES-CBC 128", bits: 128, kind: methodCBC}
	case 0x8003:
		return method{name: "AES-CBC 256", bits: 256, kind: methodCBC}
	case 0x8004:
		return method{name: "AES-XTS 128", bits: 128, kind: methodXTS}
	case 0x8005:
		return method{name: "AES-XTS 256", bits: 256, kind: methodXTS}
	}
	return method{name: "unknown encryption", err: block.Unsupported("encryption method %#04x", code)}
}

// sectors gives the decryption of sectors of size bytes.
func (m method) sectors(key []byte, size int) (*cipher.Sectors, error) {
	if m.err != nil {
		return nil, m.err
	}
	n := m.bits / 8
	second, want := n, 2*n
	switch m.kind {
	case methodCBC:
		want = n
	case methodElephant:
		second, want = 32, 64 // room for 256 bits each, whatever is used of it
	}
	if len(key) < want {
		return nil, block.Damaged("%s: a key of %d bytes, want %d", m, len(key), want)
	}
	data, err := aes.NewCipher(key[:n])
	if err != nil {
		return nil, err
	}
	// Sectors are numbered; for CBC by their first byte.
	if m.kind == methodCBC {
		return cipher.New(cipher.CBC(data, cipher.Encrypted(data)), size, uint64(size))
	}
	tweak, err := aes.NewCipher(key[second : second+n])
	if err != nil {
		return nil, err
	}
	if m.kind == methodElephant {
		return cipher.New(cipher.Elephant(data, tweak), size, uint64(size))
	}
	return cipher.New(cipher.XTS(data, tweak, cipher.Plain64), size, 1)
}

// number is that of the sector at an offset.
func (m method) number(off, size int64) uint64 {
	if m.kind == methodXTS {
		return uint64(off / size)
	}
	return uint64(off)
}

// layout says what each range of the volume is: its first sectors lie
// elsewhere; there, and where the metadata lies, it reads as zeros.
func (m *metadata) layout(device int64, sectors *cipher.Sectors) ([]cipher.Piece, error) {
	device = device / m.sector * m.sector
	zeros := []block.Extent{{Offset: m.headerAt, Length: m.headerSize}}
	for _, at := range m.areas {
		if at < device {
			zeros = append(zeros, block.Extent{Offset: at, Length: min(areaSize, device-at)})
		}
	}
	slices.SortFunc(zeros, func(a, b block.Extent) int { return cmp.Compare(a.Offset, b.Offset) })
	if zeros[0].Offset < m.headerSize {
		return nil, block.Damaged("metadata: zeros from byte %d on within the volume header of %d bytes", zeros[0].Offset, m.headerSize)
	}
	pieces := m.data(nil, 0, m.headerSize, m.headerAt, sectors)
	pos := m.headerSize
	for _, z := range zeros {
		if z.Offset > pos {
			pieces = m.data(pieces, pos, z.Offset, pos, sectors)
			pos = z.Offset
		}
		if end := z.Offset + z.Length; end > pos {
			pieces = append(pieces, cipher.Piece{Length: end - pos, Zero: true})
			pos = end
		}
	}
	if pos < device {
		pieces = m.data(pieces, pos, device, pos, sectors)
	}
	return pieces, nil
}

// data adds the bytes from start to end, which lie at base: encrypted ones, and
// plain ones where encryption has not come to yet.
func (m *metadata) data(pieces []cipher.Piece, start, end, base int64, sectors *cipher.Sectors) []cipher.Piece {
	if n := min(m.encrypted-base, end-start); n > 0 {
		pieces = append(pieces, cipher.Piece{Length: n, Base: base, Sectors: sectors, Number: m.method.number(base, m.sector)})
		start, base = start+n, base+n
	}
	if start < end {
		pieces = append(pieces, cipher.Piece{Length: end - start, Base: base})
	}
	return pieces
}
