package xfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Flags of xfs_buf_log_format; the upper five bits are the type of the buffer.
const (
	bufferInodes = 0x01
	bufferCancel = 0x02
	bufferDquots = 0x1C
	bufferTypeAt = 11
)

// Types of buffers (enum xfs_blft).
const (
	typeUserDquot    = 1
	typeGroupDquot   = 3
	typeTree         = 4
	typeAGF          = 5
	typeAGFL         = 6
	typeDirFree      = 12
	typeDirLeaf1     = 13
	typeDirLeafN     = 14
	typeRtBitmap     = 19
	typeRtSummary    = 20
	bufferFormatSize = 20
)

// buffer is xfs_buf_log_format: which sectors, and which of their 128 byte
// chunks are logged.
type buffer struct {
	extent
	flags uint16
	words []byte // of the bitmap
	order binary.ByteOrder
}

func bufferFormat(order binary.ByteOrder, b []byte) (buffer, error) {
	if len(b) < bufferFormatSize {
		return buffer{}, block.Damaged("buffer item of %d bytes", len(b))
	}
	f := buffer{
		extent: extent{int64(order.Uint64(b[8:])), uint32(order.Uint16(b[6:]))},
		flags:  order.Uint16(b[4:]), words: b[bufferFormatSize:], order: order,
	}
	if n := order.Uint32(b[16:]); int64(n) <= int64(len(f.words)/4) {
		f.words = f.words[:4*n]
		return f, nil
	}
	return f, block.Damaged("buffer item of %d bytes with a bitmap of %d words", len(b), order.Uint32(b[16:]))
}

func (f *buffer) kind() uint16 { return f.flags >> bufferTypeAt }

// needed tells whether the buffer is one that is read: no quotas, no maps of
// free space, no index of directories. Of buffers of inodes only the list of
// unlinked ones is logged; inodes are items of their own.
func (f *buffer) needed() bool {
	switch kind := f.kind(); {
	case f.flags&(bufferInodes|bufferCancel|bufferDquots) != 0, kind >= typeUserDquot && kind <= typeGroupDquot:
		return false
	case kind == typeAGF, kind == typeAGFL, kind == typeRtBitmap, kind == typeRtSummary:
		return false
	case kind == typeDirFree, kind == typeDirLeaf1, kind == typeDirLeafN:
		return false
	}
	return true
}

// logged finds the next run of logged chunks from one on.
func (f *buffer) logged(from int) (at, n int) {
	total := 8 * len(f.words)
	set := func(i int) bool { return f.order.Uint32(f.words[i/32*4:])>>(i%32)&1 != 0 }
	for at = from; at < total && !set(at); at++ {
		if at%32 == 0 && f.order.Uint32(f.words[at/32*4:]) == 0 {
			at += 31
		}
	}
	for at+n < total && set(at+n) {
		n++
	}
	return at, n
}

// applyBuffer lays the logged chunks of a block over the disk, unless the disk
// holds a newer one.
func (p *replay) applyBuffer(tx *transaction, it *item) error {
	f, err := bufferFormat(tx.order, it.regions[0])
	if err != nil || !f.needed() || p.cancelled(f.extent) {
		return err
	}
	if f.sector < 0 || f.sector > p.over.Size()/sector || f.n == 0 {
		return block.Damaged("change of %d sectors at sector %d", f.n, f.sector)
	}
	off := f.sector * sector
	head := make([]byte, sector)
	if err := block.ReadFull(p.over, head, off); err != nil {
		return fmt.Errorf("read what the log changes: %w", err)
	}
	at, n := f.logged(0)
	if f.kind() == typeTree {
		magic := head[:4]
		if at == 0 && n > 0 && len(it.regions) > 1 && len(it.regions[1]) >= 4 {
			magic = it.regions[1][:4]
		}
		if string(magic) != "BMAP" && string(magic) != "BMA3" {
			return nil // a tree of free space
		}
	}
	if !p.changed[off] && p.newer(head, tx.lsn) {
		return nil
	}
	for _, region := range it.regions[1:] {
		if n == 0 {
			return block.Damaged("change of sector %d: more regions than its bitmap tells", f.sector)
		}
		// A region ends where a page of memory did.
		chunks := min(n, len(region)/chunkSize)
		if chunks == 0 || int64(at+chunks)*chunkSize > int64(f.n)*sector {
			return block.Damaged("change of sector %d: %d bytes for chunks %d to %d", f.sector, len(region), at, at+n)
		}
		if err := p.over.write(region[:chunks*chunkSize], off+int64(at)*chunkSize); err != nil {
			return err
		}
		p.changed[off] = true
		if at, n = at+chunks, n-chunks; n == 0 {
			at, n = f.logged(at)
		}
	}
	return nil
}

// newer tells whether a block of the disk holds a later state than a log
// sequence number: blocks of version 5 say which.
func (p *replay) newer(b []byte, lsn uint64) bool {
	if !p.t.sb.v5 {
		return false
	}
	lsnAt, uuidAt := 0, 0
	switch string(b[:4]) {
	case "AB3B", "AB3C", "RMB3", "R3FC", "FIB3", "IAB3":
		lsnAt, uuidAt = 24, 32
	case "BMA3":
		lsnAt, uuidAt = 32, 40
	case "XSLM":
		lsnAt, uuidAt = 48, 16
	case "XDB3", "XDD3", "XDF3":
		lsnAt, uuidAt = 16, 24
	case "XFSB":
		lsnAt, uuidAt = 240, 32
		if p.t.sb.incompat&incompatMetaUUID != 0 {
			uuidAt = 248
		}
	default:
		switch be.Uint16(b[8:]) {
		case 0x3DF1, 0x3DFF, magicNodeV5:
			lsnAt, uuidAt = 24, 32
		default:
			return false
		}
	}
	have := be.Uint64(b[lsnAt:])
	return have != 0 && bits.OnesCount64(have) != 64 && have >= lsn && bytes.Equal(b[uuidAt:uuidAt+16], p.t.sb.metaUUID[:])
}
