package stream

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// gunzip inflates the members of a gzip file (RFC 1952) one after another.
type gunzip struct {
	inflater
	size   int64 // of the source
	inside bool  // a member's deflate stream
	start  int64 // of the member on the source

	// check holds each member to its checksum; bad tells of those that fail.
	check  bool
	crc    uint32
	length uint32
	bad    []string
}

func newGunzip(src block.Source, check bool) *gunzip {
	return &gunzip{inflater: *newInflater(src), size: src.Size(), check: check}
}

// fill inflates until out is full or no member is left, which done tells.
func (g *gunzip) fill() (done bool, err error) {
	for g.w < len(g.out)-longest {
		if !g.inside {
			if more, err := g.member(); err != nil || !more {
				return err == nil, err
			}
		}
		from := g.w
		end, err := g.run()
		if g.check {
			g.crc = crc32.Update(g.crc, crc32.IEEETable, g.out[from:g.w])
			g.length += uint32(g.w - from)
		}
		if err == nil && end {
			err = g.trailer()
		}
		if err != nil {
			return false, fmt.Errorf("gzip member at offset %d, at byte %d: %w", g.start, g.in.offset(), err)
		}
	}
	return false, nil
}

// The flags of a member's header (RFC 1952, section 2.3.1).
const (
	flagChecksum = 1 << 1
	flagExtra    = 1 << 2
	flagName     = 1 << 3
	flagComment  = 1 << 4
	flagReserved = 7 << 5
)

// maxHeaderText bounds a member's name and its comment.
const maxHeaderText = 64 << 10

// member reads the header of the next member; more is false when there is none.
func (g *gunzip) member() (more bool, err error) {
	g.start = g.in.offset()
	if g.start >= g.size {
		return false, nil
	}
	magic, err := g.in.take(int(min(4, g.size-g.start)))
	if err != nil {
		return false, err
	}
	if g.start > 0 && (len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b) {
		return false, g.behind()
	}
	if len(magic) < 4 {
		return false, fmt.Errorf("gzip member at offset %d: %w", g.start, io.ErrUnexpectedEOF)
	}
	method, flags := magic[2], magic[3]
	if method != 8 || flags&flagReserved != 0 {
		return false, block.Unsupported("gzip member at offset %d: method %d, flags %#x", g.start, method, flags)
	}
	if err := g.skipHeader(flags); err != nil {
		return false, fmt.Errorf("header of the gzip member at offset %d: %w", g.start, err)
	}
	g.begin()
	g.inside, g.crc, g.length = true, 0, 0
	return true, nil
}

// behind notes what stands behind the last member. Zeros are padding.
func (g *gunzip) behind() error {
	rest := make([]byte, min(64<<10, g.size-g.start))
	if err := block.ReadFull(g.in.src, rest, g.start); err != nil {
		return err
	}
	for _, b := range rest {
		if b != 0 {
			g.bad = append(g.bad, fmt.Sprintf("what follows the last gzip member, at offset %d, is not read", g.start))
			break
		}
	}
	return nil
}

func (g *gunzip) skipHeader(flags byte) error {
	if _, err := g.in.take(6); err != nil { // the time, hints and the system
		return err
	}
	if flags&flagExtra != 0 {
		b, err := g.in.take(2)
		if err != nil {
			return err
		}
		g.in.seek(g.in.offset() + int64(binary.LittleEndian.Uint16(b)))
	}
	for _, f := range []byte{flagName, flagComment} {
		if flags&f == 0 {
			continue
		}
		for n := 0; ; n++ {
			b, err := g.in.take(1)
			if err != nil {
				return err
			}
			if b[0] == 0 {
				break
			}
			if n == maxHeaderText {
				return block.Damaged("a name or comment of more than %d bytes", maxHeaderText)
			}
		}
	}
	if flags&flagChecksum != 0 {
		if _, err := g.in.take(2); err != nil {
			return err
		}
	}
	return nil
}

// trailer holds a member to its checksum and length.
func (g *gunzip) trailer() error {
	g.byteAlign()
	b, err := g.in.take(8)
	if err != nil {
		return err
	}
	g.inside = false
	if crc, length := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]); g.check && (crc != g.crc || length != g.length) {
		if len(g.bad) < maxNotes {
			g.bad = append(g.bad, fmt.Sprintf("the gzip member at offset %d does not match its checksum: some of its bytes are wrong", g.start))
		}
	}
	return nil
}

// maxNotes bounds the notes on members that don't match their checksums.
const maxNotes = 10
