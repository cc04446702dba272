package lvm

import (
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// group is a volume group as its metadata tells of it. Lengths are in sectors
// unless said otherwise.
type group struct {
	name, id string
	extent   int64
	pvs      map[string]*pv
	lvs      map[string]*lv
	order    []*lv
}

// pv is a physical volume that a group knows.
type pv struct {
	id     string // as in the label
	start  int64  // of its first extent
	absent bool   // its flags say so: it came back and may be stale
}

// lv is a logical volume.
type lv struct {
	name, id string
	visible  bool
	status   *section
	segments []segment
	extents  int64
}

// segment is a stretch of a logical volume.
type segment struct {
	*section
	extents int64
	kind    string
	flags   []string // features that came with the kind
}

// readGroup makes sense of the tree of a text.
func readGroup(t *text) (*group, error) {
	root, err := t.read()
	if err != nil {
		return nil, err
	}
	s := root.sub(t.name)
	g := &group{name: t.name, id: t.id, extent: s.number("extent_size"), pvs: map[string]*pv{}, lvs: map[string]*lv{}}
	if g.extent <= 0 || g.extent > 1<<40 {
		return nil, block.Damaged("volume group %s: extents of %d sectors", g.name, g.extent)
	}
	for _, e := range s.sub("physical_volumes").entries {
		if p, ok := e.value.(*section); ok {
			g.pvs[e.key] = &pv{strings.ReplaceAll(p.text("id"), "-", ""), p.number("pe_start"), p.has("flags", "MISSING")}
		}
	}
	for _, e := range s.sub("logical_volumes").entries {
		if l, ok := e.value.(*section); ok && g.lvs[e.key] == nil {
			v := readVolume(e.key, l)
			g.lvs[e.key] = v
			g.order = append(g.order, v)
		}
	}
	return g, nil
}

func readVolume(name string, s *section) *lv {
	v := &lv{name: name, id: s.text("id"), visible: s.has("status", "VISIBLE"), status: s}
	for _, e := range s.entries {
		seg, ok := e.value.(*section)
		if !ok || !strings.HasPrefix(e.key, "segment") {
			continue
		}
		kind, flags, _ := strings.Cut(seg.text("type"), "+")
		one := segment{section: seg, extents: seg.number("extent_count"), kind: kind}
		if flags != "" {
			one.flags = strings.Split(flags, "+")
		}
		v.segments = append(v.segments, one)
		v.extents += max(min(one.extents, 1<<40), 0)
	}
	return v
}

// bytes gives the length of n extents; ok is false when that is no length.
func (g *group) bytes(n int64) (length int64, ok bool) {
	if n < 0 || n > (1<<62)/(g.extent*sector) {
		return 0, false
	}
	return n * g.extent * sector, true
}
