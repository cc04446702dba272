package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// ErrNoDatabase says that there is no database at a path that any engine knows.
var ErrNoDatabase = errors.New("no database that is read")

// OpenDatabase opens the database at a path of a volume: a file, or a directory
// of one. The path is as people type it.
func OpenDatabase(ctx context.Context, v *disk.Volume, path string, engines []database.Engine) (database.Database, error) {
	if v.FS == nil {
		return nil, fmt.Errorf("volume %s is %s: %w that is read", v.Name, v.State, disk.ErrNoVolume)
	}
	info, err := v.FS.Stat(fsys.Clean(path))
	if err != nil {
		return nil, err
	}
	at := "/" + fsys.Clean(path)
	if at == "/." {
		at = "/"
	}
	if info.Mode().IsRegular() {
		return openFile(ctx, v, detect.File{Path: at, Size: info.Size(), Mode: info.Mode(), Modified: info.ModTime()}, engines)
	}
	var found database.Engine
	var root string
	err = files{v}.List(at, func(f detect.File) bool {
		for _, e := range engines {
			if r, ok := e.Claims(f, nil); ok && f.Mode.IsRegular() && (r == at || below(at, r)) {
				found, root = e, r
				return false
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("%s: %w", at, ErrNoDatabase)
	}
	return found.Open(ctx, files{v}, root)
}

func openFile(ctx context.Context, v *disk.Volume, f detect.File, engines []database.Engine) (database.Database, error) {
	r, err := files{v}.Open(f.Path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, min(headBytes, f.Size))
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, &fs.PathError{Op: "read", Path: f.Path, Err: err}
	}
	for _, e := range engines {
		if root, ok := e.Claims(f, head[:n]); ok {
			return e.Open(ctx, files{v}, root)
		}
	}
	return nil, fmt.Errorf("%s: %w", f.Path, ErrNoDatabase)
}
