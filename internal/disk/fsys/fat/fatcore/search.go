package fatcore

import (
	"context"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Bounds of a search for deleted files.
const (
	maxDirs  = 1 << 20
	maxDepth = 512
)

// Folder is a directory that is to be searched.
type Folder struct {
	Dir    Ranges
	Gone   bool // it is deleted itself
	parent *Folder
	name   string
	depth  int
}

// Path gives the path of a name in the directory.
func (f *Folder) Path(name string) string {
	parts := make([]string, f.depth+1)
	for ; ; f = f.parent {
		parts[f.depth] = name
		if f.depth == 0 {
			return strings.Join(parts, "/")
		}
		name = f.name
	}
}

// Search is one search for deleted files.
type Search struct {
	Heap  *Heap
	Used  *Bitmap
	Yield func(fsys.Removed) bool
	seen  map[uint32]struct{} // first clusters of directories
	todo  []*Folder           // a stack
	stop  bool
	err   error // the first one
}

// Run searches the root directory, which starts at first where it lies in
// clusters, and all that Push notes.
func (s *Search) Run(ctx context.Context, root Ranges, first uint32, scan func(*Folder)) error {
	s.seen = map[uint32]struct{}{first: {}}
	s.todo = []*Folder{{Dir: root}}
	for len(s.todo) > 0 && !s.stop {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		scan(f)
	}
	return s.err
}

// Push notes a directory for later, once.
func (s *Search) Push(parent *Folder, name string, first uint32, dir Ranges, gone bool) {
	if _, ok := s.seen[first]; ok || !s.Heap.Holds(first) {
		return
	}
	if parent.depth >= maxDepth || len(s.seen) >= maxDirs {
		s.Fail(block.Damaged("more than %d directories, or more than %d deep: deleted files of the rest are left out", maxDirs, maxDepth))
		return
	}
	s.seen[first] = struct{}{}
	s.todo = append(s.todo, &Folder{Dir: dir, Gone: gone, parent: parent, name: name, depth: parent.depth + 1})
}

// Fail notes an error.
func (s *Search) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Stopped tells that nothing more is wanted.
func (s *Search) Stopped() bool { return s.stop }

// Found gives a deleted file or directory.
func (s *Search) Found(r fsys.Removed) { s.stop = s.stop || !s.Yield(r) }

// Left tells what is left of a file or directory whose clusters followed each
// other from first on, and gives where that lies.
func (s *Search) Left(r *fsys.Removed, first uint32, size int64) Mapping {
	left, state, ok := s.Used.Left(first, s.Heap.Clusters(size))
	if !ok {
		s.Fail(block.Damaged("deleted files: more of them overlap than can be looked at"))
		s.stop = true
	}
	r.State = state
	return left
}
