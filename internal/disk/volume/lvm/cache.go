package lvm

import (
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// cached makes the segment of a volume with a dm-cache before it: a pool of
// data and metadata, or one volume that holds both.
func (b *builder) cached(s *segment, size int64, v *built) (block.Source, error) {
	origin := b.volume(s.text("origin"))
	v.on(origin, false)
	if origin.err != nil {
		return nil, origin.err
	}
	from := s
	meta, data, err := b.cacheParts(s, &from, v)
	mode := from.text("cache_mode")
	if mode == "passthrough" {
		return origin.src, nil
	}
	if err != nil {
		if mode == "writethrough" && errors.Is(err, block.ErrMissing) {
			v.note(false, "the cache is missing: all of it is on the origin")
			v.lost = origin.lost
			return origin.src, nil
		}
		return nil, fmt.Errorf("cache %s: %w", s.text("cache_pool"), err)
	}
	c := &dirtyCache{meta: &metadata{meta, b.cache}, through: mode == "writethrough"}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("cache %s: %w", s.text("cache_pool"), err)
	}
	if c.empty {
		return origin.src, nil
	}
	if c.check {
		v.note(false, "the cache is marked to be checked")
	}
	return &mapped{size, &overlaid{base: origin.src, store: data, chunk: c.chunk, load: c.load}}, nil
}

// cacheParts finds the metadata and the data of a cache. from becomes the
// segment that has its settings.
func (b *builder) cacheParts(s *segment, from **segment, v *built) (meta, data block.Source, err error) {
	name := s.text("cache_pool")
	l := b.group.lvs[name]
	if l == nil || len(l.segments) == 0 {
		return nil, nil, block.Damaged("it is not there")
	}
	if l.segments[0].kind == "cache-pool" {
		*from = &l.segments[0]
		parts := [2]block.Source{}
		for i, key := range []string{"metadata", "data"} {
			o := b.volume(l.segments[0].text(key))
			v.on(o, false)
			if o.err != nil {
				return nil, nil, o.err
			}
			parts[i] = o.src
		}
		return parts[0], parts[1], nil
	}
	o := b.volume(name)
	v.on(o, false)
	if o.err != nil {
		return nil, nil, o.err
	}
	part := func(start, length int64) (block.Source, error) {
		if start < 0 || length <= 0 || start > 1<<50 || length > 1<<50 {
			return nil, block.Damaged("part of %d sectors at sector %d", length, start)
		}
		sec, err := block.NewSection(o.src, start*sector, length*sector)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, block.ErrDamaged)
		}
		return sec, nil
	}
	if meta, err = part(s.number("metadata_start"), s.number("metadata_len")); err != nil {
		return nil, nil, err
	}
	data, err = part(s.number("data_start"), s.number("data_len"))
	return meta, data, err
}

// dirtyCache finds the chunks that a cache has and its origin may not.
type dirtyCache struct {
	meta    *metadata
	through bool // every write went to the origin too
	empty   bool // never used
	clean   bool // shut down: the marks of what is dirty hold
	check   bool
	version uint32
	chunk   int64
	blocks  uint64
	maps    uint64
	dirty   uint64 // root of the marks, from version 2 on
}

func (c *dirtyCache) open() error {
	b := make([]byte, metaBlock)
	if err := block.ReadFull(c.meta.src, b, 0); err != nil {
		return err
	}
	if le.Uint64(b[32:]) == 0 && le.Uint32(b) == 0 {
		c.empty = true
		return nil
	}
	sb, err := c.meta.block(0, cacheSalt, 8)
	if err != nil {
		return err
	}
	sectors := le.Uint32(sb[232:])
	c.version = le.Uint32(sb[40:])
	switch {
	case le.Uint64(sb[32:]) != 0o6142003:
		return block.Damaged("superblock has magic %d", le.Uint64(sb[32:]))
	case c.version < 1 || c.version > 2:
		return block.Unsupported("metadata of version %d", c.version)
	case le.Uint32(sb[252:]) != 0:
		return block.Unsupported("metadata with features %#x", le.Uint32(sb[252:]))
	case sectors == 0 || sectors > 1<<21:
		return block.Damaged("superblock: chunks of %d sectors", sectors)
	}
	c.clean, c.check = le.Uint32(sb[4:])&1 != 0, le.Uint32(sb[4:])&2 != 0
	c.chunk, c.blocks = int64(sectors)*sector, uint64(le.Uint32(sb[240:]))
	c.maps, c.dirty = le.Uint64(sb[192:]), le.Uint64(sb[284:])
	return nil
}

// Flags of a mapping.
const (
	cacheValid = 1
	cacheDirty = 2
)

// load reads the mappings. After a crash the marks of what is dirty are not to
// be trusted: then all counts as dirty that the cache holds.
func (c *dirtyCache) load() (table, error) {
	var t table
	var marks []uint64
	if c.clean && c.version == 2 {
		err := c.array(c.dirty, (c.blocks+63)/64, func(_, v uint64) error { marks = append(marks, v); return nil })
		if err != nil {
			return nil, fmt.Errorf("marks: %w", err)
		}
	}
	err := c.array(c.maps, c.blocks, func(i, v uint64) error {
		dirty := v&cacheDirty != 0
		switch {
		case v&cacheValid == 0:
			return nil
		case !c.clean:
			dirty = !c.through
		case c.version == 2:
			dirty = i/64 < uint64(len(marks)) && marks[i/64]>>(i%64)&1 != 0
		}
		if !dirty {
			return nil
		}
		return t.add(v>>16, i)
	})
	if err != nil {
		return nil, fmt.Errorf("mappings: %w", err)
	}
	return t, nil
}

// array goes through the n numbers of a persistent array: a B+tree of blocks.
func (c *dirtyCache) array(root, n uint64, each func(i, v uint64) error) error {
	for i, at := uint64(0), uint64(0); i < n; at++ {
		value, err := c.meta.lookup(root, at)
		if err != nil {
			return err
		}
		if value == nil {
			return block.Damaged("array ends after %d of %d", i, n)
		}
		b, err := c.meta.block(le.Uint64(value), arraySalt, 16)
		if err != nil {
			return err
		}
		count, size := uint64(le.Uint32(b[8:])), le.Uint32(b[12:])
		if size != 8 || count == 0 || count > (metaBlock-24)/8 {
			return block.Damaged("array block %d: %d values of %d bytes", le.Uint64(value), count, size)
		}
		for j := range min(count, n-i) {
			if err := each(i, le.Uint64(b[24+8*j:])); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}
