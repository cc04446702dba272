package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// source is a disk in memory that notes when it is closed.
type source struct {
	*bytes.Reader
	name   string
	closed *[]string
}

func (s source) Close() error {
	*s.closed = append(*s.closed, s.name)
	return nil
}

func memory(name, data string, closed *[]string) source {
	return source{bytes.NewReader([]byte(data)), name, closed}
}

// boxes is a format of text: "box(a|b)" holds the disks a and b, "ref:x" the
// disk in the backing file x, "bad" is damaged.
type boxes struct{ closed *[]string }

func (boxes) Name() string { return "box" }

func (b boxes) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	data := make([]byte, src.Size())
	if err := block.ReadFull(src, data, 0); err != nil {
		return nil, err
	}
	text := string(data)
	if name, ok := strings.CutPrefix(text, "ref:"); ok {
		name, format, _ := strings.Cut(name, ":")
		d, err := env.OpenBacking(ctx, name, format)
		if err != nil {
			return nil, err
		}
		return []image.Disk{d}, nil
	}
	if text == "bad" {
		return nil, block.Damaged("a box")
	}
	inner, ok := strings.CutPrefix(text, "box(")
	if !ok {
		return nil, block.ErrNotThis
	}
	var out []image.Disk
	depth, start := 0, 0
	inner = strings.TrimSuffix(inner, ")") + "|"
	for i, c := range inner {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			name := inner[start:i]
			if name != "" {
				out = append(out, image.Disk{Source: memory(name, name, b.closed), Name: "n" + name, Notes: []string{"in a box"}, Incomplete: name == "lost"})
			}
			start = i + 1
		}
	}
	return out, nil
}

func open(t *testing.T, text string, closed *[]string, opts image.Options) ([]image.Disk, error) {
	t.Helper()
	return image.Open(t.Context(), memory("file", text, closed), []image.Format{boxes{closed}}, opts)
}

func TestOpenPeels(t *testing.T) {
	t.Parallel()
	var closed []string
	disks, err := open(t, "box(a|box(b|lost)|c)", &closed, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range disks {
		data := make([]byte, d.Size())
		if err := block.ReadFull(d, data, 0); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s: %s, %s, %q, %t", data, d.Name, d.Format, d.Notes, d.Incomplete))
	}
	want := []string{
		`a: na, box, ["in a box"], false`,
		`b: nb, box, box, ["in a box" "in a box"], false`,
		`lost: nlost, box, box, ["in a box" "in a box"], true`,
		`c: nc, box, ["in a box"], false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(closed) > 0 {
		t.Fatalf("closed %q while they are used", closed)
	}
	for _, d := range disks {
		_ = d.Close()
	}
	if diff := cmp.Diff([]string{"a", "b", "lost", "box(b|lost)", "c"}, closed); diff != "" {
		t.Errorf("closed in this order: %s", diff)
	}
}

func TestOpenRaw(t *testing.T) {
	t.Parallel()
	var closed []string
	disks, err := open(t, "plain", &closed, image.Options{})
	if err != nil || len(disks) != 1 || disks[0].Format != "" {
		t.Fatalf("%v, %v", disks, err)
	}
	if err := disks[0].Close(); err != nil || len(closed) > 0 {
		t.Errorf("the caller's source was closed: %v, %q", err, closed)
	}
}

func TestOpenFrees(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"bad":           nil,
		"box(bad)":      {"bad"},
		"box(box(bad))": {"bad", "box(bad)"},
	} {
		var closed []string
		if _, err := open(t, text, &closed, image.Options{}); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("%s: error %v", text, err)
		}
		if diff := cmp.Diff(want, closed); diff != "" {
			t.Errorf("%s: closed: %s", text, diff)
		}
	}
	var closed []string
	if disks, err := open(t, "box(box())", &closed, image.Options{}); err != nil || len(disks) > 0 || len(closed) != 1 {
		t.Errorf("an empty box: %d disks, %v, closed %q", len(disks), err, closed)
	}
}

// TestOpenKeeps holds that one bad disk costs that disk, not those beside it.
func TestOpenKeeps(t *testing.T) {
	t.Parallel()
	var closed, got []string
	disks, err := open(t, "box(a|bad|box(b|bad))", &closed, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range disks {
		got = append(got, fmt.Sprintf("%s: %s, %t", d.Name, d.Format, errors.Is(d.Err, block.ErrDamaged)))
		_ = d.Close()
	}
	if diff := cmp.Diff([]string{"na: box, false", "nbad: box, true", "nb: box, box, false", "nbad: box, box, true"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "bad", "b", "bad", "box(b|bad)"}, closed); diff != "" {
		t.Errorf("closed: %s", diff)
	}
}

func TestOpenIsBounded(t *testing.T) {
	t.Parallel()
	var closed []string
	deep := strings.Repeat("box(", 40) + "x" + strings.Repeat(")", 40)
	if _, err := open(t, deep, &closed, image.Options{}); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("40 formats within each other: %v", err)
	}
	opened := 0
	opts := image.Options{Backing: func(name string) (block.Source, error) {
		opened++
		return memory(name, "ref:"+name, &closed), nil
	}}
	closed = nil
	if _, err := open(t, "ref:self", &closed, opts); !errors.Is(err, block.ErrUnsupported) || opened == 0 || opened != len(closed) {
		t.Errorf("an image on itself: %v, %d opened, %d closed", err, opened, len(closed))
	}
}

func TestBacking(t *testing.T) {
	t.Parallel()
	var closed []string
	_, err := open(t, "ref:base", &closed, image.Options{})
	if !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), `"base"`) || !strings.Contains(err.Error(), "permit") {
		t.Errorf("without permission: %v", err)
	}
	files := map[string]string{"raw": "plain", "one": "box(a)", "two": "box(a|b)"}
	opts := image.Options{Backing: func(name string) (block.Source, error) {
		text, ok := files[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return memory(name, text, &closed), nil
	}}
	for ref, want := range map[string]error{
		"none": fs.ErrNotExist, "two": block.ErrUnsupported, "raw:box": block.ErrDamaged, "one:tar": block.ErrDamaged,
	} {
		closed = nil
		if _, err := open(t, "ref:"+ref, &closed, opts); !errors.Is(err, want) || ref != "none" && len(closed) == 0 {
			t.Errorf("%s: %v, closed %q", ref, err, closed)
		}
	}
	for ref, text := range map[string]string{"raw": "plain", "raw:raw": "plain", "one": "a", "one:box": "a", "one:raw": "a"} {
		closed = nil
		// A backing disk is peeled again where it is given as it is.
		disks, err := image.Open(t.Context(), memory("file", "ref:"+ref, &closed), []image.Format{once{boxes{&closed}, new(int)}}, opts)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		data := make([]byte, disks[0].Size())
		if err := block.ReadFull(disks[0], data, 0); err != nil || string(data) != text {
			t.Errorf("%s: %q, %v; want %q", ref, data, err, text)
		}
		if err := disks[0].Close(); err != nil || len(closed) == 0 || closed[len(closed)-1] != strings.TrimSuffix(strings.TrimSuffix(ref, ":raw"), ":box") {
			t.Errorf("%s: closed %q, %v", ref, closed, err)
		}
	}
}

// once is a format that opens two levels and no more.
type once struct {
	image.Format
	n *int
}

func (o once) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	if src.Size() < 3 || *o.n >= 2 {
		return nil, block.ErrNotThis
	}
	*o.n++
	return o.Format.Open(ctx, src, env)
}

func TestExtentNames(t *testing.T) {
	t.Parallel()
	asked := ""
	env := image.Env{Options: image.Options{Extent: func(name string) (block.Source, error) {
		asked = name
		return block.Zero(1), nil
	}}}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/etc/passwd", "a\x00b"} {
		if _, err := env.OpenExtent(name); !errors.Is(err, block.ErrDamaged) || asked != "" {
			t.Errorf("%q: %v, asked for %q", name, err, asked)
		}
	}
	for _, name := range []string{"disk-s001.vmdk", "a b", "...", "秘密", "\xff"} {
		if _, err := env.OpenExtent(name); err != nil || asked != name {
			t.Errorf("%q: %v, asked for %q", name, err, asked)
		}
	}
	if _, err := new(image.Env).OpenExtent("x"); !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("without a folder: %v", err)
	}
}

func TestSpillNeedsPermission(t *testing.T) {
	t.Parallel()
	if _, err := new(image.Env).Spill(); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("without permission: %v", err)
	}
	env := image.Env{Options: image.Options{SpillBytes: 1, SpillDir: t.TempDir()}}
	f, err := env.Spill()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
