package exfat

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// Types of entries that are in use.
const (
	typeEnd    = 0x00 // this entry and all that follow are free
	typeBitmap = 0x81
	typeUpper  = 0x82
	typeLabel  = 0x83
	typeFile   = 0x85
	typeStream = 0xC0
	typeName   = 0xC1

	inUse     = 0x80 // of a type
	secondary = 0x40
	benign    = 0x20 // who does not know it may pass it by
)

// Attributes of a file, and flags of its stream.
const (
	attrReadOnly = 0x01
	attrDir      = 0x10

	streamContiguous = 0x02 // the FAT does not tell of its clusters
)

// maxSecondary is how many entries follow that of a file; unitsPerName is how
// much of the name one of them has.
const (
	maxSecondary = 255
	unitsPerName = 15
)

// set is a file's entry with those that follow it: its stream, its name.
type set []byte

func (s set) isDir() bool       { return le.Uint16(s[4:])&attrDir != 0 }
func (s set) stream() []byte    { return s[fatcore.SlotSize : 2*fatcore.SlotSize] }
func (s set) contiguous() bool  { return s.stream()[1]&streamContiguous != 0 }
func (s set) first() uint32     { return le.Uint32(s.stream()[20:]) }
func (s set) size() uint64      { return le.Uint64(s.stream()[24:]) }
func (s set) valid() uint64     { return le.Uint64(s.stream()[8:]) }
func (s set) nameLength() int   { return int(s.stream()[3]) }
func (s set) nameHash() uint16  { return le.Uint16(s.stream()[4:]) }
func (s set) count() int        { return len(s) / fatcore.SlotSize }
func (s set) slot(i int) []byte { return s[i*fatcore.SlotSize : (i+1)*fatcore.SlotSize] }
func (s set) nameSlots() int    { return (s.nameLength() + unitsPerName - 1) / unitsPerName }

// check holds a complete set's entries against what they must be.
func (s set) check() error {
	if s.count() < 3 || s.slot(1)[0] != typeStream {
		return block.Damaged("%d entries, the second of type %#x", s.count(), s.slot(min(1, s.count()-1))[0])
	}
	names := s.nameSlots()
	if names == 0 || 2+names > s.count() {
		return block.Damaged("a name of %d characters in %d entries", s.nameLength(), s.count()-2)
	}
	for i := 2; i < s.count(); i++ {
		kind := s.slot(i)[0]
		switch {
		case i < 2+names && kind != typeName:
			return block.Damaged("an entry of type %#x within the name", kind)
		case i >= 2+names && kind&benign == 0:
			return block.Unsupported("an entry of type %#x", kind)
		}
	}
	return nil
}

// checksum is that of all bytes but its own two.
func (s set) checksum() (sum uint16) {
	for i, c := range s {
		if i != 2 && i != 3 {
			sum = sum>>1 | sum<<15
			sum += uint16(c)
		}
	}
	return sum
}

// whole tells whether the checksum is right.
func (s set) whole() bool { return le.Uint16(s[2:]) == s.checksum() }

// units gives the name.
func (s set) units() []uint16 {
	out := make([]uint16, 0, s.nameSlots()*unitsPerName)
	for i := range s.nameSlots() {
		b := s.slot(2 + i)[2:]
		for ; len(b) >= 2; b = b[2:] {
			out = append(out, le.Uint16(b))
		}
	}
	return out[:s.nameLength()]
}

// stat tells what a set says.
func (s set) stat(id fsys.ID) fsys.Stat {
	st := fsys.Stat{
		ID: id, Mode: 0o755, Links: 1,
		Created:  stamp(le.Uint32(s[8:]), s[20], s[22]),
		Modified: stamp(le.Uint32(s[12:]), s[21], s[23]),
		Accessed: stamp(le.Uint32(s[16:]), 0, s[24]),
	}
	switch {
	case s.isDir():
		st.Mode |= fs.ModeDir
	case le.Uint16(s[4:])&attrReadOnly != 0:
		st.Mode = 0o555
	}
	if !s.isDir() {
		st.Size = int64(s.size())
	}
	return st
}

// stamp gives a date and a time of two-second steps, hundredths of a second, and
// the quarters of an hour that they are ahead of UTC, when the top bit says
// that they are known.
func stamp(v uint32, hundredths, zone byte) time.Time {
	year, month, day := 1980+int(v>>25), int(v>>21&0xF), int(v>>16&0x1F)
	t := time.Date(year, time.Month(max(month, 1)), max(day, 1),
		int(v>>11&0x1F), int(v>>5&0x3F), int(v&0x1F)*2, int(hundredths)*10_000_000, time.UTC)
	if zone&0x80 != 0 {
		t = t.Add(-time.Duration(int8(zone<<1)>>1) * 15 * time.Minute)
	}
	return t
}

// contiguousDir marks the ID of an entry whose directory has clusters that the
// FAT does not tell of: its set may go on in the next one.
const contiguousDir fsys.ID = 1 << 62

// place gives the byte of an entry.
func place(id fsys.ID) int64 { return int64(id&^contiguousDir) * fatcore.SlotSize }

// set reads the set that an ID names. One that is damaged is an error: its
// stream can't be trusted.
func (t *tree) set(id fsys.ID) (set, error) {
	at := place(id)
	end := t.heap.Base + int64(t.heap.Count)*t.heap.Size
	if id&^contiguousDir >= fsys.ID(end/fatcore.SlotSize) || at < t.heap.Base {
		return nil, block.Damaged("entry at byte %d: no directory can be there", at)
	}
	s, err := t.readSet(at, id&contiguousDir != 0)
	if err == nil {
		err = s.check()
	}
	if err == nil && !s.whole() {
		err = block.Damaged("checksum %#x, want %#x", le.Uint16(s[2:]), s.checksum())
	}
	if err == nil && s.size() > uint64(t.heap.Count)*uint64(t.heap.Size) {
		err = block.Damaged("%d bytes, the clusters have %d", s.size(), int64(t.heap.Count)*t.heap.Size)
	}
	if err == nil && s.valid() > s.size() {
		err = block.Damaged("%d bytes, %d of them written", s.size(), s.valid())
	}
	if err != nil {
		return nil, fmt.Errorf("entry at byte %d: %w", at, err)
	}
	return s, nil
}

// readSet reads the entries of a set, which may go on in another cluster.
func (t *tree) readSet(at int64, contiguous bool) (set, error) {
	s := set(make([]byte, fatcore.SlotSize, 4*fatcore.SlotSize))
	if err := block.ReadFull(t.src, s, at); err != nil {
		return nil, err
	}
	if s[0] != typeFile {
		return nil, block.Damaged("type %#x, want a file's", s[0])
	}
	rest := int(s[1]) * fatcore.SlotSize
	for at += fatcore.SlotSize; rest > 0; {
		within := (at - t.heap.Base) % t.heap.Size
		if within == 0 { // the cluster is at its end
			c := uint32((at-t.heap.Base)/t.heap.Size-1) + 2
			next := c + 1
			if !contiguous {
				var err error
				if _, next, err = t.follow(c, 1); err != nil {
					return nil, err
				}
			}
			if !t.heap.Holds(next) {
				return nil, block.Damaged("it goes on at cluster %d of %d", next, t.heap.Count)
			}
			at = t.heap.Offset(next)
		}
		n := int(min(int64(rest), t.heap.Size-within))
		k := len(s)
		s = append(s, make([]byte, n)...)
		if err := block.ReadFull(t.src, s[k:], at); err != nil {
			return nil, err
		}
		at, rest = at+int64(n), rest-n
	}
	return s, nil
}
