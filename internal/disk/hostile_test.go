package disk_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// maxMemory is what the engine may take at its peak, whatever a disk says.
const maxMemory = 256 << 20

// hostileSeeds is how many damaged copies of each image are read.
var hostileSeeds = seeds(12)

func seeds(n int) int {
	if v, err := strconv.Atoi(os.Getenv("LENSCAP_HOSTILE_SEEDS")); err == nil {
		return v
	}
	return n
}

// TestHostile damages disks of every kind and reads them in a process of its
// own: it must end, without a panic, in bounded time and memory.
func TestHostile(t *testing.T) {
	if path := os.Getenv("LENSCAP_HOSTILE"); path != "" {
		readHostile(path)
		return
	}
	dir := t.TempDir()
	disktest.Plant(t, dir, 300)
	_ = os.Remove(filepath.Join(dir, "sparse", "far")) // hashing its hole takes longer than all else
	for name, build := range hostileImages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "image")
			build(t, dir, path)
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHostile$", "-test.timeout", "10m")
			cmd.Env = append(os.Environ(), "LENSCAP_HOSTILE="+path)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, tail(out))
			}
			t.Log(strings.TrimSpace(string(tail(out))))
		})
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-4000):] }

// deepTree makes a thousand directories within each other, by long names, and
// many at the bottom: their paths together are far larger than the disk.
func deepTree(t *testing.T, at string) {
	t.Helper()
	dir, err := os.OpenRoot(at)
	for range 1000 {
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Repeat("n", 200)
		next := dir
		if err = dir.Mkdir(name, 0o755); err == nil {
			next, err = dir.OpenRoot(name)
		}
		dir.Close()
		dir = next
	}
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for i := range 800 {
		if err := dir.Mkdir(fmt.Sprint(i), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := dir.WriteFile(fmt.Sprintf("f%d", i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// readHostile reads damaged copies of an image to the end.
func readHostile(path string) {
	debug.SetMemoryLimit(64 << 20)
	src, err := block.OpenFile(path)
	if err != nil {
		panic(err)
	}
	extents, err := src.Extents(context.Background())
	if err != nil {
		panic(err)
	}
	opened, nodes := 0, 0
	var slowest time.Duration
	for seed := range hostileSeeds {
		r := rand.New(rand.NewPCG(uint64(seed), 77))
		bad := disktest.Flip(src, extents, r)
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		if n, ok := readAll(ctx, bad); ok {
			opened++
			nodes += n
		}
		if ctx.Err() != nil {
			fmt.Printf("seed %d: not read within 60 s\n", seed)
			os.Exit(1)
		}
		cancel()
		slowest = max(slowest, time.Since(start))
	}
	top := peak()
	fmt.Printf("%d of %d opened, %d nodes, slowest %v, peak %d MiB\n", opened, hostileSeeds, nodes, slowest.Round(time.Millisecond), top>>20)
	if top > maxMemory {
		fmt.Printf("want at most %d MiB\n", maxMemory>>20)
		os.Exit(1)
	}
}

// peak is the most memory that this process had, as Linux tells it. (What its
// parent is told holds the parent's own at the fork.)
func peak() (bytes int64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscan(rest, &bytes)
	return bytes << 10
}

// readAll opens a disk and reads some of every file.
func readAll(ctx context.Context, src block.Source) (nodes int, ok bool) {
	opts := all.Options()
	opts.Image.SpillBytes = 64 << 20
	d, err := disk.Open(ctx, src, opts)
	if err != nil {
		return 0, false
	}
	defer d.Close()
	_, _ = d.Hash(ctx, io.Discard, "", "/")
	_ = d.Walk(ctx, func(e disk.Entry) error {
		nodes++
		if e.Err == nil && e.Mode.IsRegular() {
			if data, err := e.Volume.FS.Tree().Open(e.ID); err == nil {
				_, _ = io.Copy(io.Discard, io.NewSectionReader(data, 0, min(data.Size(), 1<<20)))
				_, _ = data.Extents(0)
			}
		}
		return nil
	})
	for i := range d.Volumes {
		_ = d.Volumes[i].Deleted(ctx, func(disk.Gone) error { nodes++; return nil })
	}
	return nodes, true
}

// hostileImages are small disks of every kind that is read.
func hostileImages() map[string]func(t *testing.T, dir, path string) {
	mkfs := func(kind string, size int64, args ...string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, path string) {
			disktest.Blank(t, path, size)
			disktest.Run(t, disktest.Tool(t, "mkfs."+kind), append(args, path)...)
			disktest.Fill(t, kind, path, "", dir)
		}
	}
	tool := func(name string, args func(dir, path string) []string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, path string) {
			disktest.Run(t, disktest.Tool(t, name), args(dir, path)...)
		}
	}
	ext4 := mkfs("ext4", 64<<20, "-q", "-F")
	image := func(args ...string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, path string) {
			ext4(t, dir, path+".raw")
			disktest.Run(t, disktest.Tool(t, "qemu-img"), append(append([]string{"convert"}, args...), path+".raw", path)...)
		}
	}
	shell := func(script string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, path string) {
			ext4(t, dir, path+".raw")
			disktest.Run(t, "sh", "-c", script, "sh", path+".raw", path)
		}
	}
	return map[string]func(t *testing.T, dir, path string){
		"deep": func(t *testing.T, _, path string) {
			disktest.Blank(t, path, 64<<20)
			disktest.Run(t, disktest.Tool(t, "mkfs.ext4"), "-q", "-F", "-b", "1024", "-N", "8000", path)
			at := disktest.Mount(t, "ext4", path, "")
			deepTree(t, at)
			disktest.Run(t, "umount", at)
		},
		"ext4":     ext4,
		"xfs":      mkfs("xfs", 320<<20, "-q"),
		"btrfs":    mkfs("btrfs", 128<<20, "-q"),
		"squashfs": tool("mksquashfs", func(dir, path string) []string { return []string{dir, path, "-quiet", "-no-progress"} }),
		"iso9660": tool("genisoimage", func(dir, path string) []string {
			return []string{"-quiet", "-R", "-J", "-joliet-long", "-o", path, filepath.Join(dir, "sizes")}
		}),
		"fat": func(t *testing.T, dir, path string) {
			disktest.Blank(t, path, 64<<20)
			disktest.Run(t, disktest.Tool(t, "mkfs.vfat"), path)
			disktest.Run(t, disktest.Tool(t, "mcopy"), "-s", "-Q", "-i", path, filepath.Join(dir, "sizes"), "::/")
		},
		"ntfs": func(t *testing.T, dir, path string) {
			disktest.Blank(t, path, 64<<20)
			disktest.Run(t, disktest.Tool(t, "mkntfs"), "-F", "-Q", "-q", path)
			disktest.Run(t, disktest.Tool(t, "ntfscp"), "-f", path, filepath.Join(dir, "big"), "big")
		},
		"exfat": func(t *testing.T, _, path string) {
			disktest.Blank(t, path, 64<<20)
			disktest.Run(t, disktest.Tool(t, "mkfs.exfat"), path)
		},
		"qcow2":       image("-O", "qcow2", "-c"),
		"vmdk":        image("-O", "vmdk"),
		"vmdk stream": image("-O", "vmdk", "-o", "subformat=streamOptimized"),
		"vhd":         image("-O", "vpc"),
		"vhdx":        image("-O", "vhdx"),
		"vdi":         image("-O", "vdi"),
		"gzip":        shell(`gzip -1 <"$1" >"$2"`),
		"xz":          shell(`xz -0 <"$1" >"$2"`),
		"zstd":        shell(`zstd -q -1 <"$1" >"$2"`),
		"tar":         shell(`cd "$(dirname "$1")" && mv "$1" disk.raw && tar -cf "$2" disk.raw`),
		"bomb":        shell(`truncate -s 512M "$1.big" && gzip -1 <"$1.big" >"$2"; rm "$1.big"`),
	}
}
