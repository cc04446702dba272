package lvm

import (
	"context"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// pool is a thin pool: chunks of data, and metadata that says which chunk of
// which device each of them is.
type pool struct {
	meta    *metadata
	data    block.Source
	chunk   int64 // bytes
	devices uint64
	maps    uint64
	known   *built // what is known of its volumes, and why it can't be read
}

// thinPool opens a pool once.
func (b *builder) thinPool(name string) *pool {
	if p, ok := b.pools[name]; ok {
		return p
	}
	if b.pools == nil {
		b.pools = map[string]*pool{}
	}
	p := &pool{known: &built{}}
	b.pools[name] = p
	if err := b.openPool(name, p); err != nil {
		p.known.err = fmt.Errorf("thin pool %s: %w", name, err)
	}
	return p
}

func (b *builder) openPool(name string, p *pool) error {
	l := b.group.lvs[name]
	if l == nil || len(l.segments) != 1 || l.segments[0].kind != "thin-pool" {
		return block.Damaged("it is not there, or no pool")
	}
	s := l.segments[0]
	meta, data := b.volume(s.text("metadata")), b.volume(s.text("pool"))
	p.known.on(meta, false)
	p.known.on(data, false)
	for _, o := range []*built{meta, data} {
		if o.err != nil {
			return o.err
		}
	}
	p.meta, p.data = &metadata{meta.src, b.cache}, data.src
	sb, err := p.meta.block(0, thinSalt, 8)
	if err != nil {
		return err
	}
	sectors := le.Uint32(sb[336:])
	switch {
	case le.Uint64(sb[32:]) != 27022010:
		return block.Damaged("superblock has magic %d", le.Uint64(sb[32:]))
	case le.Uint32(sb[40:]) < 1 || le.Uint32(sb[40:]) > 2:
		return block.Unsupported("metadata of version %d", le.Uint32(sb[40:]))
	case le.Uint32(sb[360:]) != 0:
		return block.Unsupported("metadata with features %#x", le.Uint32(sb[360:]))
	case sectors == 0 || sectors > 1<<21:
		return block.Damaged("superblock: chunks of %d sectors", sectors)
	}
	p.chunk, p.maps, p.devices = int64(sectors)*sector, le.Uint64(sb[320:]), le.Uint64(sb[328:])
	if le.Uint32(sb[4:])&1 != 0 {
		p.known.note(false, "thin pool %s is marked to be checked", name)
	}
	if want, got := s.number("transaction_id"), int64(le.Uint64(sb[48:])); want != got {
		p.known.note(false, "thin pool %s is at transaction %d, the volume group at %d", name, got, want)
	}
	return nil
}

// thin makes the segment of a thin volume.
func (b *builder) thin(s *segment, size int64, v *built) (block.Source, error) {
	p := b.thinPool(s.text("thin_pool"))
	v.on(p.known, false)
	if p.known.err != nil {
		return nil, p.known.err
	}
	id := s.number("device_id")
	if id < 0 || id >= 1<<24 {
		return nil, block.Damaged("thin device %d", id)
	}
	root, err := p.meta.lookup(p.maps, uint64(id))
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, block.Damaged("thin device %d is not in the pool", id)
	}
	t := &thinDevice{pool: p, root: le.Uint64(root)}
	if name := s.text("external_origin"); name != "" {
		o := b.volume(name)
		v.on(o, false)
		if o.err != nil {
			return nil, fmt.Errorf("external origin %s: %w", name, o.err)
		}
		t.origin = o.src
	}
	if name := s.text("merge"); name != "" {
		v.note(false, "it is to be merged with %s when it is next activated", name)
	}
	return &mapped{size, t}, nil
}

// thinDevice is one volume of a pool.
type thinDevice struct {
	*pool
	root   uint64
	origin block.Source // what lies beneath, nil for zeros
}

func (t *thinDevice) place(off int64) (src block.Source, at, n int64, err error) {
	in := off % t.chunk
	chunk, count, mapped, err := t.run(uint64(off / t.chunk))
	if err != nil {
		return nil, 0, 0, err
	}
	n = span(count, t.chunk) - in
	switch {
	case mapped:
		if chunk > uint64((t.data.Size()-1)/t.chunk) {
			return nil, 0, 0, block.Damaged("byte %d lies in chunk %d of a pool of %d bytes", off, chunk, t.data.Size())
		}
		return t.data, int64(chunk)*t.chunk + in, n, nil
	case t.origin != nil && off < t.origin.Size():
		return t.origin, off, min(n, t.origin.Size()-off), nil
	}
	return nil, 0, n, nil
}

// run gives the chunk of the pool that holds a chunk of the device, and how
// many follow in order on both sides; or how many have none.
func (t *thinDevice) run(key uint64) (chunk, count uint64, mapped bool, err error) {
	leaf, i, end, err := t.meta.find(t.root, key)
	if err != nil {
		return 0, 0, false, err
	}
	if i < 0 || leaf.key(i) != key {
		if i+1 < leaf.n {
			end = min(end, leaf.key(i+1))
		}
		if end <= key {
			return 0, 0, false, block.Damaged("metadata: keys out of order at %d", key)
		}
		return 0, end - key, false, nil
	}
	chunk, count = le.Uint64(leaf.at(i))>>24, 1 // the lower bits are a time
	for j := i + 1; j < leaf.n && leaf.key(j) == key+count && le.Uint64(leaf.at(j))>>24 == chunk+count; j++ {
		count++
	}
	return chunk, count, true, nil
}

// maxSteps bounds how far the extents of a thin volume are looked up; what
// follows counts as data.
const maxSteps = 1 << 14

func (t *thinDevice) extents(ctx context.Context) ([]block.Extent, error) {
	var list []block.Extent
	if t.origin != nil {
		below, err := block.Extents(ctx, t.origin)
		if err != nil {
			return nil, err
		}
		list = append(list, below...)
	}
	key := uint64(0)
	for range maxSteps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		_, count, mapped, err := t.run(key)
		if err != nil {
			return nil, err
		}
		at := span(key, t.chunk)
		if mapped {
			list = append(list, block.Extent{Offset: at, Length: span(count, t.chunk)})
		}
		if count >= 1<<62/uint64(t.chunk)-key {
			return raid.Join(list, 0), nil
		}
		key += count
	}
	list = append(list, block.Extent{Offset: span(key, t.chunk), Length: 1<<62 - span(key, t.chunk)})
	return raid.Join(list, 0), nil
}
