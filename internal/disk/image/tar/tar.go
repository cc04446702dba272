package tar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Format reads tar archives.
type Format struct{}

const (
	maxKept  = 4096 // members that are looked at for disks
	maxDisks = 256
)

// Name implements [image.Format].
func (Format) Name() string { return "tar" }

// Open implements [image.Format]. It reads the headers of all members.
func (Format) Open(ctx context.Context, src block.Source, _ *image.Env) ([]image.Disk, error) {
	if err := isTar(src); err != nil {
		return nil, err
	}
	a := &archive{src: src, byName: make(map[string]*member)}
	err := a.walk(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && !errors.Is(err, errMany) && !errors.Is(err, block.ErrDamaged) &&
		!errors.Is(err, block.ErrUnsupported) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if err != nil {
		a.lose("what follows its first %d members is not shown: %v", a.count, err)
	}
	a.choose()
	disks := a.disks()
	if len(disks) > 0 {
		disks[0].Notes, disks[0].Incomplete = append(a.notes, disks[0].Notes...), disks[0].Incomplete || len(a.notes) > 0
		return disks, nil
	}
	return nil, a.nothing(err)
}

// isTar is [block.ErrNotThis] when a source does not begin with a header whose
// checksum holds, or is damaged there.
func isTar(src block.Source) error {
	var h header
	err := block.ReadFull(src, h.raw[:], 0)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, block.ErrDamaged) {
		return err
	}
	if err != nil || !h.begins() {
		return block.ErrNotThis
	}
	return nil
}

// begins tells whether a header may be the first one.
func (h *header) begins() bool {
	if h.parse(0) != nil {
		return false
	}
	// The oldest format has no magic: its header must be one in all else.
	if strings.HasPrefix(string(h.raw[257:]), "ustar") {
		return true
	}
	for _, field := range [][]byte{h.raw[100:108], h.raw[108:116], h.raw[116:124], h.raw[136:148]} {
		if _, ok := number(field); !ok {
			return false
		}
	}
	return h.name != "" && (h.kind == typeOld || h.kind >= typeRegular && h.kind <= typeReserved)
}

// archive is what is in an archive.
type archive struct {
	src     block.Source
	members []*member
	byName  map[string]*member
	count   int      // files, those that were skipped among them
	skipped int      // files that were not looked at
	machine bool     // it describes a virtual machine
	notes   []string // what is not shown
}

func (a *archive) lose(format string, args ...any) {
	if len(a.notes) < 20 {
		a.notes = append(a.notes, fmt.Sprintf(format, args...))
	}
}

// walk reads the headers. The error says why it did not come to the end.
func (a *archive) walk(ctx context.Context) error {
	w := &walker{src: a.src}
	for {
		m, err := w.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		a.count++
		m.name = strings.TrimPrefix(path.Clean("/"+m.name), "/")
		if old := a.byName[m.name]; old != nil {
			*old = *m // the later one stands for both
			continue
		}
		if len(a.members) == maxKept && !diskName(m.name) || len(a.members) == 2*maxKept {
			a.skipped++
			continue
		}
		a.members = append(a.members, m)
		a.byName[m.name] = m
	}
}

// disks gives the members that were chosen.
func (a *archive) disks() []image.Disk {
	var out []image.Disk
	for _, m := range a.members {
		if !m.disk {
			continue
		}
		if m.err != nil {
			a.lose("%v", m.err)
			continue
		}
		if len(out) == maxDisks {
			a.lose("it has more than %d disks", maxDisks)
			break
		}
		d := image.Disk{Source: &mapped{a.src, m.size, m.pieces}, Name: m.name, Extent: a.beside(m)}
		if m.cut {
			d.Notes, d.Incomplete = []string{fmt.Sprintf("the archive ends within %.100q", m.name)}, true
		}
		out = append(out, d)
	}
	return out
}

// beside opens the members in the folder of one.
func (a *archive) beside(m *member) func(name string) (block.Source, error) {
	dir := path.Dir(m.name)
	return func(name string) (block.Source, error) {
		s := a.byName[path.Join(dir, name)]
		if s == nil {
			return nil, fmt.Errorf("it is not in the archive: %w", block.ErrMissing)
		}
		return &mapped{a.src, s.size, s.pieces}, s.err
	}
}

// nothing says what is in an archive without a disk.
func (a *archive) nothing(err error) error {
	for _, m := range a.members {
		if m.disk && m.err != nil {
			return m.err
		}
	}
	if err != nil {
		return err
	}
	var names []string
	for _, m := range a.members[:min(5, len(a.members))] {
		names = append(names, fmt.Sprintf("%.60q", m.name))
	}
	if a.count > len(names) {
		names = append(names, "…")
	}
	notes := ""
	if len(a.notes) > 0 {
		notes = "; " + strings.Join(a.notes, "; ")
	}
	return block.Unsupported("no disk among its %d files: %s%s", a.count, strings.Join(names, ", "), notes)
}
