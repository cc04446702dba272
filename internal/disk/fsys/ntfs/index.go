package ntfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Flags of an index entry and of an index header.
const (
	entryLast  = 2
	indexLarge = 1 // there are blocks, too
)

const (
	maxIndexBlock = 64 << 10
	indexBuffer   = 64 << 10 // so many bytes of blocks are read at once
	indexName     = "$I30"   // names of files
	keyBytes      = 66       // of a file name without the name itself
)

// index reads the index of names of a directory.
type index struct {
	dir *file
	// take gets each entry: a reference and a file name attribute. It says
	// whether it wants more.
	take func(ref uint64, key []byte) bool
	// slack gets what lies behind the entries of a block; nil when not wanted.
	slack func(b []byte)

	done  bool
	first error // the first damage
}

func (x *index) fail(err error) {
	if x.first == nil {
		x.first = err
	}
}

// walk reads the root of the index, then the blocks that are in use, in the
// order they lie in: the tree that they make up says nothing more. Damage costs
// the entries it hits; the first such error is given in the end.
func (x *index) walk() error {
	var root, alloc, bitmap attr
	err := x.dir.each(1<<(typIndexRoot>>4)|1<<(typIndexAlloc>>4)|1<<(typBitmap>>4), func(a attr) bool {
		switch {
		case !a.named(indexName):
		case a.typ == typIndexRoot:
			root = a
		case a.typ == typIndexAlloc:
			alloc = a
		default:
			bitmap = a
		}
		return true
	})
	if err != nil {
		x.fail(err)
	}
	num := x.dir.rec.num
	if !root.resident || len(root.value) < 32 {
		x.fail(block.Damaged("MFT record %d: directory without an index root", num))
		return x.first
	}
	x.entries(root.value[16:])
	if x.done || root.value[16+12]&indexLarge == 0 {
		return x.first
	}
	size := le.Uint32(root.value[8:])
	switch {
	case size < stride || size > maxIndexBlock || size&(size-1) != 0:
		x.fail(block.Damaged("MFT record %d: index blocks of %d bytes", num, size))
	case alloc.typ == 0 || alloc.resident:
		x.fail(block.Damaged("MFT record %d: directory without its index blocks", num))
	case alloc.size > uint64(x.dir.t.src.Size()):
		x.fail(block.Damaged("MFT record %d: %d bytes of index on a volume of %d", num, alloc.size, x.dir.t.src.Size()))
	default:
		x.blocks(alloc, bitmap, int64(size))
	}
	return x.first
}

// blocks reads the index blocks of the given size.
func (x *index) blocks(alloc, bitmap attr, size int64) {
	data, err := x.dir.open(alloc)
	if err != nil {
		x.fail(err)
		return
	}
	used := x.bitmap(bitmap)
	buf := make([]byte, min(indexBuffer, data.Size()/size*size))
	for off := int64(0); off+size <= data.Size() && !x.done; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), (data.Size()-off)/size*size)]
		if !used(off/size, int64(len(buf))/size) {
			continue
		}
		whole := block.ReadFull(data, buf, off)
		for at := int64(0); at < int64(len(buf)) && !x.done; at += size {
			if !used((off+at)/size, 1) {
				continue
			}
			b, err := buf[at:at+size], whole
			if err != nil {
				err = block.ReadFull(data, b, off+at)
			}
			if err == nil {
				err = fixup(b, "INDX")
			}
			if err != nil {
				x.fail(fmt.Errorf("MFT record %d: index block at byte %d: %w", x.dir.rec.num, off+at, err))
				continue
			}
			x.entries(b[24:])
		}
	}
}

// bitmap gives a function that tells whether one of some blocks is in use. When
// the bitmap can't be read all of them may be.
func (x *index) bitmap(a attr) func(first, n int64) bool {
	var data fsys.Data
	err := block.Damaged("there is none")
	if a.typ != 0 {
		data, err = x.dir.open(a)
	}
	var bits []byte
	have := int64(-1)
	const page = 4096
	return func(first, n int64) bool {
		for i := first; i < first+n && err == nil; i++ {
			if p := i / 8 / page; p != have {
				bits = make([]byte, max(min(page, data.Size()-p*page), 0))
				have, err = p, block.ReadFull(data, bits, p*page)
			}
			at := i / 8 % page
			if at >= int64(len(bits)) {
				err = block.Damaged("it has no bit for block %d", i)
			} else if bits[at]>>(i%8)&1 != 0 {
				return true
			}
		}
		if err != nil {
			x.fail(fmt.Errorf("MFT record %d: bitmap of the index: %w", x.dir.rec.num, err))
		}
		return err != nil
	}
}

// entries reads the entries behind an index header.
func (x *index) entries(b []byte) {
	num := x.dir.rec.num
	at, used := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:]))
	if at < 16 || at%8 != 0 || used < at || used > uint64(len(b)) {
		x.fail(block.Damaged("MFT record %d: index entries from byte %d to %d of %d", num, at, used, len(b)))
		return
	}
	if x.slack != nil {
		x.slack(b[used:])
	}
	for b = b[at:used]; len(b) >= 16 && !x.done; {
		n, key := int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
		if n < 16 || n%8 != 0 || n > len(b) || 16+key > n {
			x.fail(block.Damaged("MFT record %d: index entry of %d bytes with a key of %d", num, n, key))
			return
		}
		if b[12]&entryLast != 0 {
			return
		}
		if key < keyBytes || key < keyBytes+2*int(b[16+64]) {
			x.fail(block.Damaged("MFT record %d: index entry with a key of %d bytes", num, key))
			return
		}
		x.done = !x.take(le.Uint64(b), b[16:16+keyBytes+2*int(b[16+64])])
		b = b[n:]
	}
}
