package disktest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Image is a way to make a file system out of a directory.
type Image struct {
	Name string
	// Entries is how many files the huge directory holds; 0 means 2000.
	Entries int
	// Without names paths that are left out, when the format or the tool that
	// builds the image can't hold them.
	Without []string
	// Adjust changes what is true to what the format can hold.
	Adjust Adjust
	// Build writes the file system with the tree at dir to the file at path.
	Build func(t testing.TB, dir, path string)
}

// Suite is what every driver passes: each image gives the truth, foreign bytes
// are [block.ErrNotThis], and damage ends in errors.
func Suite(t *testing.T, d fsys.Driver, images []Image) {
	t.Helper()
	t.Run("foreign", func(t *testing.T) { foreign(t, d) })
	for _, img := range images {
		t.Run(img.Name, func(t *testing.T) {
			t.Parallel()
			dir, path := t.TempDir(), t.TempDir()+"/disk.raw"
			entries := img.Entries
			if entries == 0 {
				entries = 2000
			}
			Plant(t, dir, entries)
			for _, w := range img.Without {
				if err := os.RemoveAll(filepath.Join(dir, w)); err != nil {
					t.Fatal(err)
				}
			}
			img.Build(t, dir, path)
			f := Open(t, d, path)
			Compare(t, f, Truth(t, dir), img.Adjust)
			Damage(t, d, path, 10)
		})
	}
}

// Open opens the image at path.
func Open(t testing.TB, d fsys.Driver, path string) *fsys.FS {
	t.Helper()
	tree, err := d.Open(t.Context(), File(t, path))
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return fsys.New(tree)
}

func foreign(t *testing.T, d fsys.Driver) {
	t.Helper()
	random := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(random)
	for name, data := range map[string][]byte{"nothing": nil, "one byte": {1}, "zeros": make([]byte, 1<<20), "random": random} {
		if _, err := d.Open(t.Context(), Memory(data)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%s: error %v, want ErrNotThis", name, err)
		}
	}
}

// Damage flips bits of an image and cuts it short, n times, and walks what is
// left: errors are welcome, a panic or a hang is not.
func Damage(t testing.TB, d fsys.Driver, path string, n int) {
	t.Helper()
	src, err := block.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	extents, err := src.Extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seed := range n {
		bad := Flip(src, extents, rand.New(rand.NewPCG(uint64(seed), 3)))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		Exercise(ctx, d, bad, 1<<20)
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Errorf("damage %d: the walk did not end", seed)
		}
		cancel()
	}
}

// Flip gives src with some bytes changed within the given extents, in one case
// of five cut short, too.
func Flip(src block.Source, extents []block.Extent, r *rand.Rand) block.Source {
	bad := &flipped{Source: src, size: src.Size(), flips: map[int64]byte{}}
	for range 1 + r.IntN(64) {
		e := extents[r.IntN(len(extents))]
		// Metadata sits near the start of an extent more often than not.
		bad.flips[e.Offset+r.Int64N(1+r.Int64N(e.Length))] = byte(1 + r.IntN(255))
	}
	if r.IntN(5) == 0 {
		bad.size = r.Int64N(src.Size())
	}
	return bad
}

// Exercise opens whatever is on src and touches all of it, reading at most the
// given number of bytes of each file. It gives how many nodes it saw.
func Exercise(ctx context.Context, d fsys.Driver, src block.Source, bytes int64) int {
	tree, err := d.Open(ctx, block.WithContext(ctx, src))
	if err != nil {
		return 0
	}
	nodes := 0
	attrs, _ := tree.(fsys.Attributer)
	_ = tree.Info()
	_ = fsys.New(tree).Walk(ctx, func(n fsys.Node) error {
		nodes++
		if attrs != nil {
			_, _ = attrs.Attributes(n.ID)
		}
		_, _ = tree.ReadLink(n.ID)
		if data, err := tree.Open(n.ID); err == nil {
			_, _ = io.Copy(io.Discard, io.NewSectionReader(data, 0, min(data.Size(), bytes)))
			_, _ = data.Extents(1000)
		}
		return nil
	})
	if u, ok := tree.(fsys.Undeleter); ok {
		_ = u.Deleted(ctx, func(r fsys.Removed) bool {
			if r.Data != nil {
				_, _ = io.Copy(io.Discard, io.NewSectionReader(r.Data, 0, min(r.Data.Size(), bytes)))
			}
			return true
		})
	}
	if s, ok := tree.(fsys.Splitter); ok {
		subs, _ := s.Subvolumes()
		for _, sub := range subs {
			_ = fsys.Sub(tree, sub.Root).Walk(ctx, func(fsys.Node) error { nodes++; return nil })
		}
	}
	return nodes
}

type flipped struct {
	block.Source
	size  int64
	flips map[int64]byte
}

func (f *flipped) Size() int64 { return f.size }

func (f *flipped) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > f.size-off
	if short {
		p = p[:f.size-off]
	}
	n, err := f.Source.ReadAt(p, off)
	for at, x := range f.flips {
		if i := at - off; i >= 0 && i < int64(n) {
			p[i] ^= x
		}
	}
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// Memory is a source over bytes.
func Memory(data []byte) block.Source { return memory{bytes.NewReader(data)} }

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
