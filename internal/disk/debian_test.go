package disk_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// TestDebian reads a whole Debian root from each of the file systems that such
// hosts have, written by the kernel, on a disk as a cloud image has it, and
// through every kind of image around one of them.
func TestDebian(t *testing.T) {
	if testing.Short() {
		t.Skip("installs a system")
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("installing a system needs root; tests in CI leave nothing out")
		}
		t.Skip("installing a system needs root")
	}
	tree := filepath.Join(t.TempDir(), "root")
	disktest.Run(t, disktest.Tool(t, "debootstrap"), "--variant=minbase", "--include=openssh-server,python3-minimal", "bookworm", tree)
	truth := disktest.Truth(t, tree)
	if len(truth) < 5000 {
		t.Fatalf("the system has %d paths: that is not whole", len(truth))
	}
	for _, kind := range []string{"xfs", "btrfs", "ext4"} {
		img := filepath.Join(t.TempDir(), kind+".raw")
		cloudDisk(t, img, kind, tree)
		d := open(t, img)
		v, err := d.Volume("p1")
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		disktest.Compare(t, v.FS, truth, nil)
		if !d.Whole() {
			t.Errorf("%s: not whole: %+v", kind, d.Volumes)
		}
		if kind == "ext4" {
			testFormats(t, img)
		}
		_ = os.Remove(img)
	}
}

// cloudDisk makes a disk with a BIOS boot partition, an EFI partition and a root.
func cloudDisk(t *testing.T, img, kind, tree string) {
	t.Helper()
	const root, efi = 66 << 20, 4 << 20
	disktest.Blank(t, img, 1600<<20)
	disktest.Run(t, disktest.Tool(t, "sgdisk"), "-a", "2048", "-n14:2048:+2M", "-t14:ef02", "-n15:8192:+62M", "-t15:ef00", "-n1:135168:0", "-t1:8300", img)
	part := img + ".p1"
	disktest.Blank(t, part, 1500<<20)
	args := []string{"-q", part}
	if kind == "ext4" {
		args = append(args, "-F")
	}
	disktest.Run(t, disktest.Tool(t, "mkfs."+kind), args...)
	disktest.Fill(t, kind, part, "", tree)
	esp := img + ".p15"
	disktest.Blank(t, esp, 62<<20)
	disktest.Run(t, disktest.Tool(t, "mkfs.vfat"), "-F", "32", esp)
	for _, p := range []struct {
		file string
		at   int64
	}{{part, root}, {esp, efi}} {
		disktest.CopyInto(t, p.file, img, p.at)
		_ = os.Remove(p.file)
	}
}

// testFormats wraps a disk in each image format and hashes one folder of it.
func testFormats(t *testing.T, raw string) {
	t.Helper()
	want := hashes(t, open(t, raw))
	convert := func(args ...string) func(*testing.T, string) {
		return func(t *testing.T, to string) {
			disktest.Run(t, disktest.Tool(t, "qemu-img"), append(append([]string{"convert"}, args...), raw, to)...)
		}
	}
	shell := func(script string) func(*testing.T, string) {
		return func(t *testing.T, to string) { disktest.Run(t, "sh", "-c", script, "sh", raw, to) }
	}
	for name, build := range map[string]func(*testing.T, string){
		"qcow2":       convert("-O", "qcow2"),
		"qcow2 zstd":  convert("-O", "qcow2", "-c", "-o", "compression_type=zstd"),
		"vmdk":        convert("-O", "vmdk"),
		"vmdk stream": convert("-O", "vmdk", "-o", "subformat=streamOptimized"),
		"vhd":         convert("-O", "vpc"),
		"vhd fixed":   convert("-O", "vpc", "-o", "subformat=fixed"),
		"vhdx":        convert("-O", "vhdx"),
		"vdi":         convert("-O", "vdi"),
		"gzip":        shell(`gzip -1 <"$1" >"$2"`),
		"zstd":        shell(`zstd -q -1 <"$1" >"$2"`),
		"xz":          shell(`xz -0 -T2 --block-size=16MiB <"$1" >"$2"`),
		"gcp export":  shell(`cd "$(dirname "$1")" && ln -f "$1" disk.raw && tar --format=oldgnu -Sczf "$2" disk.raw; rm disk.raw`),
	} {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "image")
			build(t, to)
			if got := hashes(t, open(t, to)); got != want {
				t.Errorf("the files differ from those of the raw disk")
			}
		})
	}
}

// hashes gives the lines of disk hash for a folder, all types of files in it.
func hashes(t *testing.T, d *disk.Disk) string {
	t.Helper()
	var out bytes.Buffer
	if unread, err := d.Hash(t.Context(), &out, "p1", "/usr/bin"); err != nil || unread > 0 {
		t.Fatalf("hash: %d unread, %v", unread, err)
	}
	lines := 0
	for dec := json.NewDecoder(strings.NewReader(out.String())); dec.More(); lines++ {
		var l disk.Line
		if err := dec.Decode(&l); err != nil || fsys.Clean(l.Path) == "" {
			t.Fatalf("line %d: %+v, %v", lines, l, err)
		}
	}
	if lines < 200 {
		t.Fatalf("%d lines: too few", lines)
	}
	return out.String()
}
