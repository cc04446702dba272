package fsys

import (
	"errors"
	"io"
	"io/fs"
)

// openFile is a regular file's handle.
type openFile struct {
	*io.SectionReader
	info nodeInfo
}

func (o *openFile) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openFile) Close() error               { return nil }

// special is the handle of what has no bytes: a pipe, a device.
type special struct {
	name string
	info nodeInfo
}

func (s *special) Stat() (fs.FileInfo, error) { return s.info, nil }
func (s *special) Close() error               { return nil }
func (s *special) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: s.name, Err: errors.New("a " + TypeName(s.info.st.Mode) + " has no bytes on the disk")}
}

// openDir is a directory's handle.
type openDir struct {
	fs      *FS
	name    string
	info    nodeInfo
	entries []fs.DirEntry
	read    bool
	pos     int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

// ReadDir implements [fs.ReadDirFile].
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		entries, err := d.fs.ReadDir(d.name)
		if err != nil {
			return entries, err
		}
		d.entries, d.read = entries, true
	}
	rest := d.entries[d.pos:]
	if n <= 0 {
		d.pos = len(d.entries)
		return rest, nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	rest = rest[:min(n, len(rest))]
	d.pos += len(rest)
	return rest, nil
}
