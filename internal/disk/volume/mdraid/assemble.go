package mdraid

import (
	"context"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// Assemble implements [volume.Manager].
func (Manager) Assemble(ctx context.Context, members []volume.Member, _ volume.Options) ([]volume.Volume, error) {
	sets := map[string][]volume.Member{}
	var order []string
	for _, m := range members {
		if _, ok := m.State.(*superblock); !ok {
			continue
		}
		if _, ok := sets[m.Set]; !ok {
			order = append(order, m.Set)
		}
		sets[m.Set] = append(sets[m.Set], m)
	}
	var out []volume.Volume
	named := map[string]bool{}
	for _, set := range order {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v := assemble(sets[set])
		if named[v.Name] {
			v.Name += "@" + v.UUID
		}
		named[v.Name] = true
		out = append(out, v)
	}
	return out, nil
}

// array is one set on its way to a volume.
type array struct {
	volume.Volume
	sb    *superblock     // the freshest
	slots []volume.Member // by place; State is nil where one is missing
	have  int
}

func assemble(members []volume.Member) volume.Volume {
	a := &array{sb: freshest(members)}
	a.Name, a.Label, a.UUID = a.sb.deviceName(), a.sb.name, a.sb.uuidText()
	a.slots = make([]volume.Member, a.sb.disks)
	for _, m := range members {
		a.seat(m)
	}
	for _, m := range a.slots {
		if m.State != nil {
			a.Members = append(a.Members, m.Volume)
			a.have++
		}
	}
	if len(a.Members) == 0 {
		for _, m := range members {
			a.Members = append(a.Members, m.Volume)
		}
	}
	if err := a.build(); err != nil {
		a.Source, a.Err = nil, err
	}
	return a.Volume
}

// freshest is the superblock with the most events: it knows which members
// failed.
func freshest(members []volume.Member) *superblock {
	var best *superblock
	for _, m := range members {
		if sb := m.State.(*superblock); best == nil || sb.events > best.events {
			best = sb
		}
	}
	return best
}

func (a *array) note(lost bool, format string, args ...any) {
	if len(a.Notes) < 40 {
		a.Notes = append(a.Notes, fmt.Sprintf(format, args...))
	}
	a.Incomplete = a.Incomplete || lost
}

// seat puts a member in its place, or says why it is left out.
func (a *array) seat(m volume.Member) {
	sb := m.State.(*superblock)
	role := a.sb.role(sb.number)
	switch own := sb.role(sb.number); {
	case role == roleJournal || own == roleJournal:
		a.readJournal(m)
	case sb.level != a.sb.level && own < roleHighest:
		a.note(false, "%s is left out: it tells of another level", m.Volume)
	case own == roleSpare && role >= roleHighest:
		a.note(false, "%s is a spare", m.Volume)
	case sb.events+1 < a.sb.events:
		a.note(false, "%s is left out: it failed before the others (%d events, the others %d)", m.Volume, sb.events, a.sb.events)
	case role != own || role >= len(a.slots):
		a.note(false, "%s is left out: the others have it as failed or spare", m.Volume)
	case sb.recovered >= 0 && sb.recovered < max(sb.used, 1):
		a.note(false, "%s is left out: it was being rebuilt, up to byte %d", m.Volume, sb.recovered)
	default:
		a.take(role, m, sb)
	}
}

// take seats a member that counts. Of two for a place the one that is no
// replacement stays, then the fresher one, then the first.
func (a *array) take(role int, m volume.Member, sb *superblock) {
	old, taken := a.slots[role].State.(*superblock)
	switch {
	case !taken:
		a.slots[role] = m
	case sb.replacement || old.replacement:
		if old.replacement {
			a.slots[role] = m
		}
	case sb.events > old.events:
		a.note(true, "%s and %s are both member %d: the first is left out", a.slots[role].Volume, m.Volume, role)
		a.slots[role] = m
	default:
		a.note(sb.events != old.events, "%s and %s are both member %d: the second is left out", a.slots[role].Volume, m.Volume, role)
	}
}

// readJournal looks whether a journal holds writes that the array may not have.
func (a *array) readJournal(m volume.Member) {
	sb := m.State.(*superblock)
	b := make([]byte, 4096)
	at := sb.data.Offset + sb.journal.tail
	if sb.journal.tail < 0 || block.ReadFull(m.Source, b, at) != nil {
		a.note(true, "the journal on %s can't be read", m.Volume)
		return
	}
	// A block with its own place in it and something behind its header.
	if le.Uint32(b) == 0x6433c509 && int64(le.Uint64(b[24:]))*sector == sb.journal.tail && le.Uint32(b[12:]) > 32 {
		a.note(true, "the journal on %s is not replayed: the newest writes may be missing", m.Volume)
	}
}

// missing is the error of an array with too few members.
func (a *array) missing(need string) error {
	var gone []string
	for i, m := range a.slots {
		if m.State == nil && len(gone) < 16 {
			gone = append(gone, fmt.Sprint(i))
		}
	}
	return fmt.Errorf("%d of %d members are there, %s needs %s; not there: %s: %w",
		a.have, len(a.slots), a.sb.levelName(), need, strings.Join(gone, ", "), block.ErrMissing)
}

func (sb *superblock) levelName() string {
	switch sb.level {
	case levelLinear:
		return "a linear array"
	case levelMultipath:
		return "a multipath array"
	}
	return fmt.Sprintf("RAID %d", sb.level)
}
