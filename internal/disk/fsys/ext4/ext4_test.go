package ext4_test

import (
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/ext4"
)

// variant builds an image with mke2fs and the given arguments.
func variant(name, size string, entries int, args ...string) disktest.Image {
	return disktest.Image{Name: name, Entries: entries, Adjust: whole, Build: func(t testing.TB, dir, path string) {
		t.Helper()
		mke2fs(t, dir, path, size, args...)
	}}
}

// whole leaves out parts of seconds, which mke2fs does not copy.
func whole(_ string, f *disktest.Fact) bool {
	f.Nanos = 0
	return true
}

// inline is a variant with inline_data, where mke2fs itself gets the sizes of
// sparse files wrong.
func inline(name, size string, args ...string) disktest.Image {
	img := variant(name, size, 0, args...)
	img.Without = []string{"sparse"}
	return img
}

func mke2fs(t testing.TB, dir, path, size string, args ...string) {
	t.Helper()
	tool := disktest.Tool(t, "mke2fs")
	disktest.Run(t, tool, append(append([]string{"-q", "-F", "-d", dir, "-L", "a label", "-E", "root_owner"}, args...), path, size)...)
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "mke2fs")
	const modern = "ext_attr,has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize,sparse_super,large_file,filetype,resize_inode,dir_index"
	disktest.Suite(t, ext4.Driver{}, []disktest.Image{
		variant("default", "64M", 5000, "-t", "ext4", "-O", "none,"+modern),
		variant("1k", "64M", 0, "-t", "ext4", "-b", "1024", "-O", "none,"+modern),
		variant("2k", "64M", 0, "-t", "ext4", "-b", "2048", "-O", "none,"+modern),
		variant("64k", "512M", 0, "-t", "ext4", "-b", "65536", "-O", "none,"+modern),
		inline("inline_data", "64M", "-t", "ext4", "-I", "256", "-O", "none,"+modern+",inline_data"),
		inline("inline_data_1k_inodes", "128M", "-t", "ext4", "-I", "1024", "-O", "none,"+modern+",inline_data"),
		variant("bigalloc", "256M", 0, "-t", "ext4", "-C", "65536", "-O", "none,"+modern+",bigalloc"),
		variant("bigalloc_1k", "128M", 0, "-t", "ext4", "-b", "1024", "-C", "16384", "-O", "none,"+modern+",bigalloc"),
		variant("meta_bg", "300M", 0, "-t", "ext4", "-b", "1024", "-O", "none,ext_attr,has_journal,extent,meta_bg,sparse_super,filetype,64bit"),
		variant("sparse_super2", "64M", 0, "-t", "ext4", "-b", "1024", "-O", "none,ext_attr,extent,meta_bg,sparse_super2,filetype"),
		variant("32bit", "64M", 0, "-t", "ext4", "-I", "256", "-O", "none,ext_attr,has_journal,extent,uninit_bg,flex_bg,filetype,sparse_super"),
		variant("no_extents", "64M", 0, "-t", "ext4", "-O", "none,ext_attr,has_journal,filetype,sparse_super"),
		variant("ext3", "64M", 0, "-t", "ext3", "-I", "128", "-b", "1024", "-O", "none,ext_attr,has_journal,filetype,sparse_super,large_file"),
		variant("ext2", "64M", 0, "-t", "ext2", "-I", "128", "-b", "4096", "-O", "none,ext_attr,filetype,sparse_super,large_file"),
		variant("ext2_1k_no_filetype", "64M", 0, "-t", "ext2", "-b", "1024", "-O", "none,ext_attr,large_file"),
		variant("largedir_casefold", "64M", 0, "-t", "ext4", "-O", "none,"+modern+",large_dir,casefold,ea_inode"),
	})
}
