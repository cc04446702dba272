package ntfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Bounds of the boot sector's fields.
const (
	minSector, maxSector = 256, 4096
	maxCluster           = 2 << 20
	maxRecord            = 64 << 10
	stride               = 512 // bytes that one update sequence number covers
)

// boot holds the fields of the boot sector that reading needs.
type boot struct {
	sector, cluster int // bytes
	record          int // bytes of an MFT record
	size            int64
	clusters        uint64
	mft, mirror     uint64 // first clusters of $MFT and $MFTMirr
	serial          uint64
}

// readBoot reads the boot sector, and its copy in the last sector when it is
// damaged.
func (t *tree) readBoot() error {
	if t.src.Size() < 1024 {
		return block.ErrNotThis
	}
	b := make([]byte, 512)
	if err := block.ReadFull(t.src, b, 0); err != nil {
		return fmt.Errorf("read boot sector: %w", err)
	}
	if string(b[3:11]) == "NTFS    " {
		boot, err := parseBoot(b)
		if err != nil {
			var ok bool
			if boot, ok = t.backupBoot(); !ok {
				return err
			}
			t.note(false, "the boot sector is damaged, its copy is used: %v", err)
		}
		t.boot = boot
		return nil
	}
	if !zeros(b) || t.overwritten() {
		return block.ErrNotThis
	}
	boot, ok := t.backupBoot()
	if !ok {
		return block.ErrNotThis
	}
	t.note(false, "the boot sector is gone, its copy is used")
	t.boot = boot
	return nil
}

// overwritten tells whether another file system was made where this one's
// boot sector is gone: all of $Boot must then be gone, too, and what keeps its
// superblock further on must not be there.
func (t *tree) overwritten() bool {
	b := make([]byte, 66<<10)
	n, _ := t.src.ReadAt(b, 0) // what can't be read stays zero
	b = b[:n]
	if n < 8<<10 || !zeros(b[:8<<10]) {
		return true
	}
	has := func(off int, magic string) bool {
		return len(b) >= off+len(magic) && string(b[off:off+len(magic)]) == magic
	}
	return has(65600, "_BHRfS_M") || has(32769, "CD001") || has(32769, "BEA01") || has(65588, "ReIsEr") || has(32768, "JFS1")
}

// backupBoot finds the copy of the boot sector at the volume's end. It counts
// only when the MFT is where it says.
func (t *tree) backupBoot() (boot, bool) {
	b := make([]byte, 512)
	for _, sector := range []int64{512, 4096, 2048, 1024} {
		off := t.src.Size()/sector*sector - sector
		if off <= 0 || block.ReadFull(t.src, b, off) != nil {
			continue
		}
		found, err := parseBoot(b)
		if err != nil {
			continue
		}
		rec := make([]byte, found.record)
		for _, at := range []uint64{found.mft, found.mirror} {
			if block.ReadFull(t.src, rec, int64(at)*int64(found.cluster)) == nil && string(rec[:4]) == "FILE" {
				return found, true
			}
		}
	}
	return boot{}, false
}

// parseBoot reads and checks a boot sector.
func parseBoot(b []byte) (boot, error) {
	if string(b[3:11]) != "NTFS    " {
		return boot{}, block.ErrNotThis
	}
	out := boot{
		sector: int(le.Uint16(b[0x0B:])), mft: le.Uint64(b[0x30:]), mirror: le.Uint64(b[0x38:]), serial: le.Uint64(b[0x48:]),
	}
	if out.sector < minSector || out.sector > maxSector || out.sector&(out.sector-1) != 0 {
		return out, block.Damaged("boot sector: sectors of %d bytes, want a power of two from %d to %d", out.sector, minSector, maxSector)
	}
	// Above 0x80 the field is the negative power of two of the count.
	per := int(b[0x0D])
	if per > 0x80 {
		per = 1 << min(256-per, 31)
	}
	if per == 0 || per&(per-1) != 0 || per > maxCluster/out.sector {
		return out, block.Damaged("boot sector: sectors per cluster are %#x", b[0x0D])
	}
	out.cluster = per * out.sector
	// Below zero the field is the negative power of two of the bytes.
	if v := int(int8(b[0x40])); v > 0 {
		out.record = v * out.cluster
	} else {
		out.record = 1 << min(-v, 31)
	}
	if out.record < stride || out.record > maxRecord || out.record&(out.record-1) != 0 {
		return out, block.Damaged("boot sector: clusters per MFT record are %#x, with clusters of %d bytes", b[0x40], out.cluster)
	}
	sectors := le.Uint64(b[0x28:])
	if sectors == 0 || sectors > 1<<62/uint64(out.sector) {
		return out, block.Damaged("boot sector: %d sectors of %d bytes", sectors, out.sector)
	}
	out.size = int64(sectors) * int64(out.sector)
	out.clusters = uint64(out.size) / uint64(out.cluster)
	if out.mft >= out.clusters && out.mirror >= out.clusters {
		return out, block.Damaged("boot sector: $MFT at cluster %d and its mirror at %d of %d", out.mft, out.mirror, out.clusters)
	}
	return out, nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
