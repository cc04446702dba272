package xfs

import (
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Fields of an inode that are logged (ilf_fields).
const (
	logDataLocal   = 0x002
	logDataExtents = 0x004
	logDataRoot    = 0x008
	logDevice      = 0x010
	logAttrLocal   = 0x040
	logAttrExtents = 0x080
	logAttrRoot    = 0x100
	logData        = logDataLocal | logDataExtents | logDataRoot
	logAttr        = logAttrLocal | logAttrExtents | logAttrRoot
)

// inodeFormat is xfs_inode_log_format.
type inodeFormat struct {
	fields uint32
	device uint32
	extent     // of the buffer that holds the inode
	at     int // its byte in that
}

// inodeItem reads an inode item's format. Machines of 32 bits leave out four
// bytes that align the inode's number.
func inodeItem(order binary.ByteOrder, b []byte) (inodeFormat, error) {
	pad := 0
	switch len(b) {
	case 56:
		pad = 4
	case 52:
	default:
		return inodeFormat{}, block.Damaged("inode item of %d bytes", len(b))
	}
	f := inodeFormat{fields: order.Uint32(b[4:])}
	b = b[12+pad:]
	f.device = order.Uint32(b[8:])
	f.extent = extent{int64(order.Uint64(b[24:])), order.Uint32(b[32:])}
	f.at = int(order.Uint32(b[36:]))
	return f, nil
}

// applyInode lays a logged inode over the disk, unless the disk holds a newer
// one.
func (p *replay) applyInode(tx *transaction, it *item) error {
	f, err := inodeItem(tx.order, it.regions[0])
	if err != nil || p.cancelled(f.extent) {
		return err
	}
	size := p.t.sb.inodeSize
	if f.sector < 0 || f.sector > p.over.Size()/sector || f.at%size != 0 || int64(f.at)+int64(size) > int64(f.n)*sector {
		return block.Damaged("inode at byte %d of %d sectors at sector %d", f.at, f.n, f.sector)
	}
	off := f.sector*sector + int64(f.at)
	raw := make([]byte, size)
	if err := block.ReadFull(p.over, raw, off); err != nil {
		return fmt.Errorf("read the inode that the log changes: %w", err)
	}
	core := 96
	if p.t.sb.v5 {
		core = 176
	}
	if string(raw[:2]) != "IN" || len(it.regions) < 2 || len(it.regions[1]) < core || tx.order.Uint16(it.regions[1]) != 0x494E {
		return block.Damaged("no inode at byte %d, or none in the log", off)
	}
	logged := it.regions[1]
	if p.t.sb.v5 {
		if have := be.Uint64(raw[112:]); have != 0 && have != 1<<64-1 && have > tx.lsn {
			return nil
		}
	} else if have, flushed := be.Uint16(raw[30:]), tx.order.Uint16(logged[30:]); flushed < have && (have != 0xFFFF || flushed >= 0x7FFF) {
		return nil
	}
	storeCore(raw, logged, tx.order, p.t.sb.v5, tx.lsn)
	if err := p.storeForks(raw, f, it.regions[2:]); err != nil {
		return fmt.Errorf("inode at byte %d: %w", off, err)
	}
	return p.over.write(raw, off)
}

// storeCore turns xfs_log_dinode, which has the byte order of the machine that
// wrote it, into xfs_dinode.
func storeCore(raw, logged []byte, order binary.ByteOrder, v5 bool, lsn uint64) {
	put16 := func(at int) { be.PutUint16(raw[at:], order.Uint16(logged[at:])) }
	put32 := func(at int) { be.PutUint32(raw[at:], order.Uint32(logged[at:])) }
	put64 := func(at int) { be.PutUint64(raw[at:], order.Uint64(logged[at:])) }
	copy(raw[4:6], logged[4:6])     // version, format of the data
	copy(raw[82:84], logged[82:84]) // start and format of the attributes
	for _, at := range []int{0, 2, 6, 20, 22, 80, 88, 90} {
		put16(at)
	}
	for _, at := range []int{8, 12, 16, 72, 76, 84, 92} {
		put32(at)
	}
	put64(56)
	put64(64)
	times := []int{32, 40, 48}
	flags := uint64(0)
	if v5 {
		flags = order.Uint64(logged[120:])
		times = append(times, 144)
		put64(104)
		be.PutUint64(raw[112:], lsn)
		put64(120)
		put32(128)
		put64(152)
		copy(raw[160:176], logged[160:176])
	}
	for _, at := range times {
		if flags&flag2Bigtime != 0 {
			put64(at)
		} else {
			put32(at)
			put32(at + 4)
		}
	}
	clear(raw[24:32])
	if flags&flag2Nrext64 != 0 {
		put64(24)
	}
}

// storeForks puts the logged forks into an inode.
func (p *replay) storeForks(raw []byte, f inodeFormat, regions [][]byte) error {
	core := coreSize(raw)
	split, ok := forkSplit(raw)
	if !ok {
		return block.Damaged("the attribute fork starts at byte %d of %d", split, len(raw))
	}
	if f.fields&logDevice != 0 {
		be.PutUint32(raw[core:], f.device)
	}
	for _, part := range []struct{ fields, root, all uint32 }{{f.fields & logData, logDataRoot, logData}, {f.fields & logAttr, logAttrRoot, logAttr}} {
		if part.fields == 0 {
			continue
		}
		if len(regions) == 0 {
			return block.Damaged("a fork is missing in the log")
		}
		to := raw[core:split]
		if part.all == logAttr {
			to = raw[split:]
		}
		if part.fields != part.root {
			copy(to, regions[0])
		} else if err := p.storeRoot(to, regions[0]); err != nil {
			return err
		}
		regions = regions[1:]
	}
	return nil
}

// storeRoot turns the root of a tree of extents as it is in memory, a whole
// xfs_btree_block, into xfs_bmdr_block.
func (p *replay) storeRoot(to, root []byte) error {
	header := 24
	if p.t.sb.v5 {
		header = 72
	}
	if len(root) < header || len(to) < 4 {
		return block.Damaged("root of a tree in %d bytes, for %d", len(root), len(to))
	}
	count, from, most := int(be.Uint16(root[6:])), (len(root)-header)/16, (len(to)-4)/16
	if count > from || count > most {
		return block.Damaged("root of a tree with %d entries, in %d, for %d", count, from, most)
	}
	copy(to[:4], root[4:8])
	copy(to[4:], root[header:header+8*count])
	copy(to[4+8*most:], root[header+8*from:header+8*from+8*count])
	return nil
}

// maxNewInodes is how many inodes are made at once: 64, or those of one block.
const maxNewInodes = 256

// applyIcreate makes the new inodes of xfs_icreate_log, all of them unused.
func (p *replay) applyIcreate(it *item) error {
	b := it.regions[0]
	if len(b) < 28 {
		return block.Damaged("item for new inodes of %d bytes", len(b))
	}
	sb := &p.t.sb
	group, within, count, blocks := uint64(be.Uint32(b[4:])), uint64(be.Uint32(b[8:])), uint64(be.Uint32(b[12:])), uint64(be.Uint32(b[20:]))
	number := group<<sb.agBlockLog + within
	at, ok := sb.linear(number, blocks)
	perLog := sb.blockLog - sb.inodeLog
	if !ok || within >= uint64(sb.agBlocks) || count > maxNewInodes || blocks > maxNewInodes || int(be.Uint32(b[16:])) != sb.inodeSize || count > blocks<<perLog || !sb.v5 {
		return block.Damaged("%d new inodes of %d bytes in %d blocks at block %#x", count, be.Uint32(b[16:]), blocks, number)
	}
	off := int64(at) << sb.blockLog
	for s := off / sector; s < (off+int64(blocks)<<sb.blockLog)/sector; s++ {
		if p.freed[s] >= p.commits {
			return nil
		}
	}
	raw := make([]byte, 256)
	copy(raw, "IN")
	raw[4] = 3
	copy(raw[92:96], b[24:28]) // generation
	be.PutUint32(raw[96:], 1<<32-1)
	copy(raw[160:], sb.metaUUID[:])
	for i := range count {
		be.PutUint64(raw[152:], number<<perLog+i)
		if err := p.over.write(raw, off+int64(i)<<sb.inodeLog); err != nil {
			return err
		}
	}
	return nil
}
