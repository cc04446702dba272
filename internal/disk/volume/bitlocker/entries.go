package bitlocker

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Types of entries.
const (
	entryProperty    = 0
	entryProtector   = 2
	entryKey         = 3
	entryStartupKey  = 6
	entryDescription = 7
	entryHeader      = 15
)

// Types of what entries hold.
const (
	valueKey         = 1
	valueStretchKey  = 3
	valueSealedKey   = 5
	valueExternalKey = 9
)

// maxProtectors bounds the ways in that are looked at.
const maxProtectors = 64

// entries calls yield for each entry in b.
func entries(b []byte, yield func(kind, value uint16, data []byte)) error {
	for pos := 0; pos+8 <= len(b); {
		size := int(le.Uint16(b[pos:]))
		if size == 0 {
			return nil
		}
		if size < 8 || size > len(b)-pos {
			return block.Damaged("entry at byte %d has %d bytes of %d", pos, size, len(b)-pos)
		}
		yield(le.Uint16(b[pos+2:]), le.Uint16(b[pos+4:]), b[pos+8:pos+size])
		pos += size
	}
	return nil
}

// sealed is a key encrypted with AES-CCM.
type sealed struct {
	nonce [12]byte
	tag   []byte // 16 bytes
	data  []byte
}

func parseSealed(b []byte) (s sealed, ok bool) {
	if len(b) < 28+12 {
		return s, false
	}
	copy(s.nonce[:], b)
	s.tag, s.data = b[12:28], b[28:]
	return s, true
}

// Ways to protect the key that protects the volume's key; some are sums.
const (
	protectTPM      = 0x0100
	protectStartup  = 0x0200
	protectPIN      = 0x0400
	protectRecovery = 0x0800
	protectPassword = 0x2000
)

// protector is one way in: the key of all keys, encrypted.
type protector struct {
	id   string
	kind uint16
	salt []byte // 16 bytes
	key  sealed
	open []byte // what decrypts it, when that lies on the disk
}

// clear tells of a protector that needs nothing that is not on the disk.
func (p protector) clear() bool { return p.kind < 0x100 }

func (p protector) describe() string {
	names := map[uint16]string{
		protectTPM: "TPM", protectStartup: "startup key", protectTPM | protectPIN: "TPM and PIN",
		protectTPM | protectStartup: "TPM and startup key", protectTPM | protectPIN | protectStartup: "TPM, PIN and startup key",
		protectRecovery: "recovery password", protectPassword: "password", 0x1000: "smart card",
	}
	name, ok := names[p.kind]
	switch {
	case p.clear():
		name = "clear key"
	case !ok:
		name = fmt.Sprintf("unknown (%#04x)", p.kind)
	}
	return name + " {" + strings.ToUpper(p.id) + "}"
}

// readEntries reads the metadata's entries.
func (m *metadata) readEntries(b []byte) error {
	found := false
	m.protectors = nil
	err := entries(b, func(kind, _ uint16, data []byte) {
		switch kind {
		case entryProtector:
			if p, ok := parseProtector(data); ok && len(m.protectors) < maxProtectors {
				m.protectors = append(m.protectors, p)
			}
		case entryKey:
			if s, ok := parseSealed(data); ok {
				m.key, found = s, true
			}
		case entryDescription:
			m.description = text16(data)
		case entryHeader:
			if len(data) >= 16 {
				m.headerAt, m.headerSize = int64(le.Uint64(data)), int64(le.Uint64(data[8:]))
			}
		}
	})
	if err == nil && !found {
		err = block.Damaged("no entry holds the volume's key")
	}
	return err
}

// parseProtector reads a way in. What can't be made sense of in it is left out:
// the others may open the volume.
func parseProtector(b []byte) (p protector, ok bool) {
	if len(b) < 28 {
		return p, false
	}
	p = protector{id: guid(b), kind: le.Uint16(b[26:])}
	_ = entries(b[28:], func(_, value uint16, data []byte) {
		switch {
		case value == valueStretchKey && len(data) >= 20:
			p.salt = data[4:20]
		case value == valueSealedKey:
			p.key, _ = parseSealed(data)
		case value == valueKey && len(data) > 4:
			p.open = data[4:]
		}
	})
	return p, true
}

// text16 reads UTF-16 up to the first NUL, as far as it can be shown.
func text16(b []byte) string {
	var units []uint16
	for ; len(b) >= 2 && (b[0] != 0 || b[1] != 0); b = b[2:] {
		units = append(units, le.Uint16(b))
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return '?'
		}
		return r
	}, string(utf16.Decode(units)))
}

// parseStartupKey reads the file of a startup key (.BEK). Which protector it is
// for the key itself tells.
func parseStartupKey(b []byte) (key []byte) {
	if len(b) < 48 || le.Uint32(b[4:]) != 1 || le.Uint32(b[8:]) != 48 || le.Uint32(b) < 48 || int64(le.Uint32(b)) > int64(len(b)) {
		return nil
	}
	_ = entries(b[48:le.Uint32(b)], func(kind, value uint16, data []byte) {
		if kind != entryStartupKey || value != valueExternalKey || len(data) < 24 {
			return
		}
		_ = entries(data[24:], func(kind, value uint16, data []byte) {
			if kind == entryProperty && value == valueKey && len(data) > 4 {
				key = data[4:]
			}
		})
	})
	return key
}
