package vhd_test

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
	"github.com/lenscap/lenscap/internal/disk/image/vhd"
)

var be = binary.BigEndian

func convert(t testing.TB, raw, path string, args ...string) {
	t.Helper()
	args = append(append([]string{"convert", "-f", "raw", "-O", "vpc"}, args...), raw, path)
	disktest.Run(t, disktest.Tool(t, "qemu-img"), args...)
}

func variant(name string, size int64, args ...string) disktest.DiskImage {
	return disktest.DiskImage{Name: name, Size: size, Build: func(t testing.TB, raw, path string) {
		t.Helper()
		convert(t, raw, path, args...)
	}}
}

// creator is a dynamic image by another program, whose geometry comes to less
// than its size.
func creator(name string, size int64) disktest.DiskImage {
	return disktest.DiskImage{Name: "by " + name, Size: size, Build: func(t testing.TB, raw, path string) {
		t.Helper()
		convert(t, raw, path, "-o", "force_size=on")
		f := read(t, path)
		for _, at := range []int{0, len(f) - 512} {
			copy(f[at+28:], name)
			copy(f[at+56:], []byte{0, 240, 4, 17})
			resum(f[at:at+512], 64)
		}
		write(t, path, f)
	}}
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "qemu-img")
	disktest.ImageSuite(t, vhd.Format{}, "vpc", []disktest.DiskImage{
		variant("dynamic", 0),
		variant("dynamic exact", 0, "-o", "force_size=on"),
		variant("dynamic tail", 30<<20+512, "-o", "force_size=on"),
		variant("fixed", 0, "-o", "subformat=fixed"),
		variant("fixed exact", 0, "-o", "subformat=fixed,force_size=on"),
		variant("fixed small", 1<<20, "-o", "subformat=fixed,force_size=on"),
		creator("win ", 0),
		creator("d2v ", 0),
		creator("tap\x00", 0),
		creator("CTXS", 0),
	})
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// resum sets the checksum at the given place of b.
func resum(b []byte, at int) {
	sum := uint32(0)
	clear(b[at : at+4])
	for _, c := range b {
		sum += uint32(c)
	}
	be.PutUint32(b[at:], ^sum)
}

// dynamic makes a small dynamic image and its raw disk.
func dynamic(t testing.TB, size int64, seed uint64) (raw, file []byte) {
	t.Helper()
	dir := t.TempDir()
	disktest.Pattern(t, dir+"/raw", size, seed)
	convert(t, dir+"/raw", dir+"/image", "-o", "force_size=on")
	return read(t, dir+"/raw"), read(t, dir+"/image")
}

func open(t testing.TB, data []byte, opts image.Options) (image.Disk, error) {
	t.Helper()
	disks, err := image.Open(t.Context(), disktest.Memory(data), []image.Format{vhd.Format{}}, opts)
	if err != nil {
		return image.Disk{}, err
	}
	if disks[0].Format == "" {
		return image.Disk{}, block.ErrNotThis
	}
	return disks[0], nil
}

// hold opens an image and compares its disk.
func hold(t testing.TB, data, want []byte, opts image.Options) image.Disk {
	t.Helper()
	d, err := open(t, data, opts)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, d.Size())
	if err := block.ReadFull(d, got, 0); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("byte %d is %#x, want %#x", i, got[i], want[i])
		}
	}
	return d
}

func TestDamagedFooter(t *testing.T) {
	t.Parallel()
	raw, file := dynamic(t, 5<<20, 1)
	if d := hold(t, file[:len(file)-512], raw, image.Options{}); !d.Incomplete || len(d.Notes) != 1 {
		t.Errorf("the end is cut: notes %q, incomplete %t", d.Notes, d.Incomplete)
	}
	bad := append([]byte{}, file...)
	bad[64]++
	if d := hold(t, bad, raw, image.Options{}); len(d.Notes) != 0 {
		t.Errorf("the copy is damaged: notes %q", d.Notes)
	}
	bad[len(bad)-512+64]++
	if d := hold(t, bad, raw, image.Options{}); len(d.Notes) != 1 {
		t.Errorf("both are damaged: notes %q", d.Notes)
	}
	clear(bad[len(bad)-512:])
	if _, err := open(t, bad, image.Options{}); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("one is damaged, the other is gone: %v", err)
	}
	clear(bad[:512])
	if _, err := (vhd.Format{}).Open(t.Context(), disktest.Memory(bad), &image.Env{}); !errors.Is(err, block.ErrNotThis) {
		t.Errorf("both are gone: %v", err)
	}
}

func TestOldFooter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Pattern(t, dir+"/raw", 2<<20, 1)
	convert(t, dir+"/raw", dir+"/image", "-o", "subformat=fixed,force_size=on")
	file := read(t, dir+"/image")
	hold(t, file[:len(file)-1], read(t, dir+"/raw"), image.Options{})
}

// TestGeometry reads a disk of Virtual PC, which is as long as its geometry.
func TestGeometry(t *testing.T) {
	t.Parallel()
	raw, file := dynamic(t, 8<<20+512, 1)
	for _, at := range []int{0, len(file) - 512} {
		copy(file[at+28:], "vpc ")
		copy(file[at+56:], []byte{0, 240, 4, 17})
		resum(file[at:at+512], 64)
	}
	path := filepath.Join(t.TempDir(), "image")
	write(t, path, file)
	truth := read(t, disktest.Raw(t, "vpc", path))
	if len(truth) == len(raw) {
		t.Fatal("the geometry comes to the whole size")
	}
	hold(t, file, truth, image.Options{})
}

// TestAzure reads a disk of Azure, which is as long as its current size. QEMU
// knows its creator only since version 9.
func TestAzure(t *testing.T) {
	t.Parallel()
	raw, file := dynamic(t, 8<<20+512, 1)
	for _, at := range []int{0, len(file) - 512} {
		copy(file[at+28:], "wa\x00\x00")
		copy(file[at+56:], []byte{0, 240, 4, 17})
		resum(file[at:at+512], 64)
	}
	hold(t, file, raw, image.Options{})
}

// blockAt gives where the given block of a dynamic image lies: its bitmap.
func blockAt(file []byte, index int) int {
	header := be.Uint64(file[16:])
	table := be.Uint64(file[header+16:])
	return int(be.Uint32(file[int(table)+4*index:])) * 512
}

// mask makes the sectors of a block that no bit of keep is set for unwritten.
func mask(file []byte, at int, keep func(sector int) bool) {
	for s := range 4096 {
		if !keep(s) {
			file[at+s/8] &^= 0x80 >> (s % 8)
		}
	}
}

func TestSectorBitmap(t *testing.T) {
	t.Parallel()
	raw, file := dynamic(t, 5<<20, 1)
	keep := func(s int) bool { return s%7 != 3 && (s < 100 || s > 300) && s != 4095 }
	mask(file, blockAt(file, 0), keep)
	for s := range 4096 {
		if !keep(s) {
			clear(raw[s*512 : s*512+512])
		}
	}
	hold(t, file, raw, image.Options{})
}

// differencing turns a dynamic image into a difference to a parent.
func differencing(file, parent []byte, name string) []byte {
	header := int(be.Uint64(file[16:]))
	out := append([]byte{}, file[:len(file)-512]...)
	units := utf16le(`.\folder\` + name)
	l := out[header+576:]
	copy(l, "W2ru")
	be.PutUint32(l[4:], 1)
	be.PutUint32(l[8:], uint32(len(units)))
	be.PutUint64(l[16:], uint64(len(out)))
	copy(out[header+40:], parent[len(parent)-512+68:len(parent)-512+84])
	resum(out[header:header+1024], 36)
	out = append(out, make([]byte, 512)...)
	copy(out[len(out)-512:], units)
	footer := append([]byte{}, file[:512]...)
	be.PutUint32(footer[60:], 4)
	resum(footer, 64)
	copy(out, footer)
	return append(out, footer...)
}

func utf16le(s string) (out []byte) {
	for _, c := range s {
		out = binary.LittleEndian.AppendUint16(out, uint16(c))
	}
	return out
}

func TestDifferencing(t *testing.T) {
	t.Parallel()
	below, parent := dynamic(t, 10<<20, 1)
	above, child := dynamic(t, 12<<20, 2)
	keep := func(s int) bool { return s/3%2 == 0 }
	mask(child, blockAt(child, 0), keep)
	mask(child, blockAt(child, 5), keep)
	want := append(append([]byte{}, below...), make([]byte, 2<<20)...)
	for s := range len(want) / 512 {
		index := s / 4096
		if blockAt(child, index) == 0xFFFFFFFF*512 || (index == 0 || index == 5) && !keep(s%4096) {
			continue
		}
		copy(want[s*512:s*512+512], above[s*512:])
	}
	child = differencing(child, parent, "parent.vhd")
	files := map[string][]byte{"parent.vhd": parent}
	opts := image.Options{Backing: func(name string) (block.Source, error) {
		if files[name] == nil {
			return nil, os.ErrNotExist
		}
		return disktest.Memory(files[name]), nil
	}}
	hold(t, child, want, opts)

	if _, err := open(t, child, image.Options{}); !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), "parent.vhd") {
		t.Errorf("without permission: %v", err)
	}
	files["parent.vhd"][len(parent)-512+70]++
	resum(parent[len(parent)-512:], 64)
	if _, err := open(t, child, opts); !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), "another disk") {
		t.Errorf("with another parent: %v", err)
	}
	delete(files, "parent.vhd")
	if _, err := open(t, child, opts); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the parent: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	_, file := dynamic(f, 1<<20, 1)
	end := int64(len(file)) - 512
	fix := func(b []byte) {
		resum(b[:512], 64)
		resum(b[len(b)-512:], 64)
	}
	hot := []block.Extent{{Offset: 0, Length: 1536}, {Offset: 1536, Length: 1024}, {Offset: end, Length: 512}}
	fixed := append(make([]byte, 4096), file[:512]...)
	disktest.FuzzImage(f, vhd.Format{},
		disktest.Base{Data: file, Hot: hot, Fix: fix},
		disktest.Base{Data: differencing(file, file, "xxxx"), Hot: hot, Fix: fix},
		disktest.Base{Data: differencing(file, file, "x"), Hot: hot, Fix: fix},
		disktest.Base{Data: fixed, Hot: []block.Extent{{Offset: 4096, Length: 512}}, Fix: func(b []byte) { resum(b[4096:], 64) }},
	)
}

// torn is a disk that can't be read at one of its ends.
type torn struct {
	block.Source
	from, to int64
}

func (s torn) ReadAt(p []byte, off int64) (int, error) {
	if off < s.to && off+int64(len(p)) > s.from {
		return 0, block.Damaged("torn")
	}
	return s.Source.ReadAt(p, off)
}

// TestTorn looks for a footer where there are no bytes to be had: in the disk
// of an image that was cut short.
func TestTorn(t *testing.T) {
	t.Parallel()
	raw := disktest.Memory(make([]byte, 4096))
	for _, src := range []torn{{raw, 3000, 4096}, {raw, 0, 10}, {raw, 0, 4096}} {
		if _, err := (vhd.Format{}).Open(t.Context(), src, &image.Env{}); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("torn from %d to %d: %v", src.from, src.to, err)
		}
	}
	want, file := dynamic(t, 5<<20, 1)
	disks, err := vhd.Format{}.Open(t.Context(), torn{disktest.Memory(file), int64(len(file)) - 512, int64(len(file))}, &image.Env{})
	if err != nil || !disks[0].Incomplete {
		t.Fatalf("a dynamic disk without its end: %v", err)
	}
	got := make([]byte, len(want))
	if err := block.ReadFull(disks[0], got, 0); err != nil || string(got) != string(want) {
		t.Errorf("other bytes, or %v", err)
	}
}
