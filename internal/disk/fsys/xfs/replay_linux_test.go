package xfs_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

// dirtyCopy copies an image while it is mounted and changed.
func dirtyCopy(t testing.TB, image string, seed uint64, rounds []int) string {
	t.Helper()
	at := disktest.Mount(t, "xfs", image, "nouuid")
	c := newChurn(t, at, seed)
	for _, n := range rounds {
		c.run(n)
	}
	c.sync(c.create(5000))
	to := filepath.Join(scratch(t), "copy")
	disktest.Run(t, "cp", "--sparse=always", image, to)
	disktest.Run(t, "umount", at)
	return to
}

// kernel gives what the kernel sees in an image after its replay.
func kernel(t testing.TB, image string) map[string]disktest.Fact {
	t.Helper()
	to := filepath.Join(scratch(t), "seen")
	disktest.Run(t, "cp", "--sparse=always", image, to)
	at := disktest.Mount(t, "xfs", to, "nouuid")
	defer func() { _ = exec.CommandContext(t.Context(), "umount", at).Run() }()
	return disktest.Truth(t, at)
}

// TestReplay reads file systems that were copied while mounted: what the kernel
// sees after its replay must be what is read.
func TestReplay(t *testing.T) {
	t.Parallel()
	for i, args := range [][]string{
		{},
		{"-b", "size=1k"},
		{"-n", "size=16k", "-i", "size=1024"},
		{"-m", "reflink=0,rmapbt=1", "-s", "size=4096"},
	} {
		t.Run(strings.Join(append([]string{"mkfs"}, args...), " "), func(t *testing.T) {
			t.Parallel()
			image := filepath.Join(scratch(t), "disk")
			mkfs(t, image, 320<<20, args...)
			image = dirtyCopy(t, image, uint64(i), []int{600})
			tree, err := xfs.Driver{}.Open(t.Context(), disktest.File(t, image))
			if err != nil {
				t.Fatal(err)
			}
			info := tree.Info()
			if info.Incomplete || len(info.Notes) != 1 || !strings.Contains(info.Notes[0], "replayed in memory") {
				t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
			}
			want := kernel(t, image)
			t.Logf("%d paths, %q", len(want), info.Notes)
			disktest.Compare(t, fsys.New(tree), want, nil)
		})
	}
}
