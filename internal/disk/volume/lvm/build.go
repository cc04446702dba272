package lvm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// join makes a volume of its segments. Segments that lie on a missing physical
// volume are lost; when all do, so is the volume.
func (b *builder) join(l *lv) *built {
	v := &built{}
	var parts []block.Source
	var missing error
	next, there := int64(0), false
	for i := range l.segments {
		s := &l.segments[i]
		size, ok := b.group.bytes(s.extents)
		if at := s.number("start_extent"); !ok || at != next || s.extents == 0 {
			v.err = block.Damaged("logical volume %s: segment of %d extents at extent %d, want one at %d", l.name, s.extents, at, next)
			return v
		}
		next += s.extents
		if spare := s.spare(); spare > 0 {
			size, _ = b.group.bytes(s.extents - spare)
		}
		src, err := b.segment(s, size, v)
		switch {
		case errors.Is(err, block.ErrMissing):
			if missing == nil {
				missing = err
			}
			src = raid.Lost(size, err)
		case err != nil:
			v.err = fmt.Errorf("logical volume %s: %w", l.name, err)
			return v
		case src.Size() < size && s.spare() > 0:
			there = true // not yet grown
		case src.Size() < size:
			v.err = block.Damaged("logical volume %s: segment of %d bytes on %d", l.name, size, src.Size())
			return v
		default:
			there = true
			src = first(src, size)
		}
		parts = append(parts, src)
	}
	switch {
	case len(parts) == 0:
		v.err = block.Damaged("logical volume %s has no segments", l.name)
	case !there:
		v.err = fmt.Errorf("logical volume %s: %w", l.name, missing)
	case len(parts) == 1:
		v.src = parts[0]
	default:
		arr, err := raid.Linear(parts)
		if err != nil {
			v.err = err
			return v
		}
		v.src = arr
	}
	return v
}

// first gives the first n bytes of a source that has as many.
func first(src block.Source, n int64) block.Source {
	if src.Size() == n {
		return src
	}
	sec, err := block.NewSection(src, 0, n)
	if err != nil {
		return raid.Lost(n, err)
	}
	return sec
}

// segmentFlags are features that come with a segment's kind and change nothing
// for a reader.
var segmentFlags = []string{"METADATA_FORMAT", "CROP_METADATA", "CACHE_USES_CACHEVOL", "RESHAPE", "RESHAPE_DATA_OFFSET", "RESHAPE_DELTA_DISKS_PLUS", "RESHAPE_DELTA_DISKS_MINUS"}

// segment makes the source of one segment of the given bytes and adds to v what
// is known of it.
func (b *builder) segment(s *segment, size int64, v *built) (block.Source, error) {
	for _, f := range s.flags {
		if !slices.Contains(segmentFlags, f) {
			return nil, block.Unsupported("segment of type %s with feature %s", s.kind, f)
		}
	}
	switch {
	case s.kind == "striped":
		return b.striped(s, size, v)
	case s.kind == "mirror":
		return b.mirror(s, size, v)
	case strings.HasPrefix(s.kind, "raid"):
		return b.raid(s, size, v)
	case s.kind == "thin":
		return b.thin(s, size, v)
	case s.kind == "cache":
		return b.cached(s, size, v)
	case s.kind == "writecache":
		return b.writecache(s, size, v)
	case s.kind == "integrity":
		return b.integrity(s, v)
	case s.kind == "zero":
		return block.Zero(size), nil
	case s.kind == "error":
		return raid.Lost(size, block.Damaged("segment of type error")), nil
	}
	return nil, block.Unsupported("segment of type %q", s.kind)
}

// area is where a stripe or an image of a segment lies: extents of a physical
// or a logical volume.
type area struct {
	name string
	at   int64
}

// areas reads a list of pairs.
func (s *segment) areas(key string) ([]area, error) {
	list := s.list(key)
	if len(list) == 0 || len(list)%2 != 0 || len(list) > 2*4096 {
		return nil, block.Damaged("%s of %d items", key, len(list))
	}
	out := make([]area, 0, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		name, ok1 := list[i].(string)
		at, ok2 := list[i+1].(int64)
		if !ok1 || !ok2 || at < 0 {
			return nil, block.Damaged("%s: %v at %v", key, list[i], list[i+1])
		}
		out = append(out, area{name, at})
	}
	return out, nil
}

// source gives size bytes of an area. What is known of it is in o.
func (b *builder) source(a area, size int64) (src block.Source, o *built) {
	at, ok := b.group.bytes(a.at)
	if !ok || size > 1<<62-at {
		return nil, &built{err: block.Damaged("area at extent %d of %s", a.at, a.name)}
	}
	if p, ok := b.group.pvs[a.name]; ok {
		return b.onPhysical(p, at, size)
	}
	if o = b.volume(a.name); o.err != nil {
		return nil, o
	}
	sec, err := block.NewSection(o.src, at, size)
	if err != nil {
		return nil, &built{err: fmt.Errorf("area on %s: %w: %w", a.name, err, block.ErrDamaged)}
	}
	return sec, o
}

// onPhysical gives bytes of a physical volume, counted from its first extent.
func (b *builder) onPhysical(p *pv, at, size int64) (block.Source, *built) {
	o := &built{}
	m, ok := b.present[p.id]
	if !ok {
		o.lose(dashed(p.id))
		o.err = fmt.Errorf("physical volume %s: %w", dashed(p.id), block.ErrMissing)
		return nil, o
	}
	o.use(p.id)
	if names := b.twice[p.id]; len(names) > 0 {
		o.note(false, "%s is the same physical volume as %s, which is read", strings.Join(names, " and "), m.Volume)
	}
	if p.absent {
		o.stale = append(o.stale, dashed(p.id))
	}
	if p.start < 0 || p.start > 1<<50 {
		o.err = block.Damaged("physical volume %s: first extent at sector %d", dashed(p.id), p.start)
		return nil, o
	}
	at += p.start * sector
	have := max(min(m.Source.Size()-at, size), 0)
	if have == size {
		sec, err := block.NewSection(m.Source, at, size)
		o.err = err
		return sec, o
	}
	o.note(true, "physical volume %s is cut short: %d of %d bytes at byte %d are not there", dashed(p.id), size-have, size, at)
	var parts []block.Source
	if sec, err := block.NewSection(m.Source, min(at, m.Source.Size()), have); err == nil && have > 0 {
		parts = append(parts, sec)
	}
	parts = append(parts, raid.Lost(size-have, block.Damaged("behind the end of physical volume %s", dashed(p.id))))
	arr, err := raid.Linear(parts)
	o.err = err
	return arr, o
}

// striped makes a segment of one or more stripes.
func (b *builder) striped(s *segment, size int64, v *built) (block.Source, error) {
	list, err := s.areas("stripes")
	if err != nil {
		return nil, err
	}
	n := int64(len(list))
	if s.number("stripe_count") != n || size%n != 0 {
		return nil, block.Damaged("%d stripes for %d bytes, want %d", n, size, s.number("stripe_count"))
	}
	stripes, lengths := make([]block.Source, n), make([]int64, n)
	var missing error
	for i, a := range list {
		src, o := b.source(a, size/n)
		v.on(o, false)
		switch {
		case errors.Is(o.err, block.ErrMissing):
			missing = o.err
			src = raid.Lost(size/n, o.err)
		case o.err != nil:
			return nil, o.err
		}
		stripes[i], lengths[i] = src, size/n
	}
	if n == 1 {
		return stripes[0], missing
	}
	if allLost(stripes) {
		return nil, missing
	}
	chunk := s.number("stripe_size")
	if chunk <= 0 || chunk > 1<<30 {
		return nil, block.Damaged("stripes of %d sectors", chunk)
	}
	arr, err := raid.Stripe(stripes, lengths, chunk*sector, raid.Alternate)
	if err != nil {
		return nil, err
	}
	return arr, nil
}

func allLost(list []block.Source) bool {
	for _, s := range list {
		if !raid.IsLost(s) {
			return false
		}
	}
	return true
}
