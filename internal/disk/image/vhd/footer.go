package vhd

import (
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

const (
	footerSize = 512

	// Types of disks.
	kindFixed        = 2
	kindDynamic      = 3
	kindDifferencing = 4
)

// maxGeometry is the size in sectors of the largest geometry: larger disks have
// it too.
const maxGeometry = 65535 * 16 * 255

// footer holds the fields of the footer that reading needs.
type footer struct {
	data  uint64 // where the dynamic disk header lies
	size  uint64 // bytes of the disk
	kind  uint32
	id    [16]byte
	end   int64 // where the footer starts
	notes []string
	lost  bool
}

func (f *footer) note(lost bool, format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
	f.lost = f.lost || lost
}

// readFooter finds the footer: at the end of the file, or its copy at the start
// of a disk that is not fixed.
func readFooter(src block.Source) (*footer, error) {
	var copied, last [footerSize]byte
	if src.Size() < 2*footerSize {
		return nil, block.ErrNotThis
	}
	end := src.Size() - footerSize
	if src.Size()%512 == 511 {
		end++ // versions before Virtual PC 2004 wrote 511 bytes
	}
	// A disk that can't be read at its end may yet have the copy; a fixed one
	// without its footer is its own disk.
	if image.Probe(src, last[:src.Size()-end], end) != nil {
		clear(last[:])
	}
	if valid(last[:]) && sums(last[:], 64) {
		return parseFooter(last[:], end), nil
	}
	if err := image.Probe(src, copied[:], 0); err != nil && !errors.Is(err, block.ErrNotThis) {
		return nil, fmt.Errorf("read the footer's copy: %w", err)
	}
	switch {
	case valid(copied[:]) && be.Uint32(copied[60:]) != kindFixed && sums(copied[:], 64):
		f := parseFooter(copied[:], src.Size())
		f.note(true, "the footer at the end is missing or damaged, its copy at the start is used: the file may be cut short")
		return f, nil
	case valid(last[:]) && be.Uint64(last[48:]) <= uint64(end):
		f := parseFooter(last[:], end)
		f.note(false, "the footer's checksum is wrong")
		return f, nil
	case valid(copied[:]) && be.Uint32(copied[60:]) != kindFixed:
		return nil, block.Damaged("footer: neither it nor its copy has the right checksum")
	}
	return nil, block.ErrNotThis
}

// valid tells whether b looks like a footer.
func valid(b []byte) bool {
	kind := be.Uint32(b[60:])
	return string(b[:8]) == "conectix" && be.Uint32(b[12:])>>16 == 1 && kind >= kindFixed && kind <= kindDifferencing
}

// sums tells whether the checksum at the given place of b holds: the complement
// of the sum of all other bytes.
func sums(b []byte, at int) bool {
	sum := uint32(0)
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	return ^sum == be.Uint32(b[at:])
}

func parseFooter(b []byte, end int64) *footer {
	return &footer{end: end, data: be.Uint64(b[16:]), size: diskSize(b), kind: be.Uint32(b[60:]), id: [16]byte(b[68:84])}
}

// diskSize gives the size of the disk. Virtual PC showed its guests what the
// geometry comes to, which may be less than the current size; all others show
// the current size. QEMU tells them apart by the creator, too.
func diskSize(b []byte) uint64 {
	size := be.Uint64(b[48:]) &^ 511
	creator := string(b[28:32])
	geometry := uint64(be.Uint16(b[56:])) * uint64(b[58]) * uint64(b[59])
	if (creator == "vpc " || creator == "qemu") && geometry > 0 && geometry < maxGeometry {
		return min(size, geometry*512)
	}
	return size
}
