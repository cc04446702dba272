package ext4

import (
	"fmt"
)

// run is a stretch of a file's blocks: n of them from logical block start, at
// physical block phys, or a hole when phys is 0. Unwritten extents are holes:
// they read as zeros.
type run struct {
	start, n uint64
	phys     uint64
}

// maxLogical is one past the highest logical block of a file.
const maxLogical = 1 << 32

// lookup finds the run that holds a logical block, from that block on. Each
// call reads at most one path of the mapping's tree: what the disk claims
// bounds neither memory nor time.
func (t *tree) lookup(in inode, at uint64) (run, error) {
	if at >= maxLogical {
		return run{}, damaged("inode %d: logical block %d", in.num, at)
	}
	var r run
	var err error
	if in.has(flagExtents) {
		r, err = t.lookupExtent(in, at)
	} else {
		r, err = t.lookupMap(in, at)
	}
	if err != nil {
		return run{}, err
	}
	if r.phys != 0 && (r.phys >= t.sb.blocks || r.n > t.sb.blocks-r.phys) {
		return run{}, damaged("inode %d: logical block %d lies at block %d of %d", in.num, at, r.phys, t.sb.blocks)
	}
	return r, nil
}

// lookupExtent walks the extent tree down to one logical block.
func (t *tree) lookupExtent(in inode, at uint64) (run, error) {
	node := in.iblock()
	end := uint64(maxLogical) // one past what this node may speak of
	for depth := -1; ; {
		count, level, err := extentHeader(node)
		if err != nil {
			return run{}, fmt.Errorf("inode %d: %w", in.num, err)
		}
		if depth >= 0 && level != depth-1 {
			return run{}, damaged("inode %d: extent node of level %d below %d", in.num, level, depth)
		}
		depth = level
		entries := node[12 : 12+12*count]
		if depth == 0 {
			return leafRun(entries, at, end), nil
		}
		child := uint64(0)
		for i := 0; i < len(entries); i += 12 {
			first := uint64(le.Uint32(entries[i:]))
			if first > at {
				end = min(end, first)
				break
			}
			child = uint64(le.Uint32(entries[i+4:])) | uint64(le.Uint16(entries[i+8:]))<<32
		}
		if child == 0 {
			return run{start: at, n: end - at}, nil
		}
		node = make([]byte, t.sb.blockSize)
		if err := t.readBlock(node, child); err != nil {
			return run{}, fmt.Errorf("inode %d: read extent node: %w", in.num, err)
		}
	}
}

// extentHeader reads ext4_extent_header: the number of entries and the level.
func extentHeader(node []byte) (count, level int, err error) {
	count, level = int(le.Uint16(node[2:])), int(le.Uint16(node[6:]))
	switch {
	case le.Uint16(node) != 0xF30A:
		return 0, 0, damaged("extent node has magic %#x, want 0xf30a", le.Uint16(node))
	case 12+12*count > len(node):
		return 0, 0, damaged("extent node holds %d entries in %d bytes", count, len(node))
	case level > 5:
		return 0, 0, damaged("extent tree has %d levels, want at most 5", level)
	}
	return count, level, nil
}

// leafRun finds a logical block among the extents of a leaf that speaks of
// blocks below end.
func leafRun(entries []byte, at, end uint64) run {
	for i := 0; i < len(entries); i += 12 {
		first, n := uint64(le.Uint32(entries[i:])), uint64(le.Uint16(entries[i+4:]))
		unwritten := n > 32768
		if unwritten {
			n -= 32768
		}
		if first > at {
			return run{start: at, n: max(min(first, end), at+1) - at}
		}
		if at >= first+n {
			continue
		}
		r := run{start: at, n: first + n - at}
		if !unwritten {
			r.phys = uint64(le.Uint32(entries[i+8:])) | uint64(le.Uint16(entries[i+6:]))<<32
			r.phys += at - first
		}
		return r
	}
	return run{start: at, n: max(end, at+1) - at}
}

// lookupMap finds a logical block in the block map of ext2 and ext3: 12 direct
// pointers, then one, two and three levels of indirection.
func (t *tree) lookupMap(in inode, at uint64) (run, error) {
	pointers := in.iblock()
	if at < 12 {
		return mapRun(pointers[:48], at, int(at), 1), nil
	}
	per := uint64(t.sb.blockSize / 4)
	rest, span := at-12, uint64(1) // span: blocks below one pointer of the level
	for level := range 3 {
		if rest < span*per {
			return t.lookupIndirect(in, at, rest, span, uint64(le.Uint32(pointers[48+4*level:])))
		}
		rest -= span * per
		span *= per
	}
	return run{start: at, n: maxLogical - at}, nil
}

// lookupIndirect goes down from an indirect block whose pointers span blocks
// each, to the one at rest.
func (t *tree) lookupIndirect(in inode, at, rest, span, ptr uint64) (run, error) {
	per := uint64(t.sb.blockSize / 4)
	node := make([]byte, t.sb.blockSize)
	for {
		if ptr == 0 {
			return run{start: at, n: span*per - rest}, nil
		}
		if err := t.readBlock(node, ptr); err != nil {
			return run{}, fmt.Errorf("inode %d: read indirect block: %w", in.num, err)
		}
		i := rest / span
		if span == 1 {
			return mapRun(node, at, int(i), 1), nil
		}
		ptr, rest, span = uint64(le.Uint32(node[4*i:])), rest%span, span/per
	}
}

// mapRun gives the run that starts with pointer i of a list.
func mapRun(pointers []byte, at uint64, i int, n uint64) run {
	first := uint64(le.Uint32(pointers[4*i:]))
	for j := i + 1; 4*j < len(pointers); j++ {
		p := uint64(le.Uint32(pointers[4*j:]))
		if first == 0 && p != 0 || first != 0 && p != first+n {
			break
		}
		n++
	}
	return run{start: at, n: n, phys: first}
}
