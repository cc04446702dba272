// Package disktest is the suite that every file system passes: trees of awkward
// files, the truth about them, comparison, and damage.
package disktest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Fact is what must be true of one path.
type Fact struct {
	Type   string // as [fsys.TypeName] says it
	Mode   fs.FileMode
	Size   int64  // of files and links
	SHA256 string // of files
	Target string // of links
	Mtime  int64  // Unix seconds
}

// Truth reads the facts of a directory from the running system, by path
// relative to dir.
func Truth(t testing.TB, dir string) map[string]Fact {
	t.Helper()
	out := map[string]Fact{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == "lost+found" {
			return err
		}
		f, err := fact(path)
		out[filepath.ToSlash(rel)] = f
		return err
	})
	if err != nil {
		t.Fatalf("read the truth of %s: %v", dir, err)
	}
	return out
}

func fact(path string) (Fact, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Fact{}, err
	}
	f := Fact{Type: fsys.TypeName(info.Mode()), Mode: info.Mode(), Mtime: info.ModTime().Unix()}
	switch f.Type {
	case "file":
		f.Size = info.Size()
		h, err := os.Open(path)
		if err != nil {
			return f, err
		}
		defer h.Close()
		f.SHA256, err = sum(h)
		return f, err
	case "link":
		f.Target, err = os.Readlink(path)
		f.Size = int64(len(f.Target))
	}
	return f, err
}

func sum(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Facts walks a file system and reads everything in it.
func Facts(t testing.TB, f *fsys.FS) map[string]Fact {
	t.Helper()
	out := map[string]Fact{}
	err := f.Walk(t.Context(), func(n fsys.Node) error {
		if n.Path == "lost+found" {
			return fsys.SkipDir
		}
		if n.Err != nil {
			t.Errorf("%s: %v", n.Path, n.Err)
			return nil //nolint:nilerr // reported to the test
		}
		got := Fact{Type: fsys.TypeName(n.Mode), Mode: n.Mode, Mtime: n.Modified.Unix(), Target: n.Target}
		switch got.Type {
		case "file":
			got.Size = n.Size
			data, err := f.Tree().Open(n.ID)
			if err != nil {
				t.Errorf("%s: %v", n.Path, err)
				return nil
			}
			if got.SHA256, err = sum(io.NewSectionReader(data, 0, data.Size())); err != nil {
				t.Errorf("%s: %v", n.Path, err)
			}
			if _, err := data.Extents(0); err != nil {
				t.Errorf("%s: extents: %v", n.Path, err)
			}
		case "link":
			got.Size = n.Size
		}
		out[n.Path] = got
		return nil
	})
	if err != nil {
		t.Errorf("walk: %v", err)
	}
	return out
}

// Compare holds what a file system gives against the truth.
func Compare(t testing.TB, f *fsys.FS, want map[string]Fact) {
	t.Helper()
	got := Facts(t, f)
	// The tool that makes an image touches its root (lost+found) after it took
	// the folder's time over.
	if root, ok := got["."]; ok {
		root.Mtime = want["."].Mtime
		got["."] = root
	}
	if diff := cmp.Diff(want, got); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000] + "…"
		}
		t.Errorf("%d paths, want %d (-want +got):\n%s", len(got), len(want), diff)
	}
	checkPaths(t, f, want)
}

// checkPaths reads some files by path, which takes another way than a walk.
func checkPaths(t testing.TB, f *fsys.FS, want map[string]Fact) {
	t.Helper()
	tried := 0
	for path, w := range want {
		if tried++; tried > 200 {
			return
		}
		info, err := f.Lstat(path)
		if err != nil || info.Mode() != w.Mode {
			t.Errorf("lstat %q: %v, %v; want %v", path, info, err, w.Mode)
			continue
		}
		switch w.Type {
		case "link":
			if target, err := f.ReadLink(path); err != nil || target != w.Target {
				t.Errorf("readlink %q: %q, %v; want %q", path, target, err, w.Target)
			}
		case "file":
			h, err := f.Open(path)
			if err != nil {
				t.Errorf("open %q: %v", path, err)
				continue
			}
			if s, err := sum(h); err != nil || s != w.SHA256 {
				t.Errorf("read %q by path: %s, %v; want %s", path, s, err, w.SHA256)
			}
		}
	}
	if _, err := f.Open("no/such/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open a missing file: %v", err)
	}
	if _, err := f.Open("/" + strings.Repeat("x", 3)); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("open an invalid path: %v", err)
	}
}
