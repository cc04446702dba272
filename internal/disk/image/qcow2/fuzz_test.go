package qcow2_test

import (
	"os"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image/qcow2"
)

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	disktest.Pattern(f, dir+"/raw", 200<<10, 1)
	read := func() disktest.Base {
		data, err := os.ReadFile(dir + "/image")
		if err != nil {
			f.Fatal(err)
		}
		return disktest.Base{Data: data}
	}
	var bases []disktest.Base
	for _, args := range [][]string{
		{"-o", "cluster_size=4k"},
		{"-o", "cluster_size=512,compat=0.10"},
		{"-o", "cluster_size=16k,extended_l2=on"},
		{"-c", "-o", "cluster_size=4k"},
		{"-c", "-o", "cluster_size=16k,compression_type=zstd"},
	} {
		convert(f, dir+"/raw", dir+"/image", args...)
		bases = append(bases, read())
	}
	for _, name := range []string{"1", "four"} {
		disktest.Run(f, disktest.Tool(f, "qemu-img"), "create", "-q", "-u", "-f", "qcow2", "-o", "cluster_size=512", "-b", name, "-F", "qcow2", dir+"/image", "1M")
		bases = append(bases, read())
	}
	disktest.FuzzImage(f, qcow2.Format{}, bases...)
}
