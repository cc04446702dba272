package ext4_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/ext4"
)

// golden unpacks an image of testdata, made by testdata/dirty.sh.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".img.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// kernel gives the files, with their hashes, that the kernel saw in an image.
func kernel(t testing.TB, name string) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".truth")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		hash, path, ok := strings.Cut(s.Text(), "  ./")
		if !ok {
			t.Fatalf("truth line %q", s.Text())
		}
		out[path] = hash
	}
	return out
}

func fileHashes(t testing.TB, f *fsys.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	for path, fact := range disktest.Facts(t, f) {
		if fact.Type == "file" {
			out[path] = fact.SHA256
		}
	}
	return out
}

var dirty = []string{"dirty-csum", "dirty-plain", "dirty-data"}

// TestJournal reads file systems that were copied while mounted: what the
// kernel sees after its replay must be what is read.
func TestJournal(t *testing.T) {
	t.Parallel()
	for _, name := range dirty {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := golden(t, name)
			tree, err := ext4.Driver{}.Open(t.Context(), disktest.Memory(image))
			if err != nil {
				t.Fatal(err)
			}
			info := tree.Info()
			if info.Incomplete || len(info.Notes) != 1 || !strings.Contains(info.Notes[0], "replayed in memory") {
				t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
			}
			want := kernel(t, name)
			if diff := cmp.Diff(want, fileHashes(t, fsys.New(tree))); diff != "" {
				t.Errorf("other than the kernel's (-want +got):\n%s", diff)
			}
			// Without the mark that asks for a replay the newest files are not
			// there: the test can fail.
			stale := bytes.Clone(image)
			stale[1024+0x60] &^= 4
			tree, err = ext4.Driver{}.Open(t.Context(), disktest.Memory(stale))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fsys.New(tree).Stat(".env"); err == nil {
				t.Error("the newest file is there without a replay")
			}
		})
	}
}

// TestJournalAgainstE2fsck holds the replay against another implementation.
func TestJournalAgainstE2fsck(t *testing.T) {
	t.Parallel()
	e2fsck := disktest.Tool(t, "e2fsck")
	for _, name := range dirty {
		path := filepath.Join(t.TempDir(), name)
		image := golden(t, name)
		if err := os.WriteFile(path, image, 0o600); err != nil {
			t.Fatal(err)
		}
		disktest.Run(t, e2fsck, "-p", "-E", "journal_only", path)
		tree, err := ext4.Driver{}.Open(t.Context(), disktest.Memory(image))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(disktest.Facts(t, disktest.Open(t, ext4.Driver{}, path)), disktest.Facts(t, fsys.New(tree))); diff != "" {
			t.Errorf("%s: other than e2fsck's (-want +got):\n%s", name, diff)
		}
	}
}

// TestJournalDamage flips each kind of journal block: the rest is read and the
// loss is told, or nothing is lost.
func TestJournalDamage(t *testing.T) {
	t.Parallel()
	image := golden(t, "dirty-csum")
	want := kernel(t, "dirty-csum")
	told, blocks := 0, 0
	for at := 0; at+1024 <= len(image); at += 1024 {
		if !bytes.HasPrefix(image[at:], []byte{0xC0, 0x3B, 0x39, 0x98}) {
			continue
		}
		blocks++
		bad := bytes.Clone(image)
		bad[at+200] ^= 0x55
		tree, err := ext4.Driver{}.Open(t.Context(), disktest.Memory(bad))
		if err != nil {
			t.Fatalf("journal block at %d: %v", at, err)
		}
		if tree.Info().Incomplete {
			told++
		}
		n := 0
		_ = fsys.New(tree).Walk(t.Context(), func(fsys.Node) error { n++; return nil })
		if n < 20 || n > 2*len(want)+100 {
			t.Errorf("journal block at %d damaged: %d nodes", at, n)
		}
	}
	if blocks < 10 || told == 0 {
		t.Errorf("%d journal blocks, %d losses told", blocks, told)
	}
}

func FuzzOpen(f *testing.F) {
	for _, name := range dirty {
		// Offsets and bytes to change: the image itself is too large a seed.
		f.Add(name, []byte{0, 0, 4, 0x38, 0xFF})
	}
	images := map[string][]byte{}
	for _, name := range dirty {
		images[name] = golden(f, name)
	}
	f.Fuzz(func(t *testing.T, name string, changes []byte) {
		image, ok := images[name]
		if !ok {
			disktest.Exercise(t.Context(), ext4.Driver{}, disktest.Memory(changes), 1<<16)
			return
		}
		bad := bytes.Clone(image)
		for ; len(changes) >= 5; changes = changes[5:] {
			at := int(changes[0])<<24 | int(changes[1])<<16 | int(changes[2])<<8 | int(changes[3])
			bad[at%len(bad)] = changes[4]
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10e9)
		defer cancel()
		disktest.Exercise(ctx, ext4.Driver{}, disktest.Memory(bad), 1<<16)
		if ctx.Err() != nil {
			t.Error("the walk did not end in 10 s")
		}
	})
}
