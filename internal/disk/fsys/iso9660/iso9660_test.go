package iso9660_test

import (
	"os/exec"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/iso9660"
)

// build builds an image with a tool; the folder comes last.
func build(t testing.TB, dir, path, tool string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), disktest.Tool(t, tool), append(append(args, "-o", path), dir)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
}

// rock is a variant with Rock Ridge. genisoimage writes links of hundreds of
// components so that nobody can read them.
func rock(name, tool string, args ...string) disktest.Image {
	without := []string{"sparse/far"}
	if tool == "genisoimage" {
		without = append(without, "links/long", "names/\xff\xfe not utf-8")
	}
	return disktest.Image{Name: name, Adjust: held, Without: without, Build: func(t testing.TB, dir, path string) {
		t.Helper()
		if tool == "xorriso" {
			args = append([]string{"-as", "mkisofs"}, args...)
		}
		build(t, dir, path, tool, args...)
	}}
}

// held is what Rock Ridge can hold of a fact. Directories deeper than eight are
// moved into one of their own.
func held(path string, f *disktest.Fact) bool {
	f.Nanos, f.Xattrs = 0, nil
	return path != "rr_moved"
}

func TestSuite(t *testing.T) {
	disktest.Suite(t, iso9660.Driver{}, []disktest.Image{
		rock("rock", "genisoimage", "-quiet", "-R", "-cache-inodes"),
		rock("rock_joliet", "genisoimage", "-quiet", "-R", "-J", "-cache-inodes"),
		rock("xorriso", "xorriso", "-quiet", "-R", "-J", "--hardlinks", "-iso-level", "3"),
	})
}
