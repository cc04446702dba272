package iso9660

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// sectorSize is the length of a logical sector and of a descriptor.
const sectorSize = 2048

// Descriptors begin at sector 16; more than maxDescriptors are not looked at.
// Those of UDF are looked for in some sectors behind the last one.
const (
	firstDescriptor = 16
	maxDescriptors  = 100
	behind          = 16
)

// volume is what a primary or supplementary descriptor says.
type volume struct {
	blockSize int64 // of extents: 512, 1024, 2048
	blocks    int64
	setSize   uint16
	sequence  uint16 // of this volume in its set
	rootBlock uint32
	label     string
	uuid      string
}

// descriptors are those of one disc.
type descriptors struct {
	primary volume
	joliet  *volume
	udf     bool
}

// readDescriptors reads the volume descriptors up to the one that ends them, and
// those of UDF, which may follow.
func readDescriptors(src block.Source) (descriptors, error) {
	var d descriptors
	found := false
	b := make([]byte, sectorSize)
	for i, last := 0, maxDescriptors; i < last; i++ {
		if err := block.ReadFull(src, b, int64(firstDescriptor+i)*sectorSize); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			return d, fmt.Errorf("read descriptor %d: %w", i, err)
		}
		id := string(b[1:6])
		switch {
		case id == "NSR02" || id == "NSR03":
			d.udf = true
		case id == "CD001" && last == maxDescriptors:
			ended, err := d.take(b)
			if err != nil {
				return d, fmt.Errorf("descriptor %d: %w", i, err)
			}
			if found = found || b[0] == 1; ended {
				last = i + behind
			}
		case i == 0:
			return d, block.ErrNotThis
		case last == maxDescriptors:
			last = i + behind
		}
	}
	if !found {
		return d, block.ErrNotThis
	}
	return d, nil
}

// take takes a descriptor; ended tells that it is the last one.
func (d *descriptors) take(b []byte) (ended bool, err error) {
	switch b[0] {
	case 1:
		if d.primary.blockSize == 0 {
			d.primary, err = parseVolume(b)
		}
	case 2:
		if d.joliet == nil && isJoliet(b) {
			// A bad one is as good as none: the primary has the files, too.
			if v, err := parseVolume(b); err == nil {
				v.label = strings.TrimRight(ucs2(b[40:72]), " \x00")
				d.joliet = &v
			}
		}
	case 255:
		ended = true
	}
	return ended, err
}

// isJoliet tells whether a supplementary descriptor has names in UCS-2.
func isJoliet(b []byte) bool {
	esc := string(b[88:91])
	return esc == "%/@" || esc == "%/C" || esc == "%/E"
}

// parseVolume reads a descriptor and holds its fields against each other.
func parseVolume(b []byte) (volume, error) {
	root := record(b[156:190])
	v := volume{
		blockSize: int64(le.Uint16(b[128:])), blocks: int64(le.Uint32(b[80:])),
		setSize: le.Uint16(b[120:]), sequence: le.Uint16(b[124:]),
		rootBlock: root.block(), label: strings.TrimRight(string(b[40:72]), " \x00"),
	}
	for _, at := range []int{830, 813} { // modified, created
		if v.uuid == "" {
			v.uuid = dateText(b[at : at+17])
		}
	}
	switch {
	case v.blockSize != 512 && v.blockSize != 1024 && v.blockSize != 2048:
		return v, block.Damaged("blocks of %d bytes", v.blockSize)
	case root[0] != 34 || !root.isDir():
		return v, block.Damaged("the root's record has %d bytes and flags %#x", root[0], root.flags())
	}
	return v, nil
}

// dateText writes a date of 16 digits as others do who take it for a UUID.
func dateText(b []byte) string {
	digits := string(b[:16])
	if strings.Trim(digits, "0123456789") != "" || strings.Trim(digits, "0") == "" {
		return ""
	}
	return digits[:4] + "-" + digits[4:6] + "-" + digits[6:8] + "-" + digits[8:10] + "-" + digits[10:12] + "-" + digits[12:14] + "-" + digits[14:16]
}

// label gives the volume's label: Joliet's when it is not just the beginning of
// the other one.
func (d *descriptors) label() string {
	label := d.primary.label
	if d.joliet == nil || d.joliet.label == "" {
		return label
	}
	if n := len(d.joliet.label); n <= len(label) && strings.EqualFold(label[:n], d.joliet.label) {
		return label
	}
	return d.joliet.label
}
