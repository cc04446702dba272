package fsys

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// maxLinks is how many symbolic links one path may go through (Linux: 40).
const maxLinks = 40

// maxPath bounds a path in bytes, links expanded.
const maxPath = 64 << 10

// ErrLoop says that a path goes through too many symbolic links.
var ErrLoop = errors.New("too many symbolic links")

// ValidPath is [fs.ValidPath] without the demand for UTF-8: "." or slash-
// separated elements that are not empty, "." or "..", without NUL.
func ValidPath(name string) bool {
	if name == "." {
		return true
	}
	for elem := range strings.SplitSeq(name, "/") {
		if elem == "" || elem == "." || elem == ".." || strings.IndexByte(elem, 0) >= 0 {
			return false
		}
	}
	return len(name) <= maxPath
}

// Clean turns a path as people type it ("/etc/passwd", "etc//passwd/") into a
// valid one ("etc/passwd"); "/" is ".". ".." never leaves the root.
func Clean(name string) string {
	if p := strings.TrimPrefix(path.Clean("/"+name), "/"); p != "" {
		return p
	}
	return "."
}

// lookup finds the node of a valid path. Links in the middle are followed, the
// last one when follow is set; an absolute target starts at the tree's root
// and ".." never leaves it.
func (f *FS) lookup(name string, follow bool) (Stat, error) {
	if !ValidPath(name) {
		return Stat{}, fs.ErrInvalid
	}
	cur, err := f.tree.Stat(f.root)
	if err != nil {
		return Stat{}, err
	}
	var up []Stat // directories from the root to cur's parent
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		switch elem {
		case "", ".":
			continue
		case "..":
			if n := len(up); n > 0 {
				cur, up = up[n-1], up[:n-1]
			}
			continue
		}
		next, err := f.child(cur, elem)
		if err != nil {
			return Stat{}, err
		}
		if next.Mode&fs.ModeSymlink == 0 || len(rest) == 0 && !follow {
			up, cur = append(up, cur), next
			continue
		}
		if links++; links > maxLinks {
			return Stat{}, ErrLoop
		}
		target, err := f.tree.ReadLink(next.ID)
		if err != nil {
			return Stat{}, err
		}
		if strings.HasPrefix(target, "/") && len(up) > 0 {
			cur, up = up[0], nil
		}
		if len(target)+len(rest) > maxPath {
			return Stat{}, fs.ErrInvalid
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return cur, nil
}

// child finds one name in a directory: the name itself, else the first one that
// is the same to the tree, else a stream: "file:stream".
func (f *FS) child(dir Stat, name string) (Stat, error) {
	if !dir.Mode.IsDir() {
		return Stat{}, fmt.Errorf("%w: parent is no directory", fs.ErrNotExist)
	}
	match, _ := f.tree.(Matcher)
	var exact, like []ID
	err := f.tree.List(dir.ID, func(e Entry) bool {
		switch {
		case e.Name == name:
			exact = append(exact, e.ID)
		case len(like) == 0 && match != nil && match.SameName(e.Name, name):
			like = append(like, e.ID)
		}
		return len(exact) == 0
	})
	if len(exact) > 0 {
		return f.tree.Stat(exact[0])
	}
	if len(like) > 0 {
		return f.tree.Stat(like[0])
	}
	if st, ok := f.stream(dir, name); ok {
		return st, nil
	}
	if err != nil {
		return Stat{}, err // a damaged directory: the name may be in the lost part
	}
	return Stat{}, fs.ErrNotExist
}

// stream finds "file:stream" where files have several.
func (f *FS) stream(dir Stat, name string) (Stat, bool) {
	s, ok := f.tree.(Streamer)
	file, stream, found := strings.Cut(name, ":")
	if !ok || !found {
		return Stat{}, false
	}
	of, err := dir, error(nil)
	if file != "" {
		of, err = f.child(dir, file)
	}
	if err != nil {
		return Stat{}, false
	}
	list, _ := s.Streams(of.ID) // one that can't be read has no such stream
	for _, e := range list {
		if e.Name == stream {
			st, err := f.tree.Stat(e.ID)
			return st, err == nil
		}
	}
	return Stat{}, false
}
