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
	Type     string // as [fsys.TypeName] says it
	Mode     fs.FileMode
	Size     int64  // of files and links
	SHA256   string // of files
	Target   string // of links
	Mtime    int64  // Unix seconds
	Nanos    int    // of Mtime
	UID, GID uint32
	Links    uint32            // of files
	Xattrs   map[string]string // user.*, trusted.* and security.*; nil when there are none
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
	f := Fact{Type: fsys.TypeName(info.Mode()), Mode: info.Mode(), Mtime: info.ModTime().Unix(), Nanos: info.ModTime().Nanosecond()}
	owner(info, &f)
	if f.Xattrs, err = xattrs(path, info.Mode()); err != nil {
		return f, err
	}
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

// skipping reads a file by its data alone, with zeros for the holes it tells.
type skipping struct {
	data fsys.Data
	off  int64
}

func (s *skipping) Read(p []byte) (int, error) {
	next := fsys.NextData(s.data, s.off)
	if next > s.off {
		n := int(min(int64(len(p)), next-s.off))
		clear(p[:n])
		s.off += int64(n)
		return n, nil
	}
	n, err := s.data.ReadAt(p[:min(len(p), 5000)], s.off)
	s.off += int64(n)
	return n, err
}

// Facts walks a file system and reads everything in it.
func Facts(t testing.TB, f *fsys.FS) map[string]Fact {
	t.Helper()
	out := map[string]Fact{}
	attrs, _ := f.Tree().(fsys.Attributer)
	err := f.Walk(t.Context(), func(n fsys.Node) error {
		if n.Stream != "" {
			return nil // its suite looks at them
		}
		if n.Path == "lost+found" {
			return fsys.SkipDir
		}
		if n.Err != nil {
			t.Errorf("%s: %v", n.Path, n.Err)
			return nil //nolint:nilerr // reported to the test
		}
		got := Fact{Type: fsys.TypeName(n.Mode), Mode: n.Mode, Mtime: n.Modified.Unix(), Nanos: n.Modified.Nanosecond(), UID: n.UID, GID: n.GID, Target: n.Target}
		if attrs != nil {
			all, err := attrs.Attributes(n.ID)
			if err != nil {
				t.Errorf("%s: attributes: %v", n.Path, err)
			}
			for name, value := range all {
				if comparable(name) {
					if got.Xattrs == nil {
						got.Xattrs = map[string]string{}
					}
					got.Xattrs[name] = string(value)
				}
			}
		}
		switch got.Type {
		case "file":
			got.Size, got.Links = n.Size, n.Links
			data, err := f.Tree().Open(n.ID)
			if err != nil {
				t.Errorf("%s: %v", n.Path, err)
				return nil
			}
			if got.SHA256, err = sum(io.NewSectionReader(data, 0, data.Size())); err != nil {
				t.Errorf("%s: %v", n.Path, err)
			}
			if s, err := sum(&skipping{data: data}); err != nil || s != got.SHA256 {
				t.Errorf("%s: what lies between its holes is not what it reads as (%v)", n.Path, err)
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

// comparable tells whether an attribute is the file's own in every file system.
func comparable(name string) bool {
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.") || strings.HasPrefix(name, "security.")
}

// Adjust changes what is true of a path to what a format can hold; false leaves
// the path out. It is asked for both sides of a comparison.
type Adjust func(path string, f *Fact) bool

func (a Adjust) apply(facts map[string]Fact) map[string]Fact {
	if a == nil {
		return facts
	}
	out := map[string]Fact{}
	for path, f := range facts {
		if a(path, &f) {
			out[path] = f
		}
	}
	return out
}

// Compare holds what a file system gives against the truth, both as far as the
// format can hold it. adjust may be nil.
func Compare(t testing.TB, f *fsys.FS, want map[string]Fact, adjust Adjust) {
	t.Helper()
	got, want := adjust.apply(Facts(t, f)), adjust.apply(want)
	// The tool that makes an image makes its root itself.
	if root, ok := got["."]; ok {
		w := want["."]
		root.Mtime, root.Nanos, root.Mode, root.UID, root.GID = w.Mtime, w.Nanos, w.Mode, w.UID, w.GID
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
		if err != nil || fsys.TypeName(info.Mode()) != w.Type {
			t.Errorf("lstat %q: %v, %v; want %s", path, info, err, w.Type)
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
