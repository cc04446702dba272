package xfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// recordMagic starts a record (XLOG_HEADER_MAGIC_NUM).
const recordMagic = 0xFEEDBABE

// record is xlog_rec_header and what follows it.
type record struct {
	at     int64 // sector of the log
	head   []byte
	heads  int64 // sectors that the header takes
	length int   // of the body in bytes
	body   []byte
}

func (r *record) lsn() uint64      { return be.Uint64(r.head[16:]) }
func (r *record) tail() int64      { return int64(be.Uint32(r.head[28:])) }
func (r *record) ops() uint32      { return be.Uint32(r.head[40:]) }
func (r *record) sectors() int64   { return r.heads + (int64(r.length)+sector-1)/sector }
func (r *record) checksum() uint32 { return le.Uint32(r.head[32:]) }

// order is the byte order of the machine that wrote the record: items are logged
// as they stand in its memory.
func (r *record) order() binary.ByteOrder {
	if be.Uint32(r.head[300:]) == 2 {
		return be
	}
	return le
}

// header takes the first sector of a record apart. It keeps b.
func (l *log) header(b []byte, at int64) (record, error) {
	r := record{at: at, head: bytes.Clone(b), heads: 1, length: int(be.Uint32(b[12:]))}
	version, size := be.Uint32(b[8:]), be.Uint32(b[320:])
	switch {
	case be.Uint32(b) != recordMagic:
		return r, block.Damaged("sector %d: magic %#x, want that of a record", at, be.Uint32(b))
	case version == 0 || version&^3 != 0:
		return r, block.Damaged("record at sector %d: version %d", at, version)
	case int64(r.length) > l.most || r.length < 0:
		return r, block.Damaged("record at sector %d: %d bytes, want at most %d", at, r.length, l.most)
	}
	if version&2 != 0 && l.t.sb.logV2 && size > 32<<10 {
		if int64(size) > l.most {
			return r, block.Damaged("record at sector %d: buffers of %d bytes", at, size)
		}
		r.heads = int64(size+(32<<10)-1) / (32 << 10)
	}
	return r, nil
}

// badRecord says where a record is damaged.
type badRecord struct {
	at  int64
	err error
}

func (b *badRecord) Error() string { return b.err.Error() }
func (b *badRecord) Unwrap() error { return b.err }

// records reads the records from one sector up to another and gives each to fn,
// which must not keep it. A [badRecord] is the error for damage.
func (l *log) records(ctx context.Context, from, to int64, fn func(*record) error) error {
	buf := make([]byte, l.most+8*sector)
	left := l.between(from, to)
	for at := from; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := l.record(buf, at)
		if err == nil && r.sectors() > left {
			err = block.Damaged("record at sector %d: %d sectors, %d before the end of the log", at, r.sectors(), left)
		}
		if err != nil {
			return &badRecord{at, err}
		}
		if r.length > 0 {
			if err := fn(&r); err != nil {
				return err
			}
		}
		at, left = (at+r.sectors())%l.n, left-r.sectors()
	}
	return nil
}

// record reads a record into buf and puts the first bytes of its sectors back,
// which lie in the header.
func (l *log) record(buf []byte, at int64) (record, error) {
	if err := l.read(buf[:sector], at); err != nil {
		return record{}, err
	}
	r, err := l.header(buf[:sector], at)
	if err != nil {
		return r, err
	}
	if r.sectors() > l.n {
		return r, block.Damaged("record at sector %d: %d sectors in a log of %d", at, r.sectors(), l.n)
	}
	b := buf[:r.sectors()*sector]
	if err := l.read(b, at); err != nil {
		return r, err
	}
	heads, body := b[:r.heads*sector], b[r.heads*sector:]
	if want := r.checksum(); want != 0 && want != r.sum(heads, body, 328) && want != r.sum(heads, body, 324) {
		return r, block.Damaged("record at sector %d fails its checksum %#x", at, want)
	}
	for i := 0; i < len(body)/sector; i++ {
		words := heads[44:]
		if j := i / 64; j >= len(heads)/sector {
			break
		} else if j > 0 {
			words = heads[j*sector+4:]
		}
		copy(body[i*sector:i*sector+4], words[4*(i%64):])
	}
	r.body = body[:r.length]
	return r, nil
}

// sum is the checksum of a record: its header, which is shorter where 64 bits
// are aligned to 32, the further headers and the body as it lies in the log.
func (r *record) sum(heads, body []byte, header int) uint32 {
	c := sum(heads[:header], 32)
	for j := 1; j < (r.length+(32<<10)-1)/(32<<10) && j < len(heads)/sector; j++ {
		c = crc32.Update(c, castagnoli, heads[j*sector:j*sector+260])
	}
	return crc32.Update(c, castagnoli, body[:r.length])
}

// owned holds a record against the file system.
func (l *log) owned(r *record) error {
	if format := be.Uint32(r.head[300:]); format != 1 && format != 2 {
		return block.Unsupported("record at sector %d: written by a system of kind %d", r.at, format)
	}
	if !bytes.Equal(r.head[304:320], l.t.sb.uuid[:]) {
		return fmt.Errorf("record at sector %d: of another file system, %x: %w", r.at, r.head[304:320], block.ErrDamaged)
	}
	return nil
}
