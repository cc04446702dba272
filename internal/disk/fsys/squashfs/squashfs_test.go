package squashfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/squashfs"
)

func pack(t testing.TB, dir, path string, args ...string) {
	t.Helper()
	disktest.Run(t, disktest.Tool(t, "mksquashfs"), append([]string{dir, path, "-noappend", "-no-progress", "-quiet", "-processors", "2"}, args...)...)
}

func variant(name string, args ...string) disktest.Image {
	return disktest.Image{Name: name, Entries: 300, Without: []string{"sparse/far"}, Adjust: whole, Build: func(t testing.TB, dir, path string) {
		t.Helper()
		pack(t, dir, path, args...)
	}}
}

// whole leaves out parts of seconds, which the format does not hold.
func whole(_ string, f *disktest.Fact) bool {
	f.Nanos = 0
	return true
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "mksquashfs")
	large := variant("large_dir", "-comp", "gzip")
	large.Entries = 20_000
	disktest.Suite(t, squashfs.Driver{}, []disktest.Image{
		large,
		variant("gzip_4k", "-comp", "gzip", "-b", "4K"),
		variant("gzip_window", "-comp", "gzip", "-b", "64K", "-Xwindow-size", "9", "-Xcompression-level", "1"),
		variant("xz", "-comp", "xz"),
		variant("xz_1m_filters", "-comp", "xz", "-b", "1M", "-Xbcj", "x86,arm"),
		variant("zstd", "-comp", "zstd", "-b", "1M"),
		variant("lzo", "-comp", "lzo"),
		variant("lzo_fast", "-comp", "lzo", "-b", "16K", "-Xalgorithm", "lzo1x_1"),
		variant("lz4", "-comp", "lz4"),
		variant("lz4_high", "-comp", "lz4", "-Xhc", "-b", "8K"),
		variant("lzma", "-comp", "lzma", "-b", "256K"),
		variant("plain", "-noI", "-noD", "-noF", "-noX"),
		variant("plain_inodes", "-noI", "-comp", "zstd", "-b", "32K"),
		variant("plain_data", "-noD", "-noF", "-b", "1M"),
		variant("no_fragments", "-no-fragments"),
		variant("all_fragments", "-always-use-fragments", "-b", "32K"),
		variant("tails", "-tailends", "-no-duplicates", "-no-sparse"),
	})
}

// TestKernel compares with what the kernel mounts.
func TestKernel(t *testing.T) {
	for name, args := range map[string][]string{
		"gzip": {"-comp", "gzip", "-no-exports"}, "xz": {"-comp", "xz", "-b", "512K", "-Xbcj", "x86"}, "lz4": {"-comp", "lz4"},
		"zstd": {"-comp", "zstd", "-b", "4K"}, "lzo": {"-comp", "lzo"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := t.TempDir(), t.TempDir()+"/disk.raw"
			disktest.Plant(t, dir, 1000)
			if name != "zstd" {
				os.Remove(dir + "/sparse/far")
			}
			pack(t, dir, path, args...)
			at := disktest.Mount(t, "squashfs", path, "ro")
			disktest.Compare(t, disktest.Open(t, squashfs.Driver{}, path), disktest.Truth(t, at), nil)
		})
	}
}

// TestScattered reads a file of many blocks here and there, by several readers.
func TestScattered(t *testing.T) {
	t.Parallel()
	dir, path := t.TempDir(), t.TempDir()+"/disk.raw"
	want := make([]byte, 20<<20+100)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(want[:len(want)/2])
	clear(want[5<<20 : 7<<20])
	copy(want[len(want)/2:], want)
	if err := os.WriteFile(dir+"/file", want, 0o600); err != nil {
		t.Fatal(err)
	}
	pack(t, dir, path, "-b", "4K", "-comp", "lz4", "-no-tailends")
	opened, err := disktest.Open(t, squashfs.Driver{}, path).Open("file")
	if err != nil {
		t.Fatal(err)
	}
	f := opened.(io.ReaderAt)
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 300 {
				off := r.IntN(len(want))
				got := make([]byte, min(r.IntN(50_000), len(want)-off))
				if _, err := f.ReadAt(got, int64(off)); err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(got, want[off:off+len(got)]) {
					t.Errorf("%d bytes at %d: %v, or other ones", len(got), off, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// tiny builds a small image that has a bit of everything.
func tiny(t testing.TB, args ...string) []byte {
	t.Helper()
	dir, path := t.TempDir(), t.TempDir()+"/disk.raw"
	for name, data := range map[string][]byte{"a": make([]byte, 100), "b": []byte("hello\n"), "d/c": make([]byte, 9000)} {
		if err := os.MkdirAll(dir+"/d", 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range data {
			data[i] |= byte(i * i)
		}
		if err := os.WriteFile(dir+"/"+name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("d/c", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	pack(t, dir, path, append([]string{"-b", "4K", "-nopad"}, args...)...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzOpen(f *testing.F) {
	f.Add(tiny(f, "-noI", "-noD", "-noF", "-noX"))
	for _, comp := range []string{"gzip", "xz", "zstd", "lzo", "lz4", "lzma"} {
		f.Add(tiny(f, "-comp", comp))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		disktest.Exercise(ctx, squashfs.Driver{}, disktest.Memory(b), 1<<16)
	})
}
