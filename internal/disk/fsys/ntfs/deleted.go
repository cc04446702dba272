package ntfs

import (
	"context"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

const (
	scanBytes  = 1 << 20 // the MFT is read in such pieces when all of it is wanted
	maxOrphans = 1 << 23 // records among which files without an entry are looked for
)

// Deleted implements [fsys.Undeleter]. It reads the whole MFT: a record that is
// not in use keeps what it was until it is used again. Files in use that no
// directory names are given, too: their entries were lost or, on a volume that
// was not cleanly unmounted, not yet written.
func (t *tree) Deleted(ctx context.Context, yield func(fsys.Removed) bool) error {
	u := undelete{t: t, yield: yield, paths: map[uint64]string{}, stale: map[stale]bool{}, trash: t.trashDir()}
	u.bits, u.first = t.system(recBitmap)
	if n := t.mft.count(); n <= maxOrphans {
		u.live, u.seen = make(sequences, n), make(sequences, n)
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
	// The sequence numbers of records in use, and those that directories name
	// them by; nil when there are too many.
	live, seen sequences

	first error
	done  bool
}

// sequences holds the sequence number of each MFT record; 0: none.
type sequences []uint16

// set notes a number. Of several the highest is the newest.
func (s sequences) set(num uint64, seq uint16) {
	if num < uint64(len(s)) {
		s[num] = max(s[num], seq, 1)
	}
}

// orphans gives the files in use that no directory names.
func (u *undelete) orphans() {
	for num, seq := range u.live {
		if seq == 0 || u.seen[num] == seq || u.done {
			continue
		}
		rec, err := u.t.mft.get(uint64(num))
		if err != nil {
			u.fail(err)
			continue
		}
		u.file(rec)
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
			u.live.set(num, rec.seq())
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
