package exfat_test

import (
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/exfat"
)

// mount mounts an image with exfat-fuse, which needs a device, and gives the
// folder and what unmounts it.
func mount(t testing.TB, path string) (dir string, unmount func()) {
	t.Helper()
	tool := disktest.Tool(t, "mount.exfat-fuse")
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("mounting needs root")
		}
		t.Skip("mounting needs root")
	}
	dir = t.TempDir()
	dev := disktest.Run(t, "losetup", "--find", "--show", path)
	dev = dev[:len(dev)-1]
	unmount = sync.OnceFunc(func() { // after it the device may be somebody else's
		_ = exec.Command("umount", dir).Run()
		_ = exec.Command("losetup", "-d", dev).Run()
		// The device goes when the program that serves it has written everything.
		for range 500 {
			if out, _ := exec.Command("losetup", "-j", path).Output(); len(out) == 0 {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s stays in use", dev)
	})
	t.Cleanup(unmount)
	disktest.Run(t, tool, "-o", "umask=022", dev, dir)
	return dir, unmount
}

// format makes an empty file system.
func format(t testing.TB, path, size string, args ...string) {
	t.Helper()
	disktest.Run(t, "truncate", "-s", size, path)
	disktest.Run(t, disktest.Tool(t, "mkfs.exfat"), append(args, "-L", "Ein Läbel", path)...)
}

// held is what exFAT can hold of a fact.
func held(_ string, f *disktest.Fact) bool {
	f.Nanos, f.UID, f.GID, f.Xattrs = 0, 0, 0, nil
	f.Mtime = max(f.Mtime, 315_532_800) // from 1980 on
	f.Mode = f.Mode&fs.ModeDir | 0o755
	if f.Type == "file" {
		f.Links = 1
	}
	return true
}

func variant(name, size string, args ...string) disktest.Image {
	return disktest.Image{
		Name: name, Adjust: held,
		Without: []string{"links", "names/\xff\xfe not utf-8", "names/new\nline \"quoted\" \\ back", "modes/fifo", "sparse/far"},
		Build: func(t testing.TB, dir, path string) {
			t.Helper()
			format(t, path, size, args...)
			at, unmount := mount(t, path)
			disktest.Run(t, "cp", "-r", "--preserve=timestamps", dir+"/.", at)
			unmount()
		},
	}
}

func TestSuite(t *testing.T) {
	disktest.Suite(t, exfat.Driver{}, []disktest.Image{
		variant("4k", "128M", "-c", "4K"),
		variant("512", "64M", "-c", "512"),
		variant("64k", "256M", "-c", "64K"),
	})
}
