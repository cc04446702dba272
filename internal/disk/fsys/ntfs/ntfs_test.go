package ntfs_test

import (
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/ntfs"
)

// adjust makes of what is planted what ntfs-3g can hold: no owners, no
// permissions, no extended attributes, times in units of 100 ns.
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
// through ntfs-3g with the given mount options.
func variant(name string, size int64, entries int, options string, args ...string) disktest.Image {
	return disktest.Image{
		Name: name, Entries: entries, Adjust: adjust, Without: []string{"names/\xff\xfe not utf-8", "sparse/far"},
		Build: func(t testing.TB, dir, path string) {
			t.Helper()
			mkntfs(t, path, size, args...)
			disktest.Fill(t, "ntfs-3g", path, options, dir)
		},
	}
}

// without leaves more paths out.
func without(img disktest.Image, paths ...string) disktest.Image {
	img.Without = append(img.Without, paths...)
	return img
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "ntfs-3g")
	large := variant("default", 64<<20, 5000, "")
	large.Without = large.Without[:1]
	disktest.Suite(t, ntfs.Driver{}, []disktest.Image{
		large,
		variant("cluster_512", 64<<20, 300, "", "-c", "512"),
		variant("cluster_1k", 64<<20, 300, "special_files=wsl", "-c", "1024"),
		variant("cluster_64k", 128<<20, 300, "", "-c", "65536"),
		without(variant("cluster_2m", 512<<20, 300, "", "-c", "2097152"), "sizes", "owners"),
		variant("sector_1k", 64<<20, 300, "", "-s", "1024"),
		variant("sector_4k", 64<<20, 300, "", "-s", "4096"),
		variant("compressed", 64<<20, 300, "compression", "-C"),
		variant("compressed_512", 64<<20, 300, "compression", "-C", "-c", "512"),
	})
}
