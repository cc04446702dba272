package ntfs

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

const (
	scanBytes   = 1 << 20 // the MFT is read in such pieces when all of it is wanted
	maxParents  = 255     // directories above a file
	keptParents = 4096    // paths of directories that are remembered
	maxOrphans  = 1 << 26 // records among which files without an entry are looked for
)

// Deleted implements [fsys.Undeleter]. It reads the whole MFT: a record that is
// not in use keeps what it was until it is used again. Files in use that no
// directory names are given, too: their entries were lost or, on a volume that
// was not cleanly unmounted, not yet written.
func (t *tree) Deleted(ctx context.Context, yield func(fsys.Removed) bool) error {
	u := undelete{t: t, yield: yield, paths: map[uint64]string{}, stale: map[stale]bool{}, trash: t.trashDir()}
	u.bits, u.first = t.system(recBitmap)
	if n := t.mft.count(); n <= maxOrphans {
		u.live, u.seen = make(bitset, n/64+1), make(bitset, n/64+1)
	}
	per := uint64(scanBytes / t.boot.record)
	buf := make([]byte, per*uint64(t.boot.record))
	for at := uint64(0); at < t.mft.count() && !u.done; at += per {
		if err := ctx.Err(); err != nil {
			return err
		}
		u.scan(buf[:min(per, t.mft.count()-at)*uint64(t.boot.record)], at)
	}
	u.orphans()
	return u.first
}

// undelete is one search for deleted files.
type undelete struct {
	t     *tree
	yield func(fsys.Removed) bool
	bits  fsys.Data         // of the clusters in use; nil when it can't be read
	paths map[uint64]string // of directories, by reference
	trash uint64            // the directory of files deleted while open
	stale map[stale]bool    // names from slack that were given
	// Records in use, and those that a directory names; nil when there are
	// too many.
	live, seen bitset

	first error
	done  bool
}

// bitset holds a bit for each MFT record.
type bitset []uint64

func (b bitset) set(n uint64) {
	if n/64 < uint64(len(b)) {
		b[n/64] |= 1 << (n % 64)
	}
}

// orphans gives the files in use that no directory names.
func (u *undelete) orphans() {
	for i := range u.live {
		for left := u.live[i] &^ u.seen[i]; left != 0 && !u.done; left &= left - 1 {
			num := uint64(i)*64 + uint64(bits.TrailingZeros64(left))
			rec, err := u.t.mft.get(num)
			if err != nil {
				u.fail(err)
				continue
			}
			u.file(rec)
		}
	}
}

func (u *undelete) fail(err error) {
	if u.first == nil {
		u.first = err
	}
}

// scan looks at the records that b has room for. When they can't be read at
// once, they are one by one.
func (u *undelete) scan(b []byte, first uint64) {
	size := uint64(u.t.boot.record)
	if err := u.t.mft.readAt(b, first*size); err != nil {
		if uint64(len(b)) == size {
			u.fail(err)
			return
		}
		for i := uint64(0); i < uint64(len(b)) && !u.done; i += size {
			u.scan(b[i:i+size], first+i/size)
		}
		return
	}
	for num := first; len(b) > 0 && !u.done; num++ {
		raw := b[:size]
		b = b[size:]
		if string(raw[:4]) != "FILE" || num < recUser && num != recRoot && num != recExtend {
			continue // never used, or the volume's own
		}
		err := unprotect(num, raw)
		rec := record{num, raw}
		if err == nil {
			rec, err = rec.check()
		}
		if err != nil {
			u.fail(err)
			continue
		}
		if _, part := rec.base(); part {
			continue
		}
		if !rec.flag(recordInUse) || u.inTrash(rec) {
			u.file(rec)
			continue
		}
		if num >= recUser {
			u.live.set(num)
		}
		if rec.flag(recordDirectory) {
			u.index(rec)
		}
	}
}

// trashDir finds where Windows puts files that are deleted while a program has
// them open: \$Extend\$Deleted. 0: there is none.
func (t *tree) trashDir() (num uint64) {
	_ = t.List(nodeID(recExtend, 0, 0), func(e fsys.Entry) bool { // older volumes have none
		if e.Name == "$Deleted" {
			num, _, _ = splitID(e.ID)
		}
		return num == 0
	})
	return num
}

// inTrash tells whether a file in use lies there.
func (u *undelete) inTrash(rec record) bool {
	if u.trash == 0 {
		return false
	}
	parent := uint64(0)
	_ = (&file{rec: rec, t: u.t}).each(1<<(typFileName>>4), func(a attr) bool {
		if a.resident && len(a.value) >= keyBytes {
			parent, _ = splitRef(le.Uint64(a.value))
		}
		return false
	})
	return parent == u.trash
}

// file gives what is left of a file, each of its streams for itself.
func (u *undelete) file(rec record) {
	f := &file{t: u.t, rec: rec, deleted: !rec.flag(recordInUse)}
	if err := f.readList(); err != nil {
		f.list = nil // the list is lost, what the record itself holds is not
	}
	n, err := f.node(0)
	if err != nil {
		u.fail(err)
		return
	}
	path, named := u.name(f)
	list, _ := f.streams() // damage was told
	if !named && n.data.length() == 0 && len(list) == 0 {
		return // made in advance and never a file
	}
	u.give(n, path)
	for _, s := range list {
		if n, err := f.node(uint16(s.ID)); err == nil && !u.done {
			u.give(n, path+":"+s.Name)
		}
	}
}

// give gives one stream.
func (u *undelete) give(n *node, path string) {
	whole := u.restore(n)
	st, err := n.stat()
	if err != nil {
		u.fail(err)
		return
	}
	r := fsys.Removed{Path: path, Stat: st, State: fsys.NameOnly}
	empty := n.deleted && !n.data.resident && n.data.size == 0
	if st.Mode.IsRegular() && n.data.typ != 0 && !empty {
		if data, err := n.bytes(); err == nil {
			r.Data, r.State = data, fsys.Part
			if whole && u.kept(n, data) {
				r.State = fsys.Whole
			}
		}
	}
	u.done = !u.yield(r)
}

// restore puts back the size of a stream that was cut to nothing when it was
// deleted, as far as its clusters are still known: all their bytes. It tells
// whether the size was there.
func (u *undelete) restore(n *node) bool {
	if !n.deleted || n.data.resident || n.data.size != 0 {
		return true
	}
	runs, _ := decodeRuns(n.data.pairs, 0, u.t.boot.clusters) // what is not known is not restored
	if len(runs) > 0 {
		last := runs[len(runs)-1]
		n.data.size = (last.vcn + last.n) * uint64(u.t.boot.cluster)
		n.data.valid = n.data.size
	}
	return false
}

// kept tells whether all bytes of a stream are known and not in use again.
func (u *undelete) kept(n *node, d fsys.Data) bool {
	if _, ok := d.(resident); ok || !n.deleted {
		return true
	}
	extents, err := d.Extents(0)
	if err != nil {
		return false
	}
	cluster := int64(u.t.boot.cluster)
	for _, e := range extents {
		if !u.free(uint64(e.Offset/cluster), uint64(e.Length/cluster)) {
			return false
		}
	}
	// A part that is not mapped any more gives no extent.
	m, ok := d.(*mapped)
	if !ok || m.size == 0 {
		return true
	}
	last, err := m.lookup(uint64(m.size-1) / uint64(cluster))
	return err == nil && last.n > 0
}

// free tells whether no cluster of a run is in use by the volume's bitmap.
func (u *undelete) free(lcn, n uint64) bool {
	if u.bits == nil {
		return false
	}
	b := make([]byte, min((lcn+n+7)/8-lcn/8, 4096))
	for off, end := lcn/8, (lcn+n+7)/8; off < end; off += uint64(len(b)) {
		b = b[:min(uint64(len(b)), end-off)]
		if block.ReadFull(u.bits, b, int64(off)) != nil {
			return false
		}
		for i, v := range b {
			if v == 0 {
				continue
			}
			for bit := range uint64(8) {
				if at := (off+uint64(i))*8 + bit; v>>bit&1 != 0 && at >= lcn && at < lcn+n {
					return false
				}
			}
		}
	}
	return true
}

// name gives a deleted file's path; without a name, its number stands for it.
func (u *undelete) name(f *file) (path string, named bool) {
	name, space, parent := "", byte(namespaceDOS), uint64(0)
	_ = f.each(1<<(typFileName>>4), func(a attr) bool {
		if a.resident && len(a.value) >= keyBytes && (name == "" || space == namespaceDOS) {
			if raw, ok := cut(a.value, keyBytes, 2*uint64(a.value[64])); ok {
				name, space, parent = text(raw), a.value[65], le.Uint64(a.value)
			}
		}
		return true
	})
	if !validName(name) {
		return fmt.Sprintf("?/%d", f.rec.num), false
	}
	return under(u.path(parent, 0), name), true
}

// under puts a name below a path; the root's is empty.
func under(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// path gives the path of the directory that a reference means: "" for the
// root, "?" when it is not known any more. A deleted directory still tells its
// name: its record's sequence number is one higher then.
func (u *undelete) path(ref uint64, depth int) string {
	num, seq := splitRef(ref)
	if num == recRoot {
		return ""
	}
	if p, ok := u.paths[ref]; ok {
		return p
	}
	p := "?"
	if rec, err := u.t.mft.get(num); err == nil && depth < maxParents && rec.flag(recordDirectory) {
		want := seq
		if !rec.flag(recordInUse) {
			want++
		}
		if rec.seq() == want || rec.seq() == 1 && want == 0 {
			p = u.above(rec, depth)
		}
	}
	if len(u.paths) < keptParents {
		u.paths[ref] = p
	}
	return p
}

// above gives the path of a directory by its record.
func (u *undelete) above(rec record, depth int) string {
	path := "?"
	_ = (&file{t: u.t, rec: rec}).each(1<<(typFileName>>4), func(a attr) bool {
		if !a.resident || len(a.value) < keyBytes || a.value[65] == namespaceDOS {
			return true
		}
		raw, ok := cut(a.value, keyBytes, 2*uint64(a.value[64]))
		if name := text(raw); ok && validName(name) {
			path = under(u.path(le.Uint64(a.value), depth+1), name)
		}
		return false
	})
	return path
}
