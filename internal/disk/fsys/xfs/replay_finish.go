package xfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// finish puts what was replayed before the disk and tells of it; why is what
// ended the replay early.
func (t *tree) finish(p *replay, why error) {
	sb, files, err := p.superblock()
	switch {
	case err != nil:
		t.note(true, "not cleanly unmounted, the log was not replayed: %v", err)
		return
	case why != nil && p.over.size == 0:
		t.note(true, "not cleanly unmounted, the log was not replayed: %v", why)
		return
	}
	t.over, t.meta, t.sb, t.files = p.over, p.over, sb, files
	t.note(false, "not cleanly unmounted; replayed in memory: %d transactions, %d bytes of changes", p.commits, p.over.size)
	if why != nil {
		t.note(true, "the log was replayed up to its damage: %v", why)
	}
	if p.failed > 0 {
		t.note(true, "%d changes in the log were left out, the first: %v", p.failed, p.first)
	}
	if n := len(p.intents); n > 0 {
		t.note(true, "%d changes of files or attributes were begun but not completed", n)
	}
}

// superblock reads the superblock through the log and counts the inodes in use,
// which it tells only after an unmount.
func (p *replay) superblock() (sb superblock, files uint64, err error) {
	b := make([]byte, sector)
	if err := block.ReadFull(p.over, b, 0); err != nil {
		return sb, 0, fmt.Errorf("read superblock: %w", err)
	}
	old := p.t.sb
	if string(b[:4]) != "XFSB" {
		return sb, 0, block.Damaged("it holds a superblock with magic %q", b[:4])
	}
	if sb, err = parseSuperblock(b); err != nil {
		return sb, 0, fmt.Errorf("it holds a superblock of which: %w", err)
	}
	if sb.v5 != old.v5 || sb.blockSize != old.blockSize || sb.inodeSize != old.inodeSize || sb.agBlocks != old.agBlocks {
		return sb, 0, block.Damaged("it holds the superblock of another file system")
	}
	// What the disk itself says is told, too.
	sb.sumHolds = old.sumHolds
	sb.incompat |= old.incompat & incompatNeedsRepair
	sb.inProgress = sb.inProgress || old.inProgress
	sb.realtimeBlocks = max(sb.realtimeBlocks, old.realtimeBlocks)
	return sb, p.inodesUsed(sb), nil
}

// maxCounted bounds the allocation groups that are looked at to count inodes.
const maxCounted = 256

// inodesUsed sums what the allocation groups say (xfs_agi).
func (p *replay) inodesUsed(sb superblock) uint64 {
	if sb.agCount > maxCounted {
		return sb.inodesUsed
	}
	n := uint64(0)
	b := make([]byte, 32)
	for g := range uint64(sb.agCount) {
		at := int64(g*uint64(sb.agBlocks))<<sb.blockLog + 2*int64(sb.sectorSize)
		if block.ReadFull(p.over, b, at) != nil || string(b[:4]) != "XAGI" {
			return sb.inodesUsed
		}
		if all, free := be.Uint32(b[16:]), be.Uint32(b[28:]); all > free {
			n += uint64(all - free)
		}
	}
	return n
}
