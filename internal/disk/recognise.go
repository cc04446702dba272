package disk

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// signature is what tells a format that is not read by its magic.
type signature struct {
	kind  string
	off   int64 // from the start; below zero, from the end
	magic string
	state State
}

// signatures are formats recognised so that they are never taken for nothing.
// The first that holds decides: containers come before what they may contain.
var signatures = []signature{
	{"luks", 0, "LUKS\xba\xbe", Encrypted},
	{"bitlocker", 3, "-FVE-FS-", Encrypted},
	{"lvm2", 536, "LVM2 001", Unsupported}, // label in sector 1
	{"lvm2", 24, "LVM2 001", Unsupported},
	{"lvm2", 1048, "LVM2 001", Unsupported},
	{"lvm2", 1560, "LVM2 001", Unsupported},
	{"mdraid", 4096, "\xfc\x4e\x2b\xa9", Unsupported}, // metadata 1.2
	{"mdraid", 0, "\xfc\x4e\x2b\xa9", Unsupported},    // 1.1
	{"xfs", 0, "XFSB", Unsupported},
	{"btrfs", 65600, "_BHRfS_M", Unsupported},
	{"bcachefs", 4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca", Unsupported},
	{"ntfs", 3, "NTFS    ", Unsupported},
	{"exfat", 3, "EXFAT   ", Unsupported},
	{"refs", 3, "ReFS\x00\x00\x00\x00", Unsupported},
	{"fat", 82, "FAT32   ", Unsupported},
	{"fat", 54, "FAT16   ", Unsupported},
	{"fat", 54, "FAT12   ", Unsupported},
	{"iso9660", 32769, "CD001", Unsupported},
	{"udf", 32769, "BEA01", Unsupported},
	{"squashfs", 0, "hsqs", Unsupported},
	{"erofs", 1024, "\xe2\xe1\xf5\xe0", Unsupported},
	{"f2fs", 1024, "\x10\x20\xf5\xf2", Unsupported},
	{"apfs", 32, "NXSB", Unsupported},
	{"hfsplus", 1024, "H+", Unsupported},
	{"hfsplus", 1024, "HX", Unsupported},
	{"ufs", 8192 + 1372, "\x54\x19\x01\x00", Unsupported},
	{"ufs", 65536 + 1372, "\x19\x01\x54\x19", Unsupported},
	{"reiserfs", 65588, "ReIsEr", Unsupported},
	{"jfs", 32768, "JFS1", Unsupported},
	{"ext4", 1080, "\x53\xef", Unsupported},
	{"swap", 4086, "SWAPSPACE2", Raw},
	{"swap", 4086, "SWAP-SPACE", Raw},
	{"swap", 16374, "SWAPSPACE2", Raw},
	{"swap", 65526, "SWAPSPACE2", Raw},
	{"hibernation", 4086, "S1SUSPEND", Unsupported},
	{"hibernation", 4086, "S2SUSPEND", Unsupported},
	{"oracleasm", 32, "ORCLDISK", Unsupported},
	{"vmfs", 0x200000 + 13, "VMFS", Unsupported},
	{"vmfs", 0x100000, "\x0d\xd0\x01\xc0", Unsupported},
	{"ceph", 0, "bluestore block device", Unsupported},
	// Images of disks: the disk is inside.
	{"qcow2", 0, "QFI\xfb", Unsupported},
	{"vmdk", 0, "KDMV", Unsupported},
	{"vhdx", 0, "vhdxfile", Unsupported},
	{"vdi", 64, "\x7f\x10\xda\xbe", Unsupported},
	{"vhd", 0, "conectix", Unsupported},
	{"vhd", -512, "conectix", Unsupported},
	{"gzip", 0, "\x1f\x8b\x08", Unsupported},
	{"xz", 0, "\xfd7zXZ\x00", Unsupported},
	{"zstd", 0, "\x28\xb5\x2f\xfd", Unsupported},
	{"tar", 257, "ustar", Unsupported},
	{"bzip2", 0, "BZh", Unsupported},
	{"zip", 0, "PK\x03\x04", Unsupported},
	// At the end: RAID metadata 1.0.
	{"mdraid", -8192, "\xfc\x4e\x2b\xa9", Unsupported},
}

// bare are the kinds of partitions that hold no files, when nothing known is on
// them (UEFI specification; Microsoft's reserved partition).
var bare = map[string]string{
	"gpt:21686148-6449-6e6f-744e-656564454649": "bios-boot",
	"gpt:e3c9e316-0b5c-4db8-817d-f92df00215ae": "ms-reserved",
	"gpt:9e1a2d38-c612-4316-aa26-8b49521e5a8b": "prep-boot",
	"mbr:41": "prep-boot",
}

// recognise names a format that is not read; ok is false when none is known. err
// tells of bytes that can't be read, where a sign may lie.
func recognise(src block.Source) (kind string, state State, ok bool, err error) {
	head := make([]byte, min(src.Size(), 69<<10))
	if err = block.ReadFull(src, head, 0); err != nil {
		head = nil
	}
	for _, s := range signatures {
		off := s.off
		if off < 0 {
			off += src.Size() / 512 * 512
		}
		if off < 0 || off+int64(len(s.magic)) > src.Size() {
			continue
		}
		got := make([]byte, len(s.magic))
		if off+int64(len(got)) <= int64(len(head)) {
			copy(got, head[off:])
		} else if rerr := block.ReadFull(src, got, off); rerr != nil {
			err = rerr
			continue
		}
		if string(got) == s.magic {
			return s.kind, s.state, true, err
		}
	}
	if isZFS(src) {
		return "zfs", Unsupported, true, nil
	}
	return "", "", false, err
}

// isZFS looks for an uberblock in the first label of a pool's member.
func isZFS(src block.Source) bool {
	b := make([]byte, 128<<10)
	if src.Size() < 256<<10 || block.ReadFull(src, b, 128<<10) != nil {
		return false
	}
	for at := 0; at < len(b); at += 1024 {
		if binary.LittleEndian.Uint64(b[at:]) == 0x00bab10c || binary.BigEndian.Uint64(b[at:]) == 0x00bab10c {
			return true
		}
	}
	return false
}

// blank tells whether a volume holds nothing but zeros. It stops at the first
// byte that is not, and asks for ranges with data only where they are known.
// It gives up, as not blank, after limit bytes.
func blank(ctx context.Context, src block.Source, limit int64) (bool, error) {
	extents, err := block.Extents(ctx, src)
	if err != nil {
		return false, err
	}
	buf, zeros := make([]byte, 256<<10), make([]byte, 256<<10)
	for _, e := range extents {
		for off := e.Offset; off < e.Offset+e.Length; off += int64(len(buf)) {
			n := min(int64(len(buf)), e.Offset+e.Length-off)
			if limit -= n; limit < 0 || ctx.Err() != nil {
				return false, ctx.Err()
			}
			if err := block.ReadFull(src, buf[:n], off); err != nil {
				return false, err
			}
			if !bytes.Equal(buf[:n], zeros[:n]) {
				return false, nil
			}
		}
	}
	return true, nil
}
