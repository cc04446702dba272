package xfs_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

// TestMake is a tool of testdata/make.sh: with XFS_CHURN it changes the folder
// given in XFS_DIR, with XFS_TRUTH it writes what is true of it to a file.
func TestMake(t *testing.T) {
	dir := os.Getenv("XFS_DIR")
	if dir == "" {
		t.Skip("made for testdata/make.sh")
	}
	if v := os.Getenv("XFS_CHURN"); v != "" {
		var seed uint64
		var steps int
		if _, err := fmt.Sscan(v, &seed, &steps); err != nil {
			t.Fatal(err)
		}
		c := newChurn(t, dir, seed)
		c.run(steps)
		c.sync(c.create(5000))
	}
	if to := os.Getenv("XFS_TRUTH"); to != "" {
		var out bytes.Buffer
		err := gob.NewEncoder(&out).Encode(disktest.Truth(t, dir))
		if err == nil {
			err = os.WriteFile(to, out.Bytes(), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// golden opens an image of testdata, and gives what the kernel saw in it.
func golden(t testing.TB, name string) (image string, want map[string]disktest.Fact) {
	t.Helper()
	b, err := os.ReadFile(disktest.Golden(t, name+".truth"))
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(b)).Decode(&want)
	}
	if err != nil {
		t.Fatal(err)
	}
	return disktest.Golden(t, name), want
}

// TestGolden reads images that other kernels made, by testdata/make.sh.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"v4", "v4-512", "v4-log1", "v4-dirty", "v4-dirty-log1", "v5-dirty"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image, want := golden(t, name)
			tree, err := xfs.Driver{}.Open(t.Context(), disktest.File(t, image))
			if err != nil {
				t.Fatal(err)
			}
			info := tree.Info()
			dirty := strings.Contains(strings.Join(info.Notes, " "), "replayed in memory")
			if info.Incomplete || dirty != strings.Contains(name, "dirty") {
				t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
			}
			disktest.Compare(t, fsys.New(tree), want, nil)
		})
	}
}
