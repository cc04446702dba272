package btrfs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/btrfs"
)

// pool makes a file system of dir on n devices and gives their paths.
func pool(t testing.TB, dir string, n int, args ...string) (paths []string) {
	t.Helper()
	losetup := disktest.Tool(t, "losetup")
	var loops []string
	for i := range n {
		path := filepath.Join(t.TempDir(), strconv.Itoa(i))
		disktest.Blank(t, path, 200<<20)
		loop := strings.TrimSpace(disktest.Run(t, losetup, "-f", "--show", path))
		t.Cleanup(func() { _ = exec.Command(losetup, "-d", loop).Run() })
		paths, loops = append(paths, path), append(loops, loop)
	}
	disktest.Run(t, disktest.Tool(t, "mkfs.btrfs"), append(append([]string{"-q"}, args...), loops...)...)
	at := t.TempDir()
	disktest.Run(t, "mount", "-t", "btrfs", "-o", "device="+strings.Join(loops, ",device="), loops[0], at)
	disktest.Run(t, "cp", "-a", "--sparse=always", dir+"/.", at)
	disktest.Run(t, "umount", at)
	return paths
}

func openPool(t testing.TB, paths []string) (fsys.Tree, error) {
	t.Helper()
	var sources []block.Source
	for _, p := range paths {
		sources = append(sources, disktest.File(t, p))
	}
	return btrfs.Driver{}.OpenPool(t.Context(), sources)
}

// TestPool reads each profile with all devices, and without as many as it
// bears; without one more what is read is right and the rest is missing.
func TestPool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Plant(t, dir, 300)
	disktest.Run(t, "rm", dir+"/sparse/far") // long, and read many times
	truth := disktest.Truth(t, dir)
	for _, c := range []struct {
		name           string
		devices, bears int
		args           []string
	}{
		{"single", 2, 0, []string{"-d", "single", "-m", "raid1"}},
		{"raid0", 3, 0, []string{"-d", "raid0", "-m", "raid1c3"}},
		{"raid1", 3, 1, []string{"-d", "raid1", "-m", "raid1"}},
		{"raid1c3", 3, 2, []string{"-d", "raid1c3", "-m", "raid1c3", "-n", "4096"}},
		{"raid1c4", 4, 3, []string{"-d", "raid1c4", "-m", "raid1c4"}},
		{"raid10", 4, 1, []string{"-d", "raid10", "-m", "raid10"}},
		{"raid5", 3, 1, []string{"-d", "raid5", "-m", "raid5", "-n", "65536"}},
		{"raid6", 4, 2, []string{"-d", "raid6", "-m", "raid6", "--csum", "xxhash"}},
		{"raid56", 5, 1, []string{"-d", "raid5", "-m", "raid6"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			paths := pool(t, dir, c.devices, c.args...)
			dev, err := btrfs.Driver{}.Device(t.Context(), disktest.File(t, paths[0]))
			if err != nil || dev.Devices != c.devices || len(dev.Pool) != 36 {
				t.Errorf("device %+v, %v", dev, err)
			}
			all, err := openPool(t, paths)
			if err != nil {
				t.Fatal(err)
			}
			if info := all.Info(); info.Incomplete || len(info.Notes) > 0 {
				t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
			}
			disktest.Compare(t, fsys.New(all), truth, nil)
			for first := range min(c.devices, 3) {
				left := append(append([]string{}, paths[first:]...), paths[:first]...)
				if c.bears > 0 {
					degraded(t, left[c.bears:], truth)
				}
				lacking(t, left[c.bears+1:], truth)
			}
		})
	}
}

// degraded reads a file system that bears the loss of its devices.
func degraded(t *testing.T, paths []string, truth map[string]disktest.Fact) {
	t.Helper()
	tree, err := openPool(t, paths)
	if err != nil {
		t.Fatal(err)
	}
	if info := tree.Info(); info.Incomplete || !strings.Contains(strings.Join(info.Notes, "; "), "degraded") {
		t.Errorf("%d devices: incomplete %v, notes %q", len(paths), info.Incomplete, info.Notes)
	}
	disktest.Compare(t, fsys.New(tree), truth, nil)
}

// lacking reads a file system that may lack too many devices: those of RAID1
// and RAID10 that hold the same can still be apart.
func lacking(t *testing.T, paths []string, truth map[string]disktest.Fact) {
	t.Helper()
	if len(paths) == 0 {
		return
	}
	tree, err := openPool(t, paths)
	if err != nil {
		if !errors.Is(err, block.ErrMissing) {
			t.Errorf("%d devices: %v, want ErrMissing", len(paths), err)
		}
		return
	}
	if !tree.Info().Incomplete {
		degraded(t, paths, truth)
		return
	}
	missing := 0
	err = fsys.New(tree).Walk(t.Context(), func(n fsys.Node) error {
		err := n.Err
		if err == nil && n.Mode.IsRegular() {
			var data fsys.Data
			if data, err = tree.Open(n.ID); err == nil {
				var b []byte
				b, err = io.ReadAll(io.NewSectionReader(data, 0, data.Size()))
				if err == nil && sum(b) != truth[n.Path].SHA256 {
					t.Errorf("%s: other bytes", n.Path)
				}
			}
		}
		if err != nil {
			if missing++; !errors.Is(err, block.ErrMissing) {
				t.Errorf("%s: %v, want ErrMissing", n.Path, err)
			}
		}
		return nil
	})
	if err != nil || missing == 0 {
		t.Errorf("%d devices: walk: %v, %d nodes are missing", len(paths), err, missing)
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
