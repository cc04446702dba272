package xfs

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Feature bits: sb_versionnum, sb_features2, sb_features_incompat,
// sb_features_log_incompat.
const (
	versionMask       = 0xF
	versionSharedBit  = 0x200
	versionDirV2Bit   = 0x2000
	versionBorgBit    = 0x4000 // ascii-ci
	versionMoreBits   = 0x8000
	versionLogV2Bit   = 0x400
	features2Filetype = 0x200

	incompatFiletype     = 0x1
	incompatSparseInodes = 0x2
	incompatMetaUUID     = 0x4
	incompatBigtime      = 0x8
	incompatNeedsRepair  = 0x10
	incompatNrext64      = 0x20
	incompatExchange     = 0x40
	incompatParent       = 0x80
	incompatMetadir      = 0x100
	incompatZoned        = 0x200
	incompatZoneGaps     = 0x400

	// incompatRead are the features that change the layout and are understood,
	// as far as the data device is concerned.
	incompatRead = incompatFiletype | incompatSparseInodes | incompatMetaUUID | incompatBigtime |
		incompatNeedsRepair | incompatNrext64 | incompatExchange | incompatParent |
		incompatMetadir | incompatZoned | incompatZoneGaps

	// logIncompatRead are the features of a log that can be replayed: attribute
	// intents.
	logIncompatRead = 0x1
)

// superblock holds the fields of xfs_dsb that reading needs.
type superblock struct {
	v5           bool
	blockSize    int
	sectorSize   int
	blockLog     uint8
	blocks       uint64
	uuid         [16]byte // of people and of the log
	metaUUID     [16]byte // in the headers of blocks, with version 5
	label        string
	root         uint64
	agBlocks     uint32
	agCount      uint32
	agBlockLog   uint8
	inodeSize    int
	inodeLog     uint8
	dirBlockSize int
	inodesUsed   uint64
	ftype        bool
	ignoreCase   bool

	logStart       uint64 // block number, 0: on another device
	logBlocks      uint32
	logV2          bool
	incompat       uint32
	logIncompat    uint32
	realtimeBlocks uint64
	realtimeStart  uint64 // of an internal section
	inProgress     bool
	sumHolds       bool
}

// readSuperblock reads and checks the first superblock.
func readSuperblock(src block.Source) (superblock, error) {
	b := make([]byte, 512)
	if src.Size() < int64(len(b)) {
		return superblock{}, block.ErrNotThis
	}
	if err := block.ReadFull(src, b, 0); err != nil {
		return superblock{}, fmt.Errorf("read superblock: %w", err)
	}
	if string(b[:4]) != "XFSB" {
		return superblock{}, block.ErrNotThis
	}
	sb, err := parseSuperblock(b)
	if err == nil {
		err = sb.checkSum(src, int(be.Uint16(b[102:])))
	}
	return sb, err
}

func parseSuperblock(b []byte) (superblock, error) {
	version := be.Uint16(b[100:])
	sb := superblock{
		v5: version&versionMask == 5, blockSize: int(be.Uint32(b[4:])), blockLog: b[120], sectorSize: int(be.Uint16(b[102:])), blocks: be.Uint64(b[8:]),
		root: be.Uint64(b[56:]), agBlocks: be.Uint32(b[84:]), agCount: be.Uint32(b[88:]), agBlockLog: b[124],
		inodeSize: int(be.Uint16(b[104:])), inodeLog: b[122],
		logStart: be.Uint64(b[48:]), logBlocks: be.Uint32(b[96:]),
		realtimeBlocks: be.Uint64(b[16:]), inProgress: b[126] != 0,
		ignoreCase: version&versionBorgBit != 0, sumHolds: true,
	}
	copy(sb.uuid[:], b[32:])
	sb.metaUUID = sb.uuid
	label, _, _ := bytes.Cut(b[108:120], []byte{0})
	sb.label = string(label)
	if all, free := be.Uint64(b[128:]), be.Uint64(b[136:]); all >= free {
		sb.inodesUsed = all - free
	}
	switch version & versionMask {
	case 5:
		sb.incompat, sb.logIncompat = be.Uint32(b[216:]), be.Uint32(b[220:])
		if sb.incompat&incompatMetaUUID != 0 {
			copy(sb.metaUUID[:], b[248:])
		}
		if sb.incompat&incompatZoned != 0 {
			sb.realtimeStart = be.Uint64(b[288:])
		}
		sb.ftype, sb.logV2 = sb.incompat&incompatFiletype != 0, true
	case 4:
		if version&versionMoreBits != 0 {
			// Old kernels wrote the field into the wrong place: sb_bad_features2.
			sb.ftype = (be.Uint32(b[200:])|be.Uint32(b[204:]))&features2Filetype != 0
		}
		sb.logV2 = version&versionLogV2Bit != 0
		if version&versionDirV2Bit == 0 || version&versionSharedBit != 0 {
			return sb, block.Unsupported("superblock: version %#x: directories of version 1, or shared", version)
		}
	default:
		return sb, block.Unsupported("superblock: version %d, want 4 or 5", version&versionMask)
	}
	if sb.incompat&^incompatRead != 0 {
		return sb, block.Unsupported("superblock: incompatible features %#x", sb.incompat&^incompatRead)
	}
	return sb, sb.check(b)
}

// check holds the superblock against itself.
func (sb *superblock) check(b []byte) error {
	sector, dirLog := int(be.Uint16(b[102:])), b[192]
	switch {
	case !powerOfTwo(sb.blockSize, 512, 65536) || sb.blockSize != 1<<sb.blockLog:
		return block.Damaged("superblock: blocks of %d bytes, 1 << %d", sb.blockSize, sb.blockLog)
	case !powerOfTwo(sector, 512, 32768) || sector > sb.blockSize:
		return block.Damaged("superblock: sectors of %d bytes in blocks of %d", sector, sb.blockSize)
	case !powerOfTwo(sb.inodeSize, 256, 2048) || sb.inodeSize > sb.blockSize || sb.inodeSize != 1<<sb.inodeLog:
		return block.Damaged("superblock: inodes of %d bytes, 1 << %d, in blocks of %d", sb.inodeSize, sb.inodeLog, sb.blockSize)
	case b[123] != sb.blockLog-sb.inodeLog:
		return block.Damaged("superblock: 1 << %d inodes of %d bytes in blocks of %d", b[123], sb.inodeSize, sb.blockSize)
	case dirLog > 7 || sb.blockLog+dirLog > 16:
		return block.Damaged("superblock: directory blocks of 1 << %d blocks of %d bytes", dirLog, sb.blockSize)
	case sb.agBlocks < 2 || int(sb.agBlockLog) != bits.Len32(sb.agBlocks-1):
		return block.Damaged("superblock: allocation groups of %d blocks, at most 1 << %d", sb.agBlocks, sb.agBlockLog)
	case sb.agCount == 0 || sb.blocks > 1<<62/uint64(sb.blockSize) ||
		sb.blocks > uint64(sb.agCount)*uint64(sb.agBlocks) || sb.blocks <= uint64(sb.agCount-1)*uint64(sb.agBlocks):
		return block.Damaged("superblock: %d blocks in %d allocation groups of %d", sb.blocks, sb.agCount, sb.agBlocks)
	}
	sb.dirBlockSize = sb.blockSize << dirLog
	if _, ok := sb.inodeOffset(sb.root); !ok {
		return block.Damaged("superblock: the root is inode %d", sb.root)
	}
	return nil
}

func powerOfTwo(n, low, high int) bool { return n >= low && n <= high && n&(n-1) == 0 }

// checkSum notes whether the checksum of the superblock's sector holds.
func (sb *superblock) checkSum(src block.Source, sector int) error {
	if !sb.v5 {
		return nil
	}
	b := make([]byte, sector)
	if err := block.ReadFull(src, b, 0); err != nil {
		return fmt.Errorf("read superblock: %w", err)
	}
	sb.sumHolds = sum(b, 224) == le.Uint32(b[224:])
	return nil
}

// realtimeInside tells whether realtime files lie on the data device itself.
func (sb *superblock) realtimeInside() bool { return sb.realtimeStart != 0 }

func (sb *superblock) uuidText() string {
	if sb.uuid == [16]byte{} {
		return ""
	}
	h := hex.EncodeToString(sb.uuid[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// linear turns a block number, which holds the allocation group above the bits
// of a block within it, into the number of a block from the start of the disk.
// n blocks must lie there. Block 0 is the superblock's and never given.
func (sb *superblock) linear(number, n uint64) (uint64, bool) {
	group, within := number>>sb.agBlockLog, number&(1<<sb.agBlockLog-1)
	if group >= uint64(sb.agCount) || within >= uint64(sb.agBlocks) || n > uint64(sb.agBlocks)-within {
		return 0, false
	}
	at := group*uint64(sb.agBlocks) + within
	return at, at != 0 && at < sb.blocks && n <= sb.blocks-at
}

// inodeOffset gives the byte at which an inode starts.
func (sb *superblock) inodeOffset(num uint64) (int64, bool) {
	perLog := sb.blockLog - sb.inodeLog
	at, ok := sb.linear(num>>perLog, 1)
	return int64(at)<<sb.blockLog + int64(num&(1<<perLog-1))<<sb.inodeLog, ok
}
