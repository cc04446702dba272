package exfat

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Flags of a volume.
const (
	flagSecondFAT = 1 << iota
	flagDirty
	flagFailure
)

// bootSector holds the fields of the boot sector that reading needs. Places are
// in bytes.
type bootSector struct {
	sector    int64
	cluster   int64
	size      int64
	fat       int64 // the active one
	fatSize   int64
	heapStart int64
	clusters  uint32
	root      uint32
	serial    uint32
	flags     uint16
}

// regionSectors is the length of a boot region: the boot sector, 8 more of boot
// code, parameters, a reserved one and the checksum.
const regionSectors = 12

// readBoot reads the boot region, or its copy behind it when the first one is
// bad.
func readBoot(src block.Source) (bootSector, []string, error) {
	b := make([]byte, 512)
	if src.Size() < 512 {
		return bootSector{}, nil, block.ErrNotThis
	}
	var first bootSector
	err := block.ReadFull(src, b, 0)
	if err == nil {
		first, err = parseBoot(b)
	}
	sane := err == nil
	switch {
	case sane:
		if err = checkRegion(src, 0, first.sector); err == nil {
			return first, nil, nil
		}
	case !signed(b) && !blank(b):
		return bootSector{}, nil, block.ErrNotThis
	}
	for sector := int64(512); sector <= 4096; sector *= 2 {
		at := regionSectors * sector
		if at+512 > src.Size() || block.ReadFull(src, b, at) != nil {
			continue
		}
		copied, cerr := parseBoot(b)
		if cerr == nil && copied.sector == sector && checkRegion(src, at, sector) == nil {
			return copied, []string{"the boot region is bad: read by its copy"}, nil
		}
	}
	if sane {
		return first, []string{"both boot regions are bad: " + err.Error()}, nil
	}
	return bootSector{}, nil, err
}

// signed tells whether a boot sector is one of exFAT, or was.
func signed(b []byte) bool { return string(b[3:11]) == "EXFAT   " }

// blank tells whether nothing is left of a boot sector.
func blank(b []byte) bool {
	for _, c := range b {
		if c != b[0] {
			return false
		}
	}
	return true
}

// parseBoot reads a boot sector and holds its fields against each other.
func parseBoot(b []byte) (bootSector, error) {
	if !signed(b) || b[510] != 0x55 || b[511] != 0xAA {
		return bootSector{}, block.ErrNotThis
	}
	for _, c := range b[11:64] { // a FAT would have its parameters there
		if c != 0 {
			return bootSector{}, block.ErrNotThis
		}
	}
	s := bootSector{clusters: le.Uint32(b[92:]), root: le.Uint32(b[96:]), serial: le.Uint32(b[100:]), flags: le.Uint16(b[106:])}
	sectorShift, clusterShift, fats := b[108], b[109], b[110]
	if b[105] != 1 {
		return s, block.Unsupported("boot sector: revision %d.%d", b[105], b[104])
	}
	if sectorShift < 9 || sectorShift > 12 || clusterShift > 25-sectorShift || fats != 1 && fats != 2 {
		return s, block.Damaged("boot sector: sectors of 1<<%d bytes, clusters of 1<<%d sectors, %d FATs", sectorShift, clusterShift, fats)
	}
	s.sector = 1 << sectorShift
	s.cluster = s.sector << clusterShift
	length := le.Uint64(b[72:])
	fatOffset, fatLength, heap := uint64(le.Uint32(b[80:])), uint64(le.Uint32(b[84:])), uint64(le.Uint32(b[88:]))
	s.fat, s.fatSize, s.heapStart = int64(fatOffset)*s.sector, int64(fatLength)*s.sector, int64(heap)*s.sector
	if s.flags&flagSecondFAT != 0 && fats == 2 {
		s.fat += s.fatSize
	}
	switch {
	case length == 0 || length > 1<<62/uint64(s.sector):
		return s, block.Damaged("boot sector: %d sectors", length)
	case fatOffset < 2*regionSectors || fatOffset+fatLength*uint64(fats) > heap || heap >= length:
		return s, block.Damaged("boot sector: FAT at sector %d, clusters at %d of %d", fatOffset, heap, length)
	case s.clusters == 0 || uint64(s.clusters) > (length-heap)>>clusterShift || s.clusters > 0xFFFFFFF5:
		return s, block.Damaged("boot sector: %d clusters", s.clusters)
	case s.fatSize/4 < int64(s.clusters)+2:
		return s, block.Damaged("boot sector: a FAT of %d bytes for %d clusters", s.fatSize, s.clusters)
	case s.root < 2 || s.root-2 >= s.clusters:
		return s, block.Damaged("boot sector: the root is at cluster %d of %d", s.root, s.clusters)
	}
	s.size = int64(length) * s.sector
	return s, nil
}

// checkRegion holds a boot region at a byte against its checksum, which its last
// sector repeats. Flags and the share of clusters in use are left out.
func checkRegion(src block.Source, at, sector int64) error {
	b := make([]byte, regionSectors*sector)
	if err := block.ReadFull(src, b, at); err != nil {
		return fmt.Errorf("read boot region: %w", err)
	}
	sum := uint32(0)
	for i, c := range b[:(regionSectors-1)*sector] {
		if i != 106 && i != 107 && i != 112 {
			sum = sum>>1 | sum<<31
			sum += uint32(c)
		}
	}
	if got := le.Uint32(b[(regionSectors-1)*sector:]); got != sum {
		return block.Damaged("boot region at byte %d has checksum %#x, want %#x", at, got, sum)
	}
	return nil
}
