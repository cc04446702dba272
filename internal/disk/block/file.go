package block

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrClosed is given by a source that was closed.
var ErrClosed = fs.ErrClosed

// File is a [Source] over a regular file or a block device, opened for reading
// only. On Linux it is a [Mapper] that knows the holes of a sparse file.
type File struct {
	f    *os.File
	size int64
}

// OpenFile opens the regular file or block device at path. Anything else, a
// directory or a pipe, is an error.
func OpenFile(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open disk: %w", err)
	}
	if m := info.Mode(); !m.IsRegular() && (m&fs.ModeDevice == 0 || m&fs.ModeCharDevice != 0) {
		return nil, fmt.Errorf("open disk %s: want a regular file or a block device, found %s", path, m.Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open disk: %w", err)
	}
	// A block device's Stat says 0: its end tells the length.
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the length of disk %s: %w", path, err), f.Close())
	}
	return &File{f: f, size: size}, nil
}

// ReadAt implements [io.ReaderAt].
func (s *File) ReadAt(p []byte, off int64) (int, error) { return s.f.ReadAt(p, off) }

// Size implements [Source].
func (s *File) Size() int64 { return s.size }

// Close implements [Source].
func (s *File) Close() error { return s.f.Close() }

// Extents implements [Mapper]. Where the system does not tell holes the whole
// file is one extent.
func (s *File) Extents(ctx context.Context) ([]Extent, error) {
	var out []Extent
	for off := int64(0); off < s.size; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start, end, err := nextData(s.f, off, s.size)
		if err != nil {
			return nil, fmt.Errorf("find the data of %s after byte %d: %w", s.f.Name(), off, err)
		}
		if start >= end {
			break
		}
		out = append(out, Extent{start, end - start})
		off = end
	}
	return out, nil
}
