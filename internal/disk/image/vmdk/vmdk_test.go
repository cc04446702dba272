package vmdk_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/image/vmdk"
)

var le = binary.LittleEndian

func convert(t testing.TB, raw, path, options string) {
	t.Helper()
	disktest.Run(t, disktest.Tool(t, "qemu-img"), "convert", "-f", "raw", "-O", "vmdk", "-o", options, raw, path)
}

// variant converts a raw disk with qemu-img and the given options, and then
// changes the image.
func variant(name, options string, change func(t testing.TB, path string, file []byte) []byte) disktest.DiskImage {
	return disktest.DiskImage{Name: name, Build: func(t testing.TB, raw, path string) {
		t.Helper()
		convert(t, raw, path, options)
		if change != nil {
			write(t, path, change(t, path, read(t, path)))
		}
	}}
}

func elsewhere(img disktest.DiskImage) disktest.DiskImage {
	img.Packed = true
	return img
}

func sized(img disktest.DiskImage, size int64) disktest.DiskImage {
	img.Size = size
	return img
}

func TestSuite(t *testing.T) {
	disktest.Tool(t, "qemu-img")
	disktest.ImageSuite(t, vmdk.Format{}, "vmdk", []disktest.DiskImage{
		variant("monolithicSparse", "subformat=monolithicSparse", nil),
		variant("zeroed_grain", "subformat=monolithicSparse,zeroed_grain=on", nil),
		variant("compat6", "subformat=monolithicSparse,compat6=on", nil),
		elsewhere(variant("streamOptimized", "subformat=streamOptimized", nil)),
		elsewhere(sized(variant("streamOptimized whole grains", "subformat=streamOptimized", nil), 16<<20)),
		elsewhere(variant("streamOptimized with a footer", "subformat=streamOptimized", footer)),
		elsewhere(variant("monolithicFlat", "subformat=monolithicFlat", nil)),
		elsewhere(variant("twoGbMaxExtentFlat", "subformat=twoGbMaxExtentFlat", nil)),
		elsewhere(variant("twoGbMaxExtentSparse", "subformat=twoGbMaxExtentSparse", nil)),
		elsewhere(variant("vmfs", "subformat=monolithicFlat", vmfs)),
		elsewhere(variant("seSparse", "subformat=monolithicFlat", seSparse)),
		elsewhere(variant("vmfsSparse", "subformat=monolithicFlat", cowd)),
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

// footer moves the place of the grain directory to the end of a stream, as
// VMware writes it.
func footer(_ testing.TB, _ string, file []byte) []byte {
	head := bytes.Clone(file[:512])
	le.PutUint64(file[56:], 1<<64-1)
	mark := func(val uint64, kind uint32) []byte {
		b := make([]byte, 512)
		le.PutUint64(b, val)
		le.PutUint32(b[12:], kind)
		return b
	}
	file = append(file, make([]byte, -len(file)&511)...)
	return bytes.Join([][]byte{file, mark(1, 3), head, mark(0, 0)}, nil)
}

// vmfs makes a descriptor as ESX does.
func vmfs(_ testing.TB, _ string, file []byte) []byte {
	file = bytes.Replace(file, []byte(`"monolithicFlat"`), []byte(`"vmfs"`), 1)
	file = bytes.Replace(file, []byte(" FLAT "), []byte(" VMFS "), 1)
	return bytes.Replace(file, []byte(`.img" 0`), []byte(`.img"`), 1)
}

// flat gives the flat extent of the descriptor at path, filled up to whole
// grains, and its sectors.
func flat(t testing.TB, path string) (name string, data []byte, sectors int) {
	t.Helper()
	name = strings.TrimSuffix(path, ".img") + "-flat.img"
	data = read(t, name)
	return name, append(data, make([]byte, -len(data)&0xFFFF)...), len(data) / 512
}

// empty tells whether a grain is all zeros.
func empty(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// cowd rewrites the flat extent as a sparse one of ESX 3.
func cowd(t testing.TB, path string, file []byte) []byte {
	t.Helper()
	name, data, sectors := flat(t, path)
	const grain, entries = 512, 4096
	tables := (len(data) + grain*entries - 1) / (grain * entries)
	out := make([]byte, 4*512+(tables*4+511)&^511)
	copy(out, "COWD")
	for i, v := range []uint32{1, 3, uint32(sectors), 1, 4, uint32(tables)} {
		le.PutUint32(out[4+4*i:], v)
	}
	for i := range tables {
		le.PutUint32(out[2048+4*i:], uint32(len(out)/512))
		at := len(out)
		out = append(out, make([]byte, entries*4)...)
		for j := range entries {
			off := (i*entries + j) * grain
			if off >= len(data) || empty(data[off:off+grain]) {
				continue
			}
			le.PutUint32(out[at+4*j:], uint32(len(out)/512))
			out = append(out, data[off:off+grain]...)
		}
	}
	write(t, name, out)
	file = bytes.Replace(file, []byte(`"monolithicFlat"`), []byte(`"vmfsSparse"`), 1)
	file = bytes.Replace(file, []byte(" FLAT "), []byte(" VMFSSPARSE "), 1)
	return bytes.Replace(file, []byte(`.img" 0`), []byte(`.img"`), 1)
}

// seSparse rewrites the flat extent as an seSparse one.
func seSparse(t testing.TB, path string, file []byte) []byte {
	t.Helper()
	name, data, sectors := flat(t, path)
	const grain, entries = 4096, 4096
	tables := (len(data) + grain*entries - 1) / (grain * entries)
	const volatileAt, directoryAt, tablesAt = 1, 16, 24
	grainsAt := tablesAt + tables*64 + 8
	out := make([]byte, grainsAt*512)
	for i, v := range map[int]uint64{
		0: 0xcafebabe, 1: 0x200000001, 2: uint64(sectors), 3: 8, 4: 64, 10: volatileAt, 11: 1,
		16: directoryAt, 17: 1, 18: tablesAt, 19: uint64(tables * 64), 24: uint64(grainsAt),
	} {
		le.PutUint64(out[8*i:], v)
	}
	le.PutUint64(out[volatileAt*512:], 0xcafecafe)
	for i := range tables {
		nr := tables - 1 - i // in another order
		le.PutUint64(out[directoryAt*512+8*i:], 0x10000000<<32|uint64(nr))
		at := tablesAt*512 + nr*64*512
		for j := range entries {
			off := (i*entries + j) * grain
			if off >= len(data) {
				continue
			}
			if empty(data[off : off+grain]) {
				le.PutUint64(out[at+8*j:], uint64(j%3)<<60) // not there, unmapped, zeros
				continue
			}
			n := uint64(len(out)-grainsAt*512) / grain
			le.PutUint64(out[at+8*j:], 3<<60|(n&0xFFF)<<48|n>>12)
			out = append(out, data[off:off+grain]...)
		}
	}
	write(t, name, out)
	file = bytes.Replace(file, []byte(`"monolithicFlat"`), []byte(`"seSparse"`), 1)
	file = bytes.Replace(file, []byte(" FLAT "), []byte(" SESPARSE "), 1)
	return bytes.Replace(file, []byte(`.img" 0`), []byte(`.img"`), 1)
}

func open(t testing.TB, data []byte, opts image.Options) (image.Disk, error) {
	t.Helper()
	disks, err := image.Open(t.Context(), disktest.Memory(data), []image.Format{vmdk.Format{}}, opts)
	if err != nil {
		return image.Disk{}, err
	}
	if disks[0].Format == "" {
		return image.Disk{}, block.ErrNotThis
	}
	t.Cleanup(func() { _ = disks[0].Close() })
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
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, want %d, or other ones", len(got), len(want))
	}
	return d
}

// files serves extents and parents from memory.
func files(m map[string][]byte) image.Options {
	open := func(name string) (block.Source, error) {
		if m[name] == nil {
			return nil, os.ErrNotExist
		}
		return disktest.Memory(m[name]), nil
	}
	return image.Options{Extent: open, Backing: open}
}

// TestRedundant reads by the redundant grain directory and its tables.
func TestRedundant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Pattern(t, dir+"/raw", 70<<20, 1)
	convert(t, dir+"/raw", dir+"/image", "subformat=monolithicSparse")
	raw, good := read(t, dir+"/raw"), read(t, dir+"/image")
	directory, redundant := int(le.Uint64(good[56:])*512), int(le.Uint64(good[48:])*512)
	table := int(le.Uint32(good[directory:])) * 512
	if directory == redundant || redundant == 0 {
		t.Fatal("there is one directory")
	}
	for name, harm := range map[string]func(b []byte){
		"directory cleared":  func(b []byte) { clear(b[directory : directory+12]) },
		"directory outside":  func(b []byte) { le.PutUint32(b[directory+4:], 0xFFFFFFF0) },
		"table outside":      func(b []byte) { le.PutUint32(b[table:], 0xFFFFFFF0) },
		"redundant cleared":  func(b []byte) { clear(b[redundant : redundant+12]) },
		"redundant nowhere":  func(b []byte) { le.PutUint64(b[48:], 1<<40) },
		"directory nowhere":  func(b []byte) { le.PutUint64(b[56:], 1<<40) },
		"not closed cleanly": func(b []byte) { b[72] = 1 },
	} {
		bad := bytes.Clone(good)
		harm(bad)
		if d := hold(t, bad, raw, image.Options{}); len(d.Notes) > 0 != (bad[72] == 1) {
			t.Errorf("%s: notes %q", name, d.Notes)
		}
	}
	le.PutUint32(good[directory:], 0xFFFFFFF0)
	le.PutUint32(good[redundant:], 0xFFFFFFF0)
	d, err := open(t, good, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadAt(make([]byte, 1), 0); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("both damaged: %v", err)
	}
	if _, err := d.ReadAt(make([]byte, 1), 40<<20); err != nil {
		t.Errorf("both damaged elsewhere: %v", err)
	}
}

func TestDelta(t *testing.T) {
	t.Parallel()
	qemu, io, dir := disktest.Tool(t, "qemu-img"), disktest.Tool(t, "qemu-io"), t.TempDir()
	disktest.Pattern(t, dir+"/raw", 10<<20, 3)
	base, top := filepath.Join(dir, "base.vmdk"), filepath.Join(dir, "top.vmdk")
	for _, sub := range []string{"monolithicSparse", "monolithicFlat"} {
		convert(t, dir+"/raw", base, "subformat="+sub)
		if err := os.RemoveAll(top); err != nil {
			t.Fatal(err)
		}
		disktest.Run(t, qemu, "create", "-f", "vmdk", "-o", "zeroed_grain=on", "-b", base, "-F", "vmdk", top)
		disktest.Run(t, io, "-f", "vmdk", "-c", "write -P 7 100k 300k", "-c", "write -z 1M 128k", "-c", "write -P 9 9M 1M", top)
		disktest.CheckImage(t, vmdk.Format{}, top, disktest.Raw(t, "vmdk", top), disktest.DiskImage{Packed: true})
	}
	if _, err := open(t, read(t, top), image.Options{}); !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), base) {
		t.Errorf("without permission: %v", err)
	}
	write(t, base, bytes.Replace(read(t, base), []byte("CID="), []byte("CID=1"), 1))
	if _, err := open(t, read(t, top), disktest.Beside(top)); !errors.Is(err, block.ErrMissing) && !errors.Is(err, block.ErrDamaged) {
		t.Errorf("with a changed parent: %v", err)
	}
}

func text(extents ...string) []byte {
	return fmt.Appendf(nil, "# Disk DescriptorFile\r\nversion=1\r\nencoding=\"UTF-8\"\r\nCID=fffffffe\r\nparentCID=ffffffff\r\ncreateType=\"custom\"\r\n\r\n# Extent description\r\n%s\r\n\r\n# The Disk Data Base\r\n#DDB\r\n\r\nddb.adapterType = \"ide\"\r\n", strings.Join(extents, "\r\n"))
}

// TestExtents puts a disk together from parts of files and zeros.
func TestExtents(t *testing.T) {
	t.Parallel()
	a, b := bytes.Repeat([]byte("abcdefgh"), 512), bytes.Repeat([]byte("01234567"), 512)
	opts := files(map[string][]byte{"a b.vmdk": a, "秘密.vmdk": b})
	d := text(`RW 2 FLAT "a b.vmdk" 3`, "RW 3 ZERO", `RDONLY 4 FLAT "秘密.vmdk" 0`, `RW 1 FLAT "a b.vmdk" 0`, `RW 8 VMFS "秘密.vmdk"`)
	want := bytes.Join([][]byte{a[3*512 : 5*512], make([]byte, 3*512), b[:4*512], a[:512], b}, nil)
	disk := hold(t, d, want, opts)
	if at := block.Locate(disk.Source, 5*512+7); at != int64(len(d)+len(a)+7) {
		t.Errorf("byte of the second file is at %d", at)
	}
	if at := block.Locate(disk.Source, 3*512); at >= 0 {
		t.Errorf("zeros are at %d", at)
	}
	// Descriptors on VMFS are followed by zeros.
	hold(t, append(d, make([]byte, 600)...), want, opts)
	short := text(`RW 9 FLAT "a b.vmdk" 0`)
	disk, err := open(t, short, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.ReadAt(make([]byte, 512), 8*512); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("past the end of an extent: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	opts := files(map[string][]byte{"x": make([]byte, 4096)})
	hosted := func(at int, v uint32) []byte {
		b := make([]byte, 1024)
		copy(b, "KDMV")
		for i, x := range map[int]uint32{4: 1, 8: 3, 12: 128, 20: 128, 44: 512, 56: 1} {
			le.PutUint32(b[i:], x)
		}
		le.PutUint32(b[at:], v)
		return b
	}
	for _, c := range []struct {
		name string
		data []byte
		opts image.Options
		want error
		says string
	}{
		{"no extent beside", text(`RW 8 FLAT "x" 0`), image.Options{}, block.ErrMissing, `"x"`},
		{"extent gone", text(`RW 8 FLAT "y" 0`), opts, os.ErrNotExist, `"y"`},
		{"folder", text(`RW 8 FLAT "../x" 0`), opts, block.ErrDamaged, "folder"},
		{"rdm", text(`RW 8 VMFSRDM "x"`), opts, block.ErrMissing, "device"},
		{"device", text(`RW 8 FLAT "\\.\PhysicalDrive0" 0`), opts, block.ErrMissing, "device"},
		{"type", text(`RW 8 NEW "x"`), opts, block.ErrUnsupported, `"NEW"`},
		{"no access", text(`NOACCESS 8 FLAT "x" 0`), opts, block.ErrUnsupported, "access"},
		{"not sparse", text(`RW 8 SPARSE "x"`), opts, block.ErrDamaged, "starts with"},
		{"no extents", text(), opts, block.ErrDamaged, "no extents"},
		{"overflow", text(`RW 18446744073709551615 ZERO`), opts, block.ErrDamaged, "sectors"},
		{"many overflow", text(strings.Repeat("RW 9007199254740992 ZERO\n", 3)), opts, block.ErrDamaged, "sectors"},
		{"many", text(strings.Repeat("RW 1 ZERO\n", 5000)), opts, block.ErrUnsupported, "more than"},
		{"encrypted", append(text("RW 1 ZERO"), "encryption.keySafe = \"vmware:key/list\"\n"...), opts, block.ErrEncrypted, "keySafe"},
		{"delta", bytes.Replace(text("RW 1 ZERO"), []byte("ffffffff"), []byte("12345678"), 1), opts, block.ErrMissing, "12345678"},
		{"bad cid", bytes.Replace(text("RW 1 ZERO"), []byte("ffffffff"), []byte("nonsense"), 1), opts, block.ErrDamaged, "parentCID"},
		{"long", append(text("RW 1 ZERO"), make([]byte, 2<<20)...), opts, block.ErrDamaged, "descriptor"},
		{"version", hosted(4, 4), opts, block.ErrUnsupported, "version 4"},
		{"grain", hosted(20, 3), opts, block.ErrDamaged, "grains of 3"},
		{"tables", hosted(44, 0), opts, block.ErrDamaged, "tables of 0"},
		{"capacity", hosted(16, 1<<30), opts, block.ErrDamaged, "capacity"},
		{"packing", hosted(8, 1<<16), opts, block.ErrUnsupported, "compression"},
		{"no footer", func() []byte {
			b := hosted(0, le.Uint32([]byte("KDMV")))
			le.PutUint64(b[56:], 1<<64-1)
			return b
		}(), opts, block.ErrDamaged, "cut short"},
		{"cowd", append([]byte("COWD\x01\x00\x00\x00"), make([]byte, 600)...), opts, block.ErrMissing, "descriptor"},
	} {
		if _, err := open(t, c.data, c.opts); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %v that says %q", c.name, err, c.want, c.says)
		}
	}
}

// TestPart opens one extent of a split disk alone.
func TestPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Pattern(t, dir+"/raw", 3<<20, 1)
	convert(t, dir+"/raw", dir+"/disk.vmdk", "subformat=twoGbMaxExtentSparse")
	if d := hold(t, read(t, dir+"/disk-s001.vmdk"), read(t, dir+"/raw"), image.Options{}); !d.Incomplete || len(d.Notes) != 1 {
		t.Errorf("notes %q, incomplete %t", d.Notes, d.Incomplete)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	disktest.Pattern(f, dir+"/raw", 600<<10, 1)
	image := func(options string, change func(t testing.TB, path string, file []byte) []byte) disktest.Base {
		variant("", options, change).Build(f, dir+"/raw", dir+"/disk.img")
		return disktest.Base{Data: read(f, dir+"/disk.img")}
	}
	stream := image("subformat=streamOptimized", footer)
	stream.Hot = []block.Extent{{Offset: 0, Length: 4096}, {Offset: int64(len(stream.Data)) - 2048, Length: 2048}, {Offset: 65536, Length: 16384}}
	bases := []disktest.Base{
		image("subformat=monolithicSparse", nil), image("subformat=streamOptimized", nil), stream,
		{Data: text(`RW 2 FLAT "a" 3`, "RW 3 ZERO", `RW 100 SPARSE "b"`, `RW 5 VMFS "four"`)},
		{Data: bytes.Replace(text("RW 2000 ZERO"), []byte("parentCID=ffffffff"), []byte("parentCID=fffffffe\nparentFileNameHint=\"four\""), 1)},
		image("subformat=monolithicFlat", seSparse),
		{Data: read(f, dir+"/disk-flat.img")},
		{Data: text(`RW 1200 SESPARSE "sixxxx"`)},
		image("subformat=monolithicFlat", cowd),
		{Data: read(f, dir+"/disk-flat.img")},
		{Data: text(`RW 1200 VMFSSPARSE "disk-flat"`)},
	}
	disktest.FuzzImage(f, vmdk.Format{}, bases...)
}

// TestSplit reads a disk that lies in several files, across their borders.
func TestSplit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const size = 5 << 30
	disktest.Blank(t, dir+"/raw", size)
	raw, err := os.OpenFile(dir+"/raw", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	places := []int64{0, 2<<30 - 70_000, 4<<30 - 3, size - 512}
	for i, at := range places {
		if _, err := raw.WriteAt(bytes.Repeat([]byte{byte(i + 1)}, min(140_000, int(size-at))), at); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"twoGbMaxExtentSparse", "twoGbMaxExtentFlat"} {
		path := filepath.Join(dir, sub+".vmdk")
		convert(t, dir+"/raw", path, "subformat="+sub)
		d := disktest.OpenImage(t, path, vmdk.Format{})
		if d.Size() != size {
			t.Fatalf("%s: %d bytes", sub, d.Size())
		}
		a, b := make([]byte, 300_000), make([]byte, 300_000)
		for _, at := range places {
			at = min(max(at-50_000, 0), size-int64(len(a)))
			if err := errors.Join(block.ReadFull(d, a, at), block.ReadFull(disktest.File(t, dir+"/raw"), b, at)); err != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: other bytes from %d on, or %v", sub, at, err)
			}
		}
		extents, err := block.Extents(t.Context(), d.Source)
		total := int64(0)
		for _, e := range extents {
			total += e.Length
		}
		if err != nil || total > 10<<20 || len(extents) < 4 {
			t.Errorf("%s: extents %v, %v", sub, extents, err)
		}
	}
}
