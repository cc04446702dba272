package vhdx_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/image/vhdx"
)

var le = binary.LittleEndian

func convert(t testing.TB, raw, path string, args ...string) {
	t.Helper()
	args = append(append([]string{"convert", "-f", "raw", "-O", "vhdx"}, args...), raw, path)
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
	// Blocks larger than the disk hold all of it.
	large := variant("256M", "-o", "block_size=256M")
	large.Full = true
	disktest.ImageSuite(t, vhdx.Format{}, "vhdx", []disktest.DiskImage{
		variant("default"),
		variant("1M", "-o", "block_size=1M"),
		variant("2M", "-o", "block_size=2M,block_state_zero=off"),
		large,
		variant("log_size", "-o", "log_size=4M,block_size=1M"),
		variant("fixed", "-o", "subformat=fixed"),
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

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// small makes an image with blocks of 1 MiB, and its raw disk.
func small(t testing.TB, size int64, seed uint64) (raw, file []byte) {
	t.Helper()
	dir := t.TempDir()
	disktest.Pattern(t, dir+"/raw", size, seed)
	convert(t, dir+"/raw", dir+"/image", "-o", "block_size=1M")
	return read(t, dir+"/raw"), read(t, dir+"/image")
}

func open(t testing.TB, data []byte, opts image.Options) (image.Disk, error) {
	t.Helper()
	disks, err := image.Open(t.Context(), disktest.Memory(data), []image.Format{vhdx.Format{}}, opts)
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
	if !bytes.Equal(got, want) {
		for i := range got {
			if i >= len(want) || got[i] != want[i] {
				t.Fatalf("byte %d of %d, want %d, is another one", i, len(got), len(want))
			}
		}
	}
	return d
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// resum sets the checksum of a structure.
func resum(b []byte) {
	clear(b[4:8])
	le.PutUint32(b[4:], crc32.Checksum(b, castagnoli))
}

// headers are where the two headers lie.
var headers = []int{64 << 10, 128 << 10}

func TestHeaders(t *testing.T) {
	t.Parallel()
	raw, file := small(t, 4<<20, 1)
	for _, at := range headers {
		bad := bytes.Clone(file)
		bad[at+100]++
		hold(t, bad, raw, image.Options{})
		bad = bytes.Clone(file)
		bad[at+128<<10+3000]++ // a region table
		hold(t, bad, raw, image.Options{})
	}
	region := func(b []byte, at int) {
		b[at+16] ^= 1 // of the first entry's GUID
		b[at+16+28] |= 1
		resum(b[at : at+64<<10])
	}
	for _, c := range []struct {
		name string
		harm func(b []byte, at int) // both copies
		at   [2]int
		want error
		says string
	}{
		{"version", func(b []byte, at int) { b[at+66] = 2; resum(b[at : at+4096]) }, [2]int(headers), block.ErrUnsupported, "version 2"},
		{"headers", func(b []byte, at int) { b[at]++ }, [2]int(headers), block.ErrDamaged, "neither header"},
		{"region tables", func(b []byte, at int) { b[at]++ }, [2]int{192 << 10, 256 << 10}, block.ErrDamaged, "neither region table"},
		{"unknown region", region, [2]int{192 << 10, 256 << 10}, block.ErrUnsupported, "region"},
		{"unknown item", func(b []byte, at int) { b[at+32] ^= 1; b[at+32+24] |= 4 }, [2]int{metadata(file), 1 << 19}, block.ErrUnsupported, "metadata item"},
	} {
		bad := bytes.Clone(file)
		c.harm(bad, c.at[0])
		c.harm(bad, c.at[1])
		if _, err := open(t, bad, image.Options{}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %v that says %q", c.name, err, c.want, c.says)
		}
	}
}

// region finds a region by the first byte of its GUID.
func region(file []byte, first byte) int {
	for i := range 2 {
		if e := file[192<<10+16+32*i:]; e[0] == first {
			return int(le.Uint64(e[16:]))
		}
	}
	panic("no region")
}

func metadata(file []byte) int { return region(file, 0x06) }
func bat(file []byte) int      { return region(file, 0x66) }

// item finds a metadata item by the first byte of its GUID.
func item(file []byte, first byte) []byte {
	table := metadata(file)
	for i := range int(le.Uint16(file[table+10:])) {
		if e := file[table+32+32*i:]; e[0] == first {
			return file[table+int(le.Uint32(e[16:])):]
		}
	}
	panic("no item")
}

// TestSectors reads a disk with sectors of 4096 bytes.
func TestSectors(t *testing.T) {
	t.Parallel()
	raw, file := small(t, 6<<20, 1)
	le.PutUint32(item(file, 0x1D), 4096)
	hold(t, file, raw, image.Options{})
	le.PutUint32(item(file, 0x1D), 1024)
	if _, err := open(t, file, image.Options{}); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("sectors of 1024 bytes: %v", err)
	}
}

// TestStates gives blocks every state.
func TestStates(t *testing.T) {
	t.Parallel()
	raw, file := small(t, 12<<20, 1)
	for i, state := range []uint64{0, 1, 2, 3, 5} {
		e := file[bat(file)+8*i:]
		le.PutUint64(e, le.Uint64(e)&^7|state)
		clear(raw[i<<20 : (i+1)<<20])
	}
	hold(t, file, raw, image.Options{})
	for _, state := range []uint64{4, 7} {
		e := file[bat(file):]
		le.PutUint64(e, le.Uint64(e)&^7|state)
		d, err := open(t, file, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.ReadAt(make([]byte, 1), 0); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("state %d: %v", state, err)
		}
		if _, err := d.ReadAt(make([]byte, 1), 5<<20); err != nil {
			t.Errorf("state %d: another block: %v", state, err)
		}
	}
}

// differencing makes an image a difference to a parent; the blocks given hold
// those of their sectors that keep tells.
func differencing(file, parent []byte, name string, blocks []int, keep func(sector int) bool) []byte {
	out := bytes.Clone(file)
	le.PutUint32(item(out, 0x37)[4:], 2) // has a parent
	table := metadata(out)
	n := int(le.Uint16(out[table+10:]))
	le.PutUint16(out[table+10:], uint16(n+1))
	e := out[table+32+32*n:]
	copy(e, []byte{0x2D, 0x5F, 0xD3, 0xA8, 0x0B, 0xB3, 0x4D, 0x45, 0xAB, 0xF7, 0xD3, 0xD8, 0x48, 0x34, 0xAB, 0x0C})
	le.PutUint32(e[16:], 512<<10)
	le.PutUint32(e[20:], 4096)
	le.PutUint32(e[24:], 4)
	locator := out[table+512<<10:]
	copy(locator, []byte{0xB7, 0xEF, 0x4A, 0xB0, 0x9E, 0xD1, 0x81, 0x4A, 0xB7, 0x89, 0x25, 0xB8, 0xE9, 0x44, 0x59, 0x13})
	le.PutUint16(locator[18:], 2)
	at := 100
	for i, text := range []string{"parent_linkage", "{" + dataWrite(parent) + "}", "relative_path", `..\folder\` + name} {
		units := utf16le(text)
		copy(locator[at:], units)
		le.PutUint32(locator[20+12*(i/2)+4*(i%2):], uint32(at))
		le.PutUint16(locator[20+12*(i/2)+8+2*(i%2):], uint16(len(units)))
		at += len(units)
	}
	bitmap := make([]byte, 1<<20)
	for _, b := range blocks {
		e := out[bat(out)+8*b:]
		le.PutUint64(e, le.Uint64(e)|7)
		for s := b * 2048; s < (b+1)*2048; s++ {
			if keep(s) {
				bitmap[s/8] |= 1 << (s % 8)
			}
		}
	}
	out = append(out, make([]byte, (1<<20-len(out)%(1<<20))%(1<<20))...)
	le.PutUint64(out[bat(out)+8*4096:], uint64(len(out))|6)
	return append(out, bitmap...)
}

func utf16le(s string) (out []byte) {
	for _, c := range s {
		out = le.AppendUint16(out, uint16(c))
	}
	return out
}

// dataWrite gives the identity of an image's data as text.
func dataWrite(file []byte) string {
	at := headers[0]
	if le.Uint64(file[headers[1]+8:]) > le.Uint64(file[at+8:]) {
		at = headers[1]
	}
	g := file[at+32 : at+48]
	return strings.ToLower(hexUpper(g[3], g[2], g[1], g[0]) + "-" + hexUpper(g[5], g[4]) + "-" + hexUpper(g[7], g[6]) + "-" + hexUpper(g[8:10]...) + "-" + hexUpper(g[10:]...))
}

func hexUpper(b ...byte) string {
	const digits = "0123456789ABCDEF"
	out := ""
	for _, c := range b {
		out += string(digits[c>>4]) + string(digits[c&15])
	}
	return out
}

func TestDifferencing(t *testing.T) {
	t.Parallel()
	below, parent := small(t, 6<<20, 1)
	above, child := small(t, 9<<20, 2)
	keep := func(s int) bool { return s/5%3 != 1 || s%4000 > 3500 }
	partly := []int{0, 2}
	want := append(bytes.Clone(below), make([]byte, 3<<20)...)
	for b := range 9 {
		state := le.Uint64(child[bat(child)+8*b:]) & 7
		for s := b * 2048; s < (b+1)*2048; s++ {
			mine := state == 6 && (b != 0 && b != 2 || keep(s))
			if state == 2 || mine {
				copy(want[s*512:s*512+512], above[s*512:])
			}
		}
	}
	child = differencing(child, parent, "parent.vhdx", partly, keep)
	files := map[string][]byte{"parent.vhdx": parent}
	opts := image.Options{Backing: func(name string) (block.Source, error) {
		if files[name] == nil {
			return nil, os.ErrNotExist
		}
		return disktest.Memory(files[name]), nil
	}}
	hold(t, child, want, opts)

	if _, err := open(t, child, image.Options{}); !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), "parent.vhdx") {
		t.Errorf("without permission: %v", err)
	}
	for _, at := range headers {
		parent[at+33]++
		resum(parent[at : at+4096])
	}
	if _, err := open(t, child, opts); !errors.Is(err, block.ErrMissing) || !strings.Contains(err.Error(), "another disk") {
		t.Errorf("with a changed parent: %v", err)
	}
	delete(files, "parent.vhdx")
	if _, err := open(t, child, opts); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the parent: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	_, file := small(f, 2<<20, 1)
	log := int(le.Uint64(file[headers[0]+72:]))
	e := entry(1, 0, len(file), change{off: bat(file), data: file[bat(file) : bat(file)+4096]}, change{off: 3 << 20, zero: 8192})
	dirty := withLog(file, map[int][]byte{0: e})
	fix := func(b []byte) {
		for _, at := range headers {
			resum(b[at : at+4096])
			resum(b[at+128<<10 : at+192<<10])
		}
		resum(b[log : log+len(e)])
	}
	var hot []block.Extent
	for _, at := range append(headers, 192<<10, 256<<10, metadata(file), metadata(file)+64<<10, metadata(file)+512<<10, bat(file), log, log+4096) {
		hot = append(hot, block.Extent{Offset: int64(at), Length: 512})
	}
	difference := func(name string) []byte {
		return differencing(file, file, name, []int{0}, func(s int) bool { return s%3 == 0 })
	}
	disktest.FuzzImage(f, vhdx.Format{},
		disktest.Base{Data: file, Hot: hot, Fix: fix},
		disktest.Base{Data: dirty, Hot: hot, Fix: fix},
		disktest.Base{Data: difference("x"), Hot: hot, Fix: fix},
		disktest.Base{Data: difference("xxxx"), Hot: hot, Fix: fix},
	)
}
