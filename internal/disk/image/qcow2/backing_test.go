package qcow2_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/image/qcow2"
)

// write writes a pattern to an image, at offsets that cut clusters.
func write(t testing.TB, path string, commands ...string) {
	t.Helper()
	args := []string{"-f", "qcow2"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	disktest.Run(t, disktest.Tool(t, "qemu-io"), append(args, path)...)
}

func TestBackingChain(t *testing.T) {
	t.Parallel()
	qemu := disktest.Tool(t, "qemu-img")
	for _, c := range []struct{ name, mid, top string }{
		{"default", "cluster_size=64k", "cluster_size=64k"},
		{"v2_4k", "compat=0.10", "cluster_size=4k"},
		{"subclusters", "extended_l2=on", "extended_l2=on,cluster_size=128k"},
		{"zstd", "compression_type=zstd", "extended_l2=on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			raw, mid, top := filepath.Join(dir, "base.raw"), filepath.Join(dir, "mid.qcow2"), filepath.Join(dir, "top.qcow2")
			disktest.Pattern(t, raw, 10<<20, 3)
			// Each image is longer than the one below: what it does not hold is zeros.
			disktest.Run(t, qemu, "create", "-f", "qcow2", "-o", c.mid, "-b", raw, "-F", "raw", mid, "16M")
			write(t, mid, "write -P 5 100k 300k", "write -P 6 5000k 10k", "write -z 1M 256k", "write -P 7 10239k 3k", "write -P 8 12M 70k")
			if c.mid != "compat=0.10" {
				write(t, mid, "write -c -P 12 2M 128k")
			}
			disktest.Run(t, qemu, "create", "-f", "qcow2", "-o", c.top, "-b", "mid.qcow2", "-F", "qcow2", top, "20M")
			write(t, top, "write -P 9 150k 7k", "write -z 5002k 2k", "write -P 10 6M 2M", "write -z 12M 64k", "write -P 11 15M 2M", "discard 200k 64k")
			truth := disktest.Raw(t, "qcow2", top)
			disktest.CheckImage(t, qcow2.Format{}, top, truth, disktest.DiskImage{Packed: true})
			disktest.DamageImage(t, qcow2.Format{}, top, 20)
		})
	}
}

func TestRebased(t *testing.T) {
	t.Parallel()
	qemu, dir := disktest.Tool(t, "qemu-img"), t.TempDir()
	first, second, top := filepath.Join(dir, "1.raw"), filepath.Join(dir, "2.raw"), filepath.Join(dir, "top")
	disktest.Pattern(t, first, 4<<20, 4)
	disktest.Pattern(t, second, 4<<20, 5)
	disktest.Run(t, qemu, "create", "-f", "qcow2", "-o", "extended_l2=on", "-b", first, "-F", "raw", top)
	write(t, top, "write -P 9 150k 7k", "write -z 1002k 2k")
	disktest.Run(t, qemu, "rebase", "-f", "qcow2", "-b", second, "-F", "raw", top)
	disktest.CheckImage(t, qcow2.Format{}, top, disktest.Raw(t, "qcow2", top), disktest.DiskImage{Packed: true})
}

func open(t testing.TB, path string, opts image.Options) (image.Disk, error) {
	t.Helper()
	disks, err := image.Open(t.Context(), disktest.File(t, path), []image.Format{qcow2.Format{}}, opts)
	if err != nil {
		return image.Disk{}, err
	}
	t.Cleanup(func() { _ = disks[0].Close() })
	return disks[0], nil
}

func TestBackingRefused(t *testing.T) {
	t.Parallel()
	qemu, dir := disktest.Tool(t, "qemu-img"), t.TempDir()
	base, top := filepath.Join(dir, "base.raw"), filepath.Join(dir, "top")
	disktest.Blank(t, base, 1<<20)
	disktest.Run(t, qemu, "create", "-f", "qcow2", "-b", base, "-F", "raw", top)
	_, err := open(t, top, image.Options{})
	if !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), base) || !strings.Contains(err.Error(), "permit") {
		t.Errorf("without permission: %v", err)
	}
	if err := os.Remove(base); err != nil {
		t.Fatal(err)
	}
	if _, err = open(t, top, disktest.Beside(top)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	loop := filepath.Join(dir, "loop")
	disktest.Run(t, qemu, "create", "-f", "qcow2", loop, "1M")
	disktest.Run(t, qemu, "rebase", "-u", "-f", "qcow2", "-b", loop, "-F", "qcow2", loop)
	if _, err = open(t, loop, disktest.Beside(loop)); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("an image on itself: %v", err)
	}
	disktest.Run(t, qemu, "create", "-u", "-f", "qcow2", "-b", "nbd://host/disk", "-F", "raw", loop, "1M")
	if _, err = open(t, loop, disktest.Beside(loop)); !errors.Is(err, block.ErrMissing) {
		t.Errorf("an image on the network: %v", err)
	}
}

// patch changes bytes of a file.
func patch(t testing.TB, path string, off int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(data, off)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	qemu := disktest.Tool(t, "qemu-img")
	create := func(t testing.TB, args ...string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "image")
		disktest.Run(t, qemu, append(append([]string{"create", "-q", "-f", "qcow2"}, args...), path, "4M")...)
		return path
	}
	incompatible := func(bit int) func(testing.TB) string {
		return func(t testing.TB) string {
			t.Helper()
			path := create(t)
			patch(t, path, 72, binary.BigEndian.AppendUint64(nil, 1<<bit))
			return path
		}
	}
	for _, c := range []struct {
		name  string
		build func(testing.TB) string
		want  error
		says  string
	}{
		{"luks", func(t testing.TB) string {
			path := create(t) // making a real one takes seconds
			patch(t, path, 32, []byte{0, 0, 0, 2})
			return path
		}, block.ErrEncrypted, "LUKS"},
		{"aes", func(t testing.TB) string {
			return create(t, "--object", "secret,id=s,data=abc", "-o", "encrypt.format=aes,encrypt.key-secret=s")
		}, block.ErrEncrypted, "AES"},
		{"data_file", func(t testing.TB) string {
			return create(t, "-o", "data_file="+filepath.Join(t.TempDir(), "outside.raw"))
		}, block.ErrUnsupported, "outside.raw"},
		{"bit_5", incompatible(5), block.ErrUnsupported, "bit 5"},
		{"bit_63", incompatible(63), block.ErrUnsupported, "bit 63"},
		{"v1", func(t testing.TB) string {
			path := create(t)
			patch(t, path, 4, []byte{0, 0, 0, 1})
			return path
		}, block.ErrUnsupported, "version 1"},
		{"clusters", func(t testing.TB) string {
			path := create(t)
			patch(t, path, 20, []byte{0, 0, 0, 22})
			return path
		}, block.ErrDamaged, "clusters"},
		{"short_l1", func(t testing.TB) string {
			path := create(t)
			patch(t, path, 36, []byte{0, 0, 0, 0})
			return path
		}, block.ErrDamaged, "first level"},
		{"huge", func(t testing.TB) string {
			path := create(t)
			patch(t, path, 24, []byte{0xFF})
			return path
		}, block.ErrDamaged, "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := c.build(t)
			if _, err := open(t, path, image.Options{}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v that says %q", err, c.want, c.says)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	qemu, path := disktest.Tool(t, "qemu-img"), filepath.Join(t.TempDir(), "image")
	disktest.Run(t, qemu, "create", "-q", "-f", "qcow2", path, "4M")
	for _, name := range []string{"before update", "秘密"} {
		disktest.Run(t, qemu, "snapshot", "-c", name, path)
	}
	d, err := open(t, path, image.Options{})
	if err != nil || len(d.Notes) != 1 || !d.Incomplete || !strings.Contains(d.Notes[0], `2 internal snapshots are not shown: "before update", "秘密"`) {
		t.Errorf("snapshots: %q, %t, %v", d.Notes, d.Incomplete, err)
	}
	patch(t, path, 79, []byte{3})
	if d, err = open(t, path, image.Options{}); err != nil || len(d.Notes) != 3 {
		t.Errorf("dirty and corrupt: %q, %v", d.Notes, err)
	}
}

// TestCoalesces holds a big read against the number of reads of the file.
func TestCoalesces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw, path := filepath.Join(dir, "raw"), filepath.Join(dir, "image")
	disktest.Pattern(t, raw, 8<<20, 2)
	convert(t, raw, path, "-S", "0")
	counter := block.NewCounter(disktest.File(t, path))
	disks, err := image.Open(t.Context(), counter, []image.Format{qcow2.Format{}}, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := counter.Requests()
	if err := block.ReadFull(disks[0], make([]byte, 8<<20), 0); err != nil {
		t.Fatal(err)
	}
	if n := counter.Requests() - before; n > 6 {
		t.Errorf("%d reads of the file for one of the disk", n)
	}
}
