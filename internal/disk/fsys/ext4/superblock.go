package ext4

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Feature bits: s_feature_compat, s_feature_incompat, s_feature_ro_compat.
const (
	compatHasJournal   = 0x4
	compatSparseSuper2 = 0x200
	compatFastCommit   = 0x400

	incompatFiletype   = 0x2
	incompatRecover    = 0x4
	incompatJournalDev = 0x8
	incompatMetaBG     = 0x10
	incompatExtents    = 0x40
	incompat64bit      = 0x80
	incompatMMP        = 0x100
	incompatFlexBG     = 0x200
	incompatEAInode    = 0x400
	incompatDirdata    = 0x1000
	incompatCsumSeed   = 0x2000
	incompatLargedir   = 0x4000
	incompatInlineData = 0x8000
	incompatEncrypt    = 0x10000
	incompatCasefold   = 0x20000

	// incompatRead are the features that change the layout and are understood.
	incompatRead = incompatFiletype | incompatRecover | incompatMetaBG | incompatExtents |
		incompat64bit | incompatMMP | incompatFlexBG | incompatEAInode | incompatDirdata |
		incompatCsumSeed | incompatLargedir | incompatInlineData | incompatEncrypt | incompatCasefold

	roSparseSuper = 0x1
	roHugeFile    = 0x8
	roGroupSums   = 0x410 // gdt_csum or metadata_csum: groups may be uninitialised
	roBigalloc    = 0x200
	// roExt4 are read-only features that only ext4 has.
	roExt4 = roHugeFile | 0x10 | 0x20 | 0x40 | roBigalloc | 0x400

	stateValid  = 1
	stateErrors = 2
)

// superblock holds the fields of ext4_super_block that reading needs.
type superblock struct {
	inodes, freeInodes uint32
	blocks             uint64
	firstDataBlock     uint32
	blockSize          int
	blocksPerGroup     uint32
	inodesPerGroup     uint32
	state              uint16
	inodeSize          int
	compat, incompat   uint32
	roCompat           uint32
	uuid               [16]byte
	label              string
	journalInode       uint32
	descSize           int
	firstMetaBG        uint32
	backupGroups       [2]uint32 // with sparse_super2
	groups             uint32
	clusterBlocks      uint64 // blocks of one bit in the block bitmaps
}

// readSuperblock reads and checks the superblock at byte 1024.
func readSuperblock(src block.Source) (superblock, error) {
	b := make([]byte, 1024)
	if src.Size() < 2048 {
		return superblock{}, block.ErrNotThis
	}
	if err := block.ReadFull(src, b, 1024); err != nil {
		return superblock{}, fmt.Errorf("read superblock: %w", err)
	}
	if le.Uint16(b[0x38:]) != 0xEF53 {
		return superblock{}, block.ErrNotThis
	}
	sb := superblock{
		inodes: le.Uint32(b), freeInodes: le.Uint32(b[0x10:]),
		blocks: uint64(le.Uint32(b[0x4:])), firstDataBlock: le.Uint32(b[0x14:]),
		blocksPerGroup: le.Uint32(b[0x20:]), inodesPerGroup: le.Uint32(b[0x28:]),
		state: le.Uint16(b[0x3A:]), inodeSize: 128, descSize: 32,
	}
	if rev := le.Uint32(b[0x4C:]); rev > 0 {
		sb.inodeSize = int(le.Uint16(b[0x58:]))
		sb.compat, sb.incompat, sb.roCompat = le.Uint32(b[0x5C:]), le.Uint32(b[0x60:]), le.Uint32(b[0x64:])
		copy(sb.uuid[:], b[0x68:])
		label, _, _ := bytes.Cut(b[0x78:0x88], []byte{0})
		sb.label = string(label)
		sb.journalInode = le.Uint32(b[0xE0:])
		sb.firstMetaBG = le.Uint32(b[0x104:])
		sb.backupGroups = [2]uint32{le.Uint32(b[0x24C:]), le.Uint32(b[0x250:])}
	}
	if sb.incompat&incompat64bit != 0 {
		sb.blocks |= uint64(le.Uint32(b[0x150:])) << 32
		sb.descSize = max(int(le.Uint16(b[0xFE:])), 64)
	}
	shift := le.Uint32(b[0x18:])
	if shift > 6 {
		return superblock{}, damaged("superblock: block size 1024 << %d, want at most 65536", shift)
	}
	sb.blockSize, sb.clusterBlocks = 1024<<shift, 1
	if c := le.Uint32(b[0x1C:]); sb.roCompat&roBigalloc != 0 && c > shift && c < 32 {
		sb.clusterBlocks = 1 << (c - shift)
	}
	return sb, sb.check()
}

// check holds the superblock against itself.
func (sb *superblock) check() error {
	switch {
	case sb.incompat&incompatJournalDev != 0:
		return fmt.Errorf("holds the journal of another file system: %w", block.ErrUnsupported)
	case sb.incompat&^incompatRead != 0:
		return fmt.Errorf("incompatible features %#x: %w", sb.incompat&^incompatRead, block.ErrUnsupported)
	case sb.inodeSize < 128 || sb.inodeSize > sb.blockSize || sb.inodeSize&(sb.inodeSize-1) != 0:
		return damaged("superblock: inodes of %d bytes in blocks of %d", sb.inodeSize, sb.blockSize)
	case sb.descSize > sb.blockSize || sb.descSize&(sb.descSize-1) != 0:
		return damaged("superblock: group descriptors of %d bytes", sb.descSize)
	case sb.blocks == 0 || sb.blocks > 1<<62/uint64(sb.blockSize) || uint64(sb.firstDataBlock) >= sb.blocks:
		return damaged("superblock: %d blocks, the first data block is %d", sb.blocks, sb.firstDataBlock)
	case sb.blocksPerGroup == 0 || sb.inodesPerGroup == 0 || sb.inodes < 2:
		return damaged("superblock: groups of %d blocks and %d inodes, %d inodes", sb.blocksPerGroup, sb.inodesPerGroup, sb.inodes)
	}
	groups := (sb.blocks - uint64(sb.firstDataBlock) + uint64(sb.blocksPerGroup) - 1) / uint64(sb.blocksPerGroup)
	if need := (uint64(sb.inodes) + uint64(sb.inodesPerGroup) - 1) / uint64(sb.inodesPerGroup); need > groups {
		return damaged("superblock: %d inodes need %d groups, there are %d", sb.inodes, need, groups)
	}
	// Only groups that hold inodes are looked up.
	sb.groups = uint32(min(groups, (uint64(sb.inodes)+uint64(sb.inodesPerGroup)-1)/uint64(sb.inodesPerGroup)))
	return nil
}

// family tells the generation by features, as blkid does.
func (sb *superblock) family() string {
	switch {
	case sb.roCompat&roExt4 != 0 || sb.incompat&^(incompatFiletype|incompatRecover|incompatMetaBG) != 0:
		return "ext4"
	case sb.compat&compatHasJournal != 0:
		return "ext3"
	}
	return "ext2"
}

func (sb *superblock) uuidText() string {
	if sb.uuid == [16]byte{} {
		return ""
	}
	h := hex.EncodeToString(sb.uuid[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
