package squashfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// none is the place of a table that is not there.
const none = 1<<64 - 1

// superblock holds the fields of squashfs_super_block that reading needs.
// Places are bytes from the start.
type superblock struct {
	inodeCount    uint32
	blockSize     uint32
	fragmentCount uint32
	idCount       uint16
	compressor    uint16
	root          uint64 // reference to the inode
	used          uint64 // bytes
	ids           uint64
	attrs         uint64
	inodes        uint64
	dirs          uint64
	fragments     uint64
}

// readSuperblock reads and checks the superblock at byte 0.
func readSuperblock(src block.Source) (superblock, error) {
	if src.Size() < 96 {
		return superblock{}, block.ErrNotThis
	}
	b := make([]byte, 96)
	if err := block.ReadFull(src, b, 0); err != nil {
		return superblock{}, fmt.Errorf("read superblock: %w", err)
	}
	switch magic := string(b[:4]); {
	case magic == "sqsh":
		return superblock{}, block.Unsupported("superblock: SquashFS before 4.0, big-endian")
	case magic == "shsq" || magic == "qshs":
		return superblock{}, block.Unsupported("superblock: a vendor's own SquashFS, magic %q", magic)
	case magic != "hsqs":
		return superblock{}, block.ErrNotThis
	}
	sb := superblock{
		inodeCount: le.Uint32(b[4:]), blockSize: le.Uint32(b[12:]), fragmentCount: le.Uint32(b[16:]),
		compressor: le.Uint16(b[20:]), idCount: le.Uint16(b[26:]), root: le.Uint64(b[32:]), used: le.Uint64(b[40:]),
		ids: le.Uint64(b[48:]), attrs: le.Uint64(b[56:]), inodes: le.Uint64(b[64:]), dirs: le.Uint64(b[72:]),
		fragments: le.Uint64(b[80:]),
	}
	major, minor, log := le.Uint16(b[28:]), le.Uint16(b[30:]), le.Uint16(b[22:])
	switch {
	case major != 4 || minor != 0:
		return sb, block.Unsupported("superblock: SquashFS %d.%d", major, minor)
	case log < 12 || log > 20 || sb.blockSize != 1<<log:
		return sb, block.Damaged("superblock: blocks of %d bytes, 2 to the power of %d", sb.blockSize, log)
	case sb.used < 96 || sb.used > 1<<62:
		return sb, block.Damaged("superblock: %d bytes", sb.used)
	}
	for _, table := range []struct {
		name string
		at   uint64
	}{{"id table", sb.ids}, {"inode table", sb.inodes}, {"directory table", sb.dirs}} {
		if table.at < 96 || table.at >= sb.used {
			return sb, block.Damaged("superblock: %s at byte %d of %d", table.name, table.at, sb.used)
		}
	}
	if sb.fragmentCount == 0 {
		sb.fragments = none
	}
	return sb, nil
}
