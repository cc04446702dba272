package packages

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// The structure of rpm's own "ndb" database, Packages.db, little-endian: a
// header of two slots, pages of slots of 16 bytes, blobs at multiples of 16.
const (
	ndbMagic     = 'R' | 'p'<<8 | 'm'<<16 | 'P'<<24
	ndbSlotMagic = 'S' | 'l'<<8 | 'o'<<16 | 't'<<24
	ndbBlobStart = 'B' | 'l'<<8 | 'b'<<16 | 'S'<<24
	ndbBlobEnd   = 'B' | 'l'<<8 | 'b'<<16 | 'E'<<24
	ndbPage      = 4096
	ndbSlot      = 16
)

// readNDB gives the headers of all packages.
func readNDB(r detect.Reader, take func([]byte) bool) error {
	head, err := readAt(r, 0, 32, "the header")
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint32(head) != ndbMagic || le.Uint32(head[4:]) != 0 {
		return fmt.Errorf("offset 0: expected the mark of an ndb database of version 0, found %x: %w", head[:8], database.ErrDamaged)
	}
	pages := int64(le.Uint32(head[12:]))
	if pages < 1 || pages > 2048 || pages*ndbPage > r.Size() {
		return fmt.Errorf("offset 12: expected 1 to 2048 pages of slots within %d bytes, found %d: %w", r.Size(), pages, database.ErrDamaged)
	}
	var first error
	damaged := func(err error) {
		if first == nil {
			first = err
		}
	}
	for page := range pages {
		data, err := readAt(r, page*ndbPage, ndbPage, "slots")
		if err != nil {
			return err
		}
		for at := 0; at < ndbPage; at += ndbSlot {
			if page == 0 && at < 32 {
				continue
			}
			slot := data[at:]
			off := page*ndbPage + int64(at)
			if le.Uint32(slot) != ndbSlotMagic {
				damaged(fmt.Errorf("offset %d: expected a slot, found %x: %w", off, slot[:4], database.ErrDamaged))
				continue
			}
			if le.Uint32(slot[4:]) == 0 {
				continue // free
			}
			blob, err := ndbBlob(r, slot)
			if err != nil {
				damaged(err)
				continue
			}
			if !take(blob) {
				return first
			}
		}
	}
	return first
}

// ndbBlob reads the blob that a slot points to: a header of 16 bytes, the data,
// a tail with its Adler-32.
func ndbBlob(r detect.Reader, slot []byte) ([]byte, error) {
	le := binary.LittleEndian
	off, size := int64(le.Uint32(slot[8:]))*16, int64(le.Uint32(slot[12:]))*16
	if size < 32 || size > maxHeader {
		return nil, fmt.Errorf("offset %d: expected a blob of 32 to %d bytes, found %d: %w", off, maxHeader, size, database.ErrDamaged)
	}
	data, err := readAt(r, off, int(size), "a blob")
	if err != nil {
		return nil, err
	}
	n := int64(le.Uint32(data[12:]))
	tail := data[size-12:]
	if le.Uint32(data) != ndbBlobStart || le.Uint32(data[4:]) != le.Uint32(slot[4:]) || n > size-28 || le.Uint32(tail[8:]) != ndbBlobEnd {
		return nil, fmt.Errorf("offset %d: expected the blob of package %d: %w", off, le.Uint32(slot[4:]), database.ErrDamaged)
	}
	if sum := adler32.Checksum(data[:size-12]); sum != le.Uint32(tail) {
		return nil, fmt.Errorf("offset %d: expected checksum %08x, found %08x: %w", off, le.Uint32(tail), sum, database.ErrDamaged)
	}
	return data[16 : 16+n], nil
}
