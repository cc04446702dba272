package mdraid

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// feature_map of a version-1 superblock.
const (
	featureRecovery    = 1 << 1
	featureReshape     = 1 << 2
	featureBadBlocks   = 1 << 3
	featureReplacement = 1 << 4
	featureJournal     = 1 << 9
	featurePPL         = 1 << 10
	featureManyPPL     = 1 << 11
	featureZoned       = 1 << 12 // layout is one of RAID 0's
	featuresKnown      = 1<<13 - 1
)

// readV1 reads the superblock of version 1.0, 1.1 or 1.2 at off, which tells
// them apart. One that says to lie elsewhere belongs to another source: to a
// partition of this one.
func readV1(src block.Source, off int64) (*superblock, error) {
	b := make([]byte, 4096)
	if off+int64(len(b)) > src.Size() {
		return nil, block.ErrNotThis
	}
	if err := block.ReadFull(src, b, off); err != nil {
		return nil, fmt.Errorf("read superblock: %w", err)
	}
	if le.Uint32(b) != magic || le.Uint32(b[4:]) != 1 || le.Uint64(b[144:]) != uint64(off/sector) {
		return nil, block.ErrNotThis
	}
	version := map[int64]string{0: "1.1", 4096: "1.2"}[off]
	if version == "" {
		version = "1.0"
	}
	most := int(min(le.Uint32(b[220:]), 1<<16))
	if 256+2*most > len(b) {
		return nil, block.Damaged("superblock %s at byte %d: roles of %d members", version, off, most)
	}
	if got, want := sumV1(b[:256+2*most]), le.Uint32(b[216:]); got != want {
		return nil, block.Damaged("superblock %s at byte %d has checksum %#x, want %#x", version, off, got, want)
	}
	if f := le.Uint32(b[8:]); f&^featuresKnown != 0 {
		return nil, block.Unsupported("superblock %s: features %#x", version, f&^featuresKnown)
	}
	for _, field := range []int{80, 128, 136, 144, 152, 208} { // lengths and places, or all ones
		if v := le.Uint64(b[field:]); v > farthest && v != 1<<64-1 {
			return nil, block.Damaged("superblock %s at byte %d: %d sectors in byte %d", version, off, v, field)
		}
	}
	sb := parseV1(b, most)
	sb.version = version
	if sb.data.Offset < 0 || sb.data.Offset > src.Size() {
		return nil, block.Damaged("superblock %s: data at byte %d of %d", version, sb.data.Offset, src.Size())
	}
	return sb, sb.check()
}

func parseV1(b []byte, most int) *superblock {
	features := le.Uint32(b[8:])
	sectors := func(field int) int64 { return int64(le.Uint64(b[field:])) * sector }
	sb := &superblock{
		created: le.Uint64(b[64:]) & (1<<40 - 1),
		level:   int32(le.Uint32(b[72:])), layout: le.Uint32(b[76:]), zoned: features&featureZoned != 0,
		disks: int(le.Uint32(b[92:])), chunk: int64(le.Uint32(b[88:])) * sector, used: sectors(80),
		events: le.Uint64(b[200:]), clean: le.Uint64(b[208:]) == 1<<64-1, synced: sectors(208),
		number: int(le.Uint32(b[160:])), data: block.Extent{Offset: sectors(128), Length: sectors(136)},
		recovered: -1, replacement: features&featureReplacement != 0,
	}
	copy(sb.uuid[:], b[16:32])
	name, _, _ := bytes.Cut(b[32:64], []byte{0})
	sb.name = string(name)
	for i := range most {
		sb.roles = append(sb.roles, int(le.Uint16(b[256+2*i:])))
	}
	sb.journal = journal{
		device: features&featureJournal != 0, partial: features&(featurePPL|featureManyPPL) != 0, tail: sectors(152),
	}
	if features&featureRecovery != 0 {
		sb.recovered = sectors(152)
	}
	if features&featureReshape != 0 {
		sb.reshape = fmt.Sprintf("at byte %d", sectors(104))
	}
	if n := le.Uint16(b[186:]); features&featureBadBlocks != 0 && n > 0 {
		at := sectors(144) + int64(int32(le.Uint32(b[188:])))*sector
		sb.bad, sb.badShift = block.Extent{Offset: at, Length: int64(n) * sector}, b[185]
	}
	return sb
}

// sumV1 adds up the words of a superblock, its checksum left out.
func sumV1(b []byte) uint32 {
	sum := uint64(0)
	for i := 0; i+4 <= len(b); i += 4 {
		if i != 216 {
			sum += uint64(le.Uint32(b[i:]))
		}
	}
	if len(b)%4 == 2 {
		sum += uint64(binary.LittleEndian.Uint16(b[len(b)-2:]))
	}
	return uint32(sum) + uint32(sum>>32)
}
