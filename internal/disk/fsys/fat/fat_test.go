package fat_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat"
)

// vfat mounts an image in User-Mode Linux the way that modes and times are read
// here. The machine's own kernel may not know FAT.
const vfat = `
for m in nls_cp437 nls_iso8859-1 nls_utf8 vfat; do modprobe -d $MODULES $m; done
into() { mount -t vfat -o utf8,tz=UTC,umask=022,quiet $1 /run/mnt; cd /run/mnt; }
out() { cd /; umount /run/mnt; }
`

// linux runs a script in User-Mode Linux and gives what it prints.
func linux(t testing.TB, script string, images ...string) string {
	t.Helper()
	disktest.Tool(t, "linux.uml")
	uml, err := filepath.Abs("../../disktest/uml.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{uml, path}, images...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("user-mode linux: %v\n%.2000s", err, out)
	}
	return string(out)
}

// format makes an empty file system.
func format(t testing.TB, path, size string, args ...string) {
	t.Helper()
	disktest.Run(t, "truncate", "-s", size, path)
	disktest.Run(t, disktest.Tool(t, "mkfs.vfat"), append(args, "-n", "A label", path)...)
}

// held is what FAT can hold of a fact.
func held(_ string, f *disktest.Fact) bool {
	f.Nanos, f.UID, f.GID, f.Xattrs = 0, 0, 0, nil
	f.Mtime = max(f.Mtime-f.Mtime%2, 315_532_800) // from 1980 on, in steps of two seconds
	f.Mode = f.Mode&fs.ModeDir | 0o755
	if f.Type == "file" {
		f.Links = 1
	}
	return true
}

// without are the paths that FAT can't hold, and a sparse file that would be
// written in full.
var without = []string{"links", "names/\xff\xfe not utf-8", "names/new\nline \"quoted\" \\ back", "modes/fifo", "sparse/far"}

// kernel is a variant that Linux fills.
func kernel(name, size string, args ...string) disktest.Image {
	return disktest.Image{Name: name, Without: without, Adjust: held, Build: func(t testing.TB, dir, path string) {
		t.Helper()
		format(t, path, size, args...)
		linux(t, vfat+"into /dev/ubda; cp -r --preserve=mode,timestamps '"+dir+"/.' .; out", path)
	}}
}

// mtools is a variant that mtools fill. They search a directory for each file
// that they add, give directories the time of the copy, and know neither the
// second half of UTF-16 nor a time before 1980.
func mtools(name, size string, args ...string) disktest.Image {
	adjust := func(path string, f *disktest.Fact) bool {
		if f.Type == "dir" {
			f.Mtime = 0
		}
		return held(path, f)
	}
	return disktest.Image{Name: name, Entries: 100, Without: append([]string{"names/秘密 🔑.txt", "times/old"}, without...), Adjust: adjust, Build: func(t testing.TB, dir, path string) {
		t.Helper()
		format(t, path, size, args...)
		all, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), disktest.Tool(t, "mcopy"), append([]string{"-s", "-Q", "-m", "-i", path}, append(all, "::")...)...)
		cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "TZ=UTC", "LC_ALL=C.UTF-8")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("mcopy: %v\n%s", err, out)
		}
	}}
}

func TestSuite(t *testing.T) {
	disktest.Suite(t, fat.Driver{}, []disktest.Image{
		kernel("fat12", "64M", "-F", "12", "-s", "64"),
		kernel("fat16", "64M", "-F", "16", "-s", "4"),
		kernel("fat32", "64M", "-F", "32", "-s", "1"),
		kernel("fat32_few_clusters_4k_sectors", "64M", "-F", "32", "-S", "4096", "-f", "1"),
		mtools("fat32_mtools", "64M", "-F", "32", "-s", "1"),
		mtools("fat16_mtools", "64M", "-F", "16", "-S", "2048", "-r", "512"),
	})
}
