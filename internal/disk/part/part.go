// Package part finds the partitions of a disk: MBR with its chain of logical
// partitions, and GPT (UEFI specification, chapter 5).
package part

import (
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// ErrDamaged says that a partition table is there and contradicts itself.
var ErrDamaged = errors.New("damaged partition table")

// Partition is one range of a disk. Name is p1, p2 … by the table's own
// numbers, or "whole" when the disk has no table.
type Partition struct {
	Name   string
	Type   string // mbr:83, gpt:0fc63daf-8483-4772-8e79-3d69d8477de4, or empty
	Offset int64  // bytes
	Length int64  // bytes
	Label  string // GPT's name of the partition
}

// Table is what a disk's partition table says.
type Table struct {
	Scheme     string // gpt, mbr, or empty when there is none
	Partitions []Partition
	// Notes tell of damage that was got around, and of what was lost to it.
	Notes []string
	// Incomplete is set when partitions may be missing.
	Incomplete bool
}

// Read finds the partitions of a disk. A disk without a table is one partition
// that is all of it. Entries that don't lie on the disk are cut or left out,
// with a note.
func Read(src block.Source) (Table, error) {
	t := Table{}
	mbr := make([]byte, 512)
	if src.Size() < 512 {
		return whole(src), nil
	}
	if err := block.ReadFull(src, mbr, 0); err != nil {
		return t, fmt.Errorf("read partition table: %w", err)
	}
	if ok, err := t.readGPT(src); ok || err != nil {
		return t, err
	}
	if !isMBR(mbr, isDisc(src)) || isBootSector(mbr) {
		return whole(src), nil
	}
	if protects(mbr) {
		t.lose("the disk is marked as GPT, but neither of its tables is there")
	}
	t.Scheme = "mbr"
	t.readMBR(src, mbr)
	if len(t.Partitions) == 0 && !t.Incomplete {
		return whole(src), nil
	}
	return t, nil
}

// isDisc tells an ISO 9660 disc by the first of its volume descriptors.
func isDisc(src block.Source) bool {
	b := make([]byte, 5)
	return src.Size() > 32774 && block.ReadFull(src, b, 32769) == nil && string(b) == "CD001"
}

func whole(src block.Source) Table {
	return Table{Partitions: []Partition{{Name: "whole", Length: src.Size()}}}
}

// note keeps at most a handful of notes: a hostile table has many faults.
func (t *Table) note(format string, args ...any) {
	if len(t.Notes) < 20 {
		t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
	}
}

func (t *Table) lose(format string, args ...any) {
	t.note(format, args...)
	t.Incomplete = true
}

// add takes a partition in sectors, as far as it lies on the disk.
func (t *Table) add(src block.Source, p Partition, first, count uint64, sector int64) {
	size := uint64(src.Size())
	if first >= size/uint64(sector)+1 || first*uint64(sector) >= size || count == 0 {
		t.lose("%s starts at sector %d, beyond the disk", p.Name, first)
		return
	}
	p.Offset = int64(first) * sector
	rest := size - uint64(p.Offset)
	if count > rest/uint64(sector) {
		if count > (rest+uint64(sector)-1)/uint64(sector) {
			t.lose("%s has %d sectors, %d bytes of it are on the disk", p.Name, count, rest)
		}
		p.Length = int64(rest)
	} else {
		p.Length = int64(count) * sector
	}
	t.Partitions = append(t.Partitions, p)
}
