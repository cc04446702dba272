package btrfs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/btrfs"
)

// rot overwrites what an image holds from a byte on with random bytes.
func rot(t testing.TB, path string, from int64) {
	t.Helper()
	src := disktest.File(t, path)
	extents, err := src.Extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.NewChaCha8([32]byte{1})
	for _, e := range extents {
		at := max(e.Offset, from)
		for ; at < e.Offset+e.Length; at += 4096 {
			if at >= 64<<20 && at < 65<<20 {
				continue // a mirror of the superblock, which is read too
			}
			b := make([]byte, 4096)
			_, _ = r.Read(b)
			if _, err := f.WriteAt(b, at); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRot reads file systems with a device that gives other bytes than were
// written to it: checksums tell, other copies and parity help.
func TestRot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Plant(t, dir, 300)
	disktest.Run(t, "rm", dir+"/sparse/far")
	truth := disktest.Truth(t, dir)
	for _, c := range []struct {
		profile string
		devices int
	}{{"raid1", 2}, {"raid1c3", 3}, {"raid10", 4}, {"raid5", 3}, {"raid6", 4}} {
		t.Run(c.profile, func(t *testing.T) {
			paths := pool(t, dir, c.devices, "-d", c.profile, "-m", c.profile)
			rot(t, paths[1], 1<<20)
			tree, err := openPool(t, paths)
			if err != nil {
				t.Fatal(err)
			}
			disktest.Compare(t, fsys.New(tree), truth, nil)
			if c.profile != "raid6" {
				return
			}
			if tree, err = openPool(t, paths[:c.devices-1]); err != nil {
				t.Fatal(err)
			}
			disktest.Compare(t, fsys.New(tree), truth, nil)
		})
	}
	t.Run("single", func(t *testing.T) { rottenData(t, dir) })
}

// rottenData reads files of which there is one copy: bad bytes are errors.
func rottenData(t *testing.T, dir string) {
	path := filepath.Join(t.TempDir(), "disk")
	disktest.Blank(t, path, 256<<20)
	disktest.Run(t, disktest.Tool(t, "mkfs.btrfs"), "-q", "-d", "single", "-m", "dup", path)
	disktest.Fill(t, "btrfs", path, "", dir)
	f := disktest.Open(t, btrfs.Driver{}, path)
	data, _, err := f.OpenData("big")
	if err != nil {
		t.Fatal(err)
	}
	extents, err := data.Extents(0)
	if err != nil || len(extents) == 0 {
		t.Fatal(extents, err)
	}
	at := extents[0].Offset + extents[0].Length/2
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	b := make([]byte, 1)
	_, _ = h.ReadAt(b, at)
	b[0] ^= 4
	if _, err := h.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, io.NewSectionReader(data, 0, data.Size()))
	if err == nil || n > extents[0].Length {
		t.Errorf("read %d bytes, %v", n, err)
	}
	p := make([]byte, 1)
	if _, err := data.ReadAt(p, 0); err != nil {
		t.Errorf("the sectors around it: %v", err)
	}
}

// TestBehind reads a mirror of which one half was not there for a while.
func TestBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Plant(t, dir, 10)
	disktest.Run(t, "rm", dir+"/sparse/far")
	paths := pool(t, dir, 2, "-d", "raid1", "-m", "raid1")
	old := paths[1] + ".old"
	disktest.Run(t, "cp", "--sparse=always", paths[1], old)
	losetup := disktest.Tool(t, "losetup")
	var loops []string
	for _, p := range paths {
		loop := strings.TrimSpace(disktest.Run(t, losetup, "-f", "--show", p))
		t.Cleanup(func() { _ = exec.Command(losetup, "-d", loop).Run() })
		loops = append(loops, loop)
	}
	at := t.TempDir()
	disktest.Run(t, "mount", "-t", "btrfs", "-o", "device="+loops[1], loops[0], at)
	for i := range 200 {
		if err := os.WriteFile(fmt.Sprintf("%s/new-%d", at, i), []byte(strings.Repeat("new", 3000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	disktest.Run(t, "rm", "-r", at+"/sizes")
	truth := disktest.Truth(t, at)
	disktest.Run(t, "umount", at)
	for _, order := range [][]string{{old, paths[0]}, {paths[0], old}, {old, paths[1], paths[0]}} {
		tree, err := openPool(t, order)
		if err != nil {
			t.Fatal(err)
		}
		info := tree.Info()
		if info.Incomplete || len(info.Notes) != 1 {
			t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
		}
		disktest.Compare(t, fsys.New(tree), truth, nil)
	}
	for _, order := range [][]string{{paths[1], old}, {old, paths[1]}} {
		tree, err := openPool(t, order)
		if err != nil {
			t.Fatal(err)
		}
		disktest.Compare(t, fsys.New(tree), truth, nil)
	}
}

// TestMirrorOfSuperblock reads a file system whose first superblock is bad.
func TestMirrorOfSuperblock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Plant(t, dir, 10)
	disktest.Run(t, "rm", dir+"/sparse/far")
	path := filepath.Join(t.TempDir(), "disk")
	disktest.Blank(t, path, 256<<20)
	disktest.Run(t, disktest.Tool(t, "mkfs.btrfs"), "-q", path)
	disktest.Fill(t, "btrfs", path, "", dir)
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	// A field, then the magic as well.
	for _, at := range []int64{0x50, 0x40} {
		if _, err := h.WriteAt([]byte{0xFF}, 64<<10+at); err != nil {
			t.Fatal(err)
		}
		f := disktest.Open(t, btrfs.Driver{}, path)
		if info := f.Info(); !info.Incomplete || !strings.Contains(strings.Join(info.Notes, "; "), "mirror") {
			t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
		}
		disktest.Compare(t, f, disktest.Truth(t, dir), nil)
	}
}
