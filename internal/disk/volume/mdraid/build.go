package mdraid

import (
	"strconv"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// build makes the source of an array whose members are seated.
func (a *array) build() error {
	sb := a.sb
	switch {
	case sb.level == levelContainer:
		return block.Unsupported("a container of arrays (DDF or IMSM)")
	case sb.reshape != "":
		a.note(true, "a reshape is under way, %s", sb.reshape)
		return block.Unsupported("an array that is being reshaped")
	}
	members := make([]block.Source, len(a.slots))
	for i, m := range a.slots {
		if m.State == nil {
			continue
		}
		src, err := a.data(m.Volume, m.Source, m.State.(*superblock))
		if err != nil {
			return err
		}
		members[i] = src
	}
	arr, err := a.arrange(members)
	if err != nil {
		return err
	}
	if a.Size = arr.Size(); !arr.Readable() {
		return a.missing(a.need())
	}
	a.Source = arr
	a.noteState()
	return nil
}

// need says how many members the level can't do without.
func (a *array) need() string {
	n := len(a.slots)
	switch a.sb.level {
	case 1, levelMultipath:
		n = 1
	case 4, 5:
		n--
	case 6:
		n -= 2
	case 10:
		return "one of each chunk's copies"
	}
	return strconv.Itoa(n)
}

// arrange makes the array of members, nil where one is missing.
func (a *array) arrange(members []block.Source) (*raid.Array, error) {
	sb := a.sb
	switch sb.level {
	case levelLinear:
		for i, m := range members {
			if m == nil {
				members[i] = raid.Lost(0, a.missing(a.need()))
			} else if sb.chunk > 0 {
				members[i] = cut(m, m.Size()/sb.chunk*sb.chunk)
			}
		}
		return raid.Linear(members)
	case 0:
		return a.stripe(members)
	case 1, levelMultipath:
		size := sb.used
		if sb.level == levelMultipath || size == 0 {
			size = a.shortest(members)
		}
		return raid.Mirror(members, size), nil
	case 4:
		return raid.Parity(members, sb.used, sb.chunk, 1, raid.ParityN)
	case 5:
		return raid.Parity(members, sb.used, sb.chunk, 1, raid.Layout(sb.layout))
	case 6:
		return raid.Parity(members, sb.used, sb.chunk, 2, raid.Layout(sb.layout))
	case 10:
		return a.ten(members)
	}
	return nil, block.Unsupported("md level %d", sb.level)
}

func (a *array) shortest(members []block.Source) int64 {
	size := int64(-1)
	for _, m := range members {
		if m != nil && (size < 0 || m.Size() < size) {
			size = m.Size()
		}
	}
	return max(size, 0)
}

// stripe makes a RAID 0. Members of unequal size make zones; how chunks are
// counted in them changed with Linux 3.14 and is in the superblock since 5.4.
func (a *array) stripe(members []block.Source) (*raid.Array, error) {
	if a.have < len(members) {
		return nil, a.missing(a.need())
	}
	lengths := make([]int64, len(members))
	for i, m := range a.slots {
		lengths[i] = m.State.(*superblock).data.Length
	}
	layout := raid.Alternate
	switch {
	case a.sb.zoned && a.sb.layout == 1:
		layout = raid.Original
	case a.sb.zoned && a.sb.layout > 2:
		return nil, block.Unsupported("RAID 0 with layout %d", a.sb.layout)
	case (!a.sb.zoned || a.sb.layout == 0) && a.sb.chunk > 0 && raid.LayoutMatters(lengths, a.sb.chunk):
		a.note(true, "members of unequal size, and no word of how they are laid out: read as Linux does since 3.14")
	}
	arr, err := raid.Stripe(members, lengths, a.sb.chunk, layout)
	if err != nil {
		return nil, err
	}
	// With chunks that are no power of two md cuts some off the end.
	size := int64(0)
	for _, n := range lengths {
		size += n / a.sb.chunk * a.sb.chunk / sector &^ (a.sb.chunk/sector - 1) * sector
	}
	return arr.Cut(size), nil
}

// ten makes a RAID 10 of a layout as md writes it.
func (a *array) ten(members []block.Source) (*raid.Array, error) {
	l := a.sb.layout
	t := raid.Ten{Near: int(l & 255), Far: int(l >> 8 & 255), Offset: l&(1<<16) != 0}
	switch l >> 17 {
	case 0:
	case 1:
		t.Sets = len(members) / max(t.Far, 1)
	case 2:
		t.Sets = t.Far * t.Near
	default:
		return nil, block.Unsupported("RAID 10 with layout %#x", l)
	}
	return raid.NewTen(members, a.sb.used, a.sb.chunk, t)
}

// noteState tells what is known of an array that can be read.
func (a *array) noteState() {
	sb := a.sb
	gone := len(a.slots) - a.have
	parity := sb.level >= 4 && sb.level <= 6
	if gone > 0 && sb.level != levelMultipath {
		a.note(false, "degraded: %d of %d members are missing", gone, len(a.slots))
	}
	if sb.level < 1 || sb.clean || sb.synced >= sb.used && sb.used > 0 {
		return
	}
	switch {
	case gone > 0 && parity:
		a.note(true, "degraded and not shut down cleanly: what was being written may be read wrong")
	case sb.synced > 0:
		a.note(false, "a resync was under way, at byte %d of each member", sb.synced)
	default:
		a.note(false, "not shut down cleanly: copies or parities may differ where it was being written")
	}
}
