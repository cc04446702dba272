package lvm

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// snapshot is a classic snapshot: an origin and a store of the chunks that
// differ from it.
type snapshot struct {
	origin, store string
	extents       int64
}

// findSnapshots looks for the segments that make a volume the store of a
// snapshot. They stand in volumes of their own.
func (b *builder) findSnapshots() {
	b.snapshots, b.merging = map[string]snapshot{}, map[string]snapshot{}
	for _, l := range b.group.order {
		if len(l.segments) == 0 || l.segments[0].kind != "snapshot" {
			continue
		}
		s := l.segments[0]
		if store := s.text("merging_store"); store != "" {
			b.merging[s.text("origin")] = snapshot{s.text("origin"), store, s.extents}
		} else {
			store := s.text("cow_store")
			b.snapshots[store] = snapshot{s.text("origin"), store, s.extents}
		}
	}
}

// shown makes a volume as users see it: a store as its snapshot, and an origin
// with what a snapshot has yet to merge into it.
func (b *builder) shown(l *lv) *built {
	if s, ok := b.snapshots[l.name]; ok {
		return b.snapshot(s)
	}
	if s, ok := b.merging[l.name]; ok {
		v := b.snapshot(s)
		v.note(false, "the snapshot %s is being merged into it: read as it will be", s.store)
		return v
	}
	return b.volume(l.name)
}

func (b *builder) snapshot(s snapshot) *built {
	v := &built{}
	origin, store := b.volume(s.origin), b.volume(s.store)
	v.on(origin, false)
	v.on(store, false)
	for _, o := range []*built{store, origin} {
		if o.err != nil {
			v.err = fmt.Errorf("snapshot %s of %s: %w", s.store, s.origin, o.err)
			return v
		}
	}
	size, ok := b.group.bytes(s.extents)
	if !ok || size > origin.src.Size() {
		v.err = block.Damaged("snapshot %s of %d bytes, %s has %d", s.store, size, s.origin, origin.src.Size())
		return v
	}
	chunk, err := readStore(store.src)
	if err != nil {
		v.err = fmt.Errorf("snapshot %s: %w", s.store, err)
		return v
	}
	v.src = &mapped{size, &overlaid{
		base: origin.src, store: store.src, chunk: chunk,
		load: func() (table, error) { return readExceptions(store.src, chunk) },
	}}
	return v
}

// readStore reads the header of a persistent store: magic, valid, version,
// sectors in a chunk. A new one holds zeros.
func readStore(src block.Source) (chunk int64, err error) {
	b := make([]byte, 16)
	if err := block.ReadFull(src, b, 0); err != nil {
		return 0, err
	}
	sectors := le.Uint32(b[12:])
	switch {
	case le.Uint32(b) == 0:
		return 4096, nil
	case le.Uint32(b) != 0x70416e53:
		return 0, block.Damaged("store begins with %#x, want SnAp", le.Uint32(b))
	case le.Uint32(b[8:]) != 1:
		return 0, block.Unsupported("store of version %d", le.Uint32(b[8:]))
	case sectors == 0 || sectors > 1<<17 || sectors&(sectors-1) != 0:
		return 0, block.Damaged("store in chunks of %d sectors", sectors)
	case le.Uint32(b[4:]) == 0:
		return 0, block.Damaged("the snapshot is invalid: its store ran full or failed")
	}
	return int64(sectors) * sector, nil
}

// readExceptions reads which chunks a store holds: areas of pairs, the old
// chunk and the new, each area before the chunks it tells of.
func readExceptions(src block.Source, chunk int64) (table, error) {
	var t table
	b := make([]byte, chunk)
	per := chunk / 16
	for at := chunk; at+chunk <= src.Size(); at += (per + 1) * chunk {
		if err := block.ReadFull(src, b, at); err != nil {
			return nil, fmt.Errorf("read exceptions: %w", err)
		}
		for i := 0; i < len(b); i += 16 {
			from, to := le.Uint64(b[i:]), le.Uint64(b[i+8:])
			if to == 0 {
				return t, nil
			}
			if to >= uint64(src.Size()/chunk) {
				return nil, block.Damaged("exceptions at byte %d: chunk %d of a store of %d", at, to, src.Size()/chunk)
			}
			if err := t.add(from, to); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}
