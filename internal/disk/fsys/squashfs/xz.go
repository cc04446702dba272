package squashfs

import (
	"hash/crc32"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/unpack"
)

// xz decompresses a stream of one block (the .xz file format): that is what
// fits in dst.
func xz(dst, src []byte) (int, error) {
	if len(src) < 12+8 || string(src[:6]) != "\xfd7zXZ\x00" || crc32.ChecksumIEEE(src[6:8]) != le.Uint32(src[8:]) {
		return 0, errHeader
	}
	b := src[12:]
	size := 4 * (int(b[0]) + 1)
	if b[0] == 0 {
		return 0, nil // no block at all
	}
	if size > len(b) || crc32.ChecksumIEEE(b[:size-4]) != le.Uint32(b[size-4:]) {
		return 0, errHeader
	}
	filters, err := xzFilters(b[:size-4])
	if err != nil {
		return 0, err
	}
	n, used, err := unpack.UnLZMA2(dst, b[size:])
	if err != nil {
		return n, err
	}
	for _, undo := range slices.Backward(filters) {
		undo(dst[:n])
	}
	return n, xzCheck(src[7], dst[:n], b[min(size+(used+3)&^3, len(b)):])
}

// xzCheck holds the data against its checksum, where that is the usual one.
func xzCheck(kind byte, data, sum []byte) error {
	if kind != 1 {
		return nil
	}
	if len(sum) < 4 {
		return unpack.ErrCut
	}
	if crc32.ChecksumIEEE(data) != le.Uint32(sum) {
		return errSum
	}
	return nil
}

// xzFilters reads the header of a block: which filters come before LZMA2.
func xzFilters(b []byte) (filters []func([]byte), err error) {
	flags, pos := b[1], 2
	number := func() (v uint64) {
		for shift := 0; shift < 63; shift += 7 {
			if pos >= len(b) {
				err = unpack.ErrCut
				return 0
			}
			c := b[pos]
			pos++
			if v |= uint64(c&0x7F) << shift; c < 0x80 {
				return v
			}
		}
		err = errHeader
		return 0
	}
	if flags&0x40 != 0 {
		number() // compressed size
	}
	if flags&0x80 != 0 {
		number() // size
	}
	for left := int(flags & 3); left >= 0 && err == nil; left-- {
		id, size := number(), number()
		if size > uint64(len(b)-pos) {
			return nil, errHeader
		}
		properties := b[pos : pos+int(size)]
		pos += len(properties)
		if id == 0x21 && left == 0 {
			return filters, err
		}
		f, ok := branches[id]
		if !ok || len(properties) != 0 && (len(properties) != 4 || le.Uint32(properties) != 0) {
			return nil, errFilter
		}
		filters = append(filters, f)
	}
	return nil, errHeader
}
