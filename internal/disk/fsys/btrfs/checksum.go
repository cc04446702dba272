package btrfs

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"

	"golang.org/x/crypto/blake2b"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// checksum is a csum_type.
type checksum uint16

const (
	sumCRC32C checksum = iota
	sumXXHash64
	sumSHA256
	sumBLAKE2b
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// size is the length of the sums in bytes.
func (c checksum) size() int {
	switch c {
	case sumCRC32C:
		return 4
	case sumXXHash64:
		return 8
	}
	return 32
}

func (c checksum) check() error {
	if c > sumBLAKE2b {
		return fmt.Errorf("superblock: checksum type %d: %w", uint16(c), block.ErrUnsupported)
	}
	return nil
}

// holds tells whether sum, which has size bytes, is that of data.
func (c checksum) holds(data, sum []byte) bool {
	switch c {
	case sumCRC32C:
		return crc32.Checksum(data, castagnoli) == le.Uint32(sum)
	case sumXXHash64:
		return xxhash64(data) == le.Uint64(sum)
	case sumSHA256:
		return sha256.Sum256(data) == [32]byte(sum)
	}
	return blake2b.Sum256(data) == [32]byte(sum)
}

// rawCRC32C is crc32c as the kernel calls it: seeded, not inverted.
func rawCRC32C(seed uint32, data string) uint32 {
	return ^crc32.Update(^seed, castagnoli, []byte(data))
}

// nameHash is the offset of the key of a DIR_ITEM or XATTR_ITEM.
func nameHash(name string) uint64 { return uint64(rawCRC32C(^uint32(1), name)) }

// extrefHash is the offset of the key of an INODE_EXTREF.
func extrefHash(parent uint64, name string) uint64 {
	return uint64(rawCRC32C(uint32(parent), name))
}
