package ntfs

import (
	"bytes"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxList bounds the bytes of an attribute list (Windows: 256 KiB).
const maxList = 1 << 20

// file is a file's attributes, in its base record and in those that its
// attribute list names.
type file struct {
	t       *tree
	rec     record      // the base record
	list    []listEntry // nil when all is in the base record
	deleted bool        // the file's records are not in use
}

// listEntry is one entry of an attribute list: where a part of a stream is
// described.
type listEntry struct {
	typ  uint32
	id   uint16
	name []byte // UTF-16LE
	low  uint64 // first cluster of the stream that it maps
	ref  uint64 // the record
}

// file opens a file by its base record. seq is the sequence number that the
// record must have; 0 takes any.
func (t *tree) file(num uint64, seq uint16) (*file, error) {
	if f := t.listed.Load(); f != nil && f.rec.num == num && (seq == 0 || seq == f.rec.seq()) {
		return f, nil
	}
	rec, err := t.mft.get(num)
	if err != nil {
		return nil, err
	}
	switch {
	case !rec.flag(recordInUse):
		return nil, block.Damaged("MFT record %d is not in use", num)
	case seq != 0 && rec.seq() != seq:
		return nil, block.Damaged("MFT record %d has sequence number %d, want %d: it holds another file by now", num, rec.seq(), seq)
	}
	if base, ok := rec.base(); ok {
		return nil, block.Damaged("MFT record %d is a part of record %d", num, base)
	}
	f := &file{t: t, rec: rec}
	if err := f.readList(); err != nil {
		return nil, err
	}
	if f.list != nil {
		t.listed.Store(f)
	}
	return f, nil
}

// readList reads the attribute list when the file has one.
func (f *file) readList() error {
	for pos := f.rec.first(); ; {
		a, after, ok, err := f.rec.next(pos)
		if err != nil || !ok || a.typ > typList {
			// Attributes are in the order of their types. Damage further on is
			// found by who looks there.
			return nil //nolint:nilerr // see above
		}
		if a.typ == typList {
			return f.parseList(a)
		}
		pos = after
	}
}

func (f *file) parseList(a attr) error {
	b, err := f.value(a, maxList)
	if err != nil {
		return fmt.Errorf("MFT record %d: attribute list: %w", f.rec.num, err)
	}
	f.list = make([]listEntry, 0, len(b)/32+1)
	for pos := 0; pos+26 <= len(b); {
		n := int(le.Uint16(b[pos+4:]))
		if n == 0 && le.Uint32(b[pos:]) == 0 {
			break // slack
		}
		if n < 26 || n > len(b)-pos {
			return block.Damaged("MFT record %d: attribute list: entry of %d bytes at byte %d of %d", f.rec.num, n, pos, len(b))
		}
		e := listEntry{typ: le.Uint32(b[pos:]), low: le.Uint64(b[pos+8:]), ref: le.Uint64(b[pos+16:]), id: le.Uint16(b[pos+24:])}
		var ok bool
		if e.name, ok = cut(b[pos:pos+n], uint64(b[pos+7]), 2*uint64(b[pos+6])); !ok {
			return block.Damaged("MFT record %d: attribute list: name beyond the entry at byte %d", f.rec.num, pos)
		}
		f.list = append(f.list, e)
		pos += n
	}
	return nil
}

// each gives the attributes of the types in mask (bit n is type n<<4), those
// that are in parts by their first part. What can't be read is left out; the
// first such error comes at the end.
func (f *file) each(mask uint32, yield func(attr) bool) error {
	if f.list == nil {
		for pos := f.rec.first(); ; {
			a, after, ok, err := f.rec.next(pos)
			if err != nil || !ok {
				return err
			}
			pos = after
			if !wanted(mask, a.typ) {
				continue
			}
			if !a.resident && a.low != 0 {
				return block.Damaged("MFT record %d: stream without its first %d clusters, and no attribute list", f.rec.num, a.low)
			}
			if !yield(a) {
				return nil
			}
		}
	}
	var first error
	for _, e := range f.list {
		if !wanted(mask, e.typ) || e.low != 0 {
			continue
		}
		a, err := f.part(e)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if !yield(a) {
			break
		}
	}
	return first
}

func wanted(mask, typ uint32) bool { return typ <= 0x100 && mask>>(typ>>4)&1 != 0 }

// part finds the attribute record that an entry of the list names.
func (f *file) part(e listEntry) (attr, error) {
	num, seq := splitRef(e.ref)
	rec := f.rec
	if num != f.rec.num {
		var err error
		if rec, err = f.t.mft.get(num); err != nil {
			return attr{}, fmt.Errorf("MFT record %d: a part of it: %w", f.rec.num, err)
		}
		if !f.deleted && (!rec.flag(recordInUse) || seq != 0 && rec.seq() != seq) {
			return attr{}, block.Damaged("MFT record %d: its part, record %d, is used otherwise", f.rec.num, num)
		}
	}
	return f.pick(rec, e)
}

// pick finds the attribute of an entry of the list in the record it names.
func (f *file) pick(rec record, e listEntry) (attr, error) {
	if base, _ := rec.base(); rec.num != f.rec.num && base != f.rec.num {
		return attr{}, block.Damaged("MFT record %d: its part, record %d, belongs to record %d", f.rec.num, rec.num, base)
	}
	for pos := rec.first(); ; {
		a, after, ok, err := rec.next(pos)
		if err != nil {
			return attr{}, fmt.Errorf("MFT record %d: a part of it: %w", f.rec.num, err)
		}
		if !ok {
			return attr{}, block.Damaged("MFT record %d: record %d has no attribute %#x with number %d", f.rec.num, rec.num, e.typ, e.id)
		}
		if a.id == e.id && a.same(e.typ, e.name) && (a.resident || a.low == e.low) {
			return a, nil
		}
		pos = after
	}
}

// value reads a whole attribute, of at most limit bytes.
func (f *file) value(a attr, limit uint64) ([]byte, error) {
	if a.length() > limit {
		return nil, block.Damaged("attribute %#x has %d bytes, want at most %d", a.typ, a.length(), limit)
	}
	if a.resident {
		return a.value, nil
	}
	d, err := f.open(a)
	if err != nil {
		return nil, err
	}
	b := make([]byte, a.size)
	return b, block.ReadFull(d, b, 0)
}

// segment is a part of a stream that one attribute record maps.
type segment struct {
	low   uint64
	pairs []byte    // nil: in the record that entry names
	entry listEntry // of the list
}

// segments gives the parts of a stream that a is the first part of, in order.
func (f *file) segments(a attr) []segment {
	// The record's bytes are not held by whoever holds the segments.
	first := segment{pairs: bytes.Clone(a.pairs)}
	if f.list == nil || a.typ == typList {
		return []segment{first}
	}
	var out []segment
	for _, e := range f.list {
		if e.typ != a.typ || !bytes.Equal(e.name, a.name) {
			continue
		}
		if e.low == 0 && len(out) == 0 {
			out = append(out, first)
		} else if k := len(out); k > 0 && e.low > out[k-1].low {
			out = append(out, segment{low: e.low, entry: e})
		}
	}
	return out
}
