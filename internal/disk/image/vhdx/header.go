package vhdx

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Places of the structures at the start of the file.
const (
	headerAt1  = 64 << 10
	headerAt2  = 128 << 10
	regionsAt1 = 192 << 10
	regionsAt2 = 256 << 10
	bodyAt     = 1 << 20 // all else lies from here on
)

const (
	headerSize = 4 << 10
	tableSize  = 64 << 10
	maxItems   = 2047 // entries of the region and metadata tables
)

// guid is a GUID as it lies on the disk: its first three fields are numbers.
type guid [16]byte

// mustGUID reads the written form of a GUID that the specification gives.
func mustGUID(s string) (g guid) {
	var a, b, c, d, e uint64
	if n, err := fmt.Sscanf(s, "%8x-%4x-%4x-%4x-%12x", &a, &b, &c, &d, &e); n != 5 || err != nil {
		panic("guid " + s)
	}
	le.PutUint32(g[:], uint32(a))
	le.PutUint16(g[4:], uint16(b))
	le.PutUint16(g[6:], uint16(c))
	binary.BigEndian.PutUint64(g[8:], d<<48|e)
	return g
}

// String gives the written form.
func (g guid) String() string {
	return fmt.Sprintf("%08X-%04X-%04X-%X-%X", le.Uint32(g[:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums tells whether the checksum at byte 4 of a structure holds; it is
// reckoned with itself as zero.
func sums(b []byte) bool {
	sum := crc32.Update(0, castagnoli, b[:4])
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	return crc32.Update(sum, castagnoli, b[8:]) == le.Uint32(b[4:])
}

// header holds the fields of the newest header that reading needs.
type header struct {
	sequence  uint64
	dataWrite guid
	logID     guid // zero when the log is empty
	log       uint64
	logLength uint32
}

// readHeader gives the newest valid header.
func readHeader(src block.Source) (*header, error) {
	var id [8]byte
	if src.Size() < bodyAt {
		return nil, block.ErrNotThis
	}
	if err := image.Probe(src, id[:], 0); err != nil {
		return nil, fmt.Errorf("read file type identifier: %w", err)
	}
	if string(id[:]) != "vhdxfile" {
		return nil, block.ErrNotThis
	}
	var newest *header
	b := make([]byte, headerSize)
	for _, at := range []int64{headerAt1, headerAt2} {
		if err := block.ReadFull(src, b, at); err != nil {
			return nil, fmt.Errorf("read header: %w", err)
		}
		if string(b[:4]) != "head" || !sums(b) {
			continue
		}
		if v := le.Uint16(b[66:]); v != 1 {
			return nil, block.Unsupported("version %d, want 1", v)
		}
		h := &header{
			sequence: le.Uint64(b[8:]), dataWrite: guid(b[32:48]), logID: guid(b[48:64]),
			log: le.Uint64(b[72:]), logLength: le.Uint32(b[68:]),
		}
		if v := le.Uint16(b[64:]); v != 0 && h.logID != (guid{}) {
			return nil, block.Unsupported("log version %d, want 0", v)
		}
		if newest == nil || h.sequence > newest.sequence {
			newest = h
		}
	}
	if newest == nil {
		return nil, block.Damaged("neither header at %d and %d has its signature and checksum", headerAt1, headerAt2)
	}
	return newest, nil
}

// region is a range of the file.
type region struct{ off, length int64 }

var (
	batRegion      = mustGUID("2DC27766-F623-4200-9D64-115E9BFD4A08")
	metadataRegion = mustGUID("8B7CA206-4790-4B9A-B8FE-575F050F886E")
)

// readRegions reads the region table, or its copy.
func readRegions(src block.Source) (map[guid]region, error) {
	b := make([]byte, tableSize)
	for _, at := range []int64{regionsAt1, regionsAt2} {
		if err := block.ReadFull(src, b, at); err != nil {
			return nil, fmt.Errorf("read region table: %w", err)
		}
		if string(b[:4]) == "regi" && sums(b) {
			return parseRegions(src, b)
		}
	}
	return nil, block.Damaged("neither region table at %d and %d has its signature and checksum", regionsAt1, regionsAt2)
}

func parseRegions(src block.Source, b []byte) (map[guid]region, error) {
	n := le.Uint32(b[8:])
	if n > maxItems {
		return nil, block.Damaged("region table: %d entries", n)
	}
	out := map[guid]region{}
	for i := range n {
		e := b[16+32*i:]
		id, off, length, required := guid(e[:16]), le.Uint64(e[16:]), le.Uint32(e[24:]), le.Uint32(e[28:])&1 != 0
		if id != batRegion && id != metadataRegion {
			if required {
				return nil, block.Unsupported("region %s", id)
			}
			continue
		}
		if off < bodyAt || off%bodyAt != 0 || off > uint64(src.Size()) || length == 0 {
			return nil, block.Damaged("region table: %s has %d bytes at %d of the file, which ends at %d", id, length, off, src.Size())
		}
		out[id] = region{int64(off), int64(length)}
	}
	for _, id := range []guid{batRegion, metadataRegion} {
		if _, ok := out[id]; !ok {
			return nil, block.Damaged("region table: region %s is not there", id)
		}
	}
	return out, nil
}
