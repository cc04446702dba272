package ntfs_test

import (
	"io/fs"
	"os"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/ntfs"
)

// adjust makes of what is planted what ntfs-3g can hold: no owners, no
// permissions, no extended attributes.
func adjust(_ string, f *disktest.Fact) bool {
	f.Mode = f.Mode.Type() | 0o777
	f.UID, f.GID, f.Xattrs = 0, 0, nil
	f.Nanos -= f.Nanos % 100
	return true
}

// mkntfs makes an empty volume.
func mkntfs(t testing.TB, path string, size int64, args ...string) {
	t.Helper()
	disktest.Blank(t, path, size)
	disktest.Run(t, disktest.Tool(t, "mkntfs"), append(append([]string{"-F", "-Q", "-q", "-L", "a läbel"}, args...), path)...)
}

// variant builds a volume with mkntfs and the given arguments and fills it
// through ntfs-3g.
func variant(name string, size int64, entries int, options string, args ...string) disktest.Image {
	return disktest.Image{
		Name: name, Entries: entries, Adjust: adjust, Without: []string{"names/\xff\xfe not utf-8"},
		Build: func(t testing.TB, dir, path string) {
			t.Helper()
			mkntfs(t, path, size, args...)
			disktest.Fill(t, "ntfs-3g", path, options, dir)
		},
	}
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "ntfs-3g")
	disktest.Suite(t, ntfs.Driver{}, []disktest.Image{
		variant("default", 64<<20, 5000, ""),
		variant("512", 64<<20, 0, "", "-c", "512"),
	})
}

var _ = fs.ModeDir
var _ = os.Args
