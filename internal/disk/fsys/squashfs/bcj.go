package squashfs

import "encoding/binary"

// branches undo, by the number of a filter in .xz, the change of the targets of
// jumps in machine code from relative to absolute, which makes them alike.
var branches = map[uint64]func([]byte){
	0x04: branchX86,
	0x05: words(binary.BigEndian, branchPowerPC),
	0x07: words(le, branchARM),
	0x08: branchThumb,
	0x09: words(binary.BigEndian, branchSPARC),
	0x0A: words(le, branchARM64),
}

// words applies f to each aligned word and the place where it lies.
func words(order binary.ByteOrder, f func(v, at uint32) uint32) func([]byte) {
	return func(b []byte) {
		for i := 0; i+4 <= len(b); i += 4 {
			v := order.Uint32(b[i:])
			if w := f(v, uint32(i)); w != v {
				order.PutUint32(b[i:], w)
			}
		}
	}
}

func branchPowerPC(v, at uint32) uint32 {
	if v&0xFC000003 != 0x48000001 {
		return v
	}
	return 0x48000001 | (v&0x03FFFFFC-at)&0x03FFFFFC
}

func branchARM(v, at uint32) uint32 {
	if v>>24 != 0xEB {
		return v
	}
	return 0xEB000000 | (v<<2-(at+8))>>2&0x00FFFFFF
}

func branchSPARC(v, at uint32) uint32 {
	if v>>22 != 0x100 && v>>22 != 0x1FF {
		return v
	}
	v = (v<<2 - at) >> 2
	return 0x40000000 - v&0x400000 | 0x40000000 | v&0x3FFFFF
}

func branchARM64(v, at uint32) uint32 {
	switch {
	case v>>26 == 0x25: // BL
		return 0x94000000 | (v-at>>2)&0x03FFFFFF
	case v&0x9F000000 == 0x90000000: // ADRP
		src := v>>29&3 | v>>3&0x001FFFFC
		if (src+0x00020000)&0x001C0000 != 0 {
			return v
		}
		to := src - at>>12
		return v&0x9000001F | to&3<<29 | to&0x0003FFFC<<3 | -(to&0x00020000)&0x00E00000
	}
	return v
}

func branchThumb(b []byte) {
	for i := 0; i+4 <= len(b); i += 2 {
		if b[i+1]&0xF8 != 0xF0 || b[i+3]&0xF8 != 0xF8 {
			continue
		}
		v := uint32(b[i+1]&7)<<19 | uint32(b[i])<<11 | uint32(b[i+3]&7)<<8 | uint32(b[i+2])
		v = (v<<1 - uint32(i+4)) >> 1
		b[i+1], b[i] = 0xF0|byte(v>>19)&7, byte(v>>11)
		b[i+3], b[i+2] = 0xF8|byte(v>>8)&7, byte(v)
		i += 2
	}
}

// branchX86 undoes the change for CALL and JMP. What looks like one within the
// bytes of another is told apart by a mask of where opcodes were lately seen.
func branchX86(b []byte) {
	allowed := [8]bool{true, true, true, false, true}
	place := [8]uint{0, 1, 2, 2, 3, 3, 3, 3}
	edge := func(c byte) bool { return c == 0 || c == 0xFF }
	last, mask := -5, uint32(0)
	for i := 0; i+5 <= len(b); i++ {
		if b[i]&0xFE != 0xE8 {
			continue
		}
		since := i - last
		last = i
		if since > 3 {
			mask = 0
		} else if mask = mask << (since - 1) & 7; mask != 0 && (!allowed[mask] || edge(b[i+4-int(place[mask])])) {
			mask = mask<<1 | 1
			continue
		}
		if !edge(b[i+4]) {
			mask = mask<<1 | 1
			continue
		}
		src := le.Uint32(b[i+1:])
		var to uint32
		for {
			to = src - uint32(i+5)
			if mask == 0 {
				break
			}
			shift := 8 * place[mask]
			if !edge(byte(to >> (24 - shift))) {
				break
			}
			src = to ^ (1<<(32-shift) - 1)
		}
		to &= 0x01FFFFFF
		le.PutUint32(b[i+1:], to|-(to&0x01000000))
		i += 4
	}
}
