package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/unpack"
)

// The checks of blocks (the .xz file format, section 2.1.1.2).
const (
	checkNone   = 0
	checkCRC32  = 1
	checkCRC64  = 4
	checkSHA256 = 10
)

var crc64Table = crc64.MakeTable(crc64.ECMA)

// newCheck gives the hash that a block is held to, and its size in the file.
func newCheck(kind byte) (hash.Hash, int, error) {
	switch kind {
	case checkNone:
		return nil, 0, nil
	case checkCRC32:
		return crc32.NewIEEE(), 4, nil
	case checkCRC64:
		return crc64.New(crc64Table), 8, nil
	case checkSHA256:
		return sha256.New(), 32, nil
	}
	return nil, 0, block.Unsupported("integrity check %d", kind)
}

// sum gives a hash as the file has it: CRCs lowest byte first.
func sum(h hash.Hash) []byte {
	switch c := h.(type) {
	case hash.Hash32:
		return binary.LittleEndian.AppendUint32(nil, c.Sum32())
	case hash.Hash64:
		return binary.LittleEndian.AppendUint64(nil, c.Sum64())
	}
	return h.Sum(nil)
}

// blockHeader is the header of a block (section 3.1).
type blockHeader struct {
	packed, content int64 // below zero when it does not say
	dictionary      int64
}

// filters names those that a block may go through before LZMA2 (section 5.3).
var filters = map[uint64]string{
	3: "delta", 4: "x86", 5: "PowerPC", 6: "IA-64", 7: "ARM", 8: "ARM-Thumb", 9: "SPARC", 10: "ARM64", 11: "RISC-V",
}

const filterLZMA2 = 0x21

// readBlockHeader reads the header of the block at the input's place.
func readBlockHeader(in *input) (blockHeader, error) {
	h := blockHeader{packed: -1, content: -1}
	start := in.offset()
	b, err := in.take(1)
	if err != nil {
		return h, err
	}
	raw := make([]byte, (int(b[0])+1)*4)
	in.seek(start)
	if err := takeAll(in, raw); err != nil {
		return h, err
	}
	body, want := raw[:len(raw)-4], binary.LittleEndian.Uint32(raw[len(raw)-4:])
	if got := crc32.ChecksumIEEE(body); b[0] == 0 || got != want {
		return h, block.Damaged("block header at offset %d: checksum %#x, want %#x", start, got, want)
	}
	r := bytes.NewReader(body[2:])
	flags := body[1]
	if flags&0x3c != 0 {
		return h, block.Unsupported("block header at offset %d: flags %#x", start, flags)
	}
	if err := h.fields(r, flags); err != nil {
		return h, fmt.Errorf("block header at offset %d: %w", start, err)
	}
	return h, nil
}

func (h *blockHeader) fields(r *bytes.Reader, flags byte) error {
	for _, f := range []struct {
		flag byte
		size *int64
	}{{0x40, &h.packed}, {0x80, &h.content}} {
		if flags&f.flag == 0 {
			continue
		}
		v, err := readVLI(r)
		if err != nil {
			return err
		}
		*f.size = v
	}
	for i := range int(flags&3) + 1 {
		id, err := readVLI(r)
		if err != nil {
			return err
		}
		size, err := readVLI(r)
		if err != nil {
			return err
		}
		if id != filterLZMA2 {
			name := filters[uint64(id)]
			if name == "" {
				name = fmt.Sprintf("%#x", id)
			}
			return block.Unsupported("filter %s", name)
		}
		prop, err := r.ReadByte()
		if err != nil || size != 1 || prop > 40 || i != int(flags&3) {
			return block.Damaged("LZMA2 filter of %d bytes with %#x: want one byte up to 40, as the last filter", size, prop)
		}
		h.dictionary = int64(2|prop&1) << (prop/2 + 11)
	}
	return nil
}

// readVLI reads an integer of variable length (section 1.2).
func readVLI(r io.ByteReader) (int64, error) {
	v := uint64(0)
	for i := range 9 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, block.Damaged("an integer ends early")
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			if b == 0 && i > 0 {
				return 0, block.Damaged("an integer in more bytes than it needs")
			}
			return int64(v), nil
		}
	}
	return 0, block.Damaged("an integer of more than 63 bits")
}

// takeAll fills b from the input.
func takeAll(in *input, b []byte) error {
	for len(b) > 0 {
		n := min(8, len(b))
		got, err := in.take(n)
		if err != nil {
			return err
		}
		b = b[copy(b, got):]
	}
	return nil
}

// maxDictionary is the largest dictionary that is given memory: that of xz -9. A
// header may ask for 4 GiB.
const maxDictionary = 64 << 20

// xzDecoder decodes blocks from an input.
type xzDecoder struct {
	in    *input
	lzma2 unpack.LZMA2
}

// lzma decodes the content of a block.
func (d *xzDecoder) lzma(dictionary, size int64, to io.Writer) (packed, content int64, err error) {
	if size >= 0 {
		dictionary = min(dictionary, size)
	}
	if dictionary > maxDictionary {
		return 0, 0, block.Unsupported("a dictionary of %d bytes: want at most %d", dictionary, maxDictionary)
	}
	return d.lzma2.Stream(d.in, to, dictionary, size)
}

// block decodes the block at the input's place and holds it to its check. size
// is how much it holds, or below zero. The input is left behind it; stored is its
// length without padding.
func (d *xzDecoder) block(kind byte, size int64, to io.Writer) (stored, content int64, err error) {
	in := d.in
	start := in.offset()
	h, err := readBlockHeader(in)
	if err != nil {
		return 0, 0, err
	}
	check, checkSize, err := newCheck(kind)
	if err != nil {
		return 0, 0, err
	}
	if size < 0 {
		size = h.content
	}
	if check != nil {
		to = io.MultiWriter(to, check)
	}
	header := in.offset() - start
	packed, content, err := d.lzma(h.dictionary, size, to)
	if broken, ok := errors.AsType[unpack.Error](err); ok {
		return 0, 0, block.Damaged("block at offset %d: %w", start, broken)
	}
	if err != nil {
		return 0, 0, err
	}
	if h.packed >= 0 && h.packed != packed || h.content >= 0 && h.content != content {
		return 0, 0, block.Damaged("block at offset %d: %d bytes from %d, its header says %d from %d", start, content, packed, h.content, h.packed)
	}
	tail := make([]byte, -packed&3+int64(checkSize))
	if err := takeAll(in, tail); err != nil {
		return 0, 0, err
	}
	padding, want := tail[:len(tail)-checkSize], tail[len(tail)-checkSize:]
	if !blank(padding) {
		return 0, 0, block.Damaged("block at offset %d: its padding is not zero", start)
	}
	if check != nil && !bytes.Equal(sum(check), want) {
		return 0, 0, block.Damaged("block at offset %d: its check does not match", start)
	}
	return header + packed + int64(checkSize), content, nil
}
