// Package mdraid reads the arrays of Linux's software RAID (md): metadata 0.90
// in both byte orders, 1.0, 1.1 and 1.2; linear, RAID 0, 1, 4, 5, 6 and 10,
// also with as many members missing as the level allows.
//
// The layout follows include/uapi/linux/raid/md_p.h and drivers/md/md.c.
package mdraid

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// Manager assembles md arrays.
type Manager struct{}

var _ volume.Manager = Manager{}

// Name implements [volume.Manager].
func (Manager) Name() string { return "mdraid" }

const (
	magic  = 0xa92b4efc
	sector = 512
	// farthest bounds every place and length, in sectors.
	farthest = 1 << 52
)

var le = binary.LittleEndian

// Probe implements [volume.Manager]. Where several versions of a superblock are
// left, the newest array counts.
func (Manager) Probe(ctx context.Context, src block.Source) (volume.Member, error) {
	if err := ctx.Err(); err != nil {
		return volume.Member{}, err
	}
	var best *superblock
	var failed error
	for _, at := range places(src.Size()) {
		sb, err := at.read(src, at.off)
		switch {
		case err != nil:
			if err != block.ErrNotThis { //nolint:errorlint // wrapped, it would tell of a member
				failed = err
			}
		case best == nil || sb.created > best.created:
			best = sb
		}
	}
	switch {
	case best != nil:
		return best.member(), nil
	case failed != nil:
		return volume.Member{}, failed
	}
	return volume.Member{}, block.ErrNotThis
}

// place is where a version of the superblock lies.
type place struct {
	off  int64
	read func(src block.Source, off int64) (*superblock, error)
}

func places(size int64) []place {
	list := []place{{4096, readV1}, {0, readV1}}
	if at := (size/sector - 16) &^ 7 * sector; at > 4096 {
		list = append(list, place{at, readV1})
	}
	if at := size&^0xffff - 0x10000; at >= 0 {
		list = append(list, place{at, readV0})
	}
	return list
}

// member says what a source with this superblock is.
func (sb *superblock) member() volume.Member {
	return volume.Member{
		Set: hex.EncodeToString(sb.uuid[:]), UUID: sb.uuidText(), Label: sb.name, State: sb,
	}
}

// uuidText writes the array's UUID as mdadm does.
func (sb *superblock) uuidText() string {
	u := sb.uuid
	return fmt.Sprintf("%x:%x:%x:%x", u[:4], u[4:8], u[8:12], u[12:])
}
