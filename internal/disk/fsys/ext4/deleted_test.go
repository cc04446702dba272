package ext4_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/ext4"
)

// TestDeleted deletes files through the kernel and looks for them again.
func TestDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "disk.raw")
	disktest.Blank(t, path, 64<<20)
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", path)
	want := map[string][]byte{}
	at := disktest.Mount(t, "ext4", path, "")
	rnd := rand.NewChaCha8([32]byte{4})
	for i := range 60 {
		name := fmt.Sprintf("dir-%d/sub/secret-%d.env", i%3, i)
		data := make([]byte, 100+i*997)
		_, _ = rnd.Read(data)
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(at, name), data, 0o640))
		want[name] = data
	}
	disktest.Run(t, "umount", at)
	at = disktest.Mount(t, "ext4", path, "")
	kept := map[string]bool{}
	for name := range want {
		if strings.HasSuffix(name, "0.env") {
			kept[name] = true
			continue
		}
		if !strings.HasPrefix(name, "dir-2") {
			must(t, os.Remove(filepath.Join(at, name)))
		}
	}
	for name := range want {
		if strings.HasPrefix(name, "dir-2") {
			delete(kept, name)
		}
	}
	must(t, os.RemoveAll(filepath.Join(at, "dir-2")))
	disktest.Run(t, "umount", at)

	f := disktest.Open(t, ext4.Driver{}, path)
	found := map[string]fsys.Removed{}
	err := f.Tree().(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		if r.Mode.IsRegular() {
			found[r.Path] = r
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range want {
		r, ok := found[name]
		switch {
		case kept[name] && ok:
			t.Errorf("%s is not deleted, but told as %s", name, r.State)
		case kept[name]:
		case !ok:
			t.Errorf("%s was not found", name)
		case r.State != fsys.Whole || r.Data == nil || r.Size != int64(len(data)) || r.Mode.Perm() != 0o640:
			t.Errorf("%s: %s, %d bytes of %d, mode %v", name, r.State, r.Size, len(data), r.Mode)
		default:
			got, err := io.ReadAll(io.NewSectionReader(r.Data, 0, r.Data.Size()))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %v, %x, want %x", name, err, sha256.Sum256(got), sha256.Sum256(data))
			}
		}
	}
	if t.Failed() {
		for name, r := range found {
			t.Logf("%s %s %d %v", name, r.State, r.Size, r.At)
		}
	}
}

// TestDeletedSlack looks where there is no journal: older kernels and tools leave
// the name behind the entry before it.
func TestDeletedSlack(t *testing.T) {
	t.Parallel()
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "disk.raw")
	for _, name := range []string{"one", "two", "three"} {
		must(t, os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte(name), 5000), 0o600))
	}
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", dir, path, "16M")
	disktest.Run(t, disktest.Tool(t, "debugfs"), "-w", "-R", "rm two", path)
	var got []string
	tree := disktest.Open(t, ext4.Driver{}, path).Tree()
	if err := tree.(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		got = append(got, fmt.Sprintf("%s %s %v", r.Path, r.State, r.At.IsZero()))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "two ") || !strings.HasSuffix(got[0], " false") {
		t.Errorf("found %q", got)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
