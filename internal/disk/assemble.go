package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/part"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// Bounds of what one disk may hold, far above what honest ones do.
const (
	maxVolumes = 4096
	maxDepth   = 8 // volumes made of volumes
	blankLimit = 1 << 30
)

// assembly opens one disk: it looks at sources until no new ones appear.
type assembly struct {
	ctx  context.Context
	opts Options
	disk *Disk

	todo    []place
	members map[string][]volume.Member // manager → members not yet assembled
	pools   map[string][]pooled        // driver and file system → devices
	order   []string                   // the keys of pools as they appeared
	depth   int
}

// place is a source that is to be looked at and the volume that it is.
type place struct {
	Volume
	// split is set when it may hold a partition table.
	split bool
	// disc is set for a whole disk beside its partitions: it counts only when
	// it is an ISO 9660 disc as well, as hybrid images are.
	disc bool
	// gap is set for the room between partitions: it counts only when a file
	// system is in it.
	gap bool
}

// pooled is a device of a file system that spans several.
type pooled struct {
	driver  fsys.Pool
	name    string
	devices int
	index   int // of its volume
}

// images opens the disks in the files given. Several are told apart by d1, d2, …
func (a *assembly) images(sources []block.Source) error {
	a.members, a.pools = map[string][]volume.Member{}, map[string][]pooled{}
	chunk, limit := a.opts.ChunkBytes, a.opts.CacheBytes
	if chunk <= 0 {
		chunk = 64 << 10
	}
	if limit <= 0 {
		limit = 32 << 20
	}
	d := a.disk
	for _, src := range sources {
		found, err := image.Open(a.ctx, block.WithContext(a.ctx, src), a.opts.Formats, a.opts.Image)
		if err != nil {
			return err
		}
		d.images = append(d.images, found...)
	}
	if len(d.images) == 0 {
		return block.Unsupported("the image holds no disk")
	}
	limit = max(limit/int64(len(d.images)), int64(chunk))
	for i, img := range d.images {
		if img.Size() == 0 {
			a.note("", true, "it is empty: 0 bytes")
		}
		cached, err := block.NewCache(img.Source, chunk, limit)
		if err != nil {
			return err
		}
		name := ""
		if len(d.images) > 1 {
			name = fmt.Sprintf("d%d", i+1)
			label, _ := Printable(img.Name)
			a.note(name, img.Incomplete, strings.TrimSuffix("is "+label, "is "))
		}
		for _, n := range img.Notes {
			a.note(name, img.Incomplete, n)
		}
		if img.Err != nil {
			v := Volume{Name: name, Size: img.Size(), Offset: -1}
			v.fail(img.Format, img.Err)
			a.add(v)
			continue
		}
		if d.Size == 0 {
			d.Format, d.Size = img.Format, img.Size()
		}
		a.todo = append(a.todo, place{Volume: Volume{Name: name, Size: img.Size(), Source: cached}, split: true})
	}
	return nil
}

func (a *assembly) note(of string, lost bool, text string) {
	if of != "" && text != "" {
		text = of + ": " + text
	}
	if text != "" && len(a.disk.Notes) < 100 {
		a.disk.Notes = append(a.disk.Notes, text)
	}
	a.disk.Incomplete = a.disk.Incomplete || lost
}

// run looks at every source; sets are assembled when no source is left, those
// first that others may lie on.
func (a *assembly) run() error {
	for {
		for len(a.todo) > 0 {
			p := a.todo[0]
			a.todo = a.todo[1:]
			if len(a.disk.Volumes) >= maxVolumes {
				a.note("", true, fmt.Sprintf("more than %d volumes: the rest is left out", maxVolumes))
				return a.openPools()
			}
			if err := a.look(p); err != nil {
				return err
			}
		}
		grew, err := a.assembleNext()
		if err != nil || !grew {
			return errors.Join(err, a.openPools())
		}
	}
}

// look takes one source apart.
func (a *assembly) look(p place) error {
	if !p.disc && !p.gap {
		if member, err := a.probe(p.Volume); member || err != nil {
			return err
		}
	}
	if p.split {
		if parts, err := a.partitions(p); parts || err != nil {
			return err
		}
	}
	if p.Name == "" {
		p.Name = "whole"
	}
	switch {
	case p.disc:
		return a.disc(p.Volume)
	case p.gap:
		return a.gap(p.Volume)
	}
	return a.open(p.Volume)
}

// partitions queues the partitions of a source; none are found when it has no
// table.
func (a *assembly) partitions(p place) (bool, error) {
	table, err := part.Read(p.Source)
	if err != nil && !errors.Is(err, part.ErrDamaged) {
		return false, err
	}
	if p.Offset == 0 && a.disk.Scheme == "" {
		a.disk.Scheme = table.Scheme
	}
	for _, n := range table.Notes {
		a.note(p.Name, table.Incomplete, n)
	}
	if err != nil {
		a.note(p.Name, true, err.Error())
	}
	if table.Scheme == "" {
		return false, nil
	}
	if p.Name != "" { // a volume made of others, or one disk of several
		p.Type, p.State = table.Scheme, Part
		a.add(p.Volume)
	}
	for _, t := range table.Partitions {
		v := Volume{Name: t.Name, Kind: t.Type, Label: t.Label, Offset: t.Offset, Size: t.Length}
		if p.Name != "" {
			v.Name = p.Name + "/" + t.Name
		}
		if p.Offset < 0 {
			v.Offset = p.Offset
		}
		sec, err := block.NewSection(p.Source, t.Offset, t.Length)
		if err != nil {
			v.fail("unknown", err)
			a.add(v)
			continue
		}
		v.Source = sec
		a.todo = append(a.todo, place{Volume: v})
	}
	a.gaps(p, table.Partitions)
	if !slices.ContainsFunc(table.Partitions, func(t part.Partition) bool { return t.Offset == 0 }) {
		a.todo = append(a.todo, place{Volume: p.Volume, disc: true})
	}
	return true, nil
}

// gapAlign is where partitions begin, and the least gap that is looked at.
const gapAlign = 1 << 20

// gaps queues the room between partitions: a file system at its start is one
// whose partition was deleted.
func (a *assembly) gaps(p place, parts []part.Partition) {
	parts = append(slices.Clone(parts), part.Partition{Offset: p.Source.Size()})
	slices.SortFunc(parts, func(a, b part.Partition) int { return cmp.Compare(a.Offset, b.Offset) })
	end := int64(gapAlign) // of what is taken; the table comes first
	for _, next := range parts {
		start := (end + gapAlign - 1) / gapAlign * gapAlign
		if next.Offset-start >= gapAlign {
			v := Volume{Name: fmt.Sprintf("gap@%d", start), Offset: start, Size: next.Offset - start, Note: "in no partition"}
			if p.Name != "" {
				v.Name, v.Offset = p.Name+"/"+v.Name, p.Offset
			}
			if sec, err := block.NewSection(p.Source, start, v.Size); err == nil {
				v.Source = sec
				a.todo = append(a.todo, place{Volume: v, gap: true})
			}
		}
		end = max(end, next.Offset+next.Length)
	}
}

// gap shows what is left of a deleted partition; nothing is shown of any other
// gap.
func (a *assembly) gap(v Volume) error {
	for _, drv := range a.opts.Drivers {
		if tree, err := drv.Open(a.ctx, v.Source); err == nil {
			a.tree(v, tree)
			break
		}
	}
	return a.ctx.Err()
}

// disc shows a hybrid disc; nothing is shown of any other disk.
func (a *assembly) disc(v Volume) error {
	for _, drv := range a.opts.Drivers {
		if drv.Name() != "iso9660" {
			continue
		}
		if tree, err := drv.Open(a.ctx, v.Source); err == nil {
			for i := range a.disk.Volumes { // the gaps of the table lie within the disc
				if o := &a.disk.Volumes[i]; o.Type == "unknown" && o.State == Unsupported && strings.HasPrefix(o.Label, "Gap") {
					o.State, o.Note = Raw, "part of the disc"
				}
			}
			a.tree(v, tree)
		}
	}
	return a.ctx.Err()
}

// probe asks the managers whether a source is a member of their sets.
func (a *assembly) probe(v Volume) (bool, error) {
	for _, m := range a.opts.Managers {
		src := &watched{Source: v.Source}
		got, err := m.Probe(a.ctx, src)
		if errors.Is(err, block.ErrNotThis) {
			continue
		}
		if a.ctx.Err() != nil {
			return false, a.ctx.Err()
		}
		if err != nil && src.failed.Load() {
			continue // bytes that can't be read are no sign of a member
		}
		if v.Name == "" {
			v.Name = "whole"
		}
		if err != nil {
			v.fail(m.Name(), err)
			a.add(v)
			return true, nil
		}
		v.Type, v.State, v.UUID = m.Name(), Part, got.UUID
		if got.Label != "" {
			v.Label = got.Label
		}
		v.Note, v.Incomplete = join(v.Note, strings.Join(got.Notes, "; ")), v.Incomplete || got.Incomplete
		got.Source, got.Volume = v.Source, v.Name
		a.add(v)
		a.members[m.Name()] = append(a.members[m.Name()], got)
		return true, nil
	}
	return false, nil
}

// assembleNext assembles the sets of the first manager that has members. grew
// tells whether there was one.
func (a *assembly) assembleNext() (grew bool, err error) {
	for _, m := range a.opts.Managers {
		members := a.members[m.Name()]
		if len(members) == 0 {
			continue
		}
		delete(a.members, m.Name())
		if a.depth++; a.depth > maxDepth {
			a.note("", true, fmt.Sprintf("more than %d volumes within each other", maxDepth))
			return false, nil
		}
		volumes, err := m.Assemble(a.ctx, members, volume.Options{Keys: a.opts.Keys})
		if err != nil {
			return false, fmt.Errorf("assemble %s: %w", m.Name(), err)
		}
		for _, v := range volumes {
			a.take(m.Name(), v)
		}
		return true, nil
	}
	return false, nil
}

// take shows a volume that a manager made, or why it can't be read.
func (a *assembly) take(manager string, v volume.Volume) {
	out := Volume{
		Name: v.Name, Type: v.Type, Label: v.Label, UUID: v.UUID, Offset: -1, Size: v.Size,
		Note: strings.Join(v.Notes, "; "), Incomplete: v.Incomplete, Members: v.Members, Source: v.Source,
	}
	if out.Type == "" {
		out.Type = manager
	}
	// What is made of one member alone stands in its place.
	if v.Name == "" && len(v.Members) == 1 {
		out.Name = v.Members[0]
		if i := slices.IndexFunc(a.disk.Volumes, func(o Volume) bool { return o.Name == out.Name && o.State == Part }); i >= 0 {
			old := a.disk.Volumes[i]
			out.Offset, out.Members = old.Offset, nil
			out.Label, out.UUID = cmpOr(out.Label, old.Label), cmpOr(out.UUID, old.UUID)
			out.Note = join(old.Note, out.Note)
			a.disk.Volumes = slices.Delete(a.disk.Volumes, i, i+1)
		}
	}
	if v.Err != nil || v.Source == nil {
		if v.Err == nil {
			v.Err = block.ErrUnsupported
		}
		out.fail(out.Type, v.Err)
		a.add(out)
		return
	}
	out.Type = ""
	a.todo = append(a.todo, place{Volume: out, split: true})
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// open opens the file system on a source, or says what it is instead. The error
// is not nil only when ctx ended.
func (a *assembly) open(v Volume) error {
	v.Type, v.State = "unknown", Unsupported
	var unread error // bytes that can't be read are no sign of a file system
	for _, drv := range a.opts.Drivers {
		src := &watched{Source: v.Source}
		if pool, ok := drv.(fsys.Pool); ok {
			if found, err := a.pool(v, drv, pool); found || err != nil {
				return err
			}
			continue
		}
		tree, err := drv.Open(a.ctx, src)
		if errors.Is(err, block.ErrNotThis) {
			continue
		}
		if a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		if err != nil && src.failed.Load() {
			unread = err
			continue
		}
		if err != nil {
			v.fail(drv.Name(), err)
			a.add(v)
		} else {
			a.tree(v, tree)
		}
		return nil
	}
	err := v.name(a.ctx, v.Source, unread)
	a.add(v)
	return err
}

// watched is a source that notes whether a read of it failed.
type watched struct {
	block.Source
	failed atomic.Bool
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.Source.ReadAt(p, off)
	if n < len(p) && off >= 0 && off <= w.Size()-int64(len(p)) {
		w.failed.Store(true)
	}
	return n, err
}

func (w *watched) Extents(ctx context.Context) ([]block.Extent, error) {
	return block.Extents(ctx, w.Source)
}

func (w *watched) Prefetch(ctx context.Context, ranges []block.Extent) error {
	return block.Prefetch(ctx, w.Source, ranges)
}

func (w *watched) Locate(off int64) int64 { return block.Locate(w.Source, off) }

// pool notes a device of a file system that may span several.
func (a *assembly) pool(v Volume, drv fsys.Driver, pool fsys.Pool) (bool, error) {
	dev, err := pool.Device(a.ctx, v.Source)
	if errors.Is(err, block.ErrNotThis) {
		return false, nil
	}
	if a.ctx.Err() != nil {
		return false, a.ctx.Err()
	}
	v.Type = drv.Name()
	if err != nil {
		v.fail(drv.Name(), err)
		a.add(v)
		return true, nil
	}
	v.State, v.UUID, v.Label = Part, dev.Pool, cmpOr(dev.Label, v.Label)
	a.add(v)
	key := drv.Name() + " " + dev.Pool
	if _, ok := a.pools[key]; !ok {
		a.order = append(a.order, key)
	}
	a.pools[key] = append(a.pools[key], pooled{pool, drv.Name(), dev.Devices, len(a.disk.Volumes) - 1})
	return true, nil
}

// openPools opens the file systems that may span several devices. They come
// last: by now all devices were seen.
func (a *assembly) openPools() error {
	for _, key := range a.order {
		devices := a.pools[key]
		var sources []block.Source
		var names []string
		for _, d := range devices {
			sources = append(sources, a.disk.Volumes[d.index].Source)
			names = append(names, a.disk.Volumes[d.index].Name)
		}
		first := &a.disk.Volumes[devices[0].index]
		tree, err := devices[0].driver.OpenPool(a.ctx, sources)
		if a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		if err != nil {
			first.fail(devices[0].name, err)
			continue
		}
		if len(names) > 1 {
			first.Members = names
		}
		subs := first.take(tree)
		a.disk.Volumes = append(a.disk.Volumes, a.unique(*first, subs)...)
	}
	return a.ctx.Err()
}

// tree shows an open file system and the trees within it.
func (a *assembly) tree(v Volume, tree fsys.Tree) {
	subs := v.take(tree)
	a.add(v)
	a.disk.Volumes = append(a.disk.Volumes, a.unique(v, subs)...)
}

func (a *assembly) add(v Volume) { a.disk.Volumes = append(a.disk.Volumes, v) }

// unique gives subvolumes their names: their paths, with the volume's name
// before it where another volume has it already.
func (a *assembly) unique(of Volume, subs []Volume) []Volume {
	for i := range subs {
		taken := func(name string) bool {
			return slices.ContainsFunc(a.disk.Volumes, func(o Volume) bool { return o.Name == name })
		}
		if taken(subs[i].Name) || slices.ContainsFunc(subs[:i], func(o Volume) bool { return o.Name == subs[i].Name }) {
			subs[i].Name = of.Name + "/" + subs[i].Name
		}
	}
	return subs
}

// fail says why a volume is not read.
func (v *Volume) fail(kind string, err error) {
	v.Type, v.State = kind, Damaged
	switch {
	case errors.Is(err, block.ErrEncrypted):
		v.State = Encrypted
	case errors.Is(err, block.ErrUnsupported):
		v.State = Unsupported
	case errors.Is(err, block.ErrMissing):
		v.State = Missing
	}
	v.Note = join(v.Note, err.Error())
}

// take fills in what an open file system says of itself, and gives the further
// trees in it as volumes.
func (v *Volume) take(tree fsys.Tree) (subs []Volume) {
	info := tree.Info()
	v.Type, v.UUID, v.State, v.FS = info.Type, info.UUID, Read, fsys.New(tree)
	v.Label = cmpOr(info.Label, v.Label)
	v.Note = join(v.Note, strings.Join(info.Notes, "; "))
	v.Incomplete = v.Incomplete || info.Incomplete
	splitter, ok := tree.(fsys.Splitter)
	if !ok {
		return nil
	}
	list, err := splitter.Subvolumes()
	if err != nil {
		v.Note, v.Incomplete = join(v.Note, "list subvolumes: "+err.Error()), true
	}
	for _, s := range list {
		sub := *v
		sub.Name, _ = Printable(s.Name)
		sub.FS, sub.Note, sub.Members, sub.Incomplete = fsys.Sub(tree, s.Root), strings.Join(s.Notes, "; "), nil, false
		subs = append(subs, sub)
	}
	return subs
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// name recognises a volume that no driver reads. unread is why a driver could
// not tell, if so.
func (v *Volume) name(ctx context.Context, src block.Source, unread error) error {
	kind, state, ok, err := recognise(src)
	if err == nil {
		err = unread
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ok && err != nil && state != Encrypted:
		v.fail(kind, err)
	case err != nil:
		v.fail("unknown", err)
	case ok:
		v.Type, v.State = kind, state
		note := "recognised, its content is not read"
		switch state {
		case Encrypted:
			note = "encrypted, its content is not read"
		case Raw:
			note = "holds no files"
		}
		v.Note = join(v.Note, note)
	case bare[v.Kind] != "":
		v.Type, v.State, v.Note = bare[v.Kind], Raw, join(v.Note, "holds no files")
	default:
		empty, err := blank(ctx, src, blankLimit)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			v.fail("unknown", err)
		case empty:
			v.State, v.Note = Blank, join(v.Note, "zeros only")
		default:
			v.Note = join(v.Note, "nothing that is known, its content is not read")
		}
	}
	return nil
}
