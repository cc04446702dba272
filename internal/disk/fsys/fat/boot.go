package fat

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// bootSector is the BIOS parameter block.
type bootSector struct {
	bits        int   // of a FAT entry: 12, 16, 32
	sector      int64 // bytes
	cluster     int64 // bytes
	reserved    int64 // sectors before the first FAT
	fats        int
	fatSectors  int64
	rootEntries int64 // of the fixed root directory; 0 for FAT32
	sectors     int64
	clusters    uint32
	rootCluster uint32
	media       byte
	active      int // the only FAT in use; below zero when all are the same
	state       byte
	serial      uint32
	label       string
	// signed is set when the sector also has what formats write for others to
	// know them by, which no reader may rely on.
	signed bool
}

// parseBoot reads a boot sector. FAT has no magic: each field must make sense.
func parseBoot(b []byte) (bootSector, error) {
	s := bootSector{
		sector: int64(le.Uint16(b[11:])), reserved: int64(le.Uint16(b[14:])), fats: int(b[16]),
		rootEntries: int64(le.Uint16(b[17:])), sectors: int64(le.Uint16(b[19:])), media: b[21],
		fatSectors: int64(le.Uint16(b[22:])), active: -1,
	}
	if s.sectors == 0 {
		s.sectors = int64(le.Uint32(b[32:]))
	}
	jump := b[0] == 0xEB || b[0] == 0xE9
	mark := b[510] == 0x55 && b[511] == 0xAA
	perCluster := int64(b[13])
	s.cluster = s.sector * perCluster
	switch {
	case !jump && !mark,
		s.sector < 512 || s.sector > 4096 || s.sector&(s.sector-1) != 0,
		perCluster == 0 || perCluster&(perCluster-1) != 0,
		s.reserved == 0 || s.fats == 0 || s.fats > 4,
		!mediaType(s.media) || s.sectors == 0:
		return s, block.ErrNotThis
	}
	if s.fatSectors == 0 {
		return s.parse32(b, jump && mark)
	}
	s.bits = 12
	s.signed = jump && mark && bytes.HasPrefix(b[54:], []byte("FAT"))
	s.extended(b[36:])
	if err := s.count(); err != nil || s.rootEntries == 0 || s.clusters >= 65525 {
		return s, block.ErrNotThis
	}
	if s.clusters >= 4085 {
		s.bits = 16
	}
	return s, nil
}

// parse32 reads what FAT32 has in place of the fields of the others. That it is
// one follows from the 16-bit size of a FAT, which is 0, as it does for Linux
// and Windows: there are small ones with fewer than 65525 clusters.
func (s *bootSector) parse32(b []byte, signed bool) (bootSector, error) {
	s.bits = 32
	s.signed = signed && string(b[82:90]) == "FAT32   "
	s.fatSectors, s.rootCluster = int64(le.Uint32(b[36:])), le.Uint32(b[44:])
	s.extended(b[64:])
	if flags := le.Uint16(b[40:]); flags&0x80 != 0 {
		s.active = int(flags & 0xF)
	}
	err := s.count()
	switch {
	case err != nil || s.fatSectors == 0 || s.rootEntries != 0 || s.active >= s.fats || s.clusters > maxClusters32,
		s.rootCluster < 2 || s.rootCluster-2 >= s.clusters:
		return *s, block.ErrNotThis
	case le.Uint16(b[42:]) != 0 && s.signed:
		return *s, block.Unsupported("boot sector: FAT32 version %d.%d", b[43], b[42])
	case le.Uint16(b[42:]) != 0:
		return *s, block.ErrNotThis
	}
	return *s, nil
}

// maxClusters32 is how many clusters 28 bits can number.
const maxClusters32 = 0x0FFFFFF5

func mediaType(m byte) bool { return m == 0xF0 || m >= 0xF8 }

// extended reads the fields from the drive's number on.
func (s *bootSector) extended(b []byte) {
	s.state = b[1]
	if b[2] != 0x28 && b[2] != 0x29 {
		return
	}
	s.serial = le.Uint32(b[3:])
	if b[2] == 0x29 {
		s.label = labelText(b[7:18])
	}
}

// count finds the number of clusters.
func (s *bootSector) count() error {
	data := s.sectors - s.dataStart()/s.sector
	n := data / (s.cluster / s.sector)
	if data <= 0 || n == 0 {
		return block.ErrNotThis
	}
	s.clusters = uint32(n)
	return nil
}

func (s *bootSector) size() int64      { return s.sectors * s.sector }
func (s *bootSector) rootStart() int64 { return (s.reserved + int64(s.fats)*s.fatSectors) * s.sector }

// dataStart gives the first byte of the clusters; the fixed root directory
// takes whole sectors before it.
func (s *bootSector) dataStart() int64 {
	return s.rootStart() + (s.rootEntries*fatcore.SlotSize+s.sector-1)/s.sector*s.sector
}

// fatEntries gives how many clusters a FAT has entries for.
func (s *bootSector) fatEntries() uint32 {
	n := s.fatSectors * s.sector * 8 / int64(s.bits)
	return uint32(min(max(n-2, 0), int64(s.clusters)))
}

func (s *bootSector) heap(src block.Source) fatcore.Heap {
	return fatcore.Heap{Src: src, Base: s.dataStart(), Size: s.cluster, Count: s.clusters}
}

// serialText writes the volume's serial number as Windows does.
func (s *bootSector) serialText() string {
	if s.serial == 0 {
		return ""
	}
	return fmt.Sprintf("%04X-%04X", s.serial>>16, s.serial&0xFFFF)
}

// labelText gives a label of 11 bytes; "NO NAME" says that there is none.
func labelText(b []byte) string {
	text := strings.TrimRight(oem(b), " \x00")
	if text == "NO NAME" {
		return ""
	}
	return text
}
