package btrfs_test

import (
	"os/exec"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/btrfs"
)

// whole leaves out parts of seconds, which mkfs.btrfs does not copy.
func whole(_ string, f *disktest.Fact) bool {
	f.Nanos = 0
	return true
}

// without leaves the longest file to one image: it takes most of the time.
func without(name string) []string {
	if name == "holes_nosum" {
		return nil
	}
	return []string{"sparse/far"}
}

// made builds an image with mkfs.btrfs alone.
func made(name string, args ...string) disktest.Image {
	return disktest.Image{Name: name, Adjust: whole, Without: without(name), Build: func(t testing.TB, dir, path string) {
		t.Helper()
		disktest.Blank(t, path, 256<<20)
		args := append([]string{"-q", "-L", "a label", "--rootdir", dir}, args...)
		disktest.Run(t, disktest.Tool(t, "mkfs.btrfs"), append(args, path)...)
	}}
}

// tuned builds an image with mkfs.btrfs and changes it with btrfstune.
func tuned(name string, args ...string) disktest.Image {
	img := made(name)
	build := img.Build
	img.Build = func(t testing.TB, dir, path string) {
		t.Helper()
		build(t, dir, path)
		disktest.Run(t, disktest.Tool(t, "btrfstune"), append(args, path)...)
	}
	return img
}

// mounted builds an image through the kernel, with the options of mount and of
// mkfs.btrfs.
func mounted(name, options string, args ...string) disktest.Image {
	return disktest.Image{Name: name, Without: without(name), Build: func(t testing.TB, dir, path string) {
		t.Helper()
		prose(t, dir)
		disktest.Blank(t, path, 256<<20)
		args := append([]string{"-q"}, args...)
		disktest.Run(t, disktest.Tool(t, "mkfs.btrfs"), append(args, path)...)
		disktest.Fill(t, "btrfs", path, options, dir)
	}}
}

func TestSuite(t *testing.T) {
	if _, err := exec.LookPath("mkfs.btrfs"); err != nil {
		disktest.Tool(t, "mkfs.btrfs")
	}
	disktest.Suite(t, btrfs.Driver{}, []disktest.Image{
		made("default"),
		made("old", "-O", "^extref,^skinny-metadata,^no-holes", "-R", "^free-space-tree"),
		made("64k_nodes_xxhash", "-n", "65536", "--csum", "xxhash"),
		made("4k_nodes_sha256", "-n", "4096", "--csum", "sha256"),
		made("blake2", "--csum", "blake2", "-m", "single"),
		made("64k_sectors", "-s", "65536", "-n", "65536"),
		tuned("metadata_uuid", "-m"),
		made("mixed", "--mixed", "-n", "4096"),
		mounted("plain", ""),
		mounted("zlib", "compress-force=zlib"),
		mounted("lzo", "compress-force=lzo"),
		mounted("zstd", "compress-force=zstd"),
		mounted("holes_nosum", "nodatasum,max_inline=0", "-O", "^no-holes", "-d", "dup"),
	})
}
