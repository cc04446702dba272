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
	cur, err := f.tree.Stat(f.tree.Root())
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

// child finds one name in a directory.
func (f *FS) child(dir Stat, name string) (Stat, error) {
	if !dir.Mode.IsDir() {
		return Stat{}, fmt.Errorf("%w: parent is no directory", fs.ErrNotExist)
	}
	id, found := ID(0), false
	err := f.tree.List(dir.ID, func(e Entry) bool {
		if e.Name == name {
			id, found = e.ID, true
		}
		return !found
	})
	if found {
		return f.tree.Stat(id)
	}
	if err != nil {
		return Stat{}, err // a damaged directory: the name may be in the lost part
	}
	return Stat{}, fs.ErrNotExist
}
