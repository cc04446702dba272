package fsys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Bounds of a walk, far above what honest file systems hold.
const (
	maxEntries = 100_000_000
	maxDepth   = 4096
	batch      = 16384 // entries of one directory held at once
)

// Node is one step of a walk.
type Node struct {
	// Path has no leading slash; the root is ".".
	Path string
	Stat
	// Target is a symbolic link's.
	Target string
	// Stream is set for a further stream of a file; Path is then "file:stream".
	Stream string
	// Err tells what could not be read: the node itself, then Stat holds its
	// ID at most, or a directory's entries or a file's streams, then it comes a
	// second time with Err set.
	Err error
}

// SkipDir leaves a directory out when a walk's function gives it.
var SkipDir = fs.SkipDir

// Walk visits every node below the root, the root first. Within a directory
// nodes come in the order of their numbers, which is the disk's, and each
// directory's own entries come before those of its children. Damage is told
// through [Node.Err] and the walk goes on. It ends with the first error of fn,
// with ctx's, or at a bound that no honest file system reaches.
func (f *FS) Walk(ctx context.Context, fn func(Node) error) error {
	return f.WalkFrom(ctx, ".", fn)
}

// WalkFrom is Walk from the node at a valid path, which is not followed when
// it is a symbolic link. A path that does not exist is an error.
func (f *FS) WalkFrom(ctx context.Context, path string, fn func(Node) error) error {
	w := &walk{ctx: ctx, tree: f.tree, fn: fn, seen: map[ID]bool{}}
	w.streams, _ = f.tree.(Streamer)
	root, err := f.lookup(path, false)
	if err != nil && path == "." {
		return fn(Node{Path: ".", Stat: Stat{ID: f.root}, Err: err})
	}
	if err != nil {
		return &fs.PathError{Op: "walk", Path: path, Err: err}
	}
	top := Node{Path: path, Stat: root}
	if root.Mode&fs.ModeSymlink != 0 {
		top.Target, top.Err = f.tree.ReadLink(root.ID)
	}
	if err := w.visit(top, nil, path); err != nil {
		return err
	}
	for len(w.todo) > 0 {
		d := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if err := w.dir(d); err != nil {
			return err
		}
	}
	return nil
}

// pending is a directory that waits. It knows its name and what it lies in: the
// paths of many deep directories would not fit into memory.
type pending struct {
	in    *pending
	name  string
	st    Stat
	depth int
	size  int // of its path
}

// path gives the path from the root of the walk.
func (p *pending) path() string {
	if p.in == nil {
		return p.name
	}
	if p.in.in == nil && p.in.name == "." {
		return p.name
	}
	return p.in.path() + "/" + p.name
}

type walk struct {
	ctx     context.Context
	tree    Tree
	streams Streamer // nil when files have one stream
	fn      func(Node) error
	seen    map[ID]bool // directories
	todo    []*pending  // a stack
	entries int
}

// visit gives one node to fn and notes a directory for later.
func (w *walk) visit(n Node, in *pending, name string) error {
	isDir := n.Err == nil && n.Mode.IsDir()
	if isDir && w.seen[n.ID] {
		// Honest directories have one name: this is a loop.
		n.Err, isDir = fmt.Errorf("directory %d has a second name: %w", n.ID, block.ErrDamaged), false
	}
	err := w.fn(n)
	if err == nil && n.Err == nil && w.streams != nil && (isDir || n.Mode.IsRegular()) {
		err = w.visitStreams(n)
	}
	switch {
	case isDir && errors.Is(err, SkipDir):
		return nil
	case err != nil || !isDir:
		return err
	}
	w.seen[n.ID] = true
	p := &pending{in: in, name: name, st: n.Stat, size: len(n.Path)}
	if in != nil {
		p.depth = in.depth + 1
	}
	w.todo = append(w.todo, p)
	return nil
}

// visitStreams gives the further streams of a node to fn.
func (w *walk) visitStreams(n Node) error {
	list, err := w.streams.Streams(n.ID)
	for _, e := range list {
		s := Node{Path: n.Path + ":" + e.Name, Stream: e.Name, Stat: Stat{ID: e.ID}}
		if st, serr := w.tree.Stat(e.ID); serr != nil {
			s.Err = serr
		} else {
			s.Stat = st
		}
		if ferr := w.fn(s); ferr != nil {
			return ferr
		}
	}
	if err != nil {
		n.Err = fmt.Errorf("list streams: %w", err)
		return w.fn(n)
	}
	return nil
}

// dir visits the entries of one directory, a batch at a time.
func (w *walk) dir(d *pending) error {
	path := d.path()
	switch {
	case d.depth >= maxDepth:
		return w.fn(Node{Path: path, Stat: d.st, Err: fmt.Errorf("more than %d directories deep: %w", maxDepth, block.ErrUnsupported)})
	case d.size > maxPath:
		return w.fn(Node{Path: path, Stat: d.st, Err: fmt.Errorf("its path has %d bytes, want at most %d: %w", d.size, maxPath, block.ErrUnsupported)})
	}
	var entries []Entry
	var failed error
	below := len(w.todo)
	flush := func() bool {
		failed = w.batch(d, path, entries)
		entries = entries[:0]
		return failed == nil
	}
	err := w.tree.List(d.st.ID, func(e Entry) bool {
		entries = append(entries, e)
		return len(entries) < batch || flush()
	})
	if failed == nil {
		flush()
	}
	slices.Reverse(w.todo[below:]) // the stack gives the lowest number first
	if failed != nil {
		return failed
	}
	if err != nil {
		return w.fn(Node{Path: path, Stat: d.st, Err: fmt.Errorf("list directory: %w", err)})
	}
	return nil
}

func (w *walk) batch(d *pending, path string, entries []Entry) error {
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if w.entries++; w.entries > maxEntries {
			return fmt.Errorf("more than %d entries: %w", maxEntries, block.ErrDamaged)
		}
		n := Node{Path: e.Name, Stat: Stat{ID: e.ID}}
		if path != "." {
			n.Path = path + "/" + e.Name
		}
		if st, err := w.tree.Stat(e.ID); err != nil {
			n.Err = err
		} else {
			n.Stat = st
		}
		if n.Err == nil && n.Mode&fs.ModeSymlink != 0 {
			n.Target, n.Err = w.tree.ReadLink(e.ID)
		}
		if err := w.visit(n, d, e.Name); err != nil {
			return err
		}
	}
	return nil
}
