package exfat

import (
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// region is where a structure of the file system lies: a chain of its own.
type region struct {
	id    fsys.ID // of its entry
	first uint32
	size  uint64
	sum   uint32
}

// meta is what the root directory holds besides files.
type meta struct {
	label  string
	bitmap region // of the clusters in use
	upper  region // the table of upper case
}

// maxLabel is how many characters a label has.
const maxLabel = 11

// readMeta reads the root directory for it. What can't be read is missing, and
// whoever needs it says so.
func (t *tree) readMeta() (m meta) {
	second := byte(0)
	if t.boot.flags&flagSecondFAT != 0 {
		second = 1
	}
	_ = fatcore.Slots(t.src, t.rootDir(), func(at int64, s []byte) bool {
		r := region{fsys.ID(at / fatcore.SlotSize), le.Uint32(s[20:]), le.Uint64(s[24:]), le.Uint32(s[4:])}
		switch s[0] {
		case typeEnd:
			return false
		case typeBitmap:
			if s[1]&1 == second {
				m.bitmap = r
			}
		case typeUpper:
			m.upper = r
		case typeLabel:
			units := make([]uint16, min(s[1], maxLabel))
			for i := range units {
				units[i] = le.Uint16(s[2+2*i:])
			}
			m.label = fatcore.Text(units)
		}
		return true
	}, func() {})
	return m
}

// open opens the bytes of a region.
func (t *tree) openRegion(r region) (fsys.Data, error) {
	if r.size == 0 || r.size > uint64(t.heap.Count)*uint64(t.heap.Size) {
		return nil, block.Damaged("entry at byte %d: %d bytes", place(r.id), r.size)
	}
	return t.data(r.id, r.first, false, int64(r.size), int64(r.size)), nil
}

// used reads the allocation bitmap.
func (t *tree) used() (*fatcore.Bitmap, error) {
	r := t.meta().bitmap
	if need := (uint64(t.heap.Count) + 7) / 8; r.size < need {
		return nil, block.Damaged("allocation bitmap of %d bytes, want %d", r.size, need)
	}
	m, err := fatcore.NewBitmap(&t.heap)
	if err != nil {
		return nil, err
	}
	data, err := t.openRegion(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 64<<10)
	for at := int64(0); at < data.Size(); at += int64(len(b)) {
		b = b[:min(int64(len(b)), data.Size()-at)]
		if err := block.ReadFull(data, b, at); err != nil {
			return nil, err
		}
		m.Load(b, int(at))
	}
	return m, nil
}

// maxUpper is the length of a table that is not compressed.
const maxUpper = 2 << 16

// readUpper reads the table of upper case; without one that is whole, Unicode's
// is taken.
func (t *tree) readUpper() func(rune) rune {
	r := t.meta().upper
	if r.size > maxUpper || r.size%2 != 0 {
		return fatcore.Upper
	}
	data, err := t.openRegion(r)
	if err != nil {
		return fatcore.Upper
	}
	b := make([]byte, r.size)
	if err := block.ReadFull(data, b, 0); err != nil {
		return fatcore.Upper
	}
	sum := uint32(0)
	for _, c := range b {
		sum = sum>>1 | sum<<31
		sum += uint32(c)
	}
	if sum != r.sum {
		return fatcore.Upper
	}
	table := expand(b)
	return func(r rune) rune {
		if int(r) < len(table) {
			return rune(table[r])
		}
		return r
	}
}

// expand undoes the compression of a table: 0xFFFF and a number stand for so
// many characters that are their own upper case.
func expand(b []byte) *[1 << 16]uint16 {
	var table [1 << 16]uint16
	for i := range table {
		table[i] = uint16(i)
	}
	for at := 0; len(b) >= 2 && at < len(table); b = b[2:] {
		v := le.Uint16(b)
		if v == 0xFFFF && len(b) >= 4 {
			b = b[2:]
			at += int(le.Uint16(b))
			continue
		}
		table[at] = v
		at++
	}
	return &table
}

// SameName implements [fsys.Matcher].
func (t *tree) SameName(a, b string) bool { return fatcore.SameName(a, b, t.upper()) }
