package xfs

import (
	"context"
	"errors"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Types of log items.
const (
	itemEFI      = 0x1236 // the first of the intents
	itemEFD      = 0x1237
	itemInode    = 0x123B
	itemBuffer   = 0x123C
	itemDquot    = 0x123D
	itemQuotaoff = 0x123E
	itemIcreate  = 0x123F
	itemRUI      = 0x1240
	itemBUI      = 0x1244
	itemBUD      = 0x1245
	itemATTRI    = 0x1246
	itemATTRD    = 0x1247
	itemXMI      = 0x1248
	itemXMD      = 0x1249
	itemLast     = 0x124F
)

// maxCancels bounds the buffers that the log says were freed.
const maxCancels = 1 << 20

// replay is a log being replayed.
type replay struct {
	t       *tree
	l       *log
	over    *overlay
	cancels map[extent]int // → the last transaction that freed it
	freed   map[int64]int  // the same by the first sector
	changed map[int64]bool // blocks of the disk that changes were laid over
	intents map[intent]uint32
	commits int
	failed  int // changes that could not be laid over the disk
	first   error
}

// extent is sectors of the disk.
type extent struct {
	sector int64
	n      uint32
}

// intent is work that a transaction left to a later one.
type intent struct {
	kind uint16
	id   uint64
}

// replay lays the transactions from tail to head over the disk. It goes through
// the log twice: blocks that were freed later must not be touched, they may be
// a file's by now.
func (t *tree) replay(ctx context.Context, l *log, head, tail int64) error {
	p := &replay{
		t: t, l: l, over: newOverlay(t.raw),
		cancels: map[extent]int{}, freed: map[int64]int{}, changed: map[int64]bool{}, intents: map[intent]uint32{},
	}
	tail, err := p.gatherCancels(ctx, head, tail)
	end, why := head, err
	var bad *badRecord
	if errors.As(err, &bad) {
		end = bad.at
	}
	if err == nil || bad != nil {
		p.commits = 0
		err = p.pass(ctx, end, tail, p.wants, p.apply)
		if why == nil {
			why = err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.finish(p, why)
	return nil
}

// pass goes through the log once.
func (p *replay) pass(ctx context.Context, head, tail int64, wants func(*transaction, *item) bool, commit func(*transaction) error) error {
	a := assembler{open: map[uint32]*transaction{}, wants: wants, commit: commit}
	return p.l.records(ctx, tail, head, func(r *record) error {
		err := p.l.owned(r)
		if err == nil {
			err = a.record(r)
		}
		if err != nil && errors.Is(err, block.ErrDamaged) {
			err = &badRecord{r.at, err}
		}
		return err
	})
}

// gatherCancels notes which blocks the log frees. The oldest records may have
// been written over already by ones that were not completed: then the log
// starts later than it says.
func (p *replay) gatherCancels(ctx context.Context, head, tail int64) (int64, error) {
	none := func(*transaction, *item) bool { return false }
	for {
		err := p.pass(ctx, head, tail, none, p.noteCancels)
		var bad *badRecord
		if !errors.As(err, &bad) || p.commits > 0 || p.l.between(head, bad.at) > maxInFlight*p.l.most/sector {
			return tail, err
		}
		next, ok := p.nextRecord(bad.at, head)
		if !ok {
			return tail, err
		}
		tail = next
	}
}

// nextRecord finds the first record behind a sector.
func (p *replay) nextRecord(at, head int64) (int64, bool) {
	b := make([]byte, sector)
	for range min(p.l.between(at, head), p.l.longest()) {
		if at = (at + 1) % p.l.n; at == head || p.l.read(b, at) != nil {
			return 0, false
		}
		if be.Uint32(b) == recordMagic {
			return at, true
		}
	}
	return 0, false
}

func (p *replay) noteCancels(tx *transaction) error {
	p.commits++
	for _, it := range tx.items {
		if it.kind(tx.order) != itemBuffer {
			continue
		}
		f, err := bufferFormat(tx.order, it.regions[0])
		if err != nil {
			return err
		}
		if f.flags&bufferCancel == 0 {
			continue
		}
		p.freed[f.sector] = p.commits
		if p.cancels[f.extent] = p.commits; len(p.cancels) > maxCancels {
			return block.Unsupported("more than %d freed blocks", maxCancels)
		}
	}
	return nil
}

// cancelled tells whether blocks are freed by the transaction at hand or a later
// one.
func (p *replay) cancelled(e extent) bool { return p.cancels[e] >= p.commits }

// wants tells whether an item changes what is read.
func (p *replay) wants(tx *transaction, it *item) bool {
	switch it.kind(tx.order) {
	case itemInode, itemIcreate:
		return true
	case itemBuffer:
		f, err := bufferFormat(tx.order, it.regions[0])
		return err == nil && f.needed()
	}
	return false
}

// apply lays a committed transaction over the disk: whole blocks first, then
// inodes.
func (p *replay) apply(tx *transaction) error {
	p.commits++
	for _, it := range tx.items {
		var err error
		switch it.kind(tx.order) {
		case itemBuffer:
			err = p.try(p.applyBuffer(tx, it))
		case itemIcreate:
			err = p.try(p.applyIcreate(it))
		}
		if err != nil {
			return err
		}
	}
	for _, it := range tx.items {
		var err error
		switch kind := it.kind(tx.order); {
		case kind == itemBuffer, kind == itemIcreate, kind == itemDquot, kind == itemQuotaoff:
		case kind == itemInode:
			err = p.try(p.applyInode(tx, it))
		case kind == itemEFI, kind == itemEFD, kind >= itemRUI && kind <= itemLast:
			err = p.noteIntent(tx, it, kind)
		default:
			err = block.Unsupported("item of type %#x", kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// try counts a change that could not be made; what ends the replay it gives
// back.
func (p *replay) try(err error) error {
	if err == nil || errors.Is(err, block.ErrUnsupported) {
		return err
	}
	if p.failed++; p.first == nil {
		p.first = err
	}
	return nil
}

// noteIntent keeps the intents that no later item tells to be done. Those that
// free blocks and those of the maps of free space hide no data.
func (p *replay) noteIntent(tx *transaction, it *item, kind uint16) error {
	b := it.regions[0]
	if len(b) < 16 {
		return block.Damaged("item of type %#x with %d bytes", kind, len(b))
	}
	id := tx.order.Uint64(b[8:])
	switch kind {
	case itemATTRI:
		// Operations from 4 on change parent pointers, which are not shown.
		if len(b) >= 28 && tx.order.Uint32(b[24:])&0xFF > 3 {
			return nil
		}
		fallthrough
	case itemBUI, itemXMI:
		if p.intents[intent{kind, id}]++; len(p.intents) > maxCancels {
			return block.Unsupported("more than %d intents", maxCancels)
		}
	case itemBUD, itemATTRD, itemXMD:
		delete(p.intents, intent{kind - 1, id})
	}
	return nil
}
