package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is one entry of a tree; a name that ends in a slash is a directory.
type file struct {
	name     string
	mode     uint32
	uid, gid int
	data     string
	link     string
}

// tree is a file system to be: what is in it is written in order.
type tree struct {
	*secrets
	files []file
	known map[string]bool
}

func newTree(seed string) *tree {
	return &tree{secrets: newSecrets(seed), known: map[string]bool{"/": true}}
}

// add puts a file into the tree, and its directories as the owner's.
func (t *tree) add(name string, mode uint32, owner int, data string) {
	t.dirs(path.Dir(name), owner)
	t.files = append(t.files, file{name: name, mode: mode, uid: owner, gid: owner, data: data})
	t.known[name] = true
}

func (t *tree) link(name, to string) {
	t.dirs(path.Dir(name), 0)
	t.files = append(t.files, file{name: name, link: to})
}

func (t *tree) dirs(dir string, owner int) {
	if t.known[dir] {
		return
	}
	if !strings.HasPrefix(dir, "/home/") && !strings.HasPrefix(dir, "/srv/") && !strings.Contains(dir, "postgresql") || strings.Count(dir, "/") == 1 {
		owner = 0
	}
	t.dirs(path.Dir(dir), owner)
	t.known[dir] = true
	mode := uint32(0o755)
	if path.Base(dir) == ".ssh" || path.Base(dir) == ".aws" || dir == "/root" {
		mode = 0o700
	}
	t.files = append(t.files, file{name: dir + "/", mode: mode, uid: owner, gid: owner})
}

// write lays the tree out below dir/name and writes the commands that give
// every inode its owner, mode and times.
func (t *tree) write(dir, name string) error {
	root := filepath.Join(dir, name)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	slices.SortStableFunc(t.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	var script strings.Builder
	born := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	stamp(&script, "/", born)
	stamp(&script, "/lost+found", born)
	for n, f := range t.files {
		at := filepath.Join(root, filepath.FromSlash(f.name))
		inode := strings.TrimSuffix(f.name, "/")
		var err error
		kind := uint32(0o100000)
		switch {
		case f.link != "":
			kind = 0
			err = os.Symlink(f.link, at)
		case strings.HasSuffix(f.name, "/"):
			kind = 0o040000
			err = os.MkdirAll(at, 0o755)
		default:
			err = os.WriteFile(at, []byte(f.data), 0o600)
		}
		if err != nil {
			return err
		}
		if kind != 0 {
			fmt.Fprintf(&script, "sif %s mode 0%o\n", inode, kind|f.mode)
		}
		fmt.Fprintf(&script, "sif %s uid %d\nsif %s gid %d\n", inode, f.uid, inode, f.gid)
		stamp(&script, inode, born.Add(time.Duration(n)*37*time.Minute))
	}
	return os.WriteFile(filepath.Join(dir, name+".debugfs"), []byte(script.String()), 0o600)
}

func stamp(script *strings.Builder, inode string, at time.Time) {
	for _, field := range []string{"atime", "ctime", "mtime", "crtime"} {
		fmt.Fprintf(script, "sif %s %s @%d\n", inode, field, at.Unix())
		fmt.Fprintf(script, "sif %s %s_extra 0\n", inode, field)
	}
	fmt.Fprintf(script, "sif %s generation 0\n", inode)
}
