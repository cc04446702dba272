package ntfs

import "github.com/lenscap/lenscap/internal/disk/block"

// xpressSymbols are 256 bytes, then 16 lengths for each of 16 magnitudes of
// distance.
const xpressSymbols = 512

// xpress unpacks src into dst, which it must fill: XPRESS with Huffman codes
// ([MS-XCA] 2.2), of at most 64 KiB.
func (u *unpacker) xpress(dst, src []byte) error {
	if len(src) < xpressSymbols/2 {
		return block.Damaged("XPRESS: %d bytes, want at least %d", len(src), xpressSymbols/2)
	}
	lengths := u.lengths[:xpressSymbols]
	for i, v := range src[:xpressSymbols/2] {
		lengths[2*i], lengths[2*i+1] = v&15, v>>4
	}
	if err := u.main.build(lengths); err != nil {
		return err
	}
	r := bitReader{in: src, pos: xpressSymbols / 2}
	for done := 0; done < len(dst); {
		sym, ok := u.main.next(&r)
		if !ok || r.over() {
			return block.Damaged("XPRESS: no code at byte %d of %d", r.pos, len(src))
		}
		if sym < 256 {
			dst[done] = byte(sym)
			done++
			continue
		}
		n := uint32(sym & 15)
		r.need(16) // the bytes of a length lie behind the bits at hand
		if n == 15 {
			if n += r.bytes(1); n == 15+255 {
				if n = r.bytes(2); n == 0 {
					n = r.bytes(4)
				}
			}
		}
		bits := uint(sym>>4) & 15
		dist := 1<<bits + int(r.take(bits))
		n = min(n, 1<<30) + 3
		if dist > done || int(n) > len(dst)-done {
			return block.Damaged("XPRESS: %d bytes from %d back, at byte %d of %d", n, dist, done, len(dst))
		}
		copyMatch(dst, done, dist, int(n))
		done += int(n)
	}
	return nil
}
