package lvm

import (
	"bytes"
	"context"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// FuzzText assembles whatever a text says, with its checksums right.
func FuzzText(f *testing.F) {
	f.Add(groupText(logical("a", `extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv0", 0]`)))
	f.Add(groupText(logical("a", `extent_count = 4 type = "raid1" device_count = 2 raids = ["b", "c", "d", "e"]`)))
	f.Add(groupText(logical("a", `extent_count = 4 type = "snapshot" origin = "b" cow_store = "c" chunk_size = 8`)))
	f.Fuzz(func(t *testing.T, text string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		disktest.ExerciseVolumes(ctx, Manager{}, []block.Source{disktest.Memory(withText(text))}, 64<<10)
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Error("it did not end")
		}
	})
}

// FuzzThin reads a thin device of metadata whose checksums are right.
func FuzzThin(f *testing.F) {
	f.Add(thinMetadata()[metaBlock:], uint64(1))
	f.Add(thinMetadata()[metaBlock:], uint64(2))
	f.Fuzz(func(t *testing.T, nodes []byte, id uint64) {
		b := slices.Concat(thinMetadata()[:metaBlock], nodes[:min(len(nodes), 64*metaBlock)])
		seal(b)
		p := &pool{meta: &metadata{disktest.Memory(b), newNodeCache()}, data: disktest.Memory(make([]byte, 256<<10)), chunk: 64 << 10}
		root, err := p.meta.lookup(1, id)
		if err != nil || root == nil {
			return
		}
		exercise(t, &mapped{1 << 30, &thinDevice{pool: p, root: le.Uint64(root)}})
	})
}

func exercise(t *testing.T, src block.Source) {
	t.Helper()
	for off := int64(0); off < src.Size(); off += src.Size() / 16 {
		_, _ = src.ReadAt(make([]byte, 128<<10), off)
		_ = block.Locate(src, off)
	}
	list, err := block.Extents(t.Context(), src)
	end := int64(0)
	for _, e := range list {
		if e.Offset < end || e.Length <= 0 || e.Length > src.Size()-e.Offset {
			t.Fatalf("extent %v behind byte %d of %d, %v", e, end, src.Size(), err)
		}
		end = e.Offset + e.Length
	}
}

// FuzzStore reads a snapshot and a write cache of any bytes.
func FuzzStore(f *testing.F) {
	cow := make([]byte, 4096)
	copy(cow, "SnAp\x01\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00")
	f.Add(append(cow, bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, 256)...))
	wc := make([]byte, 16384)
	copy(wc, "\x21\x93\x48\x23\x01\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x09")
	f.Add(wc)
	f.Fuzz(func(t *testing.T, b []byte) {
		base := block.Zero(1 << 20)
		src := disktest.Memory(b[:min(len(b), 1<<18)])
		if chunk, err := readStore(src); err == nil {
			exercise(t, &mapped{1 << 20, &overlaid{base: base, store: src, chunk: chunk, load: func() (table, error) { return readExceptions(src, chunk) }}})
		}
		if w, err := openWriteCache(src); err == nil && w.blocks > 0 {
			exercise(t, &mapped{1 << 20, &overlaid{base: base, store: w.data, chunk: w.size, load: w.load}})
		}
	})
}

// cacheMetadata is a cache of 70 chunks, of which the second holds chunk 5 and
// is dirty.
func cacheMetadata() []byte {
	b := make([]byte, 5*metaBlock)
	le.PutUint64(b[32:], 0o6142003)
	le.PutUint32(b[4:], 1)
	le.PutUint32(b[40:], 2)
	le.PutUint64(b[192:], 1)
	le.PutUint32(b[232:], 8)
	le.PutUint32(b[240:], 70)
	le.PutUint64(b[284:], 2)
	putNode(b[metaBlock:], true, 0, 3)
	putNode(b[2*metaBlock:], true, 0, 4)
	for at, values := range map[int][]uint64{3 * metaBlock: {0, 5<<16 | cacheValid, 69: 9 << 16}, 4 * metaBlock: {2, 0}} {
		le.PutUint32(b[at+8:], uint32(len(values)))
		le.PutUint32(b[at+12:], 8)
		for i, v := range values {
			le.PutUint64(b[at+24+8*i:], v)
		}
		b[at+metaBlock-1] = 1
	}
	sealCache(b)
	return b
}

// sealCache makes checksums right; a block is an array's when its last bit is set.
func sealCache(b []byte) {
	for at := 0; at+metaBlock <= len(b); at += metaBlock {
		n, salt, self := b[at:at+metaBlock], uint32(nodeSalt), 8
		if at == 0 {
			salt = cacheSalt
		} else if n[metaBlock-1]&1 != 0 {
			salt, self = arraySalt, 16
		}
		le.PutUint64(n[self:], uint64(at/metaBlock))
		le.PutUint32(n, ^crc32.Checksum(n[4:], castagnoli)^salt)
	}
}

func openCache(b []byte) (*mapped, error) {
	c := &dirtyCache{meta: &metadata{disktest.Memory(b), newNodeCache()}}
	if err := c.open(); err != nil || c.empty {
		return nil, err
	}
	store := disktest.Memory(bytes.Repeat([]byte("cached! "), 64<<10))
	return &mapped{1 << 20, &overlaid{base: block.Zero(1 << 20), store: store, chunk: c.chunk, load: c.load}}, nil
}

func TestCacheByHand(t *testing.T) {
	t.Parallel()
	m, err := openCache(cacheMetadata())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3*4096)
	if err := block.ReadFull(m, b, 4*4096); err != nil || string(b[4096:4104]) != "cached! " || b[0] != 0 || b[2*4096] != 0 {
		t.Errorf("%q, %v", b[4096:4104], err)
	}
}

// FuzzCache reads a cache of metadata whose checksums are right.
func FuzzCache(f *testing.F) {
	f.Add(cacheMetadata())
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 64*metaBlock)]
		sealCache(b)
		if m, err := openCache(b); err == nil && m != nil {
			exercise(t, m)
		}
	})
}
