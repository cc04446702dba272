package innodb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Offsets in every page, and its types.
const (
	filChecksum = 0
	filPage     = 4
	filNext     = 12
	filLSN      = 16
	filType     = 24
	filFlushLSN = 26
	filSpace    = 34
	filData     = 38

	typeUndo          = 2
	typeIndex         = 17855
	typeRtree         = 17854
	typeSDI           = 17853
	typeInstant       = 18 // MariaDB: root of a table with columns added at once
	typeCompressed    = 14 // MySQL's page compression
	typeEncrypted     = 15
	typeCompEncrypted = 16
	typeMariaComp     = 34354
	typeMariaCompEnc  = 37401
	typeLOBFirst      = 24
	typeBlob          = 10
	typeSDIBlob       = 18 // MySQL

	noPage = 0xffffffff
)

const (
	minPage = 4 << 10
	maxPage = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func be16(b []byte, o int) int    { return int(binary.BigEndian.Uint16(b[o:])) }
func be32(b []byte, o int) uint32 { return binary.BigEndian.Uint32(b[o:]) }
func be64(b []byte, o int) uint64 { return binary.BigEndian.Uint64(b[o:]) }

// space is one tablespace file.
type space struct {
	id    uint32
	path  string
	r     detect.Reader
	size  int // bytes of a page in memory
	zip   int // bytes of a page in the file with ROW_FORMAT=COMPRESSED, else 0
	fcrc  bool
	comp  int // MariaDB's compression of a whole full_crc32 space, 0 none
	flags uint32
	// encrypted is set when the pages need a key.
	encrypted bool
}

func (s *space) physical() int {
	if s.zip != 0 {
		return s.zip
	}
	return s.size
}

func (s *space) pages() uint32 { return uint32(min(s.r.Size()/int64(s.physical()), noPage-1)) }

// setFlags reads the flags of the space's first page: of MariaDB from 10.4
// with its full_crc32, else the ones that MySQL and older MariaDB share.
func (s *space) setFlags(flags uint32) error {
	s.flags = flags
	if flags&0x10 != 0 && flags&^0xff == 0 {
		ssize := flags & 0xf
		if ssize < 3 || ssize > 7 {
			return fmt.Errorf("%s: first page: page size code %d, expected 3 to 7: %w", s.path, ssize, database.ErrDamaged)
		}
		s.fcrc, s.size, s.comp = true, 512<<ssize, int(flags>>5)
		return nil
	}
	zip, ssize := flags>>1&0xf, flags>>6&0xf
	if zip > 5 || ssize != 0 && (ssize < 3 || ssize > 7) {
		return fmt.Errorf("%s: first page: flags of page sizes %d and %d: %w", s.path, zip, ssize, database.ErrDamaged)
	}
	s.size = 16 << 10
	if ssize != 0 {
		s.size = 512 << ssize
	}
	if zip != 0 {
		s.zip = 512 << zip
	}
	return nil
}

// xdesEnd is where the descriptors of extents end in the first page.
func (s *space) xdesEnd() int {
	extent := max(1<<20/s.size, 64)
	return filData + 112 + s.physical()/extent*(24+extent/4)
}

// headEncrypted finds in a file's head whether its pages need a key.
func (s *space) headEncrypted(head []byte) bool {
	if !s.fcrc && s.flags&(1<<13) != 0 {
		return true
	}
	at := s.xdesEnd() // of MySQL; MariaDB's is a page header's size further
	if at+3 <= len(head) && bytes.HasPrefix(head[at:], []byte("lC")) {
		return true
	}
	// After the magic: the scheme, 17 bytes, the key version, the key, and whether
	// encryption is as the server has it, on or off.
	at += filData
	return at+33 <= len(head) && bytes.HasPrefix(head[at:], []byte("s\x0e\x0cREt")) && head[at+6] != 0 && be32(head, at+24) != 0 && head[at+32] != 2
}

// zero tells whether all bytes are 0.
func zero(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// fold is the oldest checksum's hash.
func fold(p []byte) uint32 {
	var f uint32
	for _, c := range p {
		f = ((((f ^ uint32(c) ^ 1653893711) << 8) + f) ^ 1463735687) + uint32(c)
	}
	return f
}

// sound checks a page's checksum by any of the methods that a server may have
// had set.
func (s *space) sound(p []byte) bool {
	if s.fcrc {
		end := len(p)
		if t := be16(p, filType); t&0x8000 != 0 && s.comp != 0 {
			end = min((t&0x7fff)<<8, len(p))
		}
		return end > filData+4 && crc32.Checksum(p[:end-4], castagnoli) == be32(p, end-4)
	}
	sum := be32(p, filChecksum)
	if sum == 0xdeadbeef {
		return true
	}
	if s.zip != 0 {
		c := crc32.Update(crc32.Checksum(p[filPage:filLSN], castagnoli), castagnoli, p[filType:filType+2])
		c = crc32.Update(c, castagnoli, p[filSpace:])
		c2 := crc32.Checksum(p[filPage:filLSN], castagnoli) ^ crc32.Checksum(p[filType:filType+2], castagnoli) ^ crc32.Checksum(p[filSpace:], castagnoli)
		return sum == c || sum == c2 || sum == zipAdler(p)
	}
	c := crc32.Checksum(p[filPage:filFlushLSN], castagnoli) ^ crc32.Checksum(p[filData:len(p)-8], castagnoli)
	return sum == c || sum == fold(p[filPage:filFlushLSN])+fold(p[filData:len(p)-8])
}

// readPage reads one page of the file as a server would: its checksum right,
// decompressed. A page that was never written is all zero.
func (s *space) readPage(no uint32) ([]byte, error) {
	n := s.physical()
	p := make([]byte, n)
	at := int64(no) * int64(n)
	if at >= s.r.Size() {
		return p, nil // the log may bring it
	}
	if m, err := s.r.ReadAt(p, at); err != nil && (!errors.Is(err, io.EOF) || m < n) {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: page %d at %d: %d of %d bytes: %w", s.path, no, at, m, n, database.ErrDamaged)
		}
		return nil, fmt.Errorf("%s: page %d: %w", s.path, no, err)
	}
	if zero(p) {
		return p, nil
	}
	t := be16(p, filType)
	switch {
	case s.fcrc && be32(p, 0) != 0,
		!s.fcrc && (t == typeEncrypted || t == typeCompEncrypted || t == typeMariaCompEnc),
		!s.fcrc && no != 0 && s.encrypted && be32(p, filFlushLSN) != 0 && t != typeMariaComp:
		return nil, fmt.Errorf("%s: page %d: %w", s.path, no, database.ErrEncrypted)
	case t == typeMariaComp && !s.fcrc, t == typeCompressed:
		return s.decompress(p, no)
	}
	if !s.sound(p) {
		return nil, fmt.Errorf("%s: page %d at %d: checksum is wrong: %w", s.path, no, at, database.ErrDamaged)
	}
	if be32(p, filPage) != no {
		return nil, fmt.Errorf("%s: page %d at %d: says it is page %d: %w", s.path, no, at, be32(p, filPage), database.ErrDamaged)
	}
	if s.fcrc && t&0x8000 != 0 && s.comp != 0 {
		return s.decompress(p, no)
	}
	return p, nil
}
