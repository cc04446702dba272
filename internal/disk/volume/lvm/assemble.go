package lvm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// Assemble implements [volume.Manager].
func (Manager) Assemble(ctx context.Context, members []volume.Member, _ volume.Options) ([]volume.Volume, error) {
	present, twice := choose(members)
	newest := map[string]*text{} // of each group, by its id
	for _, m := range present {
		if t := m.State.(*physical).newest; t != nil && (newest[t.id] == nil || newest[t.id].seqno < t.seqno) {
			newest[t.id] = t
		}
	}
	texts := make([]*text, 0, len(newest))
	names := map[string]int{}
	for _, t := range newest {
		texts = append(texts, t)
		names[t.name]++
	}
	slices.SortFunc(texts, func(a, b *text) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id)) })
	var out []volume.Volume
	cache, known := newNodeCache(), map[string]bool{}
	for _, t := range texts {
		name := t.name
		if names[name] > 1 {
			name += "@" + shortID(t.id)
		}
		g, err := readGroup(t)
		if err != nil {
			out = append(out, volume.Volume{Name: name, UUID: t.id, Err: err})
			continue
		}
		for _, p := range g.pvs {
			known[p.id] = true
		}
		b := &builder{ctx: ctx, group: g, present: present, twice: twice, cache: cache, done: map[string]*built{}}
		out = append(out, b.volumes(name)...)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return append(out, orphans(present, known)...), nil
}

// choose gives the physical volumes by UUID: of several with the same one, that
// with the newest metadata. twice has the names of those.
func choose(members []volume.Member) (present map[string]volume.Member, twice map[string][]string) {
	present, twice = map[string]volume.Member{}, map[string][]string{}
	for _, m := range members {
		p, ok := m.State.(*physical)
		if !ok {
			continue
		}
		old, again := present[p.id]
		if !again {
			present[p.id] = m
			continue
		}
		if q := old.State.(*physical); p.newest != nil && (q.newest == nil || q.newest.seqno < p.newest.seqno) {
			present[p.id], m = m, old
		}
		twice[p.id] = append(twice[p.id], m.Volume)
	}
	return present, twice
}

// orphans gives a volume for each physical volume that belongs to a group whose
// metadata was not found.
func orphans(present map[string]volume.Member, known map[string]bool) (out []volume.Volume) {
	for id, m := range present {
		p := m.State.(*physical)
		if known[id] || p.newest != nil || len(p.areas) > 0 && !p.damaged {
			continue
		}
		out = append(out, volume.Volume{
			Name: "pv/" + dashed(id), UUID: dashed(id), Members: []string{m.Volume},
			Err: fmt.Errorf("the metadata of its volume group: %w", block.ErrMissing),
		})
	}
	slices.SortFunc(out, func(a, b volume.Volume) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// shortID is what tells two groups of a name apart.
func shortID(id string) string {
	s, _, _ := strings.Cut(id, "-")
	return s
}

// volumes makes a volume of each logical volume that users see. Pools are seen
// through what lies in them.
func (b *builder) volumes(group string) (out []volume.Volume) {
	b.findSnapshots()
	for _, l := range b.group.order {
		if l = b.seen(l); l == nil {
			continue
		}
		if b.ctx.Err() != nil {
			return nil
		}
		v := volume.Volume{Name: group + "/" + l.name, UUID: l.id, Type: "lvm2"}
		if len(l.segments) > 0 {
			v.Type += "-" + l.segments[0].kind
		}
		v.Size, _ = b.group.bytes(l.extents)
		got := b.shown(l)
		v.Source, v.Err, v.Notes, v.Incomplete = got.src, got.err, got.notes, got.incomplete
		if v.Source != nil {
			v.Size = v.Source.Size()
		}
		if len(got.stale) > 0 {
			v.Incomplete = true
			v.Notes = append(v.Notes, "may be out of date: physical volumes that were missing when the group was last changed: "+strings.Join(got.stale, ", "))
		}
		if v.Err == nil && len(got.lost) > 0 {
			v.Incomplete = true
			v.Notes = append(v.Notes, "bytes are lost with physical volume "+strings.Join(got.lost, ", "))
		}
		v.Members = b.membersOf(got)
		out = append(out, v)
	}
	return out
}

// seen gives the volume that users see in the place of l, nil when there is
// none. A snapshot is seen by the name of its store.
func (b *builder) seen(l *lv) *lv {
	kind := ""
	if len(l.segments) > 0 {
		kind = l.segments[0].kind
	}
	switch {
	case kind == "snapshot":
		return b.group.lvs[l.segments[0].text("cow_store")]
	case !l.visible || slices.Contains(pools, kind):
		return nil
	}
	if _, ok := b.snapshots[l.name]; ok {
		return nil
	}
	return l
}

// pools are segment types that hold other volumes and are none themselves.
var pools = []string{"thin-pool", "cache-pool", "vdo-pool"}

// membersOf names the sources of a volume, all of the group's when it has none.
func (b *builder) membersOf(v *built) (names []string) {
	for id, m := range b.present {
		_, used := v.uses[id]
		if !used && len(v.uses) == 0 {
			for _, p := range b.group.pvs {
				used = used || p.id == id
			}
		}
		if used {
			names = append(names, m.Volume)
		}
	}
	slices.Sort(names)
	return names
}

// builder makes the sources of one group's volumes.
type builder struct {
	ctx       context.Context
	group     *group
	present   map[string]volume.Member // by UUID
	twice     map[string][]string
	cache     *nodeCache
	done      map[string]*built
	depth     int
	snapshots map[string]snapshot // by the name of the store
	merging   map[string]snapshot // by the name of the origin
	pools     map[string]*pool
}

// built is what became of a logical volume.
type built struct {
	src        block.Source // nil when err is set
	err        error
	lost       []string // UUIDs of physical volumes without which some bytes can't be had
	stale      []string // UUIDs of those that were away once and may be behind
	uses       map[string]struct{}
	notes      []string
	incomplete bool
}

func (v *built) note(lost bool, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); len(v.notes) < 20 && !slices.Contains(v.notes, text) {
		v.notes = append(v.notes, text)
	}
	v.incomplete = v.incomplete || lost
}

// on takes over what is known of a volume that v is made of. redundant tells
// that v can do without bytes that are lost there.
func (v *built) on(o *built, redundant bool) {
	for _, n := range o.notes {
		v.note(o.incomplete, "%s", n)
	}
	v.incomplete = v.incomplete || o.incomplete
	for id := range o.uses {
		v.use(id)
	}
	if !redundant {
		v.lost, v.stale = union(v.lost, o.lost), union(v.stale, o.stale)
	}
}

func (v *built) use(id string) {
	if v.uses == nil {
		v.uses = map[string]struct{}{}
	}
	v.uses[id] = struct{}{}
}

func (v *built) lose(ids ...string) { v.lost = union(v.lost, ids) }

func union(list, more []string) []string {
	for _, id := range more {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// volume makes the source of a logical volume as it is, without the classic
// snapshot that it may be the store of.
func (b *builder) volume(name string) *built {
	if v, ok := b.done[name]; ok {
		return v
	}
	l := b.group.lvs[name]
	if l == nil {
		return &built{err: block.Damaged("logical volume %s is not there", name)}
	}
	if b.depth++; b.depth > 24 {
		b.depth--
		return &built{err: block.Damaged("logical volume %s: volumes within volumes too deep", name)}
	}
	b.done[name] = &built{err: block.Damaged("logical volume %s is made of itself", name)}
	v := b.join(l)
	if v.err != nil {
		v.src = nil
	}
	b.depth--
	b.done[name] = v
	return v
}
