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

// fromProto builds an image with mkfs.xfs alone, which has no kernel's limits on
// the size of blocks, but no times and no attributes.
func fromProto(name string, args ...string) disktest.Image {
	// It forgets the header of long targets, which no kernel then reads.
	without := []string{"names", "xattrs", "sparse", "modes", "owners", "links/long"}
	plain := func(_ string, f *disktest.Fact) bool {
		f.Mtime, f.Nanos, f.Mode = 0, 0, f.Mode.Type()
		return true
	}
	return disktest.Image{Name: name, Without: without, Entries: 1500, Adjust: plain, Build: func(t testing.TB, dir, path string) {
		t.Helper()
		list := filepath.Join(scratch(t), "proto")
		if err := os.WriteFile(list, []byte("/\n0 0\n"+proto(t, dir, "d--755 0 0")), 0o600); err != nil {
			t.Fatal(err)
		}
		mkfs(t, path, 600<<20, append(args, "-p", list)...)
	}}
}

// proto describes a folder as mkfs.xfs takes it.
func proto(t testing.TB, dir, head string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := head + "\n"
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch e.Type() {
		case os.ModeDir:
			out += e.Name() + " " + proto(t, path, "d--755 0 0")
		case os.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				t.Fatal(err)
			}
			out += e.Name() + " l--777 0 0 " + target + "\n"
		default:
			out += e.Name() + " ---644 0 0 " + path + "\n"
		}
	}
	return out + "$\n"
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
	dir, err := os.MkdirTemp("/dev/shm", "lenscap-xfs-*") //nolint:usetesting // not on the disk
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
		fromProto("64k_blocks", "-b", "size=64k"),
		fromProto("8k_blocks", "-b", "size=8k", "-n", "size=32k", "-i", "size=2048"),
		variant("few_features", size, "-i", "sparse=0", "-m", "bigtime=0,rmapbt=0,reflink=0,finobt=0,inobtcount=0"),
	})
}
