package xfs_test

import (
	"bytes"
	"encoding/gob"
	"os"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

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
