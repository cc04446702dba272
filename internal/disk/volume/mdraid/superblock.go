package mdraid

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Levels below zero; others are their own numbers.
const (
	levelLinear    = -1
	levelMultipath = -4
	levelContainer = -10
)

// Roles that are no place in the array.
const (
	roleSpare   = 0xffff
	roleFaulty  = 0xfffe
	roleJournal = 0xfffd
	roleHighest = 0xff00 // roles below are places
)

// superblock is what either version says of an array and of one member. Places
// and lengths are in bytes.
type superblock struct {
	version string
	uuid    [16]byte
	name    string // 1.x: host:name
	minor   uint32 // 0.90: preferred minor number
	created uint64 // seconds since 1970

	level  int32
	layout uint32
	// zoned tells that layout is a layout of RAID 0.
	zoned bool
	disks int
	chunk int64
	used  int64 // of each member, for levels from 1 on

	events uint64
	// clean tells that all copies and parities agree; synced is how far they do
	// otherwise.
	clean   bool
	synced  int64
	reshape string // how far a reshape is, empty when there is none

	number int   // of this member in roles
	roles  []int // of all members, as this one knew
	data   block.Extent
	// recovered is how far this member was rebuilt, below zero when it is whole.
	recovered   int64
	replacement bool
	bad         block.Extent // the list of bad blocks
	badShift    uint8
	journal     journal
}

// journal tells what was set up against interrupted writes.
type journal struct {
	device  bool // a member holds a journal
	partial bool // a partial parity log
	tail    int64
}

// role gives the place of member number n in the array as sb tells it.
func (sb *superblock) role(n int) int {
	if n < 0 || n >= len(sb.roles) {
		return roleSpare
	}
	return sb.roles[n]
}

// check holds what both versions share against what can be.
func (sb *superblock) check() error {
	switch {
	case sb.disks < 1 || sb.disks > 4096:
		return block.Damaged("superblock %s: array of %d members", sb.version, sb.disks)
	case sb.chunk < 0 || sb.chunk > 1<<31 || sb.chunk%sector != 0:
		return block.Damaged("superblock %s: chunks of %d bytes", sb.version, sb.chunk)
	case sb.used < 0 || sb.data.Length < 0:
		return block.Damaged("superblock %s: %d bytes used of %d", sb.version, sb.used, sb.data.Length)
	}
	return nil
}

// deviceName is the name in /dev: md0 for a number, md/name for a name. The
// host that a name begins with is left out.
func (sb *superblock) deviceName() string {
	if sb.version == "0.90" {
		return fmt.Sprintf("md%d", sb.minor)
	}
	_, name, found := strings.Cut(sb.name, ":")
	if !found {
		name = sb.name
	}
	switch {
	case name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }):
		return "md/" + sb.uuidText()
	case strings.Trim(name, "0123456789") == "":
		return "md" + name
	}
	return "md/" + name
}
