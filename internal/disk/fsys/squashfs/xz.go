package squashfs

import (
	"errors"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/unpack"
)

var lzmaDecoders = sync.Pool{New: func() any { return new(lzmaDecoder) }}

// lzma decompresses a file in the old format of LZMA: properties, the size of
// the dictionary, that of the data, the data.
func lzma(dst, src []byte) (int, error) {
	if len(src) < 13 {
		return 0, unpack.ErrCut
	}
	limit, size := len(dst), le.Uint64(src[5:])
	marked := size == 1<<64-1 // its end is
	switch {
	case marked:
	case size > uint64(len(dst)):
		return 0, unpack.ErrLong
	default:
		limit = int(size)
	}
	d := lzmaDecoders.Get().(*lzmaDecoder)
	defer lzmaDecoders.Put(d)
	d.dst, d.out, d.dict = dst, 0, 0
	if err := d.props(src[0]); err != nil {
		return 0, err
	}
	d.reset()
	if err := d.start(src[13:]); err != nil {
		return 0, err
	}
	ended, err := d.run(limit)
	if err == nil && marked && !ended {
		err = d.end()
	}
	return d.out, err
}

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
	n, used, err := lzma2(dst, b[size:])
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

// lzma2 decompresses LZMA2's chunks and gives how many bytes of src they were.
func lzma2(dst, src []byte) (n, used int, err error) {
	d := lzmaDecoders.Get().(*lzmaDecoder)
	defer lzmaDecoders.Put(d)
	d.dst, d.out, d.dict = dst, 0, 0
	ready := false // properties and state are set
	for pos := 0; pos < len(src); {
		control := src[pos]
		if control == 0 {
			return d.out, pos + 1, nil
		}
		if len(src)-pos < 6 {
			break
		}
		size := int(src[pos+1])<<8 + int(src[pos+2]) + 1
		if control < 0x80 {
			if pos += 3; control > 2 {
				return d.out, pos, errHeader
			}
			if control == 1 {
				d.dict = d.out
			}
			if size > len(src)-pos {
				break
			}
			if size > len(dst)-d.out {
				return d.out, pos, unpack.ErrLong
			}
			copy(dst[d.out:], src[pos:pos+size])
			d.out, pos = d.out+size, pos+size
			continue
		}
		size += int(control&0x1F) << 16
		packed := int(src[pos+3])<<8 + int(src[pos+4]) + 1
		pos += 5
		if control >= 0xE0 {
			d.dict = d.out
		}
		if control >= 0xC0 {
			if err := d.props(src[pos]); err != nil {
				return d.out, pos, err
			}
			pos++
			ready = true
		}
		if !ready {
			return d.out, pos, errHeader
		}
		if control >= 0xA0 {
			d.reset()
		}
		if packed > len(src)-pos {
			break
		}
		if size > len(dst)-d.out {
			return d.out, pos, unpack.ErrLong
		}
		if err := d.start(src[pos : pos+packed]); err != nil {
			return d.out, pos, err
		}
		if ended, err := d.run(d.out + size); err != nil || ended {
			return d.out, pos, errors.Join(err, errHeader)
		}
		pos += packed
	}
	return d.out, len(src), unpack.ErrCut
}
