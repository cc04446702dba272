package ntfs

import (
	"bytes"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Attribute types.
const (
	typStandard    = 0x10
	typList        = 0x20
	typFileName    = 0x30
	typVolumeName  = 0x60
	typVolumeInfo  = 0x70
	typData        = 0x80
	typIndexRoot   = 0x90
	typIndexAlloc  = 0xA0
	typBitmap      = 0xB0
	typReparse     = 0xC0
	typEA          = 0xE0
	typEnd         = 0xFFFFFFFF
	attrCompressed = 0x00FF // the method; 1 is LZNT1
	attrEncrypted  = 0x4000
	attrSparse     = 0x8000
)

// attr is one attribute record.
type attr struct {
	typ      uint32
	name     []byte // UTF-16LE
	flags    uint16
	id       uint16
	resident bool
	value    []byte // of a resident one

	low         uint64 // first cluster of the stream that this record maps
	pairs       []byte // mapping pairs
	unit        uint8  // log2 of the clusters of a compression unit
	alloc       uint64 // bytes
	size, valid uint64 // bytes: of the stream, and how many were written
	compressed  uint64 // bytes that have clusters, of a sparse or compressed one
}

// next reads the attribute record at pos and gives where the next one is; ok
// is false at the end.
func (r record) next(pos int) (a attr, after int, ok bool, err error) {
	b := r.raw
	if pos+8 > len(b) {
		if pos+4 <= len(b) && le.Uint32(b[pos:]) == typEnd {
			return attr{}, pos, false, nil
		}
		return attr{}, pos, false, block.Damaged("MFT record %d: attributes have no end", r.num)
	}
	a.typ = le.Uint32(b[pos:])
	if a.typ == typEnd {
		return attr{}, pos, false, nil
	}
	n := int64(le.Uint32(b[pos+4:]))
	if n < 24 || n%8 != 0 || n > int64(len(b)-pos) {
		return attr{}, pos, false, block.Damaged("MFT record %d: attribute %#x at byte %d has a length of %d", r.num, a.typ, pos, n)
	}
	after = pos + int(n)
	if !a.parse(b[pos:after]) {
		return attr{}, pos, false, block.Damaged("MFT record %d: attribute %#x at byte %d points beyond its %d bytes", r.num, a.typ, pos, n)
	}
	return a, after, true, nil
}

// parse reads the fields of a record of at least 24 bytes.
func (a *attr) parse(b []byte) bool {
	a.flags, a.id, a.resident = le.Uint16(b[12:]), le.Uint16(b[14:]), b[8] == 0
	var ok bool
	if n := 2 * int(b[9]); n > 0 {
		if a.name, ok = cut(b, uint64(le.Uint16(b[10:])), uint64(n)); !ok {
			return false
		}
	}
	if a.resident {
		a.value, ok = cut(b, uint64(le.Uint16(b[20:])), uint64(le.Uint32(b[16:])))
		return ok
	}
	if len(b) < 64 {
		return false
	}
	a.low, a.unit = le.Uint64(b[16:]), b[34]
	a.alloc, a.size, a.valid = le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(b[56:])
	a.compressed = a.alloc
	if a.flags&(attrCompressed|attrSparse) != 0 && len(b) >= 72 {
		a.compressed = le.Uint64(b[64:])
	}
	at := int(le.Uint16(b[32:]))
	if at < 64 || at > len(b) {
		return false
	}
	a.pairs = b[at:]
	return true
}

// length is how many bytes the stream has.
func (a *attr) length() uint64 {
	if a.resident {
		return uint64(len(a.value))
	}
	return a.size
}

// named tells whether the attribute has the given name, in ASCII.
func (a *attr) named(name string) bool {
	if len(a.name) != 2*len(name) {
		return false
	}
	for i := range len(name) {
		if a.name[2*i] != name[i] || a.name[2*i+1] != 0 {
			return false
		}
	}
	return true
}

// same tells whether two records are parts of one stream.
func (a *attr) same(typ uint32, name []byte) bool {
	return a.typ == typ && bytes.Equal(a.name, name)
}

// cut gives n bytes of b from off, when it has them.
func cut(b []byte, off, n uint64) ([]byte, bool) {
	if off > uint64(len(b)) || n > uint64(len(b))-off {
		return nil, false
	}
	return b[off : off+n], true
}
