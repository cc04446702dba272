package part

import (
	"encoding/binary"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

var le = binary.LittleEndian

// maxLogical bounds the chain of extended boot records.
const maxLogical = 256

type mbrEntry struct {
	status, kind byte
	first, count uint32
}

func mbrEntries(b []byte) (out [4]mbrEntry) {
	for i := range out {
		e := b[446+16*i:]
		out[i] = mbrEntry{e[0], e[4], le.Uint32(e[8:]), le.Uint32(e[12:])}
	}
	return out
}

// isMBR tells a partition table from a boot sector of a file system, which has
// the same signature: entries must look like entries. On a disc that is made to
// boot from disks, too, one may begin at its first sector.
func isMBR(b []byte, disc bool) bool {
	if b[510] != 0x55 || b[511] != 0xAA {
		return false
	}
	used := false
	for _, e := range mbrEntries(b) {
		if e.status&0x7F != 0 {
			return false
		}
		if e.kind == 0 {
			continue
		}
		if e.first == 0 && !disc || e.count == 0 {
			return false
		}
		used = true
	}
	return used
}

// isBootSector tells the first sector of a FAT, exFAT or NTFS volume, which may
// hold anything where a table would be.
func isBootSector(b []byte) bool {
	if b[0] != 0xEB && b[0] != 0xE9 {
		return false
	}
	name := string(b[3:11])
	return name == "NTFS    " || name == "EXFAT   " || name == "-FVE-FS-" ||
		string(b[54:57]) == "FAT" || string(b[82:85]) == "FAT"
}

// protects tells whether the MBR only guards a GPT.
func protects(b []byte) bool {
	for _, e := range mbrEntries(b) {
		if e.kind == 0xEE {
			return true
		}
	}
	return false
}

func extended(kind byte) bool { return kind == 0x05 || kind == 0x0F || kind == 0x85 }

// readMBR adds primary partitions, p1 to p4, and logical ones from p5, in
// sectors of 512 bytes.
func (t *Table) readMBR(src block.Source, b []byte) {
	for i, e := range mbrEntries(b) {
		switch {
		case e.kind == 0 || e.kind == 0xEE:
		case extended(e.kind):
			t.readExtended(src, uint64(e.first))
		default:
			t.add(src, Partition{Name: fmt.Sprintf("p%d", i+1), Type: fmt.Sprintf("mbr:%02x", e.kind)}, uint64(e.first), uint64(e.count), 512)
		}
	}
}

// readExtended follows the chain of extended boot records from sector base.
// Links count from base and must go on: going back would be a loop.
func (t *Table) readExtended(src block.Source, base uint64) {
	b := make([]byte, 512)
	number := 5
	for at, n := base, 0; ; n++ {
		if n == maxLogical {
			t.lose("more than %d logical partitions", maxLogical)
			return
		}
		if err := block.ReadFull(src, b, int64(at)*512); err != nil {
			t.lose("extended boot record at sector %d: %v", at, err)
			return
		}
		if b[510] != 0x55 || b[511] != 0xAA {
			t.lose("extended boot record at sector %d has no signature", at)
			return
		}
		entries := mbrEntries(b)
		if e := entries[0]; e.kind != 0 && !extended(e.kind) && e.count != 0 {
			t.add(src, Partition{Name: fmt.Sprintf("p%d", number), Type: fmt.Sprintf("mbr:%02x", e.kind)}, at+uint64(e.first), uint64(e.count), 512)
			number++
		}
		link := entries[1]
		if !extended(link.kind) || link.count == 0 {
			return
		}
		next := base + uint64(link.first)
		if next <= at {
			t.lose("extended boot record at sector %d links back to %d", at, next)
			return
		}
		at = next
	}
}
