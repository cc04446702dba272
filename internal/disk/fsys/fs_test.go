package fsys_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// fake is a tree in memory: a node's text is a file's content or a link's
// target; bad nodes can't be read.
type fake map[fsys.ID]node

type node struct {
	mode    fs.FileMode
	text    string
	entries map[string]fsys.ID
	bad     bool
}

func (f fake) Info() fsys.Info { return fsys.Info{Type: "fake"} }
func (f fake) Root() fsys.ID   { return 1 }

func (f fake) Stat(id fsys.ID) (fsys.Stat, error) {
	n, ok := f[id]
	if !ok || n.bad {
		return fsys.Stat{}, fmt.Errorf("node %d: %w", id, block.ErrDamaged)
	}
	return fsys.Stat{ID: id, Mode: n.mode, Size: int64(len(n.text)), Links: 1}, nil
}

func (f fake) List(id fsys.ID, yield func(fsys.Entry) bool) error {
	for _, name := range slices.Sorted(maps.Keys(f[id].entries)) {
		if !yield(fsys.Entry{Name: name, ID: f[id].entries[name]}) {
			return nil
		}
	}
	if f[id].text == "torn" {
		return block.ErrDamaged
	}
	return nil
}

func (f fake) ReadLink(id fsys.ID) (string, error) { return f[id].text, nil }

func (f fake) Open(id fsys.ID) (fsys.Data, error) { return data{strings.NewReader(f[id].text)}, nil }

type data struct{ *strings.Reader }

func (data) Extents(int) ([]block.Extent, error) { return nil, nil }

func dir(entries map[string]fsys.ID) node { return node{mode: fs.ModeDir | 0o755, entries: entries} }
func link(to string) node                 { return node{mode: fs.ModeSymlink | 0o777, text: to} }

func tree() fake {
	return fake{
		1:  dir(map[string]fsys.ID{"a": 2, "etc": 3, "bad": 10, "loop": 5, "up": 7, "abs": 8, "\xff": 9, "x": 12}),
		2:  {mode: 0o600, text: "content"},
		3:  dir(map[string]fsys.ID{"passwd": 4, "self": 6, "again": 3}),
		4:  {mode: 0o644, text: "root"},
		5:  link("loop"),
		6:  link("../etc/./passwd"),
		7:  link("../../../../etc"),
		8:  link("/etc/passwd"),
		9:  {mode: 0o644, text: "bytes"},
		10: {bad: true},
		12: {mode: fs.ModeDir | 0o755, text: "torn", entries: map[string]fsys.ID{"kept": 4}},
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	f := fsys.New(tree())
	for path, want := range map[string]string{
		"a": "content", "etc/passwd": "root", "etc/self": "root", "up/passwd": "root", "up/self": "root", "abs": "root", "\xff": "bytes",
		"etc/again/again/passwd": "root",
	} {
		h, err := f.Open(path)
		if err != nil {
			t.Errorf("open %q: %v", path, err)
			continue
		}
		if b, err := io.ReadAll(h); err != nil || string(b) != want {
			t.Errorf("%q holds %q, %v", path, b, err)
		}
	}
	for path, want := range map[string]error{
		"loop": fsys.ErrLoop, "bad": block.ErrDamaged, "none": fs.ErrNotExist, "a/b": fs.ErrNotExist, "x/lost": block.ErrDamaged,
		"/a": fs.ErrInvalid, "a/../a": fs.ErrInvalid, "": fs.ErrInvalid, "a\x00": fs.ErrInvalid,
	} {
		if _, err := f.Open(path); !errors.Is(err, want) {
			t.Errorf("open %q: %v, want %v", path, err, want)
		}
	}
	for in, want := range map[string]string{"/": ".", "": ".", "/etc//passwd/": "etc/passwd", "../../x": "x", "a/../b": "b"} {
		if got := fsys.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	var got []string
	err := fsys.New(tree()).Walk(t.Context(), func(n fsys.Node) error {
		s := n.Path
		if n.Err != nil {
			s += " !"
		}
		if n.Target != "" {
			s += " -> " + n.Target
		}
		got = append(got, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		".", "a", "etc", "loop -> loop", "up -> ../../../../etc", "abs -> /etc/passwd", "\xff", "bad !", "x",
		"etc/again !", "etc/passwd", "etc/self -> ../etc/./passwd", "x/kept", "x !",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stop := errors.New("stop")
	if err := fsys.New(tree()).Walk(t.Context(), func(fsys.Node) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the function's error became %v", err)
	}
}

// TestStandard holds the adapter against the standard library's own checks.
func TestStandard(t *testing.T) {
	t.Parallel()
	whole := fake{
		1: dir(map[string]fsys.ID{"a": 2, "etc": 3, "to": 5}), 2: {mode: 0o600, text: "content"},
		3: dir(map[string]fsys.ID{"passwd": 4, "empty": 6}), 4: {mode: 0o644, text: "root"}, 5: link("etc/passwd"), 6: dir(nil),
	}
	if err := fstest.TestFS(fsys.New(whole), "a", "etc/passwd", "etc/empty"); err != nil {
		t.Error(err)
	}
}
