package lvm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// layouts are the segment types of RAID 4, 5 and 6 as dm-raid lays them out.
var layouts = map[string]raid.Layout{
	"raid4": raid.Parity0, "raid5": raid.LeftSymmetric, "raid5_n": raid.ParityN, "raid5_ls": raid.LeftSymmetric,
	"raid5_rs": raid.RightSymmetric, "raid5_la": raid.LeftAsymmetric, "raid5_ra": raid.RightAsymmetric,
	"raid6": raid.ZeroRestart, "raid6_zr": raid.ZeroRestart, "raid6_nr": raid.NRestart, "raid6_nc": raid.NContinue,
	"raid6_n_6": raid.ParityN, "raid6_ls_6": raid.LeftSymmetric6, "raid6_rs_6": raid.RightSymmetric6,
	"raid6_la_6": raid.LeftAsymmetric6, "raid6_ra_6": raid.RightAsymmetric6,
}

// leg is one image of a RAID with its metadata.
type leg struct {
	src  block.Source // nil when it is not used
	meta *legMeta     // nil when there is none
	err  error        // why there is no src
	lost []string     // physical volumes without which it can't be had
}

// raid makes a segment of dm-raid: images beside metadata volumes, which tell
// which images are up to date.
func (b *builder) raid(s *segment, size int64, v *built) (block.Source, error) {
	legs, err := b.legs(s, v)
	if err != nil {
		return nil, err
	}
	if err := settle(legs, v); err != nil {
		return nil, err
	}
	members := make([]block.Source, len(legs))
	gone, short := 0, int64(-1)
	for i, g := range legs {
		if members[i] = g.src; g.src == nil {
			gone++
		} else if n := g.src.Size(); short < 0 || n < short {
			short = n
		}
	}
	arr, err := s.arrange(members, max(short, 0), size)
	if err != nil {
		return nil, err
	}
	if cut := s.reshaped(legs); cut > 0 {
		arr = arr.Cut(cut)
	}
	if !arr.Readable() {
		for _, g := range legs {
			v.lose(g.lost...)
		}
		return nil, lacking(legs, s.kind)
	}
	if gone > 0 {
		v.note(false, "degraded: %d of %d images are missing or out of date", gone, len(legs))
		if _, computed := layouts[s.kind]; computed && unclean(legs) {
			v.note(true, "degraded and not in sync: what was being written may be read wrong")
		}
	}
	return arr, nil
}

// legs opens the images and the metadata of a RAID segment.
func (b *builder) legs(s *segment, v *built) ([]leg, error) {
	names, step := s.list("raids"), 2
	if names == nil {
		names, step = s.list("raid0_lvs"), 1
	}
	n := int64(len(names) / step)
	count := max(s.number("device_count"), s.number("stripe_count"))
	if n == 0 || len(names)%step != 0 || n > 255 || count != n {
		return nil, block.Damaged("%s of %d items for %d devices", s.kind, len(names), count)
	}
	legs := make([]leg, n)
	for i := range legs {
		image, ok := names[i*step+step-1].(string)
		if !ok {
			return nil, block.Damaged("%s: image %v", s.kind, names[i*step+step-1])
		}
		o := b.volume(image)
		v.on(o, true)
		legs[i].src, legs[i].err, legs[i].lost = o.src, o.err, o.lost
		if o.err != nil {
			continue
		}
		if b.group.lvs[image].status.has("status", "REBUILD") {
			legs[i].fail(block.Damaged("it is to be rebuilt"))
			continue
		}
		if name, ok := names[i*step].(string); ok && step == 2 {
			legs[i].read(b.volume(name))
		}
	}
	return legs, nil
}

// reshaped gives the bytes of an array that was reshaped once; 0 for others. The
// metadata of the images knows better than the group's, which is late.
func (s *segment) reshaped(legs []leg) int64 {
	if s.number("reshape_count") <= 0 {
		return 0
	}
	for _, g := range legs {
		if g.src != nil && g.meta != nil && g.meta.bytes > 0 {
			return g.meta.bytes
		}
	}
	return 0
}

// spare is how many extents of a segment are room for a reshape, not volume.
func (s *segment) spare() int64 {
	room := s.number("reshape_count")
	if room <= 0 || !strings.HasPrefix(s.kind, "raid") {
		return 0
	}
	n := max(s.number("device_count"), s.number("stripe_count"))
	switch {
	case strings.HasPrefix(s.kind, "raid10"):
		n /= max(s.number("data_copies"), 2)
	case s.kind == "raid1":
		n = 1
	case strings.HasPrefix(s.kind, "raid6"):
		n -= 2
	default:
		n--
	}
	if n <= 0 || room > s.extents/n {
		return 0
	}
	return room * n
}

// arrange makes the array of images of which length bytes are there, nil where
// one is missing. size is the segment's.
func (s *segment) arrange(members []block.Source, length, size int64) (*raid.Array, error) {
	chunk, n := max(s.number("stripe_size"), 0)*sector, int64(len(members))
	if chunk > 1<<30 {
		return nil, block.Damaged("stripes of %d bytes", chunk)
	}
	switch {
	case s.kind == "raid1":
		return raid.Mirror(members, size), nil
	case s.kind == "raid0" || s.kind == "raid0_meta":
		lengths := make([]int64, n)
		for i := range lengths {
			lengths[i] = min(length, (size+n-1)/n)
		}
		return raid.Stripe(members, lengths, chunk, raid.Alternate)
	case strings.HasPrefix(s.kind, "raid10"):
		copies := int(max(s.number("data_copies"), 2))
		t := raid.Ten{Near: copies, Far: 1}
		if s.kind != "raid10" && s.kind != "raid10_near" {
			return nil, block.Unsupported("segment of type %s", s.kind)
		}
		return raid.NewTen(members, length, chunk, t)
	}
	layout, ok := layouts[s.kind]
	if !ok {
		return nil, block.Unsupported("segment of type %s", s.kind)
	}
	parities := 1
	if strings.HasPrefix(s.kind, "raid6") {
		parities = 2
	}
	return raid.Parity(members, length, chunk, parities, layout)
}

// lacking is the error of a RAID with too few images.
func lacking(legs []leg, kind string) error {
	var why error
	have := 0
	for i, g := range legs {
		switch {
		case g.src != nil:
			have++
		case why == nil || errors.Is(g.err, block.ErrMissing) && !errors.Is(why, block.ErrMissing):
			why = fmt.Errorf("image %d: %w", i, g.err)
		}
	}
	return fmt.Errorf("%s: %d of %d images can be had: %w", kind, have, len(legs), why)
}
