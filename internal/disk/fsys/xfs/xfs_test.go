package xfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

// variant builds an image with mkfs.xfs and the given arguments, filled by the
// kernel.
func variant(name string, size int64, args ...string) disktest.Image {
	return disktest.Image{Name: name, Build: func(t testing.TB, dir, path string) {
		t.Helper()
		image := filepath.Join(scratch(t), "disk")
		mkfs(t, image, size, args...)
		disktest.Fill(t, "xfs", image, "nouuid", dir)
		disktest.Run(t, "cp", "--sparse=always", image, path)
	}}
}

func mkfs(t testing.TB, path string, size int64, args ...string) {
	t.Helper()
	tool := disktest.Tool(t, "mkfs.xfs")
	disktest.Blank(t, path, size)
	disktest.Run(t, tool, append(append([]string{"-q", "-f", "-L", "a label"}, args...), path)...)
}

// scratch is a folder for images, in memory where there is one: most of these
// tests wait for what they sync.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "lenscap-xfs-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "mkfs.xfs")
	const size = 320 << 20
	disktest.Suite(t, xfs.Driver{}, []disktest.Image{
		variant("default", size),
		variant("1k", size, "-b", "size=1k"),
		variant("4k_sectors", size, "-s", "size=4096"),
		variant("64k_dir", size, "-n", "size=64k"),
		variant("2k_1k_inodes_8k_dir", size, "-b", "size=2k", "-i", "size=1024", "-n", "size=8k"),
		variant("2k_inodes", size, "-i", "size=2048"),
		variant("all_features", size, "-i", "sparse=1,nrext64=1", "-m", "bigtime=1,rmapbt=1,reflink=1,finobt=1,inobtcount=1"),
		variant("few_features", size, "-i", "sparse=0", "-m", "bigtime=0,rmapbt=0,reflink=0,finobt=0,inobtcount=0"),
	})
}
