package databasetest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/detect"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "in/a"), 0o755); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "out"), []byte("outside"), 0o600)
	os.WriteFile(filepath.Join(dir, "in/a/b"), []byte("inside"), 0o600)
	if err := os.Symlink("../out", filepath.Join(dir, "in/link")); err != nil {
		t.Fatal(err)
	}
	files := Files(filepath.Join(dir, "in"))
	if diff := cmp.Diff(map[string][]byte{"/a/b": []byte("inside")}, Copy(t, files)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"/../out", "/link", "/a", "/none"} {
		if _, err := files.Open(name); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	if _, err := files.Open("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gave %v", err)
	}
}

func TestMem(t *testing.T) {
	files := Mem(map[string][]byte{"/a/b/c": []byte("1"), "/a/d": []byte("22"), "/ab": nil})
	var got []string
	if err := files.List("/a", func(f detect.File) bool { got = append(got, f.Path+" "+f.Mode.String()); return true }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/a/b drwxr-xr-x", "/a/d -rw-r--r--"}, got); diff != "" {
		t.Error(diff)
	}
	if len(Copy(t, files)) != 3 {
		t.Error("a copy misses files")
	}
}
