package vdi_test

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
	"github.com/lenscap/lenscap/internal/disk/image/vdi"
)

func convert(t testing.TB, raw, path string, args ...string) {
	t.Helper()
	args = append(append([]string{"convert", "-f", "raw", "-O", "vdi"}, args...), raw, path)
	disktest.Run(t, disktest.Tool(t, "qemu-img"), args...)
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "qemu-img")
	variant := func(name string, args ...string) disktest.DiskImage {
		return disktest.DiskImage{Name: name, Build: func(t testing.TB, raw, path string) {
			t.Helper()
			convert(t, raw, path, args...)
		}}
	}
	disktest.ImageSuite(t, vdi.Format{}, "vdi", []disktest.DiskImage{
		variant("dynamic"),
		variant("static", "-o", "static=on"),
	})
}

// small makes an image whose header can be changed.
func small(t testing.TB) []byte {
	t.Helper()
	raw, path := filepath.Join(t.TempDir(), "raw"), filepath.Join(t.TempDir(), "image")
	disktest.Pattern(t, raw, 3<<20, 1)
	convert(t, raw, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRefused(t *testing.T) {
	t.Parallel()
	good := small(t)
	for _, c := range []struct {
		name  string
		at    int
		value uint32
		want  error
		says  string
	}{
		{"difference", 76, 4, block.ErrMissing, "04030201-0000-0000-0000-000000000000"},
		{"type", 76, 9, block.ErrUnsupported, "type 9"},
		{"version", 68, 2 << 16, block.ErrUnsupported, "version 2.0"},
		{"signature", 64, 0, block.ErrNotThis, ""},
		{"block size", 376, 3 << 19, block.ErrDamaged, "blocks of"},
		{"size", 372, 1, block.ErrDamaged, "for a disk of"},
		{"map", 340, 401, block.ErrDamaged, "block map"},
	} {
		bad := append([]byte{}, good...)
		copy(bad[424:], []byte{1, 2, 3, 4})
		binary.LittleEndian.PutUint32(bad[c.at:], c.value)
		if _, err := (vdi.Format{}).Open(t.Context(), disktest.Memory(bad), &image.Env{}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %v that says %q", c.name, err, c.want, c.says)
		}
	}
}

// TestExtra reads blocks that carry extra bytes before their data.
func TestExtra(t *testing.T) {
	t.Parallel()
	const bs, extra = 4096, 512
	b := make([]byte, 1024, 64<<10)
	copy(b, "<<< any program >>>\n")
	for at, v := range map[int]uint32{64: 0xBEDA107F, 68: 0x10001, 72: 400, 76: 1, 340: 512, 344: 1024, 368: 4 * bs, 376: bs, 380: extra, 384: 4} {
		binary.LittleEndian.PutUint32(b[at:], v)
	}
	for i, v := range []uint32{1, 0xFFFFFFFE, 0, 0xFFFFFFFF} {
		binary.LittleEndian.PutUint32(b[512+4*i:], v)
	}
	block0, block1 := strings.Repeat("a", bs), strings.Repeat("b", bs)
	b = append(append(append(append(b, make([]byte, extra)...), block0...), make([]byte, extra)...), block1...)
	disks, err := vdi.Format{}.Open(t.Context(), disktest.Memory(b), &image.Env{})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4*bs)
	if err := block.ReadFull(disks[0], got, 0); err != nil {
		t.Fatal(err)
	}
	if want := block1 + strings.Repeat("\x00", bs) + block0 + strings.Repeat("\x00", bs); string(got) != want {
		t.Error("the blocks are not where they belong")
	}
}

func FuzzOpen(f *testing.F) {
	disktest.FuzzImage(f, vdi.Format{}, disktest.Base{Data: small(f), Hot: []block.Extent{{Offset: 0, Length: 1024}}})
}
