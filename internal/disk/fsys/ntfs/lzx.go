package ntfs

import "github.com/lenscap/lenscap/internal/disk/block"

// LZX as the WIM format has it: a window of 32 KiB, which is all of a chunk.
const (
	lzxWindow  = 32 << 10
	lzxSlots   = 30 // magnitudes of distance
	lzxMain    = 256 + 8*lzxSlots
	lzxLength  = 249
	lzxPre     = 20
	lzxAligned = 8

	lzxVerbatim     = 1
	lzxAlignedBlock = 2
	lzxStored       = 3

	lzxFileSize = 12_000_000 // that calls were translated for
)

// unpacker holds what unpacking needs: it is used by one chunk at a time.
type unpacker struct {
	main, length, aligned, pre huffman
	lengths                    [lzxMain + lzxLength + 64]byte
	recent                     [3]int
}

// lzx unpacks src into dst, which it must fill.
func (u *unpacker) lzx(dst, src []byte) error {
	if len(dst) > lzxWindow {
		return block.Damaged("LZX: a chunk of %d bytes", len(dst))
	}
	clear(u.lengths[:])
	u.recent = [3]int{1, 1, 1}
	r := bitReader{in: src}
	for done := 0; done < len(dst); {
		kind := r.take(3)
		size := lzxWindow
		if r.take(1) == 0 {
			size = int(r.take(16))
		}
		if size == 0 || size > len(dst)-done || r.over() {
			return block.Damaged("LZX: block of %d bytes at byte %d of %d", size, done, len(dst))
		}
		var err error
		if kind == lzxStored {
			err = u.lzxStored(&r, dst[done:done+size])
		} else {
			err = u.lzxPacked(&r, kind, dst[:done+size], done)
		}
		if err != nil {
			return err
		}
		done += size
	}
	lzxCalls(dst)
	return nil
}

// lzxStored reads a block of bytes as they are.
func (u *unpacker) lzxStored(r *bitReader, dst []byte) error {
	// The bits up to the next word are skipped, a whole word of them when
	// none are at hand.
	r.need(1)
	r.pos -= 2 * int((r.n-1)/16)
	r.buf, r.n = 0, 0
	for i := range u.recent {
		u.recent[i] = int(r.bytes(4))
	}
	if r.pos > len(r.in) || len(dst) > len(r.in)-r.pos {
		return block.Damaged("LZX: stored block of %d bytes, %d are left", len(dst), len(r.in)-r.pos)
	}
	copy(dst, r.in[r.pos:])
	r.pos += (len(dst) + 1) &^ 1
	return nil
}

// lzxPacked reads a block with codes. dst ends where it does; done bytes of it
// are there.
func (u *unpacker) lzxPacked(r *bitReader, kind uint32, dst []byte, done int) error {
	if err := u.lzxCodes(r, kind); err != nil {
		return err
	}
	for done < len(dst) {
		sym, ok := u.main.next(r)
		if !ok || r.over() {
			return block.Damaged("LZX: no code at byte %d of %d", r.pos, len(r.in))
		}
		if sym < 256 {
			dst[done] = byte(sym)
			done++
			continue
		}
		n := int(sym&7) + 2
		if n == 9 {
			more, ok := u.length.next(r)
			if !ok {
				return block.Damaged("LZX: no length at byte %d of %d", r.pos, len(r.in))
			}
			n += int(more)
		}
		dist, ok := u.lzxDistance(r, kind, int(sym-256)>>3)
		if !ok || dist < 1 || dist > done || n > len(dst)-done {
			return block.Damaged("LZX: %d bytes from %d back, at byte %d of %d", n, dist, done, len(dst))
		}
		copyMatch(dst, done, dist, n)
		done += n
	}
	return nil
}

// lzxDistance reads the distance of a match. The last three are kept.
func (u *unpacker) lzxDistance(r *bitReader, kind uint32, slot int) (int, bool) {
	if slot < 3 {
		u.recent[0], u.recent[slot] = u.recent[slot], u.recent[0]
		return u.recent[0], true
	}
	// Slots come in pairs of 2^n distances each.
	extra := uint(max(slot/2-1, 0))
	base := slot
	if slot >= 4 {
		base = (2 + slot&1) << extra
	}
	low := 0
	if kind == lzxAlignedBlock && extra >= 3 {
		low = int(r.take(extra-3)) << 3
		sym, ok := u.aligned.next(r)
		if !ok {
			return 0, false
		}
		low |= int(sym)
	} else {
		low = int(r.take(extra))
	}
	dist := base + low - 2
	u.recent = [3]int{dist, u.recent[0], u.recent[1]}
	return dist, true
}

// lzxCodes reads the codes of a block. They are told as differences to those of
// the block before.
func (u *unpacker) lzxCodes(r *bitReader, kind uint32) error {
	switch kind {
	case lzxVerbatim:
	case lzxAlignedBlock:
		var lengths [lzxAligned]byte
		for i := range lengths {
			lengths[i] = byte(r.take(3))
		}
		if err := u.aligned.build(lengths[:]); err != nil {
			return err
		}
	default:
		return block.Damaged("LZX: block of type %d", kind)
	}
	main, length := u.lengths[:lzxMain], u.lengths[lzxMain:lzxMain+lzxLength]
	for _, part := range [][]byte{main[:256], main[256:], length} {
		if err := u.lzxLengths(r, part); err != nil {
			return err
		}
	}
	if err := u.main.build(main); err != nil {
		return err
	}
	return u.length.build(length)
}

// lzxLengths reads the lengths of some codes, which are coded themselves.
func (u *unpacker) lzxLengths(r *bitReader, lengths []byte) error {
	var pre [lzxPre]byte
	for i := range pre {
		pre[i] = byte(r.take(4))
	}
	if err := u.pre.build(pre[:]); err != nil {
		return err
	}
	for i := 0; i < len(lengths); {
		sym, ok := u.pre.next(r)
		n, v := 1, byte(0)
		switch sym {
		case 17:
			n = 4 + int(r.take(4))
		case 18:
			n = 20 + int(r.take(5))
		case 19:
			n = 4 + int(r.take(1))
			sym, ok = u.pre.next(r)
			ok = ok && sym < 17
			fallthrough
		default:
			v = byte((int(lengths[i]) - int(sym) + 17) % 17)
		}
		if !ok || r.over() {
			return block.Damaged("LZX: no code length at byte %d of %d", r.pos, len(r.in))
		}
		n = min(n, len(lengths)-i)
		for end := i + n; i < end; i++ {
			lengths[i] = v
		}
	}
	return nil
}

// lzxCalls undoes the translation of the targets of x86 calls: they were made
// absolute so that equal ones look the same.
func lzxCalls(b []byte) {
	for i := 0; i < len(b)-10; i++ {
		if b[i] != 0xE8 {
			continue
		}
		at := int32(i)
		if v := int32(le.Uint32(b[i+1:])); v >= -at && v < lzxFileSize {
			if v >= 0 {
				v -= at
			} else {
				v += lzxFileSize
			}
			le.PutUint32(b[i+1:], uint32(v))
		}
		i += 4
	}
}
