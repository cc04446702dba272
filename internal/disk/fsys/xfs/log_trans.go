package xfs

import (
	"bytes"
	"encoding/binary"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Flags of xlog_op_header.
const (
	opStart    = 0x01
	opCommit   = 0x02
	opContinue = 0x04 // goes on in the next record
	opWasCont  = 0x08 // goes on from the last record
	opEnd      = 0x10 // and ends here
	opUnmount  = 0x20
)

const (
	transMagic = 0x5452414E
	// maxRegions is how many regions one item may have (XLOG_MAX_REGIONS_IN_ITEM).
	maxRegions = 257
	// maxPending bounds the bytes of transactions that were not committed yet.
	maxPending = 64 << 20
	// regionCost is what a region takes besides its bytes.
	regionCost = 64
)

// item is one thing that a transaction changed: regions of bytes, of which the
// first says what they are.
type item struct {
	total   int
	drop    bool // the further regions are not wanted
	regions [][]byte
}

// transaction is what was read so far of one.
type transaction struct {
	lsn    uint64 // of the record that it starts in
	order  binary.ByteOrder
	header []byte
	items  []*item
	bytes  int
}

func (i *item) kind(order binary.ByteOrder) uint16 { return order.Uint16(i.regions[0]) }

// assembler puts transactions together out of records, in which they lie
// mingled.
type assembler struct {
	open    map[uint32]*transaction
	pending int // bytes
	// wants tells whether more than the first region of an item is needed.
	wants func(*transaction, *item) bool
	// commit takes the committed transactions in their order.
	commit func(*transaction) error
}

// record takes the operations of a record.
func (a *assembler) record(r *record) error {
	b := r.body
	for ops := r.ops(); ops > 0 && len(b) > 0; ops-- {
		if len(b) < 12 {
			return block.Damaged("record at sector %d: an operation is cut off", r.at)
		}
		tid, n, client, flags := be.Uint32(b), be.Uint32(b[4:]), b[8], b[9]
		b = b[12:]
		if int64(n) > int64(len(b)) || client != 0x69 && client != 0xAA {
			return block.Damaged("record at sector %d: operation of client %#x with %d of %d bytes", r.at, client, n, len(b))
		}
		if err := a.operation(r, tid, flags, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (a *assembler) operation(r *record, tid uint32, flags byte, data []byte) error {
	tx := a.open[tid]
	if tx == nil {
		// What started before the log's tail is done.
		if flags&opStart != 0 {
			a.open[tid] = &transaction{lsn: r.lsn(), order: r.order()}
			a.pending += regionCost
		}
		return a.bound()
	}
	if flags &^= opEnd; flags&opWasCont != 0 {
		flags &^= opContinue
	}
	before := tx.bytes
	switch flags {
	case 0, opContinue:
		if !tx.add(data, a.wants) {
			return block.Damaged("record at sector %d: region of %d bytes in transaction %#x", r.at, len(data), tid)
		}
	case opWasCont:
		if !tx.extend(data) {
			return block.Damaged("record at sector %d: continues what did not begin in transaction %#x", r.at, tid)
		}
	case opCommit:
		delete(a.open, tid)
		a.pending -= tx.bytes + regionCost
		return a.commit(tx)
	case opUnmount:
		delete(a.open, tid)
		a.pending -= tx.bytes + regionCost
	default:
		return block.Damaged("record at sector %d: operation with flags %#x in transaction %#x", r.at, flags, tid)
	}
	a.pending += tx.bytes - before
	return a.bound()
}

func (a *assembler) bound() error {
	if a.pending > maxPending {
		return block.Unsupported("transactions of more than %d bytes", maxPending)
	}
	return nil
}

// add takes a new region, or the first part of one.
func (tx *transaction) add(data []byte, wants func(*transaction, *item) bool) bool {
	if len(data) == 0 {
		return true
	}
	if len(tx.header) < 16 {
		tx.header = append(tx.header, data...)
		return len(tx.header) <= 16 && (len(tx.header) < 4 || tx.order.Uint32(tx.header) == transMagic)
	}
	var it *item
	if n := len(tx.items); n > 0 {
		it = tx.items[n-1]
	}
	if it == nil || len(it.regions) == it.total {
		if len(data) < 4 {
			return false
		}
		it = &item{total: int(tx.order.Uint16(data[2:]))}
		if it.total == 0 || it.total > maxRegions {
			return false
		}
		tx.items = append(tx.items, it)
	}
	if len(it.regions) == 1 { // the first one is complete by now
		it.drop = !wants(tx, it)
	}
	tx.bytes += regionCost
	if it.drop {
		it.regions = append(it.regions, nil)
		return true
	}
	it.regions = append(it.regions, bytes.Clone(data))
	tx.bytes += len(data)
	return true
}

// extend takes the rest of a region.
func (tx *transaction) extend(data []byte) bool {
	if len(tx.items) == 0 {
		tx.header = append(tx.header, data...)
		return len(tx.header) <= 16
	}
	it := tx.items[len(tx.items)-1]
	if !it.drop {
		last := &it.regions[len(it.regions)-1]
		*last = append(*last, data...)
		tx.bytes += len(data)
	}
	return true
}
