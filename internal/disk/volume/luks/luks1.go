package luks

import (
	"bytes"
	"strconv"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// The state of a key slot in LUKS1.
const slotActive = 0x00AC71F3

// Bounds of what a header may claim.
const (
	maxKeyBytes = 512
	maxArea     = 16 << 20 // bytes of one key slot
)

// readHeader1 reads a LUKS1 header, of which b holds the first 4096 bytes.
func readHeader1(src block.Source, b []byte) (*header, error) {
	name := text(b[8:40]) + "-" + text(b[40:72])
	hash := text(b[72:104])
	keyBytes := be.Uint32(b[108:])
	payload := int64(be.Uint32(b[104:])) * sector
	if keyBytes == 0 || keyBytes > maxKeyBytes {
		return nil, block.Damaged("header: a key of %d bytes, want at most %d", keyBytes, maxKeyBytes)
	}
	sp := parseSpec(name)
	h := &header{version: 1, uuid: text(b[168:208]), end: 592}
	if sp.keyless() {
		h.segments = []segment{{id: "0", plain: true, offset: payload, size: -1, sector: sector, spec: sp}}
	} else {
		h.segments = []segment{{id: "0", offset: payload, size: -1, sector: sector, spec: sp}}
	}
	check := digest{
		hash: hash, iterations: int(be.Uint32(b[164:])),
		salt: bytes.Clone(b[132:164]), sum: bytes.Clone(b[112:132]), segments: []string{"0"},
	}
	for i := range 8 {
		at := b[208+48*i:]
		if be.Uint32(at) != slotActive {
			continue
		}
		s := slot{
			id: strconv.Itoa(i), keyBytes: int(keyBytes), areaKey: int(keyBytes), area: sp, splitHash: hash,
			stripes: int(be.Uint32(at[44:])), areaAt: int64(be.Uint32(at[40:])) * sector,
			kdf: kdf{name: "pbkdf2", hash: hash, time: int(be.Uint32(at[4:])), salt: bytes.Clone(at[8:40])},
		}
		s.check(src.Size())
		h.slots, check.slots = append(h.slots, s), append(check.slots, s.id)
	}
	h.digests = []digest{check}
	return h, nil
}

// check notes what makes a slot unfit to be tried.
func (s *slot) check(device int64) {
	area := s.areaBytes()
	switch {
	case s.err != nil:
	case s.stripes < 1 || s.keyBytes < 1 || s.keyBytes > maxKeyBytes || s.stripes > maxArea/s.keyBytes:
		s.err = block.Damaged("key slot %s: a key of %d bytes in %d stripes", s.id, s.keyBytes, s.stripes)
	case s.areaKey < 1 || s.areaKey > maxKeyBytes:
		s.err = block.Damaged("key slot %s: encrypted with a key of %d bytes", s.id, s.areaKey)
	case s.areaAt < 0 || s.areaAt > device || area > device-s.areaAt:
		s.err = block.Damaged("key slot %s: %d bytes at %d, the device has %d", s.id, area, s.areaAt, device)
	default:
		s.err = s.kdf.check()
	}
}

// areaBytes is how many bytes of the device hold the split key: whole sectors.
func (s *slot) areaBytes() int64 {
	return (int64(s.keyBytes)*int64(s.stripes) + sector - 1) / sector * sector
}

// text gives the characters before the first NUL, as far as they can be shown.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return '?'
		}
		return r
	}, b))
}
