package evidence

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// Ledger says which files one look read in full, so that a look at a later
// version of the same disk need not read them again. It holds no names and no
// content: for each file 16 bytes of an HMAC, under the installation's key, of
// volume, path, node, size, times and extents. The form is a head of 32 bytes
// (magic, the digest of the inspector's version) and the sorted entries.
type Ledger []byte

const (
	ledgerMagic = "lenscap ledger 1"
	ledgerHead  = 32
	markBytes   = 16
)

// mark stands for one file as it was.
type mark [markBytes]byte

// ErrLedger says that a ledger is not one, or of another inspector.
var ErrLedger = errors.New("not a ledger of this inspector")

// Before is what an earlier look at the same disk, or at an earlier snapshot of
// it, left.
type Before struct {
	Evidence lenscap.Evidence
	Ledger   Ledger
	// Changed are the ranges of the disk that may differ from then, where the
	// provider tells: then no file with a byte in them is carried over, whatever
	// its times say. ChangesKnown is set when it does.
	Changed      []block.Extent
	ChangesKnown bool
}

// carry answers which files are as they were.
type carry struct {
	marks   []mark // sorted
	changed []block.Extent
	known   bool
	items   map[string][]lenscap.Item // by volume and path
	dbs     map[string]lenscap.Database
}

func place(volume, path string) string { return volume + "\x00" + path }

// newCarry opens what an earlier look left; nothing of it is no error of the look.
func newCarry(b *Before, version string) (*carry, error) {
	if b == nil {
		return nil, nil
	}
	marks, err := b.Ledger.marks(version)
	if err != nil {
		return nil, err
	}
	c := &carry{marks: marks, changed: b.Changed, known: b.ChangesKnown, items: map[string][]lenscap.Item{}, dbs: map[string]lenscap.Database{}}
	for _, it := range b.Evidence.Items {
		k := place(it.Volume, it.Path)
		c.items[k] = append(c.items[k], it)
	}
	for _, db := range b.Evidence.Databases {
		c.dbs[place(db.Volume, db.Path)] = db
	}
	return c, nil
}

func (l Ledger) marks(version string) ([]mark, error) {
	if len(l) < ledgerHead || (len(l)-ledgerHead)%markBytes != 0 || !bytes.Equal(l[:ledgerHead], newLedger(version, nil)) {
		return nil, ErrLedger
	}
	body := l[ledgerHead:]
	out := make([]mark, len(body)/markBytes)
	for i := range out {
		copy(out[i][:], body[i*markBytes:])
		if i > 0 && bytes.Compare(out[i-1][:], out[i][:]) > 0 {
			return nil, fmt.Errorf("%w: entry %d is out of order", ErrLedger, i)
		}
	}
	return out, nil
}

func newLedger(version string, marks []mark) Ledger {
	slices.SortFunc(marks, func(a, b mark) int { return bytes.Compare(a[:], b[:]) })
	sum := sha256.Sum256([]byte(version))
	out := make(Ledger, 0, ledgerHead+len(marks)*markBytes)
	out = append(out, ledgerMagic...)
	out = append(out, sum[:ledgerHead-len(ledgerMagic)]...)
	for _, m := range marks {
		out = append(out, m[:]...)
	}
	return out
}

// same tells whether a file is as an earlier look read it.
func (c *carry) same(m mark, w *wanted) bool {
	if c == nil || !w.marked {
		return false
	}
	if _, ok := slices.BinarySearchFunc(c.marks, m, func(a, b mark) int { return bytes.Compare(a[:], b[:]) }); !ok {
		return false
	}
	return !c.known || !c.touches(w)
}

// touches tells whether one of a file's bytes lies in a changed range.
func (c *carry) touches(w *wanted) bool {
	for _, e := range w.extents {
		at := block.Locate(w.volume.Source, e.Offset)
		end := block.Locate(w.volume.Source, e.Offset+e.Length-1)
		if at < 0 || end-at != e.Length-1 {
			return true // not in one piece on the disk: it can't be told
		}
		i, _ := slices.BinarySearchFunc(c.changed, at, func(x block.Extent, at int64) int {
			if x.Offset+x.Length <= at {
				return -1
			}
			return 1
		})
		if i < len(c.changed) && c.changed[i].Offset < at+e.Length {
			return true
		}
	}
	return false
}

// marker makes marks under the installation's key.
type marker struct {
	pool sync.Pool
}

func newMarker(key []byte) *marker {
	return &marker{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// file marks a file. A file whose bytes lie within metadata, or whose file
// system keeps no time of change, gives none: it could change unseen. So does a
// name that can't be written exactly, since items are found again by it.
func (m *marker) file(e disk.Entry, path string, extents []block.Extent) (mark, bool) {
	_, exact := disk.Printable(path)
	if !exact || e.Changed.IsZero() || len(extents) == 0 && e.Size > 0 {
		return mark{}, false
	}
	h, _ := m.pool.Get().(hash.Hash)
	defer m.pool.Put(h)
	h.Reset()
	var b [8]byte
	num := func(v int64) {
		binary.LittleEndian.PutUint64(b[:], uint64(v)) //nolint:gosec // bits, not a number
		_, _ = h.Write(b[:])
	}
	for _, s := range []string{e.Volume.Name, e.Volume.UUID, path} {
		num(int64(len(s)))
		_, _ = h.Write([]byte(s))
	}
	num(int64(e.ID)) //nolint:gosec // bits
	num(e.Size)
	num(int64(e.Mode))
	num(e.Modified.UnixNano())
	num(e.Changed.UnixNano())
	for _, x := range extents {
		num(x.Offset)
		num(x.Length)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return mark(sum[:markBytes]), true
}

// together marks a group of files, in any order.
func (m *marker) together(marks []mark) mark {
	slices.SortFunc(marks, func(a, b mark) int { return bytes.Compare(a[:], b[:]) })
	h, _ := m.pool.Get().(hash.Hash)
	defer m.pool.Put(h)
	h.Reset()
	_, _ = h.Write([]byte("together"))
	for _, k := range marks {
		_, _ = h.Write(k[:])
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return mark(sum[:markBytes])
}
