package lvm

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

const (
	testID   = "aaaaaabbbbccccddddeeeeffffgggggg"
	testSize = 1 << 20
	testData = 512 << 10 // byte of the first extent
)

// withText makes a physical volume whose metadata is the given text, with all
// checksums right.
func withText(text string) []byte {
	b := make([]byte, testSize)
	label := b[512:1024]
	copy(label, "LABELONE")
	label[8] = 1
	le.PutUint32(label[20:], 32)
	copy(label[24:], "LVM2 001"+testID)
	le.PutUint64(label[64:], testSize)
	le.PutUint64(label[72:], testData)
	le.PutUint64(label[104:], 4096)
	le.PutUint64(label[112:], testData-4096)
	le.PutUint32(label[16:], sum(label[20:]))
	text = text[:min(len(text), testData-8192)]
	area := b[4096:]
	copy(area[4:], " LVM2 x[5A%r0N*>")
	area[20] = 1
	le.PutUint64(area[24:], 4096)
	le.PutUint64(area[32:], testData-4096)
	le.PutUint64(area[40:], 512)
	le.PutUint64(area[48:], uint64(len(text)))
	le.PutUint32(area[56:], sum([]byte(text)))
	le.PutUint32(area, sum(area[4:512]))
	copy(area[512:], text)
	return b
}

// groupText is a group of one physical volume with extents of 4 KiB.
func groupText(volumes string) string {
	return fmt.Sprintf(`vg {
		id = "vgvgvg-0000" seqno = 3 format = "lvm2" extent_size = 8 status = ["READ"] # a comment
		physical_volumes { pv0 { id = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg" pe_start = %d pe_count = 128 flags = [] } }
		logical_volumes { %s }
	}`, testData/512, volumes)
}

func logical(name, segment string) string {
	return fmt.Sprintf("%s { id = \"%s-id\" status = [\"VISIBLE\"] segment1 { start_extent = 0 %s } }\n", name, name, segment)
}

func assembleBytes(t testing.TB, data []byte) map[string]volume.Volume {
	t.Helper()
	src := disktest.Memory(data)
	m, err := (Manager{}).Probe(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	m.Source, m.Volume = src, "p1"
	list, err := (Manager{}).Assemble(t.Context(), []volume.Member{m}, volume.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]volume.Volume{}
	for _, v := range list {
		out[strings.TrimPrefix(v.Name, "vg/")] = v
	}
	return out
}

// TestSegments reads volumes that no tool would make.
func TestSegments(t *testing.T) {
	t.Parallel()
	linear := func(n, at int) string {
		return fmt.Sprintf(`extent_count = %d type = "striped" stripe_count = 1 stripes = ["pv0", %d]`, n, at)
	}
	text := groupText(strings.Join([]string{
		logical("fine", linear(4, 2)),
		logical("zero", `extent_count = 4 type = "zero"`),
		logical("error", `extent_count = 4 type = "error"`),
		logical("vdo", `extent_count = 4 type = "vdo"`),
		logical("feature", `extent_count = 4 type = "striped+NEWTHING" stripe_count = 1 stripes = ["pv0", 0]`),
		logical("self", `extent_count = 4 type = "striped" stripe_count = 1 stripes = ["self", 0]`),
		logical("ring1", `extent_count = 4 type = "striped" stripe_count = 1 stripes = ["ring2", 0]`),
		logical("ring2", `extent_count = 4 type = "striped" stripe_count = 1 stripes = ["ring1", 0]`),
		logical("nowhere", `extent_count = 4 type = "striped" stripe_count = 1 stripes = ["pv9", 0]`),
		logical("beyond", linear(4, 126)),
		logical("far", linear(4, 1<<40)),
		logical("huge", `extent_count = 999999999999999999 type = "zero"`),
		logical("none", `extent_count = 0 type = "zero"`),
		logical("stripes", `extent_count = 5 type = "striped" stripe_count = 2 stripe_size = 8 stripes = ["pv0", 0, "pv0", 4]`),
		logical("few", `extent_count = 4 type = "raid5" device_count = 1 stripe_size = 8 raids = ["fine", "fine"]`),
		logical("pool", `extent_count = 4 type = "thin-pool" metadata = "fine" pool = "zero" chunk_size = 8 transaction_id = 0`),
		logical("thin", `extent_count = 4 type = "thin" thin_pool = "pool" device_id = 1`),
		logical("cache", `extent_count = 4 type = "cache" cache_pool = "fine" origin = "zero" metadata_start = 0 metadata_len = 99 data_start = 0 data_len = 8`),
		logical("s0", `extent_count = 4 type = "snapshot" origin = "fine" cow_store = "zero" chunk_size = 8`),
		logical("empty", ``),
	}, ""))
	data := withText(text)
	copy(data[testData+2*4096:], bytes.Repeat([]byte("data"), 4096))
	got := assembleBytes(t, data)
	for name, want := range map[string]error{
		"fine": nil, "zero": nil, "error": nil, "vdo": block.ErrUnsupported, "feature": block.ErrUnsupported, "self": block.ErrDamaged,
		"ring1": block.ErrDamaged, "ring2": block.ErrDamaged, "nowhere": block.ErrDamaged, "beyond": nil, "far": nil,
		"huge": block.ErrDamaged, "none": block.ErrDamaged, "stripes": block.ErrDamaged, "few": block.ErrDamaged, "thin": block.ErrDamaged,
		"cache": block.ErrDamaged, "empty": block.ErrDamaged,
	} {
		v, ok := got[name]
		if name == "zero" {
			// It is the store of a snapshot, a new one: read as its origin.
			b := make([]byte, 4)
			if err := block.ReadFull(v.Source, b, 8); err != nil || string(b) != "data" {
				t.Errorf("snapshot: %q, %v", b, err)
			}
		}
		if !ok || !errors.Is(v.Err, want) || (v.Err == nil) != (v.Source != nil) {
			t.Errorf("%s: error %v, want %v", name, v.Err, want)
		}
	}
	if v := got["beyond"]; !v.Incomplete {
		t.Errorf("volume beyond the end: %q", v.Notes)
	}
	if _, err := got["error"].Source.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a segment of type error was read")
	}
	if _, ok := got["pool"]; ok {
		t.Error("a pool is shown")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := parse("a = 1 b = \"x\\\"y\\\\z\" c = [1, \"two\", ] # c\nd { e = -5 f = 0x10 g = 1.5 } \"h i\" = []\n\x00\x00")
	if err != nil {
		t.Fatal(err)
	}
	if s.number("a") != 1 || s.text("b") != `x"y\z` || len(s.list("c")) != 2 || !s.has("c", "two") ||
		s.sub("d").number("e") != -5 || s.sub("d").number("f") != 16 || s.sub("d").number("g") != 1 || s.get("h i") == nil {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{
		"a", "a =", "a = ]", "a = [1 2]", "a = \"", "a {", "}", "= 1", "a = b", "a = \"\\", "a = [\"x\"", "a = [[1]]",
		strings.Repeat("a {", 20) + strings.Repeat("}", 20), strings.Repeat("a{}", maxEntries+1),
	} {
		if _, err := parse(bad); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("%.20q: error %v, want ErrDamaged", bad, err)
		}
	}
}

func TestLVM1IsNamed(t *testing.T) {
	t.Parallel()
	b := make([]byte, 1<<20)
	copy(b, "HM\x01\x00\x00\x00\x00\x00\x00\x04\x00\x00")
	if _, err := (Manager{}).Probe(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("error %v, want ErrUnsupported", err)
	}
}

// seal makes the checksums and block numbers of metadata right.
func seal(b []byte) {
	for at := 0; at+metaBlock <= len(b); at += metaBlock {
		salt := uint32(nodeSalt)
		if at == 0 {
			salt = thinSalt
		}
		n := b[at : at+metaBlock]
		le.PutUint64(n[8:], uint64(at/metaBlock))
		le.PutUint32(n, ^crc32.Checksum(n[4:], castagnoli)^salt)
	}
}

// putNode writes a node of pairs of keys and values.
func putNode(b []byte, leaf bool, pairs ...uint64) {
	le.PutUint32(b[4:], 1)
	if leaf {
		le.PutUint32(b[4:], 2)
	}
	le.PutUint32(b[16:], uint32(len(pairs)/2))
	le.PutUint32(b[20:], 252)
	le.PutUint32(b[24:], 8)
	for i := 0; i < len(pairs); i += 2 {
		le.PutUint64(b[32+4*i:], pairs[i])
		le.PutUint64(b[32+8*252+4*i:], pairs[i+1])
	}
}

// thinMetadata is a pool in chunks of 64 KiB: device 1 has its chunk 1 in chunk
// 0, device 2 a tree that ends in itself.
func thinMetadata() []byte {
	b := make([]byte, 6*metaBlock)
	le.PutUint64(b[32:], 27022010)
	le.PutUint32(b[40:], 2)
	le.PutUint64(b[320:], 1)
	le.PutUint64(b[328:], 1)
	le.PutUint32(b[336:], 128)
	putNode(b[metaBlock:], true, 1, 2, 2, 4, 3, 5)
	putNode(b[2*metaBlock:], false, 0, 3, 100, 3)
	putNode(b[3*metaBlock:], true, 1, 7)
	putNode(b[4*metaBlock:], false, 0, 4)
	putNode(b[5*metaBlock:], true, 5, 1<<24, 4, 1<<24, 6, 1<<60)
	seal(b)
	return b
}

func TestThinTrees(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("data"), 32<<10)
	device := func(id uint64) block.Source {
		p := &pool{meta: &metadata{disktest.Memory(thinMetadata()), newNodeCache()}, data: disktest.Memory(data), chunk: 64 << 10}
		root, err := p.meta.lookup(1, id)
		if err != nil || root == nil {
			t.Fatalf("device %d: %v, %v", id, root, err)
		}
		return &mapped{64 << 20, &thinDevice{pool: p, root: le.Uint64(root)}}
	}
	one := device(1)
	b := make([]byte, 192<<10)
	if err := block.ReadFull(one, b, 0); err != nil || !bytes.Equal(b[64<<10:128<<10], data[:64<<10]) ||
		len(bytes.TrimLeft(b[:64<<10], "\x00"))+len(bytes.TrimLeft(b[128<<10:], "\x00")) > 0 {
		t.Errorf("device 1: %v, or other bytes", err)
	}
	extents, err := block.Extents(t.Context(), one)
	if err != nil || len(extents) == 0 || extents[0] != (block.Extent{Offset: 64 << 10, Length: 64 << 10}) {
		t.Errorf("device 1: extents %v, %v", extents, err)
	}
	for id, off := range map[uint64]int64{2: 0, 3: 6 * 64 << 10} {
		if _, err := device(id).ReadAt(b, off); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("device %d: error %v, want ErrDamaged", id, err)
		}
		if _, err := block.Extents(t.Context(), device(id)); id == 2 && !errors.Is(err, block.ErrDamaged) {
			t.Errorf("device %d: extents: error %v, want ErrDamaged", id, err)
		}
	}
}
