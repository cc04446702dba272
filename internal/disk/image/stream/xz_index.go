package stream

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	xzMagic    = "\xfd7zXZ\x00"
	xzFooter   = "YZ"
	headerSize = 12 // of a stream; its footer has as many
	// maxPadding bounds the zeros between streams that are skipped backwards.
	maxPadding = 1 << 20
)

// streamFlags reads the flags of a stream's header (section 2.1.1), which are
// the kind of its check.
func streamFlags(b []byte, off int64) (check byte, err error) {
	if string(b[:6]) != xzMagic || crc32.ChecksumIEEE(b[6:8]) != binary.LittleEndian.Uint32(b[8:]) {
		return 0, block.Damaged("stream header at offset %d: magic or checksum is wrong", off)
	}
	if b[6] != 0 || b[7]&0xf0 != 0 {
		return 0, block.Unsupported("stream header at offset %d: flags %#x", off, b[6:8])
	}
	return b[7], nil
}

// streamFooter reads a stream's footer: the length of its index, and its flags.
func streamFooter(b []byte, off int64) (index int64, flags []byte, err error) {
	if string(b[10:]) != xzFooter || crc32.ChecksumIEEE(b[4:10]) != binary.LittleEndian.Uint32(b) {
		return 0, nil, block.Damaged("stream footer at offset %d: magic or checksum is wrong", off)
	}
	return (int64(binary.LittleEndian.Uint32(b[4:])) + 1) * 4, b[8:10], nil
}

// record is a block as an index has it.
type record struct{ stored, content int64 }

// xzStream is one stream of a file.
type xzStream struct {
	start   int64
	check   byte
	records []record
}

// xzStreams reads the indexes of all streams, from the last one back.
func xzStreams(src block.Source) ([]xzStream, error) {
	var out []xzStream
	blocks := 0
	for end := src.Size(); end > 0; {
		s, err := lastStream(src, end, maxParts-blocks)
		if err != nil {
			return nil, err
		}
		blocks += len(s.records) + 1
		out = append(out, s)
		end = s.start
	}
	return out, nil
}

// lastStream reads the index of the stream that ends before a place, padding
// left out.
func lastStream(src block.Source, end int64, most int) (xzStream, error) {
	end, err := beforePadding(src, end)
	if err != nil {
		return xzStream{}, err
	}
	var foot [headerSize]byte
	if end < 3*headerSize {
		return xzStream{}, block.Damaged("%d bytes where a stream should end", end)
	}
	if err := block.ReadFull(src, foot[:], end-headerSize); err != nil {
		return xzStream{}, err
	}
	size, flags, err := streamFooter(foot[:], end-headerSize)
	if err != nil {
		return xzStream{}, err
	}
	start := end - headerSize - size
	if start < headerSize {
		return xzStream{}, block.Damaged("index of %d bytes before offset %d", size, end-headerSize)
	}
	in := track(src, start, size)
	records, taken, err := readIndex(in, most)
	switch {
	case in.err != nil:
		return xzStream{}, in.err
	case err != nil:
		return xzStream{}, err
	case taken != size:
		return xzStream{}, block.Damaged("index of %d bytes at offset %d, its footer says %d", taken, start, size)
	}
	stored, _ := total(records)
	s := xzStream{start: start - stored - headerSize, records: records}
	if stored > start-headerSize {
		return s, block.Damaged("index at offset %d: blocks of %d bytes before it", start, stored)
	}
	var head [headerSize]byte
	if err := block.ReadFull(src, head[:], s.start); err != nil {
		return s, err
	}
	if s.check, err = streamFlags(head[:], s.start); err == nil && string(head[6:8]) != string(flags) {
		err = block.Damaged("stream at offset %d: its footer has other flags", s.start)
	}
	return s, err
}

// beforePadding gives the end of what is no padding: zeros, four at a time.
func beforePadding(src block.Source, end int64) (int64, error) {
	for limit := max(0, end-maxPadding); end > limit; {
		piece := make([]byte, min(4096, end-limit))
		if err := block.ReadFull(src, piece, end-int64(len(piece))); err != nil {
			return 0, err
		}
		for n := len(piece); n >= 4; n -= 4 {
			if !blank(piece[n-4 : n]) {
				return end - int64(len(piece)-n), nil
			}
		}
		if len(piece) < 4 {
			break
		}
		end -= int64(len(piece) &^ 3)
	}
	return 0, block.Damaged("more than %d bytes of padding, or nothing else", maxPadding)
}

// total is how many bytes blocks take, padding and all, and hold.
func total(records []record) (stored, content int64) {
	for _, r := range records {
		stored, content = stored+(r.stored+3)&^3, content+r.content
	}
	return stored, content
}

// readIndex reads an index (section 4) of at most so many blocks. taken is its
// length.
func readIndex(r io.Reader, most int) (records []record, taken int64, err error) {
	in := &summed{r: bufio.NewReaderSize(r, 32<<10)}
	if b, err := in.ReadByte(); err != nil || b != 0 {
		return nil, 0, block.Damaged("index begins with %#x, want 0", b)
	}
	n, err := readVLI(in)
	if err != nil {
		return nil, 0, err
	}
	if n > int64(most) {
		return nil, 0, block.Unsupported("%d blocks: want at most %d", n, maxParts)
	}
	var sum record
	for range n {
		var r record
		if r.stored, err = readVLI(in); err == nil {
			r.content, err = readVLI(in)
		}
		if err != nil {
			return nil, 0, err
		}
		if r.stored < 5 || r.stored > 1<<62-sum.stored || r.content > 1<<62-sum.content {
			return nil, 0, block.Damaged("index: a block of %d bytes with %d", r.stored, r.content)
		}
		sum.stored, sum.content = sum.stored+(r.stored+3)&^3, sum.content+r.content
		records = append(records, r)
	}
	for in.taken%4 > 0 {
		if b, err := in.ReadByte(); err != nil || b != 0 {
			return nil, 0, block.Damaged("index: its padding is %#x, want 0", b)
		}
	}
	var want [4]byte
	if _, err := io.ReadFull(in.r, want[:]); err != nil {
		return nil, 0, io.ErrUnexpectedEOF
	}
	if in.sum != binary.LittleEndian.Uint32(want[:]) {
		return nil, 0, block.Damaged("index: its checksum does not match")
	}
	return records, in.taken + 4, nil
}

// summed counts bytes and sums them up.
type summed struct {
	r     *bufio.Reader
	taken int64
	sum   uint32
	one   [1]byte
}

func (s *summed) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err != nil {
		return 0, err
	}
	s.taken++
	s.one[0] = b
	s.sum = crc32.Update(s.sum, crc32.IEEETable, s.one[:])
	return b, nil
}
