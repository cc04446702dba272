// Package lvm reads the volumes of Linux's LVM2: linear, striped, mirrored and
// RAID volumes, classic and thin snapshots, thin pools, cached volumes, also
// with physical volumes missing as far as redundancy allows.
//
// Labels and metadata follow lib/format_text of LVM2; what the volumes are made
// of follows drivers/md (dm-*.c, persistent-data) of Linux.
package lvm

import (
	"context"
	"encoding/binary"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// Manager assembles the volumes of LVM2.
type Manager struct{}

var _ volume.Manager = Manager{}

// Name implements [volume.Manager].
func (Manager) Name() string { return "lvm2" }

const sector = 512

var le = binary.LittleEndian

// Probe implements [volume.Manager].
func (Manager) Probe(ctx context.Context, src block.Source) (volume.Member, error) {
	if err := ctx.Err(); err != nil {
		return volume.Member{}, err
	}
	p, err := readLabel(src)
	if err != nil {
		return volume.Member{}, err
	}
	m := volume.Member{UUID: dashed(p.id), State: p}
	for _, a := range p.areas {
		t, note := p.readArea(src, a)
		if note != "" && len(m.Notes) < 8 {
			m.Notes, p.damaged = append(m.Notes, note), true
		}
		if t != nil && (p.newest == nil || t.seqno > p.newest.seqno) {
			p.newest = t
		}
	}
	if p.newest != nil {
		m.Set, m.Label = p.newest.id, p.newest.name
	} else if len(p.areas) > 0 && !p.damaged {
		m.Notes = append(m.Notes, "belongs to no volume group")
	}
	return m, nil
}

// dashed writes a UUID as LVM does.
func dashed(id string) string {
	if len(id) != 32 {
		return id
	}
	out := id[:6]
	for at := 6; at < 26; at += 4 {
		out += "-" + id[at:at+4]
	}
	return out + "-" + id[26:]
}
