package ntfs

import (
	"io/fs"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxStale bounds the names from slack that are remembered, so that they are
// given once.
const maxStale = 1 << 14

// stale is a name that a directory's blocks still hold.
type stale struct {
	ref  uint64
	name string
}

// index notes which files a directory names, and looks behind the entries of
// its index for those of files whose records were used again since: their names
// and sizes are all that is left.
func (u *undelete) index(dir record) {
	f, err := u.t.file(dir.num, 0)
	if err != nil {
		u.fail(err)
		return
	}
	x := &index{dir: f, take: func(ref uint64, _ []byte) bool {
		num, seq := splitRef(ref)
		u.seen.set(num, seq)
		return !u.done
	}}
	x.slack = func(b []byte) {
		for len(b) >= 16+keyBytes && !u.done {
			n := u.entry(dir, b)
			b = b[n:]
		}
	}
	if err := x.walk(); err != nil {
		u.fail(err)
	}
}

// entry gives the file of an index entry in slack and tells how long it is; 8
// when there is none.
func (u *undelete) entry(dir record, b []byte) int {
	n, keyLen := int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
	if n%8 != 0 || n > len(b) || n < 16+keyLen || keyLen < keyBytes {
		return 8
	}
	ref, key := le.Uint64(b), b[16:16+keyLen]
	name := text(key[keyBytes:])
	num, _ := splitRef(ref)
	parent, seq := splitRef(le.Uint64(key))
	if parent != dir.num || seq != dir.seq() || keyLen != keyBytes+2*int(key[64]) || key[65] == namespaceDOS || key[65] > 3 ||
		!validName(name) || num < recUser || num >= u.t.mft.count() {
		return 8
	}
	s := stale{ref, name}
	if !u.stale[s] && u.lost(ref) {
		if len(u.stale) < maxStale {
			u.stale[s] = true
		}
		u.giveName(dir, key, name)
	}
	return n
}

// lost tells whether a file's record holds another one by now. Else it is still
// there, or was given as what its record tells.
func (u *undelete) lost(ref uint64) bool {
	num, seq := splitRef(ref)
	rec, err := u.t.mft.get(num)
	if err != nil {
		return true
	}
	if rec.flag(recordInUse) {
		return rec.seq() != seq
	}
	return rec.seq() != seq+1
}

func (u *undelete) giveName(dir record, key []byte, name string) {
	st := fsys.Stat{
		Mode: 0o777, Size: int64(min(le.Uint64(key[48:]), 1<<62)),
		Created: fileTime(le.Uint64(key[8:])), Modified: fileTime(le.Uint64(key[16:])),
		Changed: fileTime(le.Uint64(key[24:])), Accessed: fileTime(le.Uint64(key[32:])),
	}
	if le.Uint32(key[56:])&keyDirectory != 0 {
		st.Mode |= fs.ModeDir
	}
	path := u.path(dir.num|uint64(dir.seq())<<48, 0)
	u.done = !u.yield(fsys.Removed{Path: under(path, name), Stat: st, State: fsys.NameOnly})
}

// keyDirectory is the file attribute of a directory in a file name.
const keyDirectory = 0x10000000
