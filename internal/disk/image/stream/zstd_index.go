package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// The seek table of the seekable format is the last frame: skippable, and known
// by the magic at its end.
const (
	seekFrame  = 0x184D2A5E
	seekMagic  = 0x8F92EAB1
	seekFooter = 9
)

// seekTable gives the parts that the seek table lists, nil when there is none
// that fits the file.
func (d *zstdReader) seekTable() []part {
	var foot [seekFooter]byte
	size := d.src.Size()
	if size < 8+seekFooter || block.ReadFull(d.src, foot[:], size-seekFooter) != nil || binary.LittleEndian.Uint32(foot[5:]) != seekMagic {
		return nil
	}
	n, each := int64(binary.LittleEndian.Uint32(foot[:])), int64(8)
	if foot[4]&0x80 != 0 {
		each += 4 // a checksum
	}
	start := size - seekFooter - n*each - 8
	var head [8]byte
	if foot[4]&0x7c != 0 || n == 0 || n > maxParts || start < 0 || block.ReadFull(d.src, head[:], start) != nil {
		return nil
	}
	if binary.LittleEndian.Uint32(head[:]) != seekFrame || int64(binary.LittleEndian.Uint32(head[4:])) != n*each+seekFooter {
		return nil
	}
	table := make([]byte, n*each)
	if block.ReadFull(d.src, table, start+8) != nil {
		return nil
	}
	var index []part
	var at part
	for ; len(table) > 0; table = table[each:] {
		packed, content := int64(binary.LittleEndian.Uint32(table)), int64(binary.LittleEndian.Uint32(table[4:]))
		if content > 0 {
			index = append(index, at)
		}
		at.at, at.off = at.at+packed, at.off+content
	}
	if at.at != start || at.off > maxSize {
		return nil
	}
	return append(index, at)
}

// frames gives the parts of a file whose frames all tell their size and are
// small, nil otherwise. It reads the headers of frames and blocks (RFC 8878,
// section 3.1.1). A file that ends within a frame has that frame as its last
// part.
func (d *zstdReader) frames(ctx context.Context, first int64) ([]part, error) {
	in := newInput(d.src)
	index, at := []part(nil), part{at: first}
	for at.at < d.src.Size() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in.seek(at.at)
		content, err := d.frame(in)
		if errors.Is(err, errWhole) {
			return nil, nil
		}
		if err != nil && (at.off == 0 && content == 0 || !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, block.ErrDamaged)) {
			return nil, fmt.Errorf("frame at offset %d: %w", at.at, err)
		}
		if content > 0 {
			index = append(index, at)
		}
		at.off += content
		if err != nil {
			d.notes = append(d.notes, fmt.Sprintf("the frame at offset %d: %v", at.at, err))
			at.at = d.src.Size()
			break
		}
		at.at = in.offset()
		if len(index) == maxParts || at.off > maxSize {
			return nil, nil
		}
	}
	return append(index, at), nil
}

// errWhole says that a file is better decompressed as a whole.
var errWhole = errors.New("a frame that is large or does not tell its size")

// frame walks over a frame and gives the size of its content.
func (d *zstdReader) frame(in *input) (content int64, err error) {
	var h zstd.Header
	head := make([]byte, min(zstd.HeaderMaxSize, d.src.Size()-in.offset()))
	if err := block.ReadFull(d.src, head, in.offset()); err != nil {
		return 0, err
	}
	switch err := h.Decode(head); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, err
	case err != nil:
		return 0, block.Damaged("header: %v", err)
	case h.Skippable:
		in.seek(in.offset() + int64(h.HeaderSize) + int64(h.SkippableSize))
		return 0, d.within(in)
	case h.DictionaryID != 0:
		return 0, block.Unsupported("it needs the dictionary %d", h.DictionaryID)
	case !h.HasFCS || h.FrameContentSize > maxPart:
		return 0, errWhole
	}
	content = int64(h.FrameContentSize)
	in.seek(in.offset() + int64(h.HeaderSize))
	for last := false; !last; {
		b, err := in.take(3)
		if err != nil {
			return content, err
		}
		v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		size := int64(v >> 3)
		last = v&1 == 1
		switch v >> 1 & 3 {
		case 1:
			size = 1 // one byte, over and over
		case 3:
			return content, block.Damaged("block of type 3 before offset %d", in.offset())
		}
		in.seek(in.offset() + size)
	}
	if h.HasCheckSum {
		in.seek(in.offset() + 4)
	}
	return content, d.within(in)
}

// within is an error when in stands behind the end of the file.
func (d *zstdReader) within(in *input) error {
	if in.offset() > d.src.Size() {
		return io.ErrUnexpectedEOF
	}
	return nil
}
