package ntfs

import "github.com/lenscap/lenscap/internal/disk/block"

// lzntChunk is how many bytes one chunk of LZNT1 unpacks to.
const lzntChunk = 4096

// lznt1 unpacks src into dst ([MS-XCA] 2.5). What src does not reach is zeros.
func lznt1(dst, src []byte) error {
	for len(dst) > 0 && len(src) >= 2 {
		head := le.Uint16(src)
		if head == 0 {
			break
		}
		n := int(head&0xFFF) + 1
		if n > len(src)-2 {
			return block.Damaged("LZNT1: chunk of %d bytes, %d are left", n, len(src)-2)
		}
		chunk := src[2 : 2+n]
		src = src[2+n:]
		out := dst[:min(lzntChunk, len(dst))]
		dst = dst[len(out):]
		done := 0
		if head&0x8000 == 0 {
			done = copy(out, chunk)
		} else {
			var ok bool
			if done, ok = lzntUnpack(out, chunk); !ok {
				return block.Damaged("LZNT1: match before the start or beyond the end of a chunk")
			}
		}
		clear(out[done:])
	}
	clear(dst)
	return nil
}

// lzntUnpack unpacks one chunk and gives how many bytes it made.
func lzntUnpack(out, in []byte) (done int, ok bool) {
	shift := uint(12) // bits of a match that are its length; the rest is its distance
	for i := 0; i < len(in) && done < len(out); {
		flags := in[i]
		i++
		if flags == 0 && i+8 <= len(in) && done+8 <= len(out) {
			copy(out[done:done+8], in[i:i+8])
			i, done = i+8, done+8
			continue
		}
		for bit := 0; bit < 8 && i < len(in) && done < len(out); bit, flags = bit+1, flags>>1 {
			if flags&1 == 0 {
				out[done] = in[i]
				i, done = i+1, done+1
				continue
			}
			if i+2 > len(in) {
				return done, false
			}
			for shift > 4 && done > 1<<(16-shift) {
				shift--
			}
			token := uint(le.Uint16(in[i:]))
			i += 2
			dist, n := int(token>>shift)+1, int(token&(1<<shift-1))+3
			if dist > done || n > len(out)-done {
				return done, false
			}
			copyMatch(out, done, dist, n)
			done += n
		}
	}
	return done, true
}

// copyMatch repeats n bytes from dist before at; the two may overlap. The
// caller has checked that both lie in out.
func copyMatch(out []byte, at, dist, n int) {
	from := at - dist
	for n > 0 {
		// What was copied doubles with each round.
		k := copy(out[at:at+n], out[from:at])
		at, n = at+k, n-k
	}
}
