package tar

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const blockSize = 512

// Types of members.
const (
	typeRegular   = '0'
	typeOld       = 0
	typeHardLink  = '1'
	typeFIFO      = '6'
	typeReserved  = '7'
	typeSparse    = 'S' // GNU
	typeLongName  = 'L' // GNU
	typeLongLink  = 'K' // GNU
	typePax       = 'x'
	typePaxGlobal = 'g'
	typeContinued = 'M' // GNU: from another volume
)

// header is one block that stands before a member.
type header struct {
	raw  [blockSize]byte
	name string
	size int64 // of the data behind it, in bytes
	kind byte
	gnu  bool
}

// parse reads the block; a checksum that does not hold is damage.
func (h *header) parse(off int64) error {
	want, ok := number(h.raw[148:156])
	unsigned, signed := h.sums()
	if !ok || want != unsigned && want != signed {
		return block.Damaged("header at offset %d: checksum %d, want %d", off, unsigned, want)
	}
	h.kind, h.name = h.raw[156], text(h.raw[:100])
	if h.size, ok = number(h.raw[124:136]); !ok {
		return block.Damaged("header at offset %d: size %q", off, h.raw[124:136])
	}
	switch magic := string(h.raw[257:265]); {
	case magic == "ustar  \x00":
		h.gnu = true
	case strings.HasPrefix(magic, "ustar\x00"):
		prefix := h.raw[345:500]
		if string(h.raw[508:]) == "tar\x00" { // star keeps times behind a shorter one
			prefix = h.raw[345:476]
		}
		if p := text(prefix); p != "" {
			h.name = p + "/" + h.name
		}
	}
	if h.bare() {
		h.size = 0 // it is a hint
	}
	return nil
}

// bare tells of links, devices and folders, which have no data.
func (h *header) bare() bool {
	return h.kind >= typeHardLink && h.kind <= typeFIFO || h.kind == typeOld && strings.HasSuffix(h.name, "/")
}

// sums gives the sum of all bytes, the checksum taken for spaces, and the one
// that old programs make of signed bytes.
func (h *header) sums() (unsigned, signed int64) {
	for i, b := range h.raw {
		if i >= 148 && i < 156 {
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	return unsigned, signed
}

// text is a field up to its first zero.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// number reads a field that is octal or, as GNU has it, binary when its highest
// bit is set. A negative one is none.
func number(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		wide := make([]byte, 16)
		copy(wide[16-len(b):], b)
		wide[16-len(b)] &^= 0x80
		v := binary.BigEndian.Uint64(wide[8:])
		return int64(v), b[0] == 0x80 && binary.BigEndian.Uint64(wide) == 0 && v <= math.MaxInt64
	}
	b = bytes.Trim(b, " \x00")
	v := int64(0)
	for _, c := range b {
		if c < '0' || c > '7' || v > math.MaxInt64>>3 {
			return 0, false
		}
		v = v<<3 | int64(c-'0')
	}
	return v, true
}
