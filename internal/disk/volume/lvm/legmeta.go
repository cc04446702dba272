package lvm

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// legMeta is the superblock that dm-raid keeps in a metadata volume.
type legMeta struct {
	position  int // in the array, when it was last active
	events    uint64
	failed    [4]uint64 // a bit for each image
	recovered uint64    // sectors of this image that are up to date; all ones when it is whole
	synced    uint64    // of the array
	reshaping bool
	offset    int64 // bytes from the start of an image to its data
	bytes     int64 // of the array, 0 when not told
}

const (
	legMagic  = 0x64526d44 // DmRd
	legV190   = 1          // feature: the fields of version 1.9.0 are there
	allOnes   = 1<<64 - 1
	legReshap = 1
)

// read reads a leg's superblock. A volume that was never active has none.
func (g *leg) read(o *built) {
	if o.err != nil {
		g.fail(fmt.Errorf("metadata: %w", o.err))
		return
	}
	b := make([]byte, sector)
	if err := block.ReadFull(o.src, b, 0); err != nil {
		g.fail(fmt.Errorf("metadata: %w", err))
		return
	}
	if le.Uint32(b) != legMagic {
		return
	}
	m := &legMeta{
		position: int(le.Uint32(b[12:])), events: le.Uint64(b[16:]), recovered: le.Uint64(b[32:]), synced: le.Uint64(b[40:]),
	}
	m.failed[0] = le.Uint64(b[24:])
	if le.Uint32(b[4:])&legV190 != 0 {
		m.reshaping = le.Uint32(b[60:])&legReshap != 0
		if n := le.Uint64(b[96:]); n < 1<<50 {
			m.offset = int64(n) * sector
		}
		if n := le.Uint64(b[88:]); n < 1<<50 {
			m.bytes = int64(n) * sector
		}
		for i := range 3 {
			m.failed[1+i] = le.Uint64(b[120+8*i:])
		}
	}
	g.meta = m
}

func (g *leg) fail(err error) { g.src, g.err = nil, err }

// settle leaves out the legs that are behind the others, as the freshest
// metadata knows.
func settle(legs []leg, v *built) error {
	var best *legMeta
	for i := range legs {
		if m := legs[i].meta; m != nil && legs[i].src != nil && (best == nil || m.events > best.events) {
			best = m
		}
	}
	if best == nil {
		return nil // never active: all hold the same nothing
	}
	if best.reshaping {
		v.note(true, "a reshape is under way")
		return block.Unsupported("RAID that is being reshaped")
	}
	for i := range legs {
		g := &legs[i]
		if g.src == nil {
			continue
		}
		switch m := g.meta; {
		case m == nil:
			g.fail(block.Damaged("no metadata: it is new and not yet filled"))
		case m.position < 256 && best.failed[m.position/64]>>(m.position%64)&1 != 0:
			g.fail(block.Damaged("it failed before the others"))
		case m.events+1 < best.events:
			g.fail(block.Damaged("it is out of date: %d events, the others have %d", m.events, best.events))
		case m.recovered != allOnes && m.recovered < uint64(g.src.Size()/sector):
			g.fail(block.Damaged("it was being rebuilt, up to sector %d", m.recovered))
		default:
			sec, err := block.NewSection(g.src, min(best.offset, g.src.Size()), max(g.src.Size()-best.offset, 0))
			if g.src = sec; err != nil {
				g.fail(err)
			}
		}
		if g.src == nil {
			v.note(false, "image %d is left out: %v", i, g.err)
		}
	}
	return nil
}

// unclean tells whether parities may not fit the data.
func unclean(legs []leg) bool {
	for _, g := range legs {
		if g.src != nil && g.meta != nil && g.meta.synced != allOnes && g.meta.synced < uint64(g.src.Size()/sector) {
			return true
		}
	}
	return false
}
