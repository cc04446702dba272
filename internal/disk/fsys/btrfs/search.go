package btrfs

import (
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// root is a tree of items, with what the log tree says laid over it.
type root struct {
	ref  treeRef
	over *overlay // nil when nothing was replayed
	last atomic.Pointer[found]
}

// found is a leaf, and the range of keys that it holds all items of: from lo
// up to hi, hi left out unless open is set, as on the right edge of the tree.
type found struct {
	leaf   *node
	lo, hi key
	open   bool
}

func (f *found) covers(k key) bool {
	return k.compare(f.lo) >= 0 && (f.open || k.compare(f.hi) < 0)
}

// leaf finds the leaf whose range holds k. When a block on the way can't be
// read, the range is the one that is lost with it.
func (t *tree) leaf(r *root, k key) (*found, error) {
	if f := r.last.Load(); f != nil && f.covers(k) {
		return f, nil
	}
	f := &found{open: true}
	n, err := t.readNode(r.ref)
	for err == nil && n.level > 0 {
		i := max(n.upTo(k), 0)
		if i > 0 {
			f.lo = n.key(i)
		}
		if i+1 < n.n {
			f.hi, f.open = n.key(i+1), false
		}
		ref, lowest := n.child(i), n.key(i)
		if n, err = t.readNode(ref); err == nil {
			err = n.within(lowest, f)
		}
	}
	if err != nil {
		return f, err
	}
	f.leaf = n
	r.last.Store(f)
	return f, nil
}

// within holds the keys of a block against those of its parent. A block that
// keeps to them has one parent: there are no loops and no short cuts.
func (n *node) within(lowest key, f *found) error {
	if n.n == 0 {
		return block.Damaged("tree block at %d: it is empty", n.logical)
	}
	if last := n.key(n.n - 1); n.key(0) != lowest || !f.open && last.compare(f.hi) >= 0 {
		return block.Damaged("tree block at %d: keys from %v to %v, want them from %v on and below %v", n.logical, n.key(0), last, lowest, f.hi)
	}
	return nil
}

// scanBase gives the items of the tree on the disk from one key to another,
// both included, until fn says false. A block that can't be read costs its
// items; the first such error comes at the end.
func (t *tree) scanBase(r *root, from, to key, fn func(key, []byte) bool) error {
	var failed error
	for {
		f, err := t.leaf(r, from)
		failed = first(failed, err)
		if err == nil {
			for i := f.leaf.upTo(from); i < f.leaf.n; i++ {
				if i < 0 {
					continue
				}
				k := f.leaf.key(i)
				if k.compare(from) < 0 {
					continue
				}
				if k.compare(to) > 0 || !fn(k, f.leaf.item(i)) {
					return failed
				}
			}
		}
		if f.open || f.hi.compare(to) > 0 {
			return failed
		}
		from = f.hi
	}
}

// floorBase finds the key of the last item up to k in the tree on the disk.
func (t *tree) floorBase(r *root, k key) (key, bool, error) {
	f, err := t.leaf(r, k)
	if err != nil {
		return key{}, false, err
	}
	i := f.leaf.upTo(k)
	if i < 0 {
		return key{}, false, nil
	}
	return f.leaf.key(i), true, nil
}

// get finds one item.
func (t *tree) get(r *root, k key) ([]byte, bool, error) {
	if r.over != nil {
		if e := r.over.get(k); e != nil {
			return e.data, !e.gone, nil
		}
	}
	f, err := t.leaf(r, k)
	if err != nil {
		return nil, false, err
	}
	if i := f.leaf.upTo(k); i >= 0 && f.leaf.key(i) == k {
		return f.leaf.item(i), true, nil
	}
	return nil, false, nil
}

// floor finds the key of the last item up to k.
func (t *tree) floor(r *root, k key) (key, bool, error) {
	base, ok, err := t.floorBase(r, k)
	if r.over == nil || err != nil {
		return base, ok, err
	}
	for err == nil && ok && r.over.get(base) != nil {
		if base == (key{}) {
			ok = false
			break
		}
		base, ok, err = t.floorBase(r, base.prev())
	}
	e := r.over.floor(k)
	if err != nil || e == nil || ok && base.compare(e.key) > 0 {
		return base, ok, err
	}
	return e.key, true, nil
}

// scan gives the items from one key to another as scanBase does.
func (t *tree) scan(r *root, from, to key, fn func(key, []byte) bool) error {
	if r.over == nil {
		return t.scanBase(r, from, to, fn)
	}
	next, more := from, true
	err := t.scanBase(r, from, to, func(k key, data []byte) bool {
		if more = r.over.each(next, k, fn); !more {
			return false
		}
		if r.over.get(k) == nil {
			more = fn(k, data)
		}
		next = k.next()
		more = more && k != maxKey
		return more
	})
	if more && next.compare(to) <= 0 {
		r.over.each(next, to, fn)
	}
	return err
}
