// Package qcow2 reads QEMU's copy-on-write disk images, versions 2 and 3.
//
// The layout follows QEMU's docs/interop/qcow2.txt.
package qcow2

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Format opens qcow2 images.
type Format struct{}

// Name implements [image.Format].
func (Format) Name() string { return "qcow2" }

var be = binary.BigEndian

// Open implements [image.Format].
func (Format) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	h, err := readHeader(src)
	if err != nil {
		return nil, err
	}
	out := image.Disk{}
	note := func(lost bool, format string, args ...any) {
		out.Notes = append(out.Notes, fmt.Sprintf(format, args...))
		out.Incomplete = out.Incomplete || lost
	}
	if h.incompatible&incompatDirty != 0 {
		note(false, "the image was not closed cleanly: its reference counts may be off, which reading does not use")
	}
	if h.incompatible&incompatCorrupt != 0 {
		note(true, "the image is marked as corrupt: what is read may be wrong")
	}
	if h.snapshots > 0 {
		note(true, "%s", h.describeSnapshots(src))
	}
	sources := []block.Source{src}
	m := &mapping{header: h}
	if h.backing != "" {
		backing, err := openBacking(ctx, h, env)
		if err != nil {
			return nil, err
		}
		sources = append(sources, backing.Source)
		m.backing = backing.Size()
		for _, n := range backing.Notes {
			note(false, "backing file %q: %s", h.backing, n)
		}
		out.Incomplete = out.Incomplete || backing.Incomplete
	}
	m.tables = image.NewTables(sources, 1<<h.clusterBits)
	out.Source = image.NewMapped(int64(h.size), sources, m)
	return []image.Disk{out}, nil
}
