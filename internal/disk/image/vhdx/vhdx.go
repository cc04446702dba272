// Package vhdx reads virtual hard disks of Hyper-V, version 2: fixed, dynamic
// and differencing ones. A log that was not replayed is laid over the file in
// memory.
//
// The layout follows Microsoft's [MS-VHDX].
package vhdx

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Format opens VHDX images.
type Format struct{}

// Name implements [image.Format].
func (Format) Name() string { return "vhdx" }

var le = binary.LittleEndian

// Open implements [image.Format].
func (Format) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	h, err := readHeader(src)
	if err != nil {
		return nil, err
	}
	out := image.Disk{}
	file := src
	if h.logID != (guid{}) {
		var note string
		file, note, out.Incomplete, err = replay(ctx, src, h)
		if err != nil {
			return nil, fmt.Errorf("replay log: %w", err)
		}
		out.Notes = append(out.Notes, note)
	}
	regions, err := readRegions(file)
	if err != nil {
		return nil, err
	}
	meta, err := readMetadata(file, regions)
	if err != nil {
		return nil, err
	}
	sources := []block.Source{file}
	m := &mapping{metadata: meta, bat: regions[batRegion].off}
	if meta.hasParent {
		parent, err := openParent(ctx, meta, env)
		if err != nil {
			return nil, err
		}
		sources = append(sources, parent.Source)
		m.parent = parent.Size()
		for _, n := range parent.Notes {
			out.Notes = append(out.Notes, "parent: "+n)
		}
		out.Incomplete = out.Incomplete || parent.Incomplete
	}
	m.tables = image.NewTables(sources, 1<<20)
	out.Source = image.NewMapped(int64(meta.size), sources, m)
	return []image.Disk{out}, nil
}
