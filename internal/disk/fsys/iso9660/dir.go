package iso9660

import (
	"bytes"
	"fmt"
	"io/fs"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// node is a record with what Rock Ridge says of it.
type node struct {
	id   fsys.ID
	rec  record
	rock rock
}

// node reads a record. For a directory, which may have been moved, its own record
// is taken, as Linux does; without a sane one, the one in its parent.
func (t *tree) node(id fsys.ID) (node, error) {
	n, err := t.nodeAt(id)
	first := uint32(0)
	switch {
	case err != nil:
		return n, err
	case n.rock.hasChild:
		first = n.rock.child
	case !n.rec.isDir() || n.rec.isDots():
		return n, nil
	default:
		first = n.rec.block()
	}
	own, err := t.nodeAt(t.at(first))
	if err == nil && own.rec.isDots() && own.rec.isDir() && own.rec.block() == first {
		own.id = id
		return own, nil
	}
	if !n.rock.hasChild {
		return n, nil
	}
	if err == nil {
		err = block.Damaged("no directory is at block %d", first)
	}
	return n, fmt.Errorf("record at byte %d: its directory was moved: %w", id, err)
}

func (t *tree) nodeAt(id fsys.ID) (node, error) {
	r, err := t.record(id)
	if err != nil {
		return node{}, err
	}
	x, err := t.rockOf(r)
	if err != nil {
		return node{}, fmt.Errorf("record at byte %d: %w", id, err)
	}
	return node{id, r, x}, nil
}

// stat tells what is known of a node; the size is that of one record, whose time
// stands for all of those that Rock Ridge does not give.
func (n *node) stat() fsys.Stat {
	at := stamp(n.rec[18:])
	st := fsys.Stat{ID: n.id, Mode: 0o555, Links: 1, Size: n.rec.size(), Modified: at, Accessed: at, Changed: at}
	if n.rec.isDir() {
		st.Mode |= fs.ModeDir
	}
	n.rock.stat(&st)
	return st
}

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	n, err := t.node(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	st := n.stat()
	if st.Mode.IsRegular() && n.rec.flags()&flagMore != 0 && n.rock.zisofs == nil {
		parts, err := t.parts(&n)
		if err != nil {
			return fsys.Stat{}, err
		}
		st.Size = parts.size
	}
	return st, nil
}

// ReadLink implements [fsys.Tree].
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	n, err := t.node(id)
	if err != nil {
		return "", err
	}
	if st := n.stat(); st.Mode&fs.ModeSymlink == 0 {
		return "", fmt.Errorf("record at byte %d: want a symbolic link, found %s", id, fsys.TypeName(st.Mode))
	}
	return string(n.rock.target.text), nil
}

// List implements [fsys.Tree].
func (t *tree) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	n, err := t.node(id)
	if err != nil {
		return err
	}
	if st := n.stat(); !st.Mode.IsDir() || !n.rec.isDir() {
		return fmt.Errorf("record at byte %d: want a directory, found %s", id, fsys.TypeName(st.Mode))
	}
	l := lister{t: t, yield: yield}
	if err := t.records(n.rec, l.record); err != nil {
		l.fail(err)
	}
	return l.err
}

// lister gives the names of a directory.
type lister struct {
	t     *tree
	yield func(fsys.Entry) bool
	more  []byte // the name of a file whose records go on
	err   error  // the first one
}

func (l *lister) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// record takes the next record; its bytes are gone after.
func (l *lister) record(at int64, r record) bool {
	if r.isDots() {
		return true
	}
	first := l.more == nil || !bytes.Equal(l.more, r.name())
	l.more = nil
	if r.flags()&flagMore != 0 {
		l.more = bytes.Clone(r.name())
	}
	if !first {
		return true
	}
	if r.flags()&flagAssociated != 0 {
		l.fail(block.Unsupported("record at byte %d: an associated file is not shown", at))
		return true
	}
	name, shown, err := l.t.name(r)
	if err != nil {
		l.fail(fmt.Errorf("record at byte %d: %w", at, err))
		return true
	}
	return !shown || l.yield(fsys.Entry{Name: name, ID: fsys.ID(at)})
}

// name gives the name of a record. What Rock Ridge moved is shown in its old
// place, not here.
func (t *tree) name(r record) (name string, shown bool, err error) {
	if t.joliet {
		name = jolietName(r.name())
	} else {
		x, rerr := t.rockOf(r)
		if x.relocated || x.dots {
			return "", false, rerr
		}
		// With a name the error is the node's, to be told when it is read.
		if name = x.name; name == "" {
			name = plainName(r.name())
		}
	}
	if !validName(name) {
		return "", false, block.Damaged("a name that no file can have")
	}
	return name, true, nil
}

// dirChunk is how much of a directory is read at once.
const dirChunk = 16 << 10

// records gives the records of a directory with their places until fn says
// false. A bad one costs those behind it in its block.
func (t *tree) records(dir record, fn func(at int64, r record) bool) error {
	start := int64(dir.block()) * t.vol.blockSize
	end := start + dir.size()
	var bad error
	if end > t.src.Size() {
		bad = block.Damaged("directory at byte %d: it ends at %d, the volume has %d bytes", start, end, t.src.Size())
		end = max(t.src.Size(), start)
	}
	var buf []byte
	for at, base := start, start; at < end; {
		if at-base+maxRecord > int64(len(buf)) && base+int64(len(buf)) < end || buf == nil {
			if buf == nil {
				buf = make([]byte, min(dirChunk, end-at))
			}
			buf, base = buf[:min(int64(len(buf)), end-at)], at
			if err := block.ReadFull(t.src, buf, base); err != nil {
				return fmt.Errorf("read directory: %w", err)
			}
		}
		b := buf[at-base:]
		n := int64(b[0])
		if n == 0 { // the rest of the block is empty
			at = (at/t.vol.blockSize + 1) * t.vol.blockSize
			continue
		}
		r := record(b[:min(n, int64(len(b)))])
		err := r.check()
		if err == nil && n > int64(len(b)) {
			err = block.Damaged("%d bytes, the directory has %d more", n, len(b))
		}
		if err != nil {
			if bad == nil {
				bad = fmt.Errorf("record at byte %d: %w", at, err)
			}
			at = (at/t.vol.blockSize + 1) * t.vol.blockSize
			continue
		}
		if !fn(at, r) {
			return bad
		}
		at += n
	}
	return bad
}
