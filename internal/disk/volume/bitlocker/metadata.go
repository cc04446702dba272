package bitlocker

import (
	"fmt"
	"hash/crc32"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Where the boot sector holds the identifier and the places of the metadata.
const (
	identifierAt     = 160
	identifierAtToGo = 424
	signature        = "-FVE-FS-"
	signatureToGo    = "MSWIN4.1" // an ordinary name for FAT, too
)

// Identifiers in the boot sector: of a volume like any other, and of one that
// is encrypted only where it is written.
const (
	identifierNormal = "4967d63b-2e29-4ad8-8399-f6a339e3d001"
	identifierEOW    = "92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8"
)

// areaSize is how many bytes each copy of the metadata has to itself.
const areaSize = 64 << 10

// States of a volume.
const (
	stateDecrypted  = 1
	stateConverting = 2
	stateEncrypted  = 4
	statePaused     = 5 // converting
)

// metadata is what a volume says of itself.
type metadata struct {
	toGo        bool
	sector      int64 // bytes
	areas       [3]int64
	state       uint16
	encrypted   int64 // bytes from the start that are encrypted
	headerAt    int64 // where the volume's first sectors lie
	headerSize  int64
	id          string
	description string
	method      method
	protectors  []protector
	key         sealed // the volume's key
	notes       []string
}

// readMetadata reads the boot sector and one copy of the metadata.
func readMetadata(src block.Source) (*metadata, error) {
	b := make([]byte, 512)
	if src.Size() < areaSize {
		return nil, block.ErrNotThis
	}
	if err := block.ReadFull(src, b, 0); err != nil {
		return nil, fmt.Errorf("read boot sector: %w", err)
	}
	at := identifierAt
	toGo := string(b[3:11]) == signatureToGo
	if toGo {
		at = identifierAtToGo
	} else if string(b[3:11]) != signature {
		return nil, block.ErrNotThis
	}
	sector := int64(le.Uint16(b[11:]))
	if sector == 0 {
		sector = 512
	}
	switch id := guid(b[at:]); {
	case id == identifierNormal:
	case toGo && id != identifierEOW:
		return nil, block.ErrNotThis
	case b[1] == 0x52:
		return nil, block.Unsupported("boot sector: encrypted as Windows Vista does it")
	case id == identifierEOW:
		return nil, block.Unsupported("boot sector: encrypt-on-write")
	default:
		return nil, block.Damaged("boot sector: identifier %s", id)
	}
	if sector < 512 || sector > 4096 || sector&(sector-1) != 0 {
		return nil, block.Damaged("boot sector: sectors of %d bytes", sector)
	}
	m := &metadata{toGo: toGo, sector: sector}
	for i := range m.areas {
		off := le.Uint64(b[at+16+8*i:])
		if off%uint64(sector) != 0 || off > 1<<62 {
			return nil, block.Damaged("boot sector: metadata %d at byte %d", i+1, off)
		}
		m.areas[i] = int64(off)
	}
	return m, m.readCopies(src)
}

// readCopies takes the first copy of the metadata that is whole; where no
// checksum is right, the first that can be made sense of.
func (m *metadata) readCopies(src block.Source) error {
	var first error
	for _, checked := range []bool{true, false} {
		for i, at := range m.areas {
			got := *m
			err := got.readCopy(src, at, checked)
			if err == nil {
				if first != nil {
					got.notes = []string{fmt.Sprintf("copy %d of the metadata was taken: %v", i+1, first)}
				}
				*m = got
				return nil
			}
			if first == nil || i == 0 {
				first = err // of the last round: what is wrong beyond the checksum
			}
		}
	}
	return first
}

// readCopy reads the copy of the metadata at an offset.
func (m *metadata) readCopy(src block.Source, at int64, checked bool) error {
	if at < m.sector || at > src.Size()-areaSize {
		return block.Damaged("metadata at byte %d: the device has %d bytes", at, src.Size())
	}
	b := make([]byte, areaSize)
	if err := block.ReadFull(src, b, at); err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	switch version := le.Uint16(b[10:]); {
	case string(b[:8]) != signature:
		return block.Damaged("metadata at byte %d: signature %q", at, b[:8])
	case version != 2:
		return block.Unsupported("metadata at byte %d: version %d", at, version)
	}
	for i := range m.areas {
		if off := le.Uint64(b[32+8*i:]); off != uint64(m.areas[i]) {
			return block.Damaged("metadata at byte %d: copy %d at byte %d, the boot sector says %d", at, i+1, off, m.areas[i])
		}
	}
	size, header := int64(le.Uint32(b[64:])), int64(le.Uint32(b[72:]))
	if size > areaSize-64 || header < 48 || header > size {
		return block.Damaged("metadata at byte %d: %d bytes, header of %d", at, size, header)
	}
	if checked {
		if err := checksum(b, int(le.Uint16(b[8:]))<<4); err != nil {
			return fmt.Errorf("metadata at byte %d: %w", at, err)
		}
	}
	m.state, m.id, m.method = le.Uint16(b[12:]), guid(b[80:]), methodOf(le.Uint16(b[100:]))
	m.headerAt, m.headerSize = int64(le.Uint64(b[56:])), int64(le.Uint32(b[28:]))*m.sector
	if err := m.readEntries(b[64+header : 64+size]); err != nil {
		return fmt.Errorf("metadata at byte %d: %w", at, err)
	}
	return m.check(src.Size(), le.Uint64(b[16:]))
}

// checksum holds a copy against the CRC that follows its first size bytes.
func checksum(b []byte, size int) error {
	if size < 112 || size > len(b)-8 {
		return block.Damaged("%d bytes are checked", size)
	}
	if got, want := crc32.ChecksumIEEE(b[:size]), le.Uint32(b[size+4:]); got != want {
		return block.Damaged("checksum %08x, want %08x", got, want)
	}
	return nil
}

// check holds what was read against the device. encrypted is how many bytes are,
// from the start: all, unless encryption or decryption is under way.
func (m *metadata) check(device int64, encrypted uint64) error {
	switch {
	case m.headerAt < m.sector || m.headerAt%m.sector != 0 || m.headerSize < m.sector || m.headerSize%m.sector != 0:
		return block.Damaged("metadata: volume header of %d bytes at %d", m.headerSize, m.headerAt)
	case m.headerAt > device || m.headerSize > device-m.headerAt:
		return block.Damaged("metadata: volume header of %d bytes at %d, the device has %d", m.headerSize, m.headerAt, device)
	case m.state != stateDecrypted && m.state != stateConverting && m.state != stateEncrypted && m.state != statePaused:
		return block.Unsupported("metadata: state %d", m.state)
	case encrypted%uint64(m.sector) != 0:
		return block.Damaged("metadata: %d bytes are encrypted", encrypted)
	}
	m.encrypted = int64(min(encrypted, 1<<62))
	if encrypted == 0 && m.state == stateEncrypted {
		m.encrypted = 1 << 62
	}
	return nil
}

// guid writes a GUID as Windows does.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}
