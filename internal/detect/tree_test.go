package detect_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
)

// TestTree holds that an untouched system has no high find and fewer than five
// of any kind: LENSCAP_TREE=/srv/root.
func TestTree(t *testing.T) {
	t.Parallel()
	root := os.Getenv("LENSCAP_TREE")
	if root == "" {
		t.Skip("LENSCAP_TREE is not set")
	}
	e, err := detect.NewEngine(detect.Options{Rules: placeRules(t)})
	if err != nil {
		t.Fatal(err)
	}
	files, read, hits, high := 0, 0, 0, 0
	var choosing time.Duration
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what can't be read is left out
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it is gone
		}
		files++
		f := detect.File{Path: "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/"), Size: info.Size()}
		start := time.Now()
		n := e.Wants(f)
		choosing += time.Since(start)
		if n == 0 {
			return nil
		}
		read++
		data, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // not ours to read
		}
		s := e.Scan(f, func(found detect.Found) {
			hits++
			if found.Severity == detect.High || found.Severity == detect.Critical {
				high++
			}
			t.Logf("%s %s %s:%d", found.Severity, found.Type, f.Path, found.Line)
		})
		s.Write(data[:min(n, int64(len(data)))])
		s.Close()
		return nil
	})
	t.Logf("%d files, %d read, %d hits, %v to choose", files, read, hits, choosing)
	if high > 0 || hits >= 5 {
		t.Errorf("%d hits, %d of them high", hits, high)
	}
	if err != nil {
		t.Error(err)
	}
}
