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
	"strings"

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
	return strings.Join([]string{id[:6], id[6:10], id[10:14], id[14:18], id[18:22], id[22:26], id[26:]}, "-")
}
