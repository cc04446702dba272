package ntfs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/ntfs"
)

// live makes a volume, lets change work on it while mounted, and gives it with
// the truth of what is on it in the end.
func live(t *testing.T, size int64, cluster string, change func(dir string)) (string, map[string]disktest.Fact) {
	t.Helper()
	path := t.TempDir() + "/disk.raw"
	mkntfs(t, path, size, "-c", cluster)
	dir := disktest.Mount(t, "ntfs-3g", path, "")
	change(dir)
	truth := disktest.Truth(t, dir)
	disktest.Run(t, "umount", dir)
	return path, truth
}

func write(t *testing.T, path string, data []byte) error {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// TestFragmented has a file in so many pieces that its attribute list has
// clusters of its own, a file with more hard links than one record holds, and
// one with many streams.
func TestFragmented(t *testing.T) {
	t.Parallel()
	path, truth := live(t, 14<<20, "512", func(dir string) {
		n := 0
		for ; write(t, fmt.Sprintf("%s/fill/%d", dir, n), random(1000)) == nil; n++ {
		}
		for i := 0; i < n; i += 2 {
			if err := os.Remove(fmt.Sprintf("%s/fill/%d", dir, i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := write(t, dir+"/big", random(1_500_000)); err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			if err := os.Link(dir+"/big", fmt.Sprintf("%s/another name of the big file, %03d", dir, i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := write(t, dir+"/small", random(100)); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			disktest.Run(t, disktest.Tool(t, "setfattr"), "-n", fmt.Sprintf("user.stream with a long name %03d", i), "-v", fmt.Sprint(i), dir+"/small")
		}
	})
	f := disktest.Open(t, ntfs.Driver{}, path)
	disktest.Compare(t, f, truth, adjust)
	info, err := f.Lstat("small")
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.Tree().(fsys.Streamer).Streams(info.Sys().(fsys.Stat).ID)
	if err != nil || len(list) != 100 {
		t.Fatalf("%d streams, %v; want 100", len(list), err)
	}
	for i, e := range list {
		data, err := f.Tree().Open(e.ID)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, data.Size())
		_, _ = data.ReadAt(b, 0)
		if want := fmt.Sprintf("stream with a long name %03d", i); e.Name != want || string(b) != fmt.Sprint(i) {
			t.Errorf("stream %q holds %q, want %q with %d", e.Name, b, want, i)
		}
	}
	data, _, err := f.OpenData("big")
	if err != nil {
		t.Fatal(err)
	}
	all, err := data.Extents(0)
	few, ferr := data.Extents(3)
	if err != nil || ferr != nil || len(all) < 200 || len(few) != 3 {
		t.Errorf("%d and %d extents, %v, %v; want over 200 and 3", len(all), len(few), err, ferr)
	}
	disktest.Damage(t, ntfs.Driver{}, path, 10)
}

// TestReused has deleted files whose clusters or records are in use again.
func TestReused(t *testing.T) {
	t.Parallel()
	path, truth := live(t, 8<<20, "1024", func(dir string) {
		for i := range 60 {
			if err := write(t, fmt.Sprintf("%s/dir/a longer name, number %02d", dir, i), random(20_000)); err != nil {
				t.Fatal(err)
			}
		}
		for i := 50; i < 60; i++ {
			if err := os.Remove(fmt.Sprintf("%s/dir/a longer name, number %02d", dir, i)); err != nil {
				t.Fatal(err)
			}
		}
		// It takes the record of one of them and the clusters of all.
		_ = write(t, dir+"/greedy", make([]byte, 8<<20))
	})
	f := disktest.Open(t, ntfs.Driver{}, path)
	disktest.Compare(t, f, truth, adjust)
	states := map[fsys.RemovedState]int{}
	err := f.Tree().(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		var n int
		if _, err := fmt.Sscanf(r.Path, "dir/a longer name, number %d", &n); err != nil || n < 50 {
			t.Errorf("deleted: %q", r.Path)
		}
		if r.Size != 20_000 || (r.Data == nil) != (r.State == fsys.NameOnly) {
			t.Errorf("%s: %+v", r.Path, r)
		}
		states[r.State]++
		return true
	})
	if err != nil || states[fsys.Part] != 9 || states[fsys.NameOnly] != 1 {
		t.Errorf("deleted: %v, %v; want 9 in part and one by its name", states, err)
	}
}
