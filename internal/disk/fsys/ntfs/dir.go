package ntfs

import (
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Namespaces of a file name.
const (
	namespaceWin32 = 1
	namespaceDOS   = 2 // the 8.3 alias of a name in Win32
)

// maxAliases bounds what is kept of a directory to find 8.3 aliases without a
// long name.
const maxAliases = 1 << 19

// metadata names the files of the volume itself, which are not listed.
var metadata = map[string]bool{
	"$MFT": true, "$MFTMirr": true, "$LogFile": true, "$Volume": true, "$AttrDef": true, "$Bitmap": true,
	"$Boot": true, "$BadClus": true, "$Secure": true, "$Quota": true, "$UpCase": true, "$Extend": true,
}

// List implements [fsys.Tree]. A damaged block costs its own entries; the first
// such error comes at the end.
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	num, seq, stream := splitID(id)
	f, err := t.file(num, seq)
	if err != nil {
		return err
	}
	if !f.rec.flag(recordDirectory) || stream != 0 {
		return fmt.Errorf("MFT record %d: want a directory, found another file", num)
	}
	l := lister{dir: f, yield: yield}
	// Zero in the end when each 8.3 alias stands beside its long name.
	aliases := uint64(0)
	more := true
	err = (&index{dir: f, take: func(ref uint64, key []byte) bool {
		switch key[65] {
		case namespaceDOS:
			aliases += scramble(ref)
			return true
		case namespaceWin32:
			aliases -= scramble(ref)
		}
		more = l.give(ref, key)
		return more
	}}).walk()
	if more && aliases != 0 {
		err = firstOf(err, l.orphans())
	}
	return firstOf(err, l.odd)
}

// lister gives the entries of a directory.
type lister struct {
	dir   *file
	yield func(fsys.Entry) bool
	odd   error // an entry that can't be given
}

// give gives one entry, unless it is the volume's own.
func (l *lister) give(ref uint64, key []byte) (more bool) {
	num, seq := splitRef(ref)
	name := text(key[keyBytes:])
	switch {
	case l.dir.rec.num == recRoot && num < recUser && metadata[name]:
	case name == "." && num == l.dir.rec.num: // the root holds itself
	case !validName(name):
		l.odd = block.Damaged("MFT record %d: directory entry named %q", l.dir.rec.num, name)
	case num>>32 != 0:
		l.odd = block.Damaged("MFT record %d: directory entry %q is MFT record %d", l.dir.rec.num, name, num)
	default:
		return l.yield(fsys.Entry{Name: name, ID: nodeID(num, seq, 0)})
	}
	return true
}

// validName tells whether a name can be given.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && strings.IndexByte(name, '/') < 0 && strings.IndexByte(name, 0) < 0
}

// scramble spreads a reference over all bits: sums of different references
// don't happen to be the same.
func scramble(ref uint64) uint64 {
	ref = (ref ^ ref>>30) * 0xBF58476D1CE4E5B9
	ref = (ref ^ ref>>27) * 0x94D049BB133111EB
	return ref ^ ref>>31 | 1
}

// orphans gives the aliases whose long name is not in the directory: their
// files would not be seen without.
func (l *lister) orphans() error {
	long := map[uint64]bool{}
	var many error
	// Damage was told in the first reading.
	_ = (&index{dir: l.dir, take: func(ref uint64, key []byte) bool {
		if key[65] == namespaceWin32 {
			long[ref] = true
		}
		if len(long) == maxAliases {
			many = block.Damaged("MFT record %d: 8.3 aliases without a long name among more than %d", l.dir.rec.num, maxAliases)
		}
		return many == nil
	}}).walk()
	if many != nil {
		return many
	}
	_ = (&index{dir: l.dir, take: func(ref uint64, key []byte) bool {
		return key[65] != namespaceDOS || long[ref] || l.give(ref, key)
	}}).walk()
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
