package lvm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// writecache makes the segment of a volume with a dm-writecache before it.
func (b *builder) writecache(s *segment, size int64, v *built) (block.Source, error) {
	origin, cache := b.volume(s.text("origin")), b.volume(s.text("writecache"))
	v.on(origin, false)
	v.on(cache, false)
	for _, o := range []*built{origin, cache} {
		if o.err != nil {
			return nil, o.err
		}
	}
	w, err := openWriteCache(cache.src)
	if err != nil {
		return nil, fmt.Errorf("write cache %s: %w", s.text("writecache"), err)
	}
	if w.blocks == 0 {
		return origin.src, nil
	}
	return &mapped{size, &overlaid{base: origin.src, store: w.data, chunk: w.size, load: w.load}}, nil
}

// writeCache is the content of a dm-writecache: a superblock, an entry for each
// block, the blocks.
type writeCache struct {
	src    block.Source
	data   block.Source
	size   int64 // of a block, in bytes
	blocks int64
	count  uint64 // entries with lower counts are committed
}

const writeEntries = 64 // byte of the first entry

func openWriteCache(src block.Source) (*writeCache, error) {
	b := make([]byte, writeEntries)
	if err := block.ReadFull(src, b, 0); err != nil {
		return nil, err
	}
	size, n := int64(le.Uint32(b[8:])), le.Uint64(b[16:])
	switch {
	case le.Uint32(b) == 0 && le.Uint32(b[4:]) == 0:
		return &writeCache{}, nil // never used
	case le.Uint32(b) != 0x23489321:
		return nil, block.Damaged("superblock has magic %#x", le.Uint32(b))
	case le.Uint32(b[4:]) != 1:
		return nil, block.Unsupported("version %d", le.Uint32(b[4:]))
	case size < sector || size > 64<<10 || size&(size-1) != 0:
		return nil, block.Damaged("blocks of %d bytes", size)
	case n > uint64(src.Size()/size):
		return nil, block.Damaged("%d blocks of %d bytes on %d", n, size, src.Size())
	}
	w := &writeCache{src: src, size: size, blocks: int64(n), count: le.Uint64(b[24:])}
	start := (writeEntries + 16*w.blocks + size - 1) / size * size
	sec, err := block.NewSection(src, min(start, src.Size()), max(src.Size()-start, 0))
	w.data = sec
	return w, err
}

// written is a block of the cache that is committed.
type written struct {
	chunk, count uint64
	at           uint32
}

// load finds the newest of the committed blocks for each place.
func (w *writeCache) load() (table, error) {
	var list []written
	b := make([]byte, 64<<10)
	for i := int64(0); i < w.blocks; i += int64(len(b) / 16) {
		part := b[:min(int64(len(b)), 16*(w.blocks-i))]
		if err := block.ReadFull(w.src, part, writeEntries+16*i); err != nil {
			return nil, fmt.Errorf("read entries: %w", err)
		}
		for j := 0; j < len(part); j += 16 {
			at, count := le.Uint64(part[j:]), le.Uint64(part[j+8:])
			if count >= w.count {
				continue
			}
			if at > 1<<53 || at*sector%uint64(w.size) != 0 {
				return nil, block.Damaged("entry %d: sector %d", i+int64(j/16), at)
			}
			if len(list) == maxMoved {
				return nil, block.Unsupported("more than %d blocks in the write cache", maxMoved)
			}
			list = append(list, written{at * sector / uint64(w.size), count, uint32(i) + uint32(j/16)})
		}
	}
	slices.SortFunc(list, func(a, b written) int {
		return cmp.Or(cmp.Compare(a.chunk, b.chunk), cmp.Compare(b.count, a.count))
	})
	var t table
	for i, e := range list {
		if i > 0 && list[i-1].chunk == e.chunk {
			continue // an older one
		}
		if err := t.add(e.chunk, uint64(e.at)); err != nil {
			return nil, err
		}
	}
	return t, nil
}
