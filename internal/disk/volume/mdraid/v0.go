package mdraid

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/part"
)

// Words of a superblock of version 0.90.
const (
	v0Disks    = 128 // the first of 27 descriptors
	v0This     = 992 // this member's own
	v0DiskSize = 32
	v0MaxDisks = 27
)

// readV0 reads a superblock of version 0.90, whose words have the byte order of
// the machine that wrote it.
func readV0(src block.Source, off int64) (*superblock, error) {
	b := make([]byte, 4096)
	if err := block.ReadFull(src, b, off); err != nil {
		return nil, fmt.Errorf("read superblock: %w", err)
	}
	var order binary.ByteOrder = le
	if order.Uint32(b) != magic {
		order = binary.BigEndian
	}
	word := func(i int) uint32 { return order.Uint32(b[4*i:]) }
	if word(0) != magic || word(1) != 0 || word(2) < 90 || word(2) > 91 || inPartition(src, off) {
		return nil, block.ErrNotThis
	}
	if got, want := sumV0(b, order), word(38); got != want {
		return nil, block.Damaged("superblock 0.90 at byte %d has checksum %#x, want %#x", off, got, want)
	}
	sb := &superblock{
		version: "0.90", minor: word(11), created: uint64(word(6)),
		level: int32(word(7)), layout: word(64), disks: int(word(10)), chunk: int64(word(65)), used: int64(word(8)) << 10,
		clean: word(33)&1 != 0, number: int(word(v0This)), data: block.Extent{Length: off}, recovered: -1,
	}
	for i, w := range []int{5, 13, 14, 15} {
		binary.BigEndian.PutUint32(sb.uuid[4*i:], word(w))
	}
	low, high := 39, 40
	if order == binary.BigEndian {
		low, high = high, low
	}
	sb.events = uint64(word(low)) | uint64(word(high))<<32
	if word(low) == word(low+2) && word(high) == word(high+2) {
		sb.synced = int64(word(43)) * sector // holds for the events it was written with
	}
	if word(2) == 91 {
		sb.reshape = fmt.Sprintf("at byte %d", int64(order.Uint64(b[4*44:])&(farthest-1))*sector)
	}
	for i := range v0MaxDisks {
		sb.roles = append(sb.roles, v0Role(word, v0Disks+i*v0DiskSize))
	}
	return sb, sb.check()
}

// v0Role reads the role out of a descriptor: state bits are faulty, active, in
// sync, removed.
func v0Role(word func(int) uint32, at int) int {
	role, state := word(at+3), word(at+4)
	switch {
	case state&1 != 0:
		return roleFaulty
	case state&4 == 0 || role >= v0MaxDisks:
		return roleSpare
	}
	return int(role)
}

// sumV0 adds up the words of a superblock, its checksum left out.
func sumV0(b []byte, order binary.ByteOrder) uint32 {
	sum := uint64(0)
	for i := 0; i < len(b); i += 4 {
		if i != 4*38 {
			sum += uint64(order.Uint32(b[i:]))
		}
	}
	return uint32(sum) + uint32(sum>>32)
}

// inPartition tells whether a place lies in a partition of src: the superblock
// at the end of a last partition can lie where the one of the whole disk would.
func inPartition(src block.Source, off int64) bool {
	table, err := part.Read(src)
	if err != nil && !errors.Is(err, part.ErrDamaged) {
		return false
	}
	for _, p := range table.Partitions {
		if p.Offset > 0 && p.Offset <= off && off-p.Offset < p.Length {
			return true
		}
	}
	return false
}
