package btrfs

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// device is one source of the file system.
type device struct {
	src        block.Source
	id         uint64
	uuid       [16]byte
	generation uint64
	stale      bool // others have a newer superblock
}

// maxDevices bounds how many are named in notes.
const maxDevices = 64

// addDevices takes the superblock of each device; the newest one counts.
func (t *tree) addDevices(sources []block.Source) error {
	var first error
	var failed int
	for _, src := range sources {
		sb, note, err := findSuperblock(src)
		if err == nil && len(t.devices) > 0 && sb.fsid != t.sb.fsid {
			err = block.Damaged("device of another file system, %s", uuidText(sb.fsid))
		}
		if err != nil {
			if failed++; first == nil {
				first = err
			}
			continue
		}
		if note != "" {
			t.note(true, "device %d: %s", sb.devID, note)
		}
		if len(t.devices) == 0 || sb.generation > t.sb.generation || sb.generation == t.sb.generation && t.sb.logRoot == 0 {
			t.sb = sb
		}
		t.addDevice(&device{src: src, id: sb.devID, uuid: sb.devUUID, generation: sb.generation})
		if sb.devBytes > uint64(src.Size()) {
			t.note(true, "device %d has %d bytes, the volume %d: what lies beyond is lost", sb.devID, sb.devBytes, src.Size())
		}
	}
	if len(t.devices) == 0 {
		if first == nil {
			first = block.ErrNotThis
		}
		return first
	}
	if failed > 0 {
		t.note(true, "%d devices can't be read: %v", failed, first)
	}
	for _, d := range t.devices {
		if d.stale = d.generation < t.sb.generation; d.stale {
			t.note(false, "device %d is of generation %d, the newest of %d", d.id, d.generation, t.sb.generation)
		}
	}
	return nil
}

// addDevice keeps the newest of several copies of one device.
func (t *tree) addDevice(d *device) {
	for i, o := range t.devices {
		if o.id != d.id || o.uuid != d.uuid {
			continue
		}
		t.note(false, "device %d was given more than once, the newest copy was taken", d.id)
		if d.generation > o.generation {
			t.devices[i] = d
		}
		return
	}
	t.devices = append(t.devices, d)
}

// device finds the device that a stripe lies on, nil when it was not given.
func (t *tree) device(id uint64, uuid []byte) *device {
	for _, d := range t.devices {
		if d.id == id && bytes.Equal(d.uuid[:], uuid) {
			return d
		}
	}
	return nil
}

// devItem is a DEV_ITEM of the chunk tree.
type devItem struct {
	id   uint64
	uuid [16]byte
	fsid [16]byte
}

func parseDevItem(b []byte) (devItem, bool) {
	if len(b) < 98 {
		return devItem{}, false
	}
	return devItem{le.Uint64(b), [16]byte(b[66:]), [16]byte(b[82:])}, true
}

// noteMissing tells which devices were not given, and what that costs.
func (t *tree) noteMissing(items []devItem) {
	lost, old := uint64(0), uint64(0)
	for i := range t.chunks {
		switch c := &t.chunks[i]; {
		case !c.readable(func(d *device) bool { return d != nil }):
			lost += c.length
		case !c.readable(func(d *device) bool { return d != nil && !d.stale }):
			old += c.length
		}
	}
	if old > 0 {
		t.note(true, "%d bytes of block groups lie on devices that are behind: what is there may be old", old)
	}
	missing := 0
	for _, d := range items {
		if t.device(d.id, d.uuid[:]) != nil {
			continue
		}
		if missing++; missing > maxDevices {
			continue
		}
		what := ""
		if d.fsid != t.sb.fsid && d.fsid != t.sb.metadataUUID {
			what = fmt.Sprintf(", which is a seed, a file system of its own with the UUID %s,", uuidText(d.fsid))
		}
		t.note(false, "device %d (%s)%s is missing", d.id, uuidText(d.uuid), what)
	}
	if missing > maxDevices {
		t.note(false, "%d devices are missing", missing)
	}
	switch {
	case lost > 0:
		t.note(true, "%d bytes of block groups lie on missing devices: files there are not shown or not read", lost)
	case missing > 0:
		t.note(false, "degraded: all is read from the other copies")
	}
}

// sortStripes puts the copies that are at hand and up to date first, within
// each group of stripes that hold the same.
func (c *chunk) sortStripes() {
	group := c.mirrors()
	if group < 2 {
		return
	}
	rank := func(s stripe) int {
		switch {
		case s.dev == nil:
			return 2
		case s.dev.stale:
			return 1
		}
		return 0
	}
	for i := 0; i+group <= len(c.stripes); i += group {
		slices.SortStableFunc(c.stripes[i:i+group], func(a, b stripe) int { return cmp.Compare(rank(a), rank(b)) })
	}
}
