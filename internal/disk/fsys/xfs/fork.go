package xfs

import (
	"github.com/lenscap/lenscap/internal/disk/block"
)

// fork is one of an inode's two forks: its data or its attributes.
type fork struct {
	num    uint64 // of the inode
	name   string
	format byte
	count  uint64 // of extents
	raw    []byte // the part of the inode that is the fork's
}

// coreSize is where the forks of an inode start.
func coreSize(raw []byte) int {
	if raw[4] >= 3 {
		return 176
	}
	return 100
}

// forkSplit gives the byte at which the attribute fork starts, the inode's
// length when there is none.
func forkSplit(raw []byte) (int, bool) {
	at := coreSize(raw) + int(raw[82])*8
	if raw[82] == 0 {
		return len(raw), true
	}
	return at, at < len(raw)
}

func (in inode) dataFork() (fork, error) {
	end, ok := forkSplit(in.raw)
	if !ok {
		return fork{}, block.Damaged("inode %d: the attribute fork starts at byte %d of %d", in.num, end, len(in.raw))
	}
	f := fork{in.num, "data", in.raw[5], uint64(be.Uint32(in.raw[76:])), in.raw[coreSize(in.raw):end]}
	if in.flags2()&flag2Nrext64 != 0 {
		f.count = be.Uint64(in.raw[24:])
	}
	return f, nil
}

// attrFork gives the attribute fork; ok is false when there is none.
func (in inode) attrFork() (f fork, ok bool, err error) {
	if in.raw[82] == 0 {
		return fork{}, false, nil
	}
	start, ok := forkSplit(in.raw)
	if !ok {
		return fork{}, false, block.Damaged("inode %d: the attribute fork starts at byte %d of %d", in.num, start, len(in.raw))
	}
	f = fork{in.num, "attribute", in.raw[83], uint64(be.Uint16(in.raw[80:])), in.raw[start:]}
	if in.flags2()&flag2Nrext64 != 0 {
		f.count = uint64(be.Uint32(in.raw[76:]))
	}
	return f, true, nil
}
