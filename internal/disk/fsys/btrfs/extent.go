package btrfs

import (
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	inlineHeader = 21 // btrfs_file_extent_item up to inline data
	extentSize   = 53

	extentInline   = 0
	extentRegular  = 1
	extentPrealloc = 2
	// maxCompressed is how many bytes the kernel compresses at once.
	maxCompressed = 128 << 10
	maxFileSize   = 1<<63 - 1
)

// extent is a range of a file and where its bytes are. One with neither inline
// data nor a logical address reads as zeros.
type extent struct {
	start, end uint64
	logical    uint64 // of the extent on the disk, which may be shared
	diskBytes  uint64
	offset     uint64 // within the extent, decompressed
	ram        uint64 // length of the extent, decompressed
	method     compression
	inline     []byte
}

// plain tells whether the bytes lie on the disk as they are.
func (e *extent) plain() bool { return e.logical != 0 && e.method == methodNone }

// parseExtent reads the EXTENT_DATA at start of a file.
func (t *tree) parseExtent(start uint64, b []byte) (extent, error) {
	if len(b) < inlineHeader {
		return extent{}, block.Damaged("extent at %d: item of %d bytes", start, len(b))
	}
	e := extent{start: start, ram: le.Uint64(b[8:]), method: compression(b[16])}
	switch {
	case b[17] != 0:
		return e, encrypted(start, b[17])
	case le.Uint16(b[18:]) != 0:
		return e, block.Unsupported("extent at %d: encoding %d", start, le.Uint16(b[18:]))
	case e.method > methodZstd:
		return e, block.Unsupported("extent at %d: compression %d", start, e.method)
	case b[20] == extentInline:
		return t.parseInline(e, b[inlineHeader:])
	case b[20] > extentPrealloc:
		return e, block.Unsupported("extent at %d: type %d", start, b[20])
	case len(b) < extentSize:
		return e, block.Damaged("extent at %d: item of %d bytes", start, len(b))
	}
	e.logical, e.diskBytes, e.offset = le.Uint64(b[21:]), le.Uint64(b[29:]), le.Uint64(b[37:])
	length := le.Uint64(b[45:])
	if length == 0 || start > maxFileSize || length > maxFileSize-start {
		return e, block.Damaged("extent at %d: %d bytes", start, length)
	}
	e.end = start + length
	if b[20] == extentPrealloc {
		e.logical = 0
	}
	if e.logical == 0 {
		return e, nil
	}
	room := e.diskBytes
	if e.method != methodNone {
		room = e.ram
		if e.ram > maxCompressed || e.diskBytes > maxCompressed || e.diskBytes == 0 {
			return e, block.Damaged("extent at %d: %d bytes compressed to %d, want at most %d", start, e.ram, e.diskBytes, maxCompressed)
		}
	}
	if e.offset > room || length > room-e.offset || e.logical > 1<<63-room {
		return e, block.Damaged("extent at %d: %d bytes at %d of %d at logical address %d", start, length, e.offset, room, e.logical)
	}
	return e, nil
}

func (t *tree) parseInline(e extent, data []byte) (extent, error) {
	if e.start != 0 || e.ram > maxCompressed || e.method == methodNone && e.ram > uint64(len(data)) {
		return e, block.Damaged("extent at %d: %d bytes of inline data, %d are there", e.start, e.ram, len(data))
	}
	e.end, e.inline = e.ram, data
	return e, nil
}

// span is what is known of a file from one place to another: its extents in
// order, with holes between them.
type span struct {
	from, to uint64
	extents  []extent
	err      error // what is wrong at to
}

// spanExtents is how many extents a span holds at most.
const spanExtents = 256

// loadSpan reads the extents at pos and after it.
func (t *tree) loadSpan(in inode, pos uint64) (*span, error) {
	last := key{in.num, typeExtentData, ^uint64(0)}
	from, ok, err := t.floor(in.sub.root, key{in.num, typeExtentData, pos})
	if err != nil {
		return nil, err
	}
	if !ok || from.obj != in.num || from.typ != typeExtentData {
		from = key{in.num, typeExtentData, pos}
	}
	s := &span{from: from.off, to: ^uint64(0)}
	err = t.scan(in.sub.root, from, last, func(k key, data []byte) bool {
		if len(s.extents) == spanExtents {
			s.to = k.off
			return false
		}
		e, err := t.parseExtent(k.off, data)
		if n := len(s.extents); err == nil && n > 0 && e.start < s.extents[n-1].end {
			err = block.Damaged("extent at %d overlaps the one at %d", e.start, s.extents[n-1].start)
		}
		if err != nil {
			s.to, s.err = k.off, err
			return false
		}
		s.add(e)
		return true
	})
	if err != nil {
		// What lies behind the last extent found is not known to be a hole.
		s.err = first(s.err, err)
		s.to = min(s.to, s.end())
	}
	return s, nil
}

func (s *span) end() uint64 {
	if n := len(s.extents); n > 0 {
		return s.extents[n-1].end
	}
	return s.from
}

// add appends an extent, or lengthens the last one when it goes on there.
func (s *span) add(e extent) {
	if n := len(s.extents); n > 0 && e.plain() {
		l := &s.extents[n-1]
		if l.plain() && l.end == e.start && l.logical+l.offset+(l.end-l.start) == e.logical+e.offset {
			l.end = e.end
			return
		}
	}
	s.extents = append(s.extents, e)
}

// at gives the extent that holds pos, or a hole that ends where the next extent
// starts.
func (s *span) at(pos uint64) extent {
	i := sort.Search(len(s.extents), func(i int) bool { return s.extents[i].end > pos })
	if i == len(s.extents) {
		return extent{start: pos, end: s.to}
	}
	if e := s.extents[i]; e.start <= pos {
		return e
	}
	return extent{start: pos, end: s.extents[i].start}
}
