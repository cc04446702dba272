package ext4

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxDescriptors bounds the group descriptors held in memory, in bytes: enough
// for 128 TiB in groups of 128 MiB.
const maxDescriptors = 64 << 20

// readDescriptors loads the group descriptors. One that can't be read costs
// the inodes of its groups, not the file system.
func (t *tree) readDescriptors() error {
	sb := &t.sb
	if n := uint64(sb.groups) * uint64(sb.descSize); n > maxDescriptors {
		return fmt.Errorf("%d groups need %d bytes of descriptors, want at most %d: %w", sb.groups, n, maxDescriptors, block.ErrUnsupported)
	}
	perBlock := uint32(sb.blockSize / sb.descSize)
	buf := make([]byte, sb.blockSize)
	lost := 0
	// Grown as blocks are read: the claim of a hostile superblock costs nothing.
	t.desc = t.desc[:0]
	for first := uint32(0); first < sb.groups; first += perBlock {
		at := sb.descriptorBlock(first / perBlock)
		if err := t.readBlock(buf, at); err != nil {
			if first == 0 {
				return fmt.Errorf("read group descriptors: %w", err)
			}
			lost++
			clear(buf)
		}
		t.desc = append(t.desc, buf[:int(min(perBlock, sb.groups-first))*sb.descSize]...)
	}
	if lost > 0 {
		t.note(true, "%d of %d blocks of group descriptors can't be read", lost, (sb.groups+perBlock-1)/perBlock)
	}
	return nil
}

// descriptorBlock tells where the n-th block of group descriptors lies: after
// the superblock, or with meta_bg in the group it speaks of.
func (sb *superblock) descriptorBlock(n uint32) uint64 {
	super := uint64(1024 / sb.blockSize)
	if sb.incompat&incompatMetaBG == 0 || n < sb.firstMetaBG {
		return super + 1 + uint64(n)
	}
	group := uint64(n) * uint64(sb.blockSize/sb.descSize)
	at := uint64(sb.firstDataBlock) + group*uint64(sb.blocksPerGroup)
	if sb.hasSuper(group) {
		at++
		if sb.blockSize == 1024 && sb.firstDataBlock == 0 {
			at++ // bigalloc with 1 KiB blocks: the superblock is in block 1
		}
	}
	return at
}

// hasSuper tells whether a group starts with a copy of the superblock.
func (sb *superblock) hasSuper(group uint64) bool {
	if sb.compat&compatSparseSuper2 != 0 {
		return group == 0 || group == uint64(sb.backupGroups[0]) || group == uint64(sb.backupGroups[1])
	}
	if group <= 1 || sb.roCompat&roSparseSuper == 0 {
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		p := base
		for p < group {
			p *= base
		}
		if p == group {
			return true
		}
	}
	return false
}

// inodeTable gives the first block of a group's inode table.
func (t *tree) inodeTable(group uint32) uint64 {
	d := t.desc[int(group)*t.sb.descSize:]
	at := uint64(le.Uint32(d[8:]))
	if t.sb.descSize >= 64 {
		at |= uint64(le.Uint32(d[0x28:])) << 32
	}
	return at
}

// readBlock reads one block, or the len(p) first bytes of it.
func (t *tree) readBlock(p []byte, n uint64) error { return t.readIn(p, n, 0) }

// readIn reads len(p) bytes from the given byte of a block.
func (t *tree) readIn(p []byte, n uint64, from int) error {
	if n == 0 && t.sb.firstDataBlock > 0 || n >= t.sb.blocks {
		return damaged("block %d of %d", n, t.sb.blocks)
	}
	return block.ReadFull(t.src, p, int64(n)*int64(t.sb.blockSize)+int64(from))
}
