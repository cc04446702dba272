package xfs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

// forms makes nodes of all forms of forks on a mounted file system.
type forms struct {
	t  testing.TB
	at string
}

func (f forms) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f forms) path(name string) string { return filepath.Join(f.at, name) }

// scattered writes a file in pieces with holes between them.
func (f forms) scattered(name string, pieces int) {
	f.t.Helper()
	h, err := os.Create(f.path(name))
	f.must(err)
	defer h.Close()
	for i := range pieces {
		_, err := h.WriteAt(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 300), int64(i)*10_000)
		f.must(err)
	}
}

func (f forms) attr(name, attr string, n int) {
	f.t.Helper()
	f.must(syscall.Setxattr(f.path(name), attr, bytes.Repeat([]byte(attr), n/len(attr)+1)[:n], 0))
}

func (f forms) unattr(name, attr string) {
	f.t.Helper()
	f.must(syscall.Removexattr(f.path(name), attr))
}

// make makes them all.
func (f forms) make() {
	f.t.Helper()
	for name, pieces := range map[string]int{"few": 3, "hundreds": 300, "thousands": 1500} {
		f.scattered(name, pieces)
		f.scattered(name+"-empty-fork", pieces)
		f.attr(name+"-empty-fork", "user.gone", 5)
		f.unattr(name+"-empty-fork", "user.gone")
		f.scattered(name+"-emptied-leaf", pieces)
		f.attr(name+"-emptied-leaf", "user.gone", 900)
		f.unattr(name+"-emptied-leaf", "user.gone")
		f.scattered(name+"-attrs", pieces)
		f.attr(name+"-attrs", "user.short", 20)
		f.attr(name+"-attrs", "user.remote", 50_000)
	}
	// Two of each that grow by turns have no long extents.
	for i := range 100 {
		for _, name := range []string{"hundreds", "few", "thousands-attrs", "."} {
			f.attr(name, fmt.Sprintf("user.%d", i), 2500+i)
		}
	}
	for i := range 200 {
		f.attr("few-attrs", fmt.Sprintf("user.node-%d", i), 50)
	}
	f.must(os.Mkdir(f.path("a"), 0o755))
	f.must(os.Mkdir(f.path("b"), 0o755))
	for i := range 1200 {
		for _, d := range []string{"a", "b"} {
			f.must(os.WriteFile(f.path(fmt.Sprintf("%s/%s-%d", d, strings.Repeat("n", 80), i)), nil, 0o644))
		}
	}
	for _, n := range []int{1, 100, 335, 336, 337, 338, 400, 500, 967, 968, 969, 1023} {
		f.must(os.Symlink(strings.Repeat("s", n), f.path(fmt.Sprintf("link-%d", n))))
	}
	for i, year := range []int{1902, 1969, 1970, 2037, 2039, 2200, 2485} {
		p := f.path(fmt.Sprintf("time-%d", i))
		f.must(os.WriteFile(p, nil, 0o644))
		f.must(os.Chtimes(p, time.Time{}, time.Date(year, 5, 6, 7, 8, 9, 987_654_321, time.UTC)))
	}
	f.unwritten()
	f.must(syscall.Mknod(f.path("device"), syscall.S_IFCHR|0o600, 0x1234))
	f.must(os.WriteFile(f.path("listed"), nil, 0o644))
	f.must(syscall.Setxattr(f.path("listed"), "system.posix_acl_access", acl, 0))
}

// acl is a list as system calls take it: the owner, user 7, the group, a mask
// and all others.
var acl = []byte("\x02\x00\x00\x00" +
	"\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\x07\x00\x00\x00" + "\x04\x00\x04\x00\xff\xff\xff\xff" +
	"\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x04\x00\xff\xff\xff\xff")

// unwritten makes a file with blocks that were reserved over old bytes.
func (f forms) unwritten() {
	f.t.Helper()
	h, err := os.Create(f.path("unwritten"))
	f.must(err)
	defer h.Close()
	f.must(syscall.Fallocate(int(h.Fd()), 0, 0, 1<<20))
	_, err = h.WriteAt([]byte("in the middle"), 500_000)
	f.must(err)
}

// format asks xfs_db for the forms of a node's forks.
func format(t testing.TB, image string, id fsys.ID) string {
	t.Helper()
	out := disktest.Run(t, disktest.Tool(t, "xfs_db"), "-r", "-c", fmt.Sprintf("inode %d", id), "-c", "print core.format core.aformat", image)
	return strings.Join(strings.Fields(strings.NewReplacer("core.", "", " = ", "=").Replace(out)), " ")
}

// TestForms reads every form that forks have, and makes sure that the image
// holds them.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-b", "size=1k", "-m", "bigtime=1"},
		{"-b", "size=1k", "-n", "size=4k", "-m", "bigtime=0", "-i", "nrext64=1"},
	} {
		t.Run(strings.Join(append([]string{"mkfs"}, args...), " "), func(t *testing.T) {
			t.Parallel()
			image := filepath.Join(scratch(t), "disk")
			mkfs(t, image, 320<<20, args...)
			at := disktest.Mount(t, "xfs", image, "nouuid")
			forms{t, at}.make()
			if out, err := exec.Command("cp", "--reflink=always", filepath.Join(at, "hundreds"), filepath.Join(at, "shared")).CombinedOutput(); err != nil {
				t.Fatalf("%s", out)
			}
			want := disktest.Truth(t, at)
			disktest.Run(t, "umount", at)
			f := disktest.Open(t, xfs.Driver{}, image)
			disktest.Compare(t, f, want, nil)
			checkForms(t, f, image)
			disktest.Damage(t, xfs.Driver{}, image, 5)
		})
	}
}

func checkForms(t *testing.T, f *fsys.FS, image string) {
	t.Helper()
	found := map[string]bool{}
	for _, path := range []string{"few", "few-empty-fork", "hundreds", "hundreds-emptied-leaf", "thousands", "thousands-attrs", "listed", "a", "b"} {
		info, err := f.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		form := format(t, image, info.Sys().(fsys.Stat).ID)
		if info.IsDir() {
			form, _, _ = strings.Cut(form, " aformat")
			form = "directory " + form
		}
		found[form] = true
	}
	// Where blocks go is the kernel's choice: not every file has the form meant
	// for it, but the image must hold every form.
	for _, want := range []string{
		"format=2 (extents) aformat=1 (local)", "format=2 (extents) aformat=2 (extents)", "format=2 (extents) aformat=3 (btree)",
		"format=3 (btree) aformat=1 (local)", "format=3 (btree) aformat=2 (extents)", "format=3 (btree) aformat=3 (btree)",
		"directory format=3 (btree)",
	} {
		if !found[want] {
			t.Errorf("no node with %s: the image holds %v", want, found)
		}
	}
	info, err := f.Lstat("listed")
	if err != nil {
		t.Fatal(err)
	}
	attrs, err := f.Tree().(fsys.Attributer).Attributes(info.Sys().(fsys.Stat).ID)
	if err != nil || !bytes.Equal(attrs["system.posix_acl_access"], acl) {
		t.Errorf("access control list %x, %v; want %x", attrs["system.posix_acl_access"], err, acl)
	}
	info, _ = f.Lstat("unwritten")
	data, err := f.Tree().Open(info.Sys().(fsys.Stat).ID)
	if err != nil {
		t.Fatal(err)
	}
	if extents, err := data.Extents(0); err != nil || len(extents) != 1 {
		t.Errorf("extents of a file with one written block: %v, %v", extents, err)
	}
}
