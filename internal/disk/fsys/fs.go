package fsys

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"
)

// FS is a tree with paths. It implements [fs.FS], [fs.ReadDirFS], [fs.StatFS],
// [fs.ReadLinkFS] and [fs.ReadFileFS]'s interface by parts; names need not be
// UTF-8. Symbolic links are followed within the tree as if it were mounted as
// the root.
type FS struct {
	tree Tree
	root ID
}

// New gives paths to a tree.
func New(tree Tree) *FS { return &FS{tree, tree.Root()} }

// Sub gives paths to one of the trees of a [Splitter].
func Sub(tree Tree, root ID) *FS { return &FS{tree, root} }

var (
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadLinkFS = (*FS)(nil)
)

// Tree gives the tree below.
func (f *FS) Tree() Tree { return f.tree }

// Info says what the file system is.
func (f *FS) Info() Info { return f.tree.Info() }

// Open implements [fs.FS]. The handle of a regular file is an [io.ReaderAt]
// and [io.Seeker], too.
func (f *FS) Open(name string) (fs.File, error) {
	st, err := f.lookup(name, true)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	info := nodeInfo{path.Base(name), st}
	switch {
	case st.Mode.IsDir():
		return &openDir{fs: f, name: name, info: info}, nil
	case st.Mode.IsRegular():
		data, err := f.tree.Open(st.ID)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openFile{SectionReader: io.NewSectionReader(data, 0, data.Size()), info: info}, nil
	}
	return &special{name: name, info: info}, nil
}

// OpenData opens the bytes of the regular file at name.
func (f *FS) OpenData(name string) (Data, Stat, error) {
	st, err := f.lookup(name, true)
	if err == nil && !st.Mode.IsRegular() {
		err = errors.New("want a regular file, found " + TypeName(st.Mode))
	}
	var data Data
	if err == nil {
		data, err = f.tree.Open(st.ID)
	}
	if err != nil {
		return nil, st, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return data, st, nil
}

// Stat implements [fs.StatFS].
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat implements [fs.ReadLinkFS]. Sys of what it gives is a [Stat].
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *FS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	st, err := f.lookup(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nodeInfo{path.Base(name), st}, nil
}

// ReadLink implements [fs.ReadLinkFS].
func (f *FS) ReadLink(name string) (string, error) {
	st, err := f.lookup(name, false)
	if err == nil && st.Mode&fs.ModeSymlink == 0 {
		err = fs.ErrInvalid
	}
	target := ""
	if err == nil {
		target, err = f.tree.ReadLink(st.ID)
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

// ReadDir implements [fs.ReadDirFS]: the entries in the order of their names.
// Entries whose node can't be read are there; their Info gives the error.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	st, err := f.lookup(name, true)
	if err == nil && !st.Mode.IsDir() {
		err = errors.New("want a directory, found " + TypeName(st.Mode))
	}
	var out []fs.DirEntry
	if err == nil {
		err = f.tree.List(st.ID, func(e Entry) bool {
			sub, serr := f.tree.Stat(e.ID)
			out = append(out, dirEntry{nodeInfo{e.Name, sub}, serr})
			return true
		})
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	if err != nil {
		return out, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return out, nil
}

// nodeInfo is a node under a name; it implements [fs.FileInfo].
type nodeInfo struct {
	name string
	st   Stat
}

// Name implements [fs.FileInfo].
func (i nodeInfo) Name() string { return i.name }

// Size implements [fs.FileInfo].
func (i nodeInfo) Size() int64 { return i.st.Size }

// Mode implements [fs.FileInfo].
func (i nodeInfo) Mode() fs.FileMode { return i.st.Mode }

// ModTime implements [fs.FileInfo].
func (i nodeInfo) ModTime() time.Time { return i.st.Modified }

// IsDir implements [fs.FileInfo].
func (i nodeInfo) IsDir() bool { return i.st.Mode.IsDir() }

// Sys implements [fs.FileInfo]: a [Stat].
func (i nodeInfo) Sys() any { return i.st }

type dirEntry struct {
	nodeInfo
	err error
}

func (d dirEntry) Type() fs.FileMode          { return d.st.Mode.Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.nodeInfo, d.err }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

// TypeName is the word for a node's type in output: file, dir, link, fifo,
// socket, char, block, other.
func TypeName(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "dir"
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeNamedPipe != 0:
		return "fifo"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeCharDevice != 0:
		return "char"
	case m&fs.ModeDevice != 0:
		return "block"
	}
	return "other"
}
