package btrfs

import (
	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxOverlay bounds the memory for replayed items, in bytes.
const maxOverlay = 48 << 20

// logged is the log tree of one subvolume.
type logged struct {
	id   uint64
	root *root
}

// replay lays over each subvolume what was synced after the last transaction,
// as the kernel does when it mounts. What can't be replayed is told.
func (t *tree) replay() {
	ref := treeRef{t.sb.logRoot, t.sb.generation + 1, t.sb.logLevel}
	logs, err := t.readLogs(ref)
	if err != nil {
		t.note(true, "log tree: %v: what was synced last may not be shown", err)
	}
	budget, items, trees := maxOverlay, 0, 0
	for _, l := range logs {
		i, ok := t.byID[l.id]
		if !ok {
			continue // deleted since: the kernel leaves it out, too
		}
		r := &replayer{t: t, log: l.root, dst: t.subs[i].root, fixup: map[uint64]bool{}, budget: budget}
		r.dst.over = &overlay{}
		r.run()
		budget -= r.dst.over.bytes
		if r.dst.over.bytes > r.budget {
			budget += r.dst.over.bytes
			r.dst.over = nil
			t.note(true, "log tree of subvolume %d: more than %d bytes of changes: what was synced last is not shown", l.id, maxOverlay)
			continue
		}
		trees++
		items += r.items
		if r.err != nil {
			t.note(true, "log tree of subvolume %d: not all was replayed: %v", l.id, r.err)
		}
	}
	if trees > 0 {
		t.note(false, "not cleanly unmounted: %d items in the log trees of %d subvolumes were replayed in memory", items, trees)
	}
}

// readLogs finds the log trees in the tree of log trees.
func (t *tree) readLogs(ref treeRef) (logs []logged, err error) {
	var bad error
	err = t.scanBase(&root{ref: ref}, key{objTreeLog, typeRoot, 0}, key{objTreeLog, typeRoot, ^uint64(0)}, func(k key, data []byte) bool {
		s, _, err := parseRoot(k, data)
		if err == nil && len(logs) == maxSubvolumes {
			err = block.Unsupported("more than %d logs", maxSubvolumes)
		}
		if bad = first(bad, err); err == nil {
			logs = append(logs, logged{k.off, s.root})
		}
		return true
	})
	return logs, first(err, bad)
}

// Stages of a replay, each one over the whole log.
const (
	stageInodes = iota
	stageNames
	stageRest
	stageEnd
)

// replayer copies the log of one subvolume into the overlay of its tree.
type replayer struct {
	t      *tree
	log    *root
	dst    *root
	fixup  map[uint64]bool // inodes whose names are counted at the end
	items  int
	budget int
	err    error // the first thing that could not be done
}

func (r *replayer) fail(err error) { r.err = first(r.err, err) }

// full tells that the replay needs more memory than it may use.
func (r *replayer) full() bool { return r.dst.over.bytes > r.budget }

func (r *replayer) run() {
	for stage := stageInodes; stage < stageEnd && !r.full(); stage++ {
		skip := false
		err := r.t.scanBase(r.log, key{}, maxKey, func(k key, data []byte) bool {
			if k.typ == typeInode {
				// Without a name it is a file that was deleted while open.
				skip = len(data) < inodeSize || le.Uint32(data[40:]) == 0
			}
			if !skip {
				r.item(stage, k, data)
			}
			return !r.full()
		})
		if err != nil {
			r.fail(err)
		}
	}
	r.countLinks()
}

// item replays one item of the log, when it is its stage.
func (r *replayer) item(stage int, k key, data []byte) {
	switch {
	case stage == stageInodes && k.typ == typeInode:
		r.inode(k, data)
	case stage == stageNames && k.typ == typeDirIndex:
		d, _, err := parseDirItem(data)
		if err != nil {
			r.fail(err)
			return
		}
		r.name(k, d)
	case stage == stageRest && k.typ == typeXattr:
		r.put(k, append([]byte{}, data...))
	case stage == stageRest && (k.typ == typeInodeRef || k.typ == typeInodeExtref):
		r.refs(k, data)
	case stage == stageRest && k.typ == typeExtentData:
		r.extent(k, data)
	default:
		return
	}
	r.items++
}

// get finds an item as it is by now.
func (r *replayer) get(k key) ([]byte, bool) {
	data, ok, err := r.t.get(r.dst, k)
	if err != nil {
		r.fail(err)
	}
	return data, ok
}

// logged finds an item of the log.
func (r *replayer) logged(k key) ([]byte, bool) {
	data, ok, err := r.t.get(r.log, k)
	if err != nil {
		r.fail(err)
	}
	return data, ok
}

// put sets an item; data is the overlay's from now on.
func (r *replayer) put(k key, data []byte) {
	if !r.full() {
		r.dst.over.set(change{key: k, data: data})
	}
}

// putOrDrop sets an item, or takes it away when nothing is left in it.
func (r *replayer) putOrDrop(k key, data []byte) {
	if len(data) == 0 {
		r.drop(k)
		return
	}
	r.put(k, data)
}

func (r *replayer) drop(k key) {
	if !r.full() {
		r.dst.over.set(change{key: k, gone: true})
	}
}

// scan gives the items of one kind that an inode has by now. fn must not
// change items.
func (r *replayer) scan(ino uint64, kind uint8, from, to uint64, fn func(key, []byte) bool) {
	if err := r.t.scan(r.dst, key{ino, kind, from}, key{ino, kind, to}, fn); err != nil {
		r.fail(err)
	}
}
