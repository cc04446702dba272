package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

var be = binary.BigEndian

// Numbers of the journal's format (jbd2.h). All of the journal is big endian.
const (
	jbdMagic = 0xC03B3998

	blockDescriptor = 1
	blockCommit     = 2
	blockRevoke     = 5

	jbdRevoke     = 0x1
	jbd64bit      = 0x2
	jbdAsync      = 0x4
	jbdCsumV2     = 0x8
	jbdCsumV3     = 0x10
	jbdFastCommit = 0x20
	jbdRead       = jbdRevoke | jbd64bit | jbdAsync | jbdCsumV2 | jbdCsumV3 | jbdFastCommit

	tagEscape   = 1
	tagSameUUID = 2
	tagLast     = 8
)

// Bounds of a replay: the blocks of a journal that are looked at and those
// that are laid over the disk. mke2fs makes journals of 1 GiB at most.
const (
	maxJournalBlocks  = 4 << 20
	maxOverlayEntries = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc continues a CRC-32C as the kernel does: no inversion at either end.
func crc(seed uint32, p []byte) uint32 { return ^crc32.Update(^seed, castagnoli, p) }

// journal is a journal being replayed.
type journal struct {
	t        *tree
	file     *mapped
	bs       int64
	first    uint32 // first block of the log
	end      uint32 // one past its last
	features uint32
	seed     uint32 // of checksums

	tags    []tag             // of committed transactions, oldest first
	revoked map[uint64]uint32 // block → the last transaction that revoked it
	commits int
}

// tag says that a block of the journal is the new content of a block of the
// file system.
type tag struct {
	at      uint64 // on the file system
	log     uint32 // in the journal
	seq     uint32
	escaped bool
	sum     uint32
}

// replay lays the committed transactions of the journal over the disk, in
// memory. A journal that can't be used is a note: the disk is then read as it
// stands, which is the state before the last transactions.
func (t *tree) replay() error {
	j, start, seq, err := t.openJournal()
	switch {
	case err != nil:
		t.note(true, "not cleanly unmounted, the journal was not replayed: %v", err)
		return nil
	case start == 0:
		t.note(false, "not cleanly unmounted, the journal is empty")
		return nil
	}
	why := j.scan(start, seq)
	over, lost, err := j.overlay()
	if err != nil {
		t.note(true, "not cleanly unmounted, the journal was not replayed: %v", err)
		return nil
	}
	t.note(lost > 0 || why != nil, "not cleanly unmounted; replayed in memory: %d transactions, %d blocks of the journal", j.commits, len(over.moved))
	if lost > 0 {
		t.note(true, "%d blocks of the journal fail their checksum and were left out", lost)
	}
	if why != nil {
		t.note(true, "the journal was read up to its damage: %v", why)
	}
	if j.features&jbdFastCommit != 0 {
		t.note(true, "fast commits were not replayed")
	}
	return t.reopen(over)
}

// reopen reads superblock and group descriptors again, through the journal.
func (t *tree) reopen(over *overlay) error {
	sb, err := readSuperblock(over)
	if err != nil || sb.blockSize != t.sb.blockSize {
		t.note(true, "the journal holds a damaged superblock and was not used")
		return nil //nolint:nilerr // the note tells it; the disk is read as it stands
	}
	t.src, t.sb = over, sb
	return t.readDescriptors()
}

// openJournal reads the journal's superblock: where the log starts (0: there
// is nothing to replay) and with which transaction.
func (t *tree) openJournal() (j *journal, start, seq uint32, err error) {
	if t.sb.journalInode == 0 {
		return nil, 0, 0, errors.New("it is on another device")
	}
	in, err := t.inode(fsys.ID(t.sb.journalInode))
	if err != nil {
		return nil, 0, 0, err
	}
	size := in.size(&t.sb)
	if in.has(flagInlineData) || size > maxLogical*uint64(t.sb.blockSize) {
		return nil, 0, 0, damaged("its inode %d has %d bytes", in.num, size)
	}
	file := &mapped{t, in, int64(size)}
	b := make([]byte, 1024)
	if err := block.ReadFull(file, b, 0); err != nil {
		return nil, 0, 0, fmt.Errorf("read its superblock: %w", err)
	}
	kind := be.Uint32(b[4:])
	if be.Uint32(b) != jbdMagic || kind != 3 && kind != 4 {
		return nil, 0, 0, damaged("its superblock has magic %#x and type %d", be.Uint32(b), kind)
	}
	j = &journal{t: t, file: file, bs: int64(t.sb.blockSize), first: be.Uint32(b[0x14:]), end: be.Uint32(b[0x10:]), revoked: map[uint64]uint32{}}
	fast := uint32(0)
	if kind == 4 {
		j.features, fast = be.Uint32(b[0x28:]), be.Uint32(b[0x54:])
	}
	seq, start = be.Uint32(b[0x18:]), be.Uint32(b[0x1C:])
	j.seed = crc(^uint32(0), b[0x30:0x40])
	if err := j.check(int64(be.Uint32(b[0xC:])), fast); err != nil {
		return nil, 0, 0, err
	}
	if start != 0 && (start < j.first || start >= j.end) {
		return nil, 0, 0, damaged("the log starts at block %d of %d", start, j.end)
	}
	if j.features&(jbdCsumV2|jbdCsumV3) != 0 {
		sum := be.Uint32(b[0xFC:])
		clear(b[0xFC:0x100])
		if got := crc(^uint32(0), b); got != sum {
			return nil, 0, 0, damaged("its superblock has checksum %#x, want %#x", got, sum)
		}
	}
	return j, start, seq, nil
}

// check holds the journal's superblock against its file.
func (j *journal) check(blockSize int64, fast uint32) error {
	switch {
	case blockSize != j.bs:
		return damaged("its blocks have %d bytes, those of the file system %d", blockSize, j.bs)
	case j.features&^jbdRead != 0:
		return fmt.Errorf("it has features %#x: %w", j.features&^jbdRead, block.ErrUnsupported)
	case j.end > maxJournalBlocks:
		return fmt.Errorf("it has %d blocks, want at most %d: %w", j.end, maxJournalBlocks, block.ErrUnsupported)
	case int64(j.end) > j.file.Size()/j.bs:
		return damaged("it has %d blocks, its file %d", j.end, j.file.Size()/j.bs)
	}
	if j.features&jbdFastCommit != 0 {
		if fast == 0 {
			fast = 256
		}
		j.end -= min(fast, j.end)
	}
	if j.first == 0 || j.first >= j.end {
		return damaged("the log lies in blocks %d to %d", j.first, j.end)
	}
	return nil
}

// read reads one block of the journal.
func (j *journal) read(p []byte, n uint32) error {
	return block.ReadFull(j.file, p, int64(n)*j.bs)
}

// next is the block after n: the log is a ring.
func (j *journal) next(n uint32) uint32 {
	if n++; n >= j.end {
		return j.first
	}
	return n
}

// scan gathers the tags and revokes of committed transactions, from the given
// block and transaction. A log ends where the next transaction is missing or
// incomplete; an error tells of damage instead.
func (j *journal) scan(at, seq uint32) error {
	buf := make([]byte, j.bs)
	var tags []tag // of the transaction being read
	var revokes []uint64
	left := int64(j.end - j.first)
	for left > 0 {
		if err := j.read(buf, at); err != nil {
			return err
		}
		if be.Uint32(buf) != jbdMagic || be.Uint32(buf[8:]) != seq {
			return nil
		}
		here := at
		at, left = j.next(at), left-1
		switch kind := be.Uint32(buf[4:]); kind {
		case blockDescriptor:
			if !j.sumHolds(buf) {
				return damaged("block %d: descriptor of transaction %d fails its checksum", here, seq)
			}
			found, err := j.parseTags(buf, seq)
			if err != nil {
				return fmt.Errorf("block %d: %w", here, err)
			}
			if left -= int64(len(found)); left < 0 || len(j.tags)+len(tags)+len(found) > maxOverlayEntries {
				return damaged("block %d: more blocks than a journal holds", here)
			}
			for i := range found {
				found[i].log, at = at, j.next(at)
			}
			tags = append(tags, found...)
		case blockRevoke:
			if !j.sumHolds(buf) {
				return damaged("block %d: revokes of transaction %d fail their checksum", here, seq)
			}
			found, err := j.parseRevokes(buf)
			if err != nil {
				return fmt.Errorf("block %d: %w", here, err)
			}
			if revokes = append(revokes, found...); len(revokes)+len(j.revoked) > 2*maxOverlayEntries {
				return damaged("block %d: more revokes than a journal holds", here)
			}
		case blockCommit:
			if !j.commitHolds(buf) {
				return damaged("block %d: commit of transaction %d fails its checksum", here, seq)
			}
			j.tags = append(j.tags, tags...)
			for _, b := range revokes {
				j.revoked[b] = seq
			}
			tags, revokes = nil, nil
			j.commits++
			seq++
		default:
			return nil
		}
	}
	return nil
}
