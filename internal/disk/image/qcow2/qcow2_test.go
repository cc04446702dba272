package qcow2_test

import (
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image/qcow2"
)

// variant converts a raw disk with qemu-img and the given arguments.
func variant(name string, args ...string) disktest.DiskImage {
	return disktest.DiskImage{Name: name, Build: func(t testing.TB, raw, path string) {
		t.Helper()
		convert(t, raw, path, args...)
	}}
}

func packed(name string, args ...string) disktest.DiskImage {
	v := variant(name, append([]string{"-c"}, args...)...)
	v.Packed, v.Size = true, 9<<20+700
	return v
}

func convert(t testing.TB, raw, path string, args ...string) {
	t.Helper()
	args = append(append([]string{"convert", "-f", "raw", "-O", "qcow2"}, args...), raw, path)
	disktest.Run(t, disktest.Tool(t, "qemu-img"), args...)
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "qemu-img")
	full := variant("preallocated", "-S", "0", "-o", "preallocation=full")
	full.Full = true
	tiny := packed("zlib_512", "-o", "cluster_size=512")
	tiny.Size = 2 << 20
	disktest.ImageSuite(t, qcow2.Format{}, "qcow2", []disktest.DiskImage{
		variant("default"),
		variant("v2", "-o", "compat=0.10"),
		variant("lazy_refcounts", "-o", "compat=1.1,lazy_refcounts=on"),
		variant("refcount_bits", "-o", "refcount_bits=1"),
		variant("512", "-o", "cluster_size=512"),
		variant("1k", "-o", "cluster_size=1024"),
		variant("4k", "-o", "cluster_size=4096"),
		variant("2M", "-o", "cluster_size=2M"),
		variant("extended_l2", "-o", "extended_l2=on"),
		variant("extended_l2_16k", "-o", "extended_l2=on,cluster_size=16k"),
		variant("extended_l2_2M", "-o", "extended_l2=on,cluster_size=2M"),
		variant("preallocated_metadata", "-o", "preallocation=metadata"),
		full,
		packed("zlib"),
		packed("zlib_v2", "-o", "compat=0.10"),
		packed("zlib_4k", "-o", "cluster_size=4096"),
		tiny,
		packed("zlib_2M", "-o", "cluster_size=2M"),
		packed("zlib_extended_l2", "-o", "extended_l2=on"),
		packed("zstd", "-o", "compression_type=zstd"),
		packed("zstd_4k", "-o", "compression_type=zstd,cluster_size=4096"),
		packed("zstd_2M", "-o", "compression_type=zstd,cluster_size=2M"),
		packed("zstd_extended_l2", "-o", "compression_type=zstd,extended_l2=on"),
	})
}
