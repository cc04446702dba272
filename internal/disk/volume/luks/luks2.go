package luks

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// headerSizes are the sizes in bytes that a header with its JSON may have; the
// second header follows the first.
var headerSizes = []int64{16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20}

// binaryHeader is one of the two headers of LUKS2, with its checksum right.
type binaryHeader struct {
	seqid       uint64
	uuid, label string
	size        int64
	json        []byte
}

// readBinary reads the header at an offset.
func readBinary(src block.Source, at int64, want string) (*binaryHeader, error) {
	b := make([]byte, 4096)
	if at > src.Size()-4096 {
		return nil, block.Damaged("header at byte %d: the device has %d bytes", at, src.Size())
	}
	if err := block.ReadFull(src, b, at); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	size := be.Uint64(b[8:])
	switch {
	case string(b[:6]) != want || be.Uint16(b[6:]) != 2:
		return nil, block.Damaged("header at byte %d: magic %q, version %d", at, b[:6], be.Uint16(b[6:]))
	case size > 4<<20 || !slices.Contains(headerSizes, int64(size)) || int64(size) > src.Size()-at:
		return nil, block.Damaged("header at byte %d: size %d", at, size)
	case be.Uint64(b[256:]) != uint64(at):
		return nil, block.Damaged("header at byte %d: it says that it lies at %d", at, be.Uint64(b[256:]))
	}
	algorithm := text(b[72:104])
	newHash, ok := hashes[algorithm]
	if !ok {
		return nil, block.Unsupported("header at byte %d: checksum %q", at, algorithm)
	}
	whole := make([]byte, size)
	if err := block.ReadFull(src, whole, at); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	sum := bytes.Clone(whole[448:512])
	clear(whole[448:512])
	hash := newHash()
	hash.Write(whole)
	if got := hash.Sum(nil); !bytes.Equal(got, sum[:min(len(got), len(sum))]) {
		return nil, block.Damaged("header at byte %d: its checksum is wrong", at)
	}
	json, _, _ := bytes.Cut(whole[4096:], []byte{0})
	return &binaryHeader{
		seqid: be.Uint64(b[16:]), uuid: text(b[168:208]), label: text(b[24:72]), size: int64(size), json: json,
	}, nil
}

// readHeader2 reads the newer one of the two headers that are whole.
func readHeader2(src block.Source) (*header, error) {
	first, err := readBinary(src, 0, magic)
	if err == nil {
		second, err := readBinary(src, first.size, secondMagic)
		switch {
		case err != nil:
			return first.parse(src.Size(), "the second header can't be read: "+err.Error())
		case second.seqid > first.seqid:
			return second.parse(src.Size(), "the second header is newer than the first and was taken")
		}
		return first.parse(src.Size())
	}
	if second := findSecond(src); second != nil {
		return second.parse(src.Size(), "the first header can't be read, the second was taken: "+err.Error())
	}
	return nil, err
}

// findSecond looks for a second header wherever one may be.
func findSecond(src block.Source) *binaryHeader {
	for _, at := range headerSizes {
		if h, err := readBinary(src, at, secondMagic); err == nil && h.size == at {
			return h
		}
	}
	return nil
}

// readLost looks for a second header where the first was overwritten with
// zeros. b is the start of the device. Anything that begins in another way, or
// has a magic further on, was made later than the second header.
func readLost(src block.Source, b []byte) (*header, error) {
	if bytes.Count(b, []byte{0}) != len(b) {
		return nil, block.ErrNotThis
	}
	for at, m := range map[int64]string{4096: "\xfc\x4e\x2b\xa9", 32769: "CD001", 65600: "_BHRfS_M"} {
		got := make([]byte, len(m))
		if at+int64(len(m)) > src.Size() || block.ReadFull(src, got, at) == nil && string(got) == m {
			return nil, block.ErrNotThis
		}
	}
	if h := findSecond(src); h != nil {
		return h.parse(src.Size(), "the first header was overwritten with zeros, the second was taken")
	}
	return nil, block.ErrNotThis
}

// parse makes sense of the JSON.
func (b *binaryHeader) parse(device int64, notes ...string) (*header, error) {
	h := &header{version: 2, uuid: b.uuid, label: b.label, notes: notes, end: 2 * b.size}
	if err := h.parseJSON(b.json, device); err != nil {
		return nil, err
	}
	return h, nil
}
