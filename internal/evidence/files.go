package evidence

import (
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// files shows a volume to readers of several files.
type files struct{ volume *disk.Volume }

var _ detect.Files = files{}

// Open implements [detect.Files].
func (f files) Open(path string) (detect.Reader, error) {
	data, _, err := f.volume.FS.OpenData(fsys.Clean(path))
	if err != nil {
		return nil, err
	}
	return data, nil
}

// List implements [detect.Files].
func (f files) List(dir string, yield func(detect.File) bool) error {
	entries, err := f.volume.FS.ReadDir(fsys.Clean(dir))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // what can't be told of is not there for a reader
		}
		if !yield(detect.File{Path: strings.TrimSuffix(dir, "/") + "/" + e.Name(), Size: info.Size(), Mode: info.Mode(), Modified: info.ModTime()}) {
			break
		}
	}
	return err
}

// below tells whether a path lies below a directory.
func below(path, dir string) bool {
	return dir == "/" || strings.HasPrefix(path, dir) && len(path) > len(dir) && path[len(dir)] == '/'
}
