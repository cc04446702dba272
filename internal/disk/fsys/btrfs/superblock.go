package btrfs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const superSize = 4096

// superOffsets are the places of the superblock and its mirrors.
var superOffsets = [3]int64{64 << 10, 64 << 20, 256 << 30}

// Bits of incompat_flags.
const (
	incompatMetadataUUID = 1 << 10
	incompatExtentTreeV2 = 1 << 13
	incompatStripeTree   = 1 << 14
	incompatEncrypt      = 1 << 15
	incompatRemapTree    = 1 << 17
	// incompatRead are the features that are understood: mixed back references,
	// default subvolume, mixed groups, LZO, Zstandard, big metadata, extended
	// references, RAID5/6, skinny metadata, no holes, metadata UUID, RAID1C3/4,
	// zoned, simple quotas.
	incompatRead = 1<<13 - 1 | 1<<16
)

// featureNames names features that are known and not read.
var featureNames = []struct {
	bit  uint64
	name string
}{
	{incompatExtentTreeV2, "extent tree v2"},
	{incompatStripeTree, "RAID stripe tree"},
	{incompatEncrypt, "encryption"},
	{incompatRemapTree, "remap tree"},
}

// superblock holds the fields of btrfs_super_block that reading needs.
type superblock struct {
	fsid         [16]byte
	metadataUUID [16]byte // the fsid in tree nodes
	generation   uint64
	root         treeRef
	chunkRoot    treeRef
	logRoot      uint64
	logLevel     uint8
	totalBytes   uint64
	numDevices   uint64
	sectorSize   int
	nodeSize     int
	incompat     uint64
	sum          checksum
	label        string
	sysChunks    []byte
	backups      []treeRef // older root trees, the newest first

	devID    uint64
	devUUID  [16]byte
	devBytes uint64
}

// treeRef is where a tree starts.
type treeRef struct {
	logical    uint64
	generation uint64
	level      uint8
}

// findSuperblock reads the superblock, from a mirror when the first one is
// damaged. The kernel writes the first one on each fsync, the others only with
// a transaction, and mounts by the first one alone. note tells of the loss.
func findSuperblock(src block.Source) (sb superblock, note string, err error) {
	first := make([]byte, superSize)
	if src.Size() < superOffsets[0]+superSize {
		return sb, "", block.ErrNotThis
	}
	if err := block.ReadFull(src, first, superOffsets[0]); err != nil {
		return sb, "", fmt.Errorf("read superblock: %w", err)
	}
	marked := hasMagic(first)
	if !marked && zoned(src) {
		return sb, "", block.Unsupported("the superblock is in the log of a zoned device")
	}
	// A mirror alone may be what is left of an older file system.
	if !marked && le.Uint64(first[0x30:]) != uint64(superOffsets[0]) {
		return sb, "", block.ErrNotThis
	}
	if marked {
		sb, err = parseSuperblock(first, superOffsets[0])
		if err == nil || errors.Is(err, block.ErrUnsupported) {
			return sb, "", err
		}
	}
	found := false
	for _, at := range superOffsets[1:] {
		other, oerr := readMirror(src, at)
		if oerr != nil || !marked && !bytes.Equal(other.fsid[:], first[0x20:0x30]) {
			continue
		}
		if !found || other.generation > sb.generation {
			sb, found = other, true
			note = fmt.Sprintf("the superblock is damaged, its mirror at byte %d was taken: what was synced after generation %d may not be shown", at, sb.generation)
		}
	}
	if found {
		return sb, note, nil
	}
	if !marked {
		return sb, "", block.ErrNotThis
	}
	return sb, "", err
}

// zoned tells whether the first zone starts with a superblock.
func zoned(src block.Source) bool {
	b := make([]byte, superSize)
	if block.ReadFull(src, b, 0) != nil || !hasMagic(b) {
		return false
	}
	_, err := parseSuperblock(b, superOffsets[0])
	return err == nil
}

func hasMagic(b []byte) bool { return string(b[0x40:0x48]) == "_BHRfS_M" }

func readMirror(src block.Source, at int64) (superblock, error) {
	if src.Size() < at+superSize {
		return superblock{}, block.ErrNotThis
	}
	b := make([]byte, superSize)
	if err := block.ReadFull(src, b, at); err != nil {
		return superblock{}, err
	}
	if !hasMagic(b) {
		return superblock{}, block.ErrNotThis
	}
	return parseSuperblock(b, at)
}

func parseSuperblock(b []byte, at int64) (superblock, error) {
	label, _, _ := bytes.Cut(b[0x12B:0x22B], []byte{0})
	sb := superblock{
		fsid: [16]byte(b[0x20:]), metadataUUID: [16]byte(b[0x20:]),
		generation: le.Uint64(b[0x48:]),
		root:       treeRef{le.Uint64(b[0x50:]), le.Uint64(b[0x48:]), b[0xC6]},
		chunkRoot:  treeRef{le.Uint64(b[0x58:]), le.Uint64(b[0xA4:]), b[0xC7]},
		logRoot:    le.Uint64(b[0x60:]), logLevel: b[0xC8],
		totalBytes: le.Uint64(b[0x70:]), numDevices: le.Uint64(b[0x88:]),
		sectorSize: int(le.Uint32(b[0x90:])), nodeSize: int(le.Uint32(b[0x94:])),
		incompat: le.Uint64(b[0xBC:]), sum: checksum(le.Uint16(b[0xC4:])),
		label: string(label),
		devID: le.Uint64(b[0xC9:]), devBytes: le.Uint64(b[0xD1:]), devUUID: [16]byte(b[0x10B:]),
	}
	if sb.incompat&incompatMetadataUUID != 0 {
		sb.metadataUUID = [16]byte(b[0x23B:])
	}
	if err := sb.sum.check(); err != nil {
		return sb, err
	}
	if !sb.sum.holds(b[32:superSize], b[:sb.sum.size()]) {
		return sb, block.Damaged("superblock at byte %d: its checksum does not hold", at)
	}
	sysLen := le.Uint32(b[0xA0:])
	switch {
	case le.Uint64(b[0x30:]) != uint64(at):
		return sb, block.Damaged("superblock at byte %d says that it is at %d", at, le.Uint64(b[0x30:]))
	case sysLen > 2048:
		return sb, block.Damaged("superblock: system chunks of %d bytes, want at most 2048", sysLen)
	}
	sb.sysChunks = b[0x32B : 0x32B+sysLen]
	sb.readBackups(b[0xB2B:0xDCB])
	return sb, sb.check()
}

// readBackups notes the root trees of the last transactions.
func (sb *superblock) readBackups(b []byte) {
	for i := 0; i+168 <= len(b); i += 168 {
		r := treeRef{le.Uint64(b[i:]), le.Uint64(b[i+8:]), b[i+152]}
		if r.logical == 0 || r.generation >= sb.generation || r.level >= maxLevel {
			continue
		}
		at := 0
		for at < len(sb.backups) && sb.backups[at].generation > r.generation {
			at++
		}
		sb.backups = append(sb.backups[:at], append([]treeRef{r}, sb.backups[at:]...)...)
	}
}

// check holds the superblock against itself.
func (sb *superblock) check() error {
	powerOfTwo := func(n int) bool { return n > 0 && n&(n-1) == 0 }
	switch {
	case sb.incompat&^incompatRead != 0:
		return block.Unsupported("incompatible features: %s", featureText(sb.incompat&^incompatRead))
	case !powerOfTwo(sb.sectorSize) || sb.sectorSize < 512 || sb.sectorSize > 64<<10:
		return block.Damaged("superblock: sectors of %d bytes", sb.sectorSize)
	case !powerOfTwo(sb.nodeSize) || sb.nodeSize < sb.sectorSize || sb.nodeSize > 64<<10:
		return block.Damaged("superblock: nodes of %d bytes with sectors of %d", sb.nodeSize, sb.sectorSize)
	case sb.root.level >= maxLevel || sb.chunkRoot.level >= maxLevel || sb.logLevel >= maxLevel:
		return block.Damaged("superblock: trees of %d, %d and %d levels", sb.root.level, sb.chunkRoot.level, sb.logLevel)
	case sb.numDevices == 0 || sb.numDevices > 1<<20:
		return block.Damaged("superblock: %d devices", sb.numDevices)
	}
	return nil
}

// featureText names feature bits.
func featureText(bits uint64) string {
	var out []string
	for _, f := range featureNames {
		if bits&f.bit != 0 {
			out = append(out, f.name)
			bits &^= f.bit
		}
	}
	if bits != 0 {
		out = append(out, fmt.Sprintf("%#x", bits))
	}
	return strings.Join(out, ", ")
}

func uuidText(u [16]byte) string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
