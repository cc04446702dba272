// Package volume is what stands between partitions and file systems: LVM,
// software RAID, encryption.
//
// A [Manager] recognises the members of its sets on sources, and assembles a
// set into volumes, which are sources again: partitions of an array, an LVM on
// an encrypted partition. The disk engine asks until nothing new appears.
package volume

import (
	"context"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Manager is one way of making volumes out of sources. It holds no state.
type Manager interface {
	// Name is the kind of its members: lvm2, mdraid, luks, bitlocker.
	Name() string
	// Probe tells what src is a member of. Other bytes are [block.ErrNotThis];
	// a member that can't be made sense of [block.ErrDamaged] or
	// [block.ErrUnsupported]. It reads metadata only.
	Probe(ctx context.Context, src block.Source) (Member, error)
	// Assemble makes the volumes of all members that were found, whatever sets
	// they belong to. A volume that can't be read is there with its Err. The
	// sources of the members stay the caller's to close and must outlive the
	// volumes. The error is for what leaves nothing to say: ctx ended.
	//
	// Whatever the bytes say, Assemble and each read of a volume end, never
	// panic, and keep to bounded memory: at most a few tens of MiB.
	Assemble(ctx context.Context, members []Member, opts Options) ([]Volume, error)
}

// Options are what a user gives for assembling.
type Options struct {
	// Keys are the contents of key files: passphrases, recovery passwords, raw
	// keys. Each manager tries each key in the ways that its format knows. They
	// are never logged and never part of an error.
	Keys [][]byte
}

// Member is a source that is part of a set.
type Member struct {
	Source block.Source
	// Volume is the name of the volume that the source is: p2. The caller of
	// Probe sets it.
	Volume string
	// Set tells which set it belongs to, in the manager's own words: a UUID.
	Set string
	// Label and UUID are shown to people.
	Label, UUID string
	// Notes tell of damage that was got around; Incomplete, of what was lost.
	Notes      []string
	Incomplete bool
	// State is the manager's own.
	State any
}

// Volume is a source made of members, or the reason why there is none.
type Volume struct {
	// Name is vg/lv for LVM, md0 for an array. Empty means that the volume
	// takes the place of its only member and keeps its name: encryption.
	Name  string
	Label string
	UUID  string
	Size  int64 // bytes, also when Source is nil
	// Type is shown when there is no Source to look into: lvm2-cache, luks.
	Type string
	// Members are the names of the volumes it is made of.
	Members []string
	// Source is nil when the volume can't be read. Closing it frees nothing of
	// the members.
	Source block.Source
	// Err tells why: it wraps one of block's sentinels.
	Err error
	// Notes are facts such as "degraded: 1 of 3 devices is missing"; Incomplete
	// is set when they tell of bytes that are not shown.
	Notes      []string
	Incomplete bool
}
