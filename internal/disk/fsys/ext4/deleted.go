package ext4

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Bounds of the search for deleted files.
const (
	maxGoneNames  = 1 << 20
	maxGoneInodes = 1 << 20
)

// Deleted implements [fsys.Undeleter].
//
// Deleting a file clears the map of its blocks, so what is left is gathered
// from three places: names in the slack of directories, inodes with a time of
// deletion, and older copies of both kinds of blocks that the journal still
// holds, committed long ago and not yet written over.
func (t *tree) Deleted(ctx context.Context, yield func(fsys.Removed) bool) error {
	u := &undelete{t: t, ctx: ctx, names: map[uint64]goneName{}}
	u.readJournal()
	err := errors.Join(u.walk(), u.oldDirectories())
	return errors.Join(err, u.report(yield), ctx.Err())
}

// undelete is one search.
type undelete struct {
	t     *tree
	ctx   context.Context
	old   map[uint64][]oldBlock // block of the file system → older contents, oldest first
	log   *journal
	names map[uint64]goneName // inode → the name it had
	dirs  map[uint64]string   // directory's inode → path
}

// goneName is a name found in a directory's slack.
type goneName struct {
	inode uint64
	path  string
	kind  byte // file type as the entry has it
}

// oldBlock is where the journal holds a block's content as of a transaction.
type oldBlock struct {
	log     uint32
	seq     uint32
	escaped bool
}

// walk visits every directory and searches the slack of its blocks.
func (u *undelete) walk() error {
	u.dirs = map[uint64]string{}
	return fsys.New(u.t).Walk(u.ctx, func(n fsys.Node) error {
		if n.Err != nil || !n.Mode.IsDir() || n.Encrypted {
			return nil //nolint:nilerr // a damaged directory costs its own names
		}
		u.dirs[uint64(n.ID)] = n.Path
		in, err := u.t.inode(n.ID)
		if err != nil || in.has(flagInlineData) {
			return nil //nolint:nilerr // as above
		}
		return u.slackOf(in, n.Path)
	})
}

// slackOf searches a directory's own blocks and the journal's older copies.
func (u *undelete) slackOf(in inode, path string) error {
	live := map[string]bool{}
	_ = u.t.List(fsys.ID(in.num), func(e fsys.Entry) bool { // what can't be listed is not live
		live[e.Name] = true
		return true
	})
	take := func(g goneName) {
		name := g.path
		if live[name] {
			return
		}
		if path != "." {
			g.path = path + "/" + name
		}
		u.found(g)
	}
	bs := uint64(u.t.sb.blockSize)
	buf := make([]byte, bs)
	ext, _ := (&mapped{u.t, in, int64(in.size(&u.t.sb))}).Extents(0) // as far as they are known
	for _, e := range ext {
		for off := e.Offset; off < e.Offset+e.Length; off += int64(bs) {
			if err := u.ctx.Err(); err != nil {
				return err
			}
			if block.ReadFull(u.t.src, buf, off) == nil {
				u.t.slack(buf, false, take)
			}
			for _, o := range u.old[uint64(off)/bs] {
				if u.readOld(buf, o) {
					u.t.slack(buf, true, take)
				}
			}
		}
	}
	return nil
}

// oldDirectories searches the directories that are deleted themselves: the
// journal's copies of blocks that begin with "." of no live directory.
func (u *undelete) oldDirectories() error {
	buf := make([]byte, u.t.sb.blockSize)
	type lost struct{ num, parent uint64 }
	var blocks []lost
	contents := map[uint64][]goneName{}
	for at := range u.old {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		for _, o := range u.old[at] {
			if !u.readOld(buf, o) {
				continue
			}
			num, parent, ok := dotEntries(buf)
			if !ok || u.dirs[num] != "" {
				continue
			}
			if contents[num] == nil {
				blocks = append(blocks, lost{num, parent})
			}
			u.t.slack(buf, true, func(g goneName) {
				if len(contents[num]) < 65536 {
					contents[num] = append(contents[num], g)
				}
			})
		}
	}
	// A parent may itself be deleted: its name is known once its own parent's is.
	for range 32 {
		rest := blocks[:0]
		for _, d := range blocks {
			path, ok := u.pathOf(d.num)
			if !ok {
				rest = append(rest, d)
				continue
			}
			for _, g := range contents[d.num] {
				g.path = path + "/" + g.path
				u.found(g)
			}
		}
		if len(rest) == len(blocks) || len(rest) == 0 {
			blocks = rest
			break
		}
		blocks = rest
	}
	for _, d := range blocks {
		for _, g := range contents[d.num] {
			g.path = fmt.Sprintf("?/directory-%d/%s", d.num, g.path)
			u.found(g)
		}
	}
	return nil
}

// pathOf gives the path that a deleted directory had.
func (u *undelete) pathOf(num uint64) (string, bool) {
	if g, ok := u.names[num]; ok {
		return g.path, true
	}
	return "", false
}

// found keeps a name; the first one of an inode stays, those found later come
// from older blocks.
func (u *undelete) found(g goneName) {
	if _, ok := u.names[g.inode]; !ok && len(u.names) < maxGoneNames {
		u.names[g.inode] = g
	}
}

// report gives every deleted inode and every name without one.
func (u *undelete) report(yield func(fsys.Removed) bool) error {
	told := map[uint64]bool{}
	more := true
	err := u.eachDeleted(func(in inode) bool {
		told[in.num] = true
		r, ok := u.removed(in)
		if ok {
			more = yield(r)
		}
		return more
	})
	for num, g := range u.names {
		if !more || u.ctx.Err() != nil {
			break
		}
		if told[num] {
			continue
		}
		r, ok := u.byName(g)
		if ok {
			more = yield(r)
		}
	}
	return err
}

// byName gives a name whose inode tells nothing of the deletion: it was taken
// by another file, or is blank.
func (u *undelete) byName(g goneName) (fsys.Removed, bool) {
	if now, err := u.t.inode(fsys.ID(g.inode)); err == nil && now.links() > 0 {
		// In use: either by another file, or by this one under another name.
		if old, ok := u.before(g.inode, now.generation()); ok {
			return u.build(old, g.path, time.Time{}), true
		}
		return fsys.Removed{}, false
	}
	if old, ok := u.before(g.inode, 0); ok {
		return u.build(old, g.path, time.Time{}), true
	}
	st := fsys.Stat{ID: fsys.ID(g.inode), Mode: entryMode(g.kind)}
	return fsys.Removed{Path: g.path, Stat: st, State: fsys.NameOnly}, true
}

// removed describes a deleted inode, with its blocks from the journal when the
// inode has lost them.
func (u *undelete) removed(in inode) (fsys.Removed, bool) {
	path := fmt.Sprintf("?/inode-%d", in.num)
	if g, ok := u.names[in.num]; ok {
		path = g.path
	}
	at := time.Unix(int64(le.Uint32(in.raw[0x14:])), 0).UTC()
	best := in
	if in.size(&u.t.sb) == 0 || !in.mapsBlocks() {
		if old, ok := u.before(in.num, 0); ok && old.generation() == in.generation() {
			best = old
		}
	}
	if best.mode() == 0 {
		return fsys.Removed{}, false
	}
	return u.build(best, path, at), true
}

func (u *undelete) build(in inode, path string, at time.Time) fsys.Removed {
	r := fsys.Removed{Path: path, At: at, State: fsys.NameOnly}
	st, err := u.t.stat(in)
	if err != nil {
		return r
	}
	r.Stat = st
	if !st.Mode.IsRegular() || in.has(flagEncrypt) {
		return r
	}
	data, err := u.t.data(in)
	if err != nil {
		return r
	}
	if st.Size == 0 && at.IsZero() || in.has(flagInlineData) {
		r.Data, r.State = data, fsys.Whole
		return r
	}
	r.State = u.left(data)
	if r.State != fsys.NameOnly {
		r.Data = data
	}
	return r
}

// left tells what is left of a file's blocks by the bitmaps.
func (u *undelete) left(data fsys.Data) fsys.RemovedState {
	ext, err := data.Extents(0)
	if err != nil || len(ext) == 0 {
		return fsys.NameOnly
	}
	free, used := 0, 0
	bs := int64(u.t.sb.blockSize)
	for _, e := range ext {
		for off := e.Offset; off < e.Offset+e.Length; off += bs {
			if u.t.inUse(uint64(off / bs)) {
				used++
			} else {
				free++
			}
			if free+used > 1<<22 {
				return fsys.Part // too large to look at each block
			}
		}
	}
	switch {
	case used == 0:
		return fsys.Whole
	case free == 0:
		return fsys.NameOnly
	}
	return fsys.Part
}

// entryMode turns a directory entry's file type into a mode.
func entryMode(kind byte) fs.FileMode {
	types := [...]uint32{0x8000, 0x8000, 0x4000, 0x2000, 0x6000, 0x1000, 0xC000, 0xA000}
	if int(kind) >= len(types) {
		kind = 0
	}
	return fsys.UnixMode(types[kind])
}
