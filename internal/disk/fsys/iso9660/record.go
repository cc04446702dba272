package iso9660

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Flags of a directory record.
const (
	flagDir        = 0x02
	flagAssociated = 0x04
	flagMore       = 0x80 // the file goes on in the next record
)

// fixedLength is the length of a record before its name.
const fixedLength = 33

// record is a directory record, as long as it says.
type record []byte

func (r record) block() uint32    { return le.Uint32(r[2:]) + uint32(r[1]) } // behind the extended attributes
func (r record) size() int64      { return int64(le.Uint32(r[10:])) }
func (r record) flags() byte      { return r[25] }
func (r record) isDir() bool      { return r[25]&flagDir != 0 }
func (r record) sequence() uint16 { return le.Uint16(r[28:]) }
func (r record) name() []byte     { return r[fixedLength : fixedLength+int(r[32])] }

// interleaved tells whether the file has gaps.
func (r record) interleaved() bool { return r[26] != 0 || r[27] != 0 }

// isDots tells whether it is the directory's own record or its parent's.
func (r record) isDots() bool { return r[32] == 1 && r[33] <= 1 }

// system gives the bytes for system use.
func (r record) system() []byte {
	at := fixedLength + int(r[32])
	at += at & 1 // padded to an even length
	return r[min(at, len(r)):]
}

// check holds a record's lengths against each other.
func (r record) check() error {
	if len(r) < fixedLength+1 || r[32] == 0 || fixedLength+int(r[32]) > len(r) {
		return block.Damaged("%d bytes with a name of %d", len(r), r[min(32, len(r)-1)])
	}
	return nil
}

// maxRecord is the length of the longest record.
const maxRecord = 255

// record reads the record that an ID names.
func (t *tree) record(id fsys.ID) (record, error) {
	b := make([]byte, maxRecord)
	if int64(id) >= t.src.Size() || int64(id) < firstDescriptor*sectorSize {
		return nil, block.Damaged("record at byte %d of %d", id, t.src.Size())
	}
	n, err := t.src.ReadAt(b, int64(id))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read record: %w", err)
	}
	b = b[:n]
	if n == 0 || int(b[0]) > n || b[0] == 0 {
		return nil, block.Damaged("record at byte %d has no length", id)
	}
	r := record(b[:b[0]])
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("record at byte %d: %w", id, err)
	}
	return r, nil
}

// stamp gives a date of 7 bytes: years from 1900, month, day, hour, minute,
// second, and the quarters of an hour that they are ahead of UTC.
func stamp(b []byte) time.Time {
	if b[1] == 0 {
		return time.Time{}
	}
	t := time.Date(1900+int(b[0]), time.Month(b[1]), int(b[2]), int(b[3]), int(b[4]), int(b[5]), 0, time.UTC)
	return zoned(t, b[6])
}

// zoned takes off how far a time is ahead of UTC; what no place on earth can
// have does not count.
func zoned(t time.Time, zone byte) time.Time {
	if z := int8(zone); z >= -52 && z <= 52 {
		t = t.Add(-time.Duration(z) * 15 * time.Minute)
	}
	return t
}

// longStamp gives a date of 16 digits, down to hundredths, and the zone.
func longStamp(b []byte) time.Time {
	var v [16]int
	for i := range v {
		if v[i] = int(b[i]) - '0'; v[i] < 0 || v[i] > 9 {
			return time.Time{}
		}
	}
	two := func(i int) int { return v[i]*10 + v[i+1] }
	if two(4) == 0 {
		return time.Time{}
	}
	t := time.Date(two(0)*100+two(2), time.Month(two(4)), two(6), two(8), two(10), two(12), two(14)*10_000_000, time.UTC)
	return zoned(t, b[16])
}
