package part_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/part"
)

var le = binary.LittleEndian

func mbrEntry(disk []byte, sector, i int, kind byte, first, count uint32) {
	b := disk[sector*512:]
	e := b[446+16*i:]
	e[4] = kind
	le.PutUint32(e[8:], first)
	le.PutUint32(e[12:], count)
	b[510], b[511] = 0x55, 0xAA
}

const linux = "0fc63daf-8483-4772-8e79-3d69d8477de4"

var linuxGUID = []byte{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}

// gpt writes both tables with partitions given as number, first, last sector.
func gpt(size, sector int, parts ...[3]uint64) []byte {
	d := make([]byte, size)
	mbrEntry(d, 0, 0, 0xEE, 1, math.MaxUint32)
	entries := make([]byte, 128*128)
	for _, p := range parts {
		e := entries[(p[0]-1)*128:]
		copy(e, linuxGUID)
		le.PutUint64(e[32:], p[1])
		le.PutUint64(e[40:], p[2])
		for i, u := range utf16.Encode([]rune("rootfs 根")) {
			le.PutUint16(e[56+2*i:], u)
		}
	}
	sectors := size / sector
	array := (len(entries) + sector - 1) / sector
	header := func(at, entriesAt int) {
		h := d[at*sector:]
		copy(h, "EFI PART\x00\x00\x01\x00")
		le.PutUint32(h[12:], 92)
		le.PutUint64(h[72:], uint64(entriesAt))
		le.PutUint32(h[80:], 128)
		le.PutUint32(h[84:], 128)
		le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
		copy(d[entriesAt*sector:], entries)
	}
	header(1, 2)
	header(sectors-1, sectors-1-array)
	return d
}

func TestRead(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	linuxPart := func(name string, off, n int64) part.Partition {
		return part.Partition{Name: name, Type: "gpt:" + linux, Offset: off, Length: n, Label: "rootfs 根"}
	}
	logical := make([]byte, mib)
	mbrEntry(logical, 0, 0, 0x83, 8, 8)
	mbrEntry(logical, 0, 1, 0x05, 100, 1000)
	mbrEntry(logical, 100, 0, 0x83, 2, 10)
	mbrEntry(logical, 100, 1, 0x05, 50, 100)
	mbrEntry(logical, 150, 0, 0x8e, 2, 20)
	loop := bytes.Clone(logical)
	mbrEntry(loop, 150, 1, 0x05, 50, 100)
	plain := gpt(mib, 512, [3]uint64{1, 40, 139}, [3]uint64{14, 200, 299})
	badFirst := bytes.Clone(plain)
	badFirst[512+40]++
	badBoth := bytes.Clone(badFirst)
	badBoth[mib-512+40]++
	wiped := bytes.Clone(plain)
	clear(wiped[:1024])
	gone := make([]byte, mib)
	mbrEntry(gone, 0, 0, 0xEE, 1, 2047)
	for _, c := range []struct {
		name       string
		disk       []byte
		want       []part.Partition
		note       string
		incomplete bool
		fails      bool
	}{
		{name: "no table", disk: make([]byte, 5000), want: []part.Partition{{Name: "whole", Length: 5000}}},
		{name: "tiny", disk: make([]byte, 5), want: []part.Partition{{Name: "whole", Length: 5}}},
		{name: "gpt", disk: plain, want: []part.Partition{linuxPart("p1", 40*512, 100*512), linuxPart("p14", 200*512, 100*512)}},
		{name: "gpt 4096", disk: gpt(4*mib, 4096, [3]uint64{2, 10, 19}), want: []part.Partition{linuxPart("p2", 40960, 40960)}},
		{name: "gpt backup", disk: badFirst, want: []part.Partition{linuxPart("p1", 40*512, 100*512), linuxPart("p14", 200*512, 100*512)}, note: "second GPT"},
		{name: "gpt wiped start", disk: wiped, want: []part.Partition{linuxPart("p1", 40*512, 100*512), linuxPart("p14", 200*512, 100*512)}, note: "second GPT"},
		{name: "gpt both bad", disk: badBoth, fails: true},
		{name: "gpt gone", disk: gone, note: "neither", incomplete: true},
		{name: "gpt beyond", disk: gpt(mib, 512, [3]uint64{1, 4000, 5000}, [3]uint64{2, 2000, 4000}, [3]uint64{3, 9, 8}), want: []part.Partition{linuxPart("p2", 2000*512, 48*512)}, note: "beyond the disk", incomplete: true},
		{name: "mbr logical", disk: logical, want: []part.Partition{
			{Name: "p1", Type: "mbr:83", Offset: 4096, Length: 4096},
			{Name: "p5", Type: "mbr:83", Offset: 102 * 512, Length: 5120},
			{Name: "p6", Type: "mbr:8e", Offset: 152 * 512, Length: 10240},
		}},
		{name: "mbr loop", disk: loop, want: []part.Partition{
			{Name: "p1", Type: "mbr:83", Offset: 4096, Length: 4096},
			{Name: "p5", Type: "mbr:83", Offset: 102 * 512, Length: 5120},
			{Name: "p6", Type: "mbr:8e", Offset: 152 * 512, Length: 10240},
		}, note: "links back", incomplete: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := part.Read(disktest.Memory(c.disk))
			if (err != nil) != c.fails {
				t.Fatalf("error %v, want one: %v", err, c.fails)
			}
			if diff := cmp.Diff(c.want, got.Partitions); diff != "" {
				t.Error(diff)
			}
			if got.Incomplete != c.incomplete || !strings.Contains(strings.Join(got.Notes, "\n"), c.note) {
				t.Errorf("incomplete %v, notes %q; want %v, %q", got.Incomplete, got.Notes, c.incomplete, c.note)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(gpt(1<<16, 512, [3]uint64{1, 40, 60}))
	d := make([]byte, 8192)
	mbrEntry(d, 0, 0, 0x05, 1, 15)
	mbrEntry(d, 1, 0, 0x83, 1, 2)
	mbrEntry(d, 1, 1, 0x05, 3, 5)
	mbrEntry(d, 4, 0, 0x83, 1, 2)
	f.Add(d)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _ := part.Read(disktest.Memory(data))
		for _, p := range got.Partitions {
			if p.Offset < 0 || p.Length < 0 || p.Offset > int64(len(data)) || p.Length > int64(len(data))-p.Offset {
				t.Errorf("%+v lies outside %d bytes", p, len(data))
			}
		}
	})
}
