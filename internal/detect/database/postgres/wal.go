package postgres

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Limits of the write-ahead log.
const (
	maxRecord = 16 << 20 // bytes of a record that is read
	walWindow = 128 << 10
)

// errLogEnd is where the log ends: what is there is no valid record.
var errLogEnd = errors.New("end of the write-ahead log")

// walReader reads records at random (src/backend/access/transam/xlogreader.c).
// It is for one goroutine.
type walReader struct {
	files    detect.Files
	dir      string
	major    int
	timeline uint32
	block    uint64
	segment  uint64

	open   detect.Reader // segment number in openNo
	openNo uint64
	openTL uint32
	window []byte
	start  uint64 // LSN of window[0]
	record []byte
}

func newWALReader(files detect.Files, root string, major int, c *control) *walReader {
	return &walReader{
		files: files, dir: root + "/pg_wal", major: major, timeline: c.timeline,
		block: uint64(c.walBlock), segment: uint64(c.walSegment),
	}
}

// at gives what lies at an LSN: at least n bytes, which don't leave a page.
func (w *walReader) at(lsn uint64, n int) ([]byte, error) {
	if len(w.window) == 0 || lsn < w.start || lsn+uint64(n) > w.start+uint64(len(w.window)) {
		no := lsn / w.segment
		if w.open == nil || w.openNo != no {
			if err := w.openSegment(no); err != nil {
				return nil, err
			}
		}
		from := lsn &^ (w.block - 1)
		size := min(walWindow, (no+1)*w.segment-from)
		if cap(w.window) < walWindow {
			w.window = make([]byte, walWindow)
		}
		w.window = w.window[:size]
		k, err := w.open.ReadAt(w.window, int64(from%w.segment))
		if err != nil && !errors.Is(err, io.EOF) {
			w.window = w.window[:0]
			return nil, fmt.Errorf("read the write-ahead log at %X: %w", lsn, err)
		}
		w.window, w.start = w.window[:k], from
		if lsn+uint64(n) > from+uint64(k) {
			return nil, errLogEnd
		}
	}
	return w.window[lsn-w.start:], nil
}

func (w *walReader) openSegment(no uint64) error {
	w.open, w.window = nil, w.window[:0]
	per := (1 << 32) / w.segment
	name := func(tl uint32) string {
		return fmt.Sprintf("%s/%08X%08X%08X", w.dir, tl, uint32(no/per), uint32(no%per))
	}
	// A later timeline goes on where an older one stopped.
	for tl := w.timeline; tl > 0 && w.timeline-tl < 8; tl-- {
		r, err := w.files.Open(name(tl))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fmt.Errorf("open the write-ahead log: %w", err)
		}
		w.open, w.openNo, w.openTL = r, no, tl
		return nil
	}
	return errLogEnd
}

// page checks the header of the page at lsn and gives its flags, the bytes that
// go on from the page before, and the header's size.
func (w *walReader) page(lsn uint64) (info uint16, rest uint32, size int, err error) {
	h, err := w.at(lsn, 40)
	if err != nil {
		return 0, 0, 0, err
	}
	if magic := le.Uint16(h); magic < 0xD090 || magic > 0xD1FF || le.Uint64(h[8:]) != lsn {
		return 0, 0, 0, errLogEnd // a file of old that was to be used again
	}
	info = le.Uint16(h[2:])
	size = 24
	if info&2 != 0 {
		size = 40
	}
	return info, le.Uint32(h[16:]), size, nil
}

// read gives the record that begins at lsn or, where that is a page's start,
// behind its header, the LSN of its true start and the one that follows it. It
// is good until the next call.
func (w *walReader) read(lsn uint64) (rec []byte, start, end uint64, err error) {
	for try := 0; ; try++ {
		rec, start, end, err = w.readOnce(lsn)
		var lost *lostRest
		if try < 64 && errors.As(err, &lost) {
			lsn = lost.page // a crash cut this record off, and the server wrote on behind it
			continue
		}
		return rec, start, end, err
	}
}

// lostRest tells of a record that was overwritten by what follows it.
type lostRest struct{ page uint64 }

func (*lostRest) Error() string { return "a record was given up" }

func (w *walReader) readOnce(lsn uint64) (rec []byte, start, end uint64, err error) {
	lsn = (lsn + 7) &^ 7
	if lsn%w.block == 0 {
		_, rest, size, err := w.page(lsn)
		if err != nil {
			return nil, 0, 0, err
		}
		if rest != 0 {
			return nil, 0, 0, errLogEnd // a record is to begin here
		}
		lsn += uint64(size)
	}
	start = lsn
	h, err := w.at(lsn, 4)
	if err != nil {
		return nil, 0, 0, err
	}
	total := le.Uint32(h)
	if total < 24 || total > maxRecord {
		return nil, 0, 0, errLogEnd
	}
	w.record = w.record[:0]
	for len(w.record) < int(total) {
		if len(w.record) > 0 && lsn%w.block == 0 {
			info, rest, size, err := w.page(lsn)
			if err != nil {
				return nil, 0, 0, err
			}
			if info&8 != 0 {
				return nil, 0, 0, &lostRest{lsn}
			}
			if info&1 == 0 || int(rest) != int(total)-len(w.record) {
				return nil, 0, 0, errLogEnd
			}
			lsn += uint64(size)
		}
		n := min(int(w.block-lsn%w.block), int(total)-len(w.record))
		b, err := w.at(lsn, n)
		if err != nil {
			return nil, 0, 0, err
		}
		w.record = append(w.record, b[:n]...)
		lsn += uint64(n)
	}
	rec = w.record
	sum := crc32.Update(crc32.Checksum(rec[24:], castagnoli), castagnoli, rec[:20])
	if sum != le.Uint32(rec[20:]) {
		return nil, 0, 0, errLogEnd
	}
	end = (lsn + 7) &^ 7
	if rec[17] == rmXLOG && rec[16]&0xf0 == 0x40 { // the segment was left early
		end = (end + w.segment - 1) &^ (w.segment - 1)
	}
	return rec, start, end, nil
}

// Resource managers of the log whose records matter (access/rmgrlist.h).
const (
	rmXLOG   = 0
	rmXact   = 1
	rmSmgr   = 2
	rmDbase  = 4
	rmMulti  = 6
	rmRelmap = 7
	rmHeap2  = 9
	rmHeap   = 10
)

// relKey names the files of a relation.
type relKey struct{ space, db, rel uint32 }

// blockRef is one page that a record is about.
type blockRef struct {
	id       byte
	rel      relKey
	fork     byte
	init     bool
	block    uint32
	data     []byte
	image    []byte // as it is written, nil without one
	apply    bool   // the image is to be put back
	packing  byte   // how it is compressed: 0 not, 'p' pglz, 'l' lz4, 'z' zstd
	hole     int
	holeSize int
}

// record is one record of the log, taken apart. Its parts point into the bytes
// it was made from.
type record struct {
	xid    uint32
	prev   uint64
	info   byte
	rmgr   byte
	main   []byte
	blocks []blockRef
}

// parse takes a record apart (src/include/access/xlogrecord.h).
func (r *record) parse(b []byte, major, blockSize int) error {
	bad := func(at int, what string) error {
		return fmt.Errorf("%w: write-ahead log record at %d: %s", database.ErrDamaged, at, what)
	}
	if len(b) < 24 {
		return bad(0, "shorter than its header")
	}
	*r = record{xid: le.Uint32(b[4:]), prev: le.Uint64(b[8:]), info: b[16], rmgr: b[17], blocks: r.blocks[:0]}
	at, total, mainSize := 24, 0, 0
	var last relKey
	var sizes [2 * 33]int
	for len(b)-at > total {
		id := b[at]
		at++
		switch {
		case id == 255 && len(b)-at >= 1:
			mainSize = int(b[at])
			at++
			total += mainSize
		case id == 254 && len(b)-at >= 4:
			mainSize = int(le.Uint32(b[at:]))
			at += 4
			total += mainSize
		case id == 253 && len(b)-at >= 2:
			at += 2
			continue
		case id == 252 && len(b)-at >= 4:
			at += 4
			continue
		case id <= 32 && len(b)-at >= 3 && len(r.blocks) < 33:
			f := b[at]
			k := blockRef{id: id, fork: f & 0x0f, init: f&0x40 != 0}
			dataSize, imageSize := int(le.Uint16(b[at+1:])), 0
			at += 3
			if f&0x10 != 0 {
				if len(b)-at < 5 {
					return bad(at, "a page's image is cut off")
				}
				imageSize = int(le.Uint16(b[at:]))
				k.hole = int(le.Uint16(b[at+2:]))
				how := b[at+4]
				at += 5
				packed, hasHole := how&0x1c != 0, how&1 != 0
				k.apply = how&2 != 0
				switch {
				case major < 15:
					packed = how&2 != 0
					k.apply = how&4 != 0
					if packed {
						k.packing = 'p'
					}
				case how&4 != 0:
					k.packing = 'p'
				case how&8 != 0:
					k.packing = 'l'
				case how&16 != 0:
					k.packing = 'z'
				}
				switch {
				case packed && hasHole:
					if len(b)-at < 2 {
						return bad(at, "a page's image is cut off")
					}
					k.holeSize = int(le.Uint16(b[at:]))
					at += 2
				case hasHole:
					k.holeSize = blockSize - imageSize
				}
				if k.holeSize < 0 || k.hole+k.holeSize > blockSize || imageSize == 0 {
					return bad(at, "a page's image with a wrong hole")
				}
				k.image = b[:0]
			}
			if f&0x80 == 0 {
				if len(b)-at < 12 {
					return bad(at, "a page's place is cut off")
				}
				last = relKey{le.Uint32(b[at:]), le.Uint32(b[at+4:]), le.Uint32(b[at+8:])}
				at += 12
			}
			if len(b)-at < 4 {
				return bad(at, "a page's place is cut off")
			}
			k.rel, k.block = last, le.Uint32(b[at:])
			at += 4
			if f&0x20 == 0 {
				dataSize = 0
			}
			sizes[2*len(r.blocks)], sizes[2*len(r.blocks)+1] = imageSize, dataSize
			r.blocks = append(r.blocks, k)
			total += imageSize + dataSize
			continue
		default:
			return bad(at-1, fmt.Sprintf("no part is numbered %d", id))
		}
		break // the main data's header is the last
	}
	if len(b)-at != total {
		return bad(at, fmt.Sprintf("want %d bytes of data, found %d", total, len(b)-at))
	}
	for i := range r.blocks {
		k := &r.blocks[i]
		if k.image != nil {
			k.image = b[at : at+sizes[2*i]]
		}
		at += sizes[2*i]
		k.data = b[at : at+sizes[2*i+1]]
		at += sizes[2*i+1]
	}
	r.main = b[at:]
	return nil
}

// restore puts the image in place of the page.
func (k *blockRef) restore(p page) error {
	image, size := k.image, len(p)-k.holeSize
	var err error
	switch k.packing {
	case 'p':
		image, err = unpglz(image, size)
	case 'l':
		image, err = unlz4(image, size)
	case 'z':
		var d *zstd.Decoder
		if d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<20)); err == nil {
			image, err = d.DecodeAll(image, make([]byte, 0, size))
			d.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("image of page %d: %w", k.block, err)
	}
	if len(image) != size {
		return fmt.Errorf("%w: image of page %d: want %d bytes, found %d", database.ErrDamaged, k.block, size, len(image))
	}
	copy(p, image[:k.hole])
	clear(p[k.hole : k.hole+k.holeSize])
	copy(p[k.hole+k.holeSize:], image[k.hole:])
	return nil
}
