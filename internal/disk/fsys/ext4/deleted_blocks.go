package ext4

// Bits of a group descriptor's bg_flags.
const (
	groupInodeUninit = 1
	groupBlockUninit = 2
)

// maxOldBlocks bounds the blocks of the journal that are remembered.
const maxOldBlocks = 1 << 20

// readJournal notes where the journal holds older contents of blocks. A journal
// that can't be used leaves the search without them.
func (u *undelete) readJournal() {
	j, _, _, err := u.t.openJournal()
	if err != nil {
		return
	}
	u.log, u.old = j, map[uint64][]oldBlock{}
	buf := make([]byte, j.bs)
	kept := 0
	for at := j.first; at < j.end && kept < maxOldBlocks && u.ctx.Err() == nil; at++ {
		if j.read(buf, at) != nil || be.Uint32(buf) != jbdMagic || be.Uint32(buf[4:]) != blockDescriptor || !j.sumHolds(buf) {
			continue
		}
		tags, err := j.parseTags(buf, be.Uint32(buf[8:]))
		if err != nil {
			continue
		}
		for i, g := range tags {
			log := uint64(at) + 1 + uint64(i)
			if log >= uint64(j.end) {
				log = log - uint64(j.end) + uint64(j.first)
			}
			if log >= uint64(j.end) {
				break
			}
			u.old[g.at] = append(u.old[g.at], oldBlock{uint32(log), g.seq, g.escaped})
			kept++
		}
		if n := uint32(len(tags)); n < j.end-at {
			at += n
		}
	}
}

// readOld reads an older content of a block.
func (u *undelete) readOld(buf []byte, o oldBlock) bool {
	if u.log.read(buf, o.log) != nil {
		return false
	}
	if o.escaped {
		be.PutUint32(buf, jbdMagic)
	}
	return true
}

// before gives the newest copy of an inode in which it was a file with blocks,
// of another generation than the given one unless that is 0.
func (u *undelete) before(num uint64, not uint32) (inode, bool) {
	if num == 0 || num > uint64(u.t.sb.inodes) || len(u.old) == 0 {
		return inode{}, false
	}
	group := uint32((num - 1) / uint64(u.t.sb.inodesPerGroup))
	index := (num - 1) % uint64(u.t.sb.inodesPerGroup)
	perBlock := uint64(u.t.sb.blockSize / u.t.sb.inodeSize)
	at := u.t.inodeTable(group) + index/perBlock
	var best inode
	var seq uint32
	buf := make([]byte, u.t.sb.blockSize)
	for _, o := range u.old[at] {
		if best.raw != nil && int32(o.seq-seq) <= 0 || !u.readOld(buf, o) {
			continue
		}
		from := int(index%perBlock) * u.t.sb.inodeSize
		in := inode{num, append([]byte{}, buf[from:from+u.t.sb.inodeSize]...)}
		if in.mode() == 0 || in.links() == 0 || not != 0 && in.generation() == not {
			continue
		}
		best, seq = in, o.seq
	}
	return best, best.raw != nil
}

// eachDeleted gives every inode that is out of use and was a file once.
func (u *undelete) eachDeleted(yield func(inode) bool) error {
	t := u.t
	perBlock := t.sb.blockSize / t.sb.inodeSize
	buf := make([]byte, t.sb.blockSize)
	var first error
	for group := range t.sb.groups {
		table := t.inodeTable(group)
		used := t.sb.inodesPerGroup
		if d := t.desc[int(group)*t.sb.descSize:]; t.sb.roCompat&roGroupSums != 0 {
			if le.Uint16(d[0x12:])&groupInodeUninit != 0 {
				continue
			}
			never := uint32(le.Uint16(d[0x1C:]))
			if t.sb.descSize >= 64 {
				never |= uint32(le.Uint16(d[0x32:])) << 16
			}
			used -= min(never, used)
		}
		for i := uint32(0); i < used; i += uint32(perBlock) {
			if err := u.ctx.Err(); err != nil {
				return err
			}
			if err := t.readBlock(buf, table+uint64(i)/uint64(perBlock)); err != nil {
				if first == nil {
					first = err
				}
				continue
			}
			for k := range min(uint32(perBlock), used-i) {
				raw := buf[int(k)*t.sb.inodeSize:][:t.sb.inodeSize]
				num := uint64(group)*uint64(t.sb.inodesPerGroup) + uint64(i+k) + 1
				if num > uint64(t.sb.inodes) || le.Uint32(raw[0x14:]) == 0 || le.Uint16(raw) == 0 || le.Uint16(raw[0x1A:]) != 0 {
					continue
				}
				if !yield(inode{num, append([]byte{}, raw...)}) {
					return first
				}
			}
		}
	}
	return first
}

// inUse tells whether a block is allocated; one that can't be told is.
func (t *tree) inUse(n uint64) bool {
	if n < uint64(t.sb.firstDataBlock) || n >= t.sb.blocks {
		return true
	}
	n -= uint64(t.sb.firstDataBlock)
	group, index := n/uint64(t.sb.blocksPerGroup), n%uint64(t.sb.blocksPerGroup)
	if group >= uint64(len(t.desc)/t.sb.descSize) {
		return true
	}
	d := t.desc[int(group)*t.sb.descSize:]
	if t.sb.roCompat&roGroupSums != 0 && le.Uint16(d[0x12:])&groupBlockUninit != 0 {
		return false // its metadata is never a file's
	}
	at := uint64(le.Uint32(d))
	if t.sb.descSize >= 64 {
		at |= uint64(le.Uint32(d[0x20:])) << 32
	}
	index /= t.sb.clusterBlocks
	b := make([]byte, 1)
	if index/8 >= uint64(t.sb.blockSize) || t.readIn(b, at, int(index/8)) != nil {
		return true
	}
	return b[0]>>(index%8)&1 != 0
}

// slack gives the names in a directory's block that are no entries any more:
// those in the room behind live entries. With all set live ones come, too.
func (t *tree) slack(b []byte, all bool, yield func(goneName)) {
	for pos := 0; pos+8 <= len(b); {
		size := recordLength(le.Uint16(b[pos+4:]), t.sb.blockSize)
		if size < 8 || size > len(b)-pos {
			return
		}
		record := b[:pos+size]
		start := pos
		if le.Uint32(b[pos:]) != 0 {
			if all {
				t.entryAt(record, pos, yield)
			}
			start = pos + (8+int(b[pos+6])+3)&^3
		}
		for at := start; at+8 <= len(record); at += 4 { // where entries may start
			t.entryAt(record, at, yield)
		}
		pos += size
	}
}

// entryAt gives what looks like an entry.
func (t *tree) entryAt(b []byte, at int, yield func(goneName)) {
	e := b[at:]
	num, size, n := uint64(le.Uint32(e)), recordLength(le.Uint16(e[4:]), t.sb.blockSize), int(e[6])
	kind := e[7]
	if t.sb.incompat&incompatFiletype == 0 {
		kind = 0
	}
	if num < 11 || num > uint64(t.sb.inodes) || n == 0 || 8+n > len(e) || size < 8+n || size%4 != 0 || size > len(e) || kind > 7 {
		return
	}
	if name := string(e[8 : 8+n]); validName(name) && name != "." && name != ".." {
		yield(goneName{num, name, kind})
	}
}

// dotEntries reads the first block of a directory: its own number and its
// parent's.
func dotEntries(b []byte) (num, parent uint64, ok bool) {
	if len(b) < 24 || b[6] != 1 || b[8] != '.' || le.Uint16(b[4:]) != 12 || b[18] != 2 || b[20] != '.' || b[21] != '.' {
		return 0, 0, false
	}
	return uint64(le.Uint32(b)), uint64(le.Uint32(b[12:])), true
}

func (in inode) links() uint16      { return le.Uint16(in.raw[0x1A:]) }
func (in inode) generation() uint32 { return le.Uint32(in.raw[0x64:]) }

// mapsBlocks tells whether an inode still says where its bytes are.
func (in inode) mapsBlocks() bool {
	if in.has(flagInlineData) {
		return true
	}
	if in.has(flagExtents) {
		n, _, err := extentHeader(in.iblock())
		return err == nil && n > 0
	}
	for _, c := range in.iblock() {
		if c != 0 {
			return true
		}
	}
	return false
}
