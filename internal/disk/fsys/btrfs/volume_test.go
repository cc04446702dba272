package btrfs_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/btrfs"
)

// compareSubvolumes compares each subvolume with its part of the truth about
// the top level. The kernel gives directories times later than before when its
// replay takes names out of them, and when they stand for nothing.
func compareSubvolumes(t *testing.T, tree fsys.Tree, want map[string]disktest.Fact, before time.Time) {
	t.Helper()
	subs, err := tree.(fsys.Splitter).Subvolumes()
	if err != nil {
		t.Fatal(err)
	}
	late := func(want map[string]disktest.Fact) disktest.Adjust {
		return func(path string, f *disktest.Fact) bool {
			if w := want[path]; f.Type == "dir" && w.Mtime >= before.Unix() {
				f.Mtime, f.Nanos = 0, 0
			}
			return true
		}
	}
	paths := []string{""}
	for _, s := range subs {
		paths = append(paths, s.Name+"/")
	}
	for i, prefix := range paths {
		part := map[string]disktest.Fact{}
		for path, f := range want {
			rest, ok := strings.CutPrefix(path+"/", prefix)
			if !ok {
				continue
			}
			for _, other := range paths[1:] {
				ok = ok && (len(other) <= len(prefix) || !strings.HasPrefix(path, other))
			}
			if rest = strings.TrimSuffix(rest, "/"); rest == "" {
				rest = "."
			}
			if ok {
				part[rest] = f
			}
		}
		if len(part) == 0 {
			t.Errorf("no truth about %q", prefix)
		}
		f := fsys.New(tree)
		if i > 0 {
			f = fsys.Sub(tree, subs[i-1].Root)
		}
		disktest.Compare(t, f, part, late(part))
	}
}

// TestSubvolumes reads subvolumes within each other, snapshots, what is left
// of deleted ones and the mark of the default.
func TestSubvolumes(t *testing.T) {
	t.Parallel()
	tool := disktest.Tool(t, "btrfs")
	path := t.TempDir() + "/disk"
	disktest.Blank(t, path, 128<<20)
	disktest.Run(t, disktest.Tool(t, "mkfs.btrfs"), "-q", path)
	at := disktest.Mount(t, "btrfs", path, "")
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(at+"/"+name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		disktest.Run(t, tool, append([]string{"subvolume"}, args...)...)
	}
	for _, dir := range []string{"a", "a/b"} {
		if err := os.Mkdir(at+"/"+dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	run("create", at+"/@")
	run("create", at+"/a/b/home")
	run("create", at+"/@/within")
	run("create", at+"/@/within/deep")
	run("create", at+"/gone")
	disktest.Run(t, "chmod", "0700", at+"/@/within")
	for _, f := range []string{"top", "@/one", "@/within/two", "@/within/deep/three", "a/b/home/four", "gone/x"} {
		write(f)
	}
	run("snapshot", "-r", at+"/@", at+"/a/snap")
	run("snapshot", at+"/@/within", at+"/@/copy")
	write("@/later")
	disktest.Run(t, "mv", at+"/a/b", at+"/a/renamed")
	run("delete", at+"/gone")
	run("set-default", at+"/@")
	disktest.Run(t, "umount", at)
	before := time.Now()
	disktest.Run(t, "mount", "-o", "loop,ro,subvolid=5", path, at)
	want := disktest.Truth(t, at)
	disktest.Run(t, "umount", at)

	tree, err := btrfs.Driver{}.Open(t.Context(), disktest.File(t, path))
	if err != nil {
		t.Fatal(err)
	}
	compareSubvolumes(t, tree, want, before)
	subs, _ := tree.(fsys.Splitter).Subvolumes()
	got := map[string]string{}
	for _, s := range subs {
		got[s.Name] = strings.Join(s.Notes, "; ")
	}
	if diff := cmp.Diff(map[string]string{
		"@": "", "a/renamed/home": "", "@/within": "", "@/within/deep": "",
		"a/snap": "read-only snapshot of @", "@/copy": "snapshot of @/within",
	}, got); diff != "" {
		t.Errorf("subvolumes (-want +got):\n%s", diff)
	}
	info := tree.Info()
	if notes := strings.Join(info.Notes, "; "); info.Incomplete || !strings.Contains(notes, `("@")`) {
		t.Errorf("incomplete %v, notes %q", info.Incomplete, notes)
	}
}
