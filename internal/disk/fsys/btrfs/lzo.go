package btrfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/unpack"
)

// inflateLZO reads Btrfs's framing: the length of all, then segments, each with
// its length before it and one sector when decompressed. No segment's length
// crosses a sector of the input.
func inflateLZO(dst, src []byte, sector int) (int, error) {
	if len(src) < 8 {
		return 0, unpack.ErrCut
	}
	total := int(le.Uint32(src))
	if total < 4 || total > len(src) {
		return 0, fmt.Errorf("%d bytes of segments in %d", total, len(src))
	}
	n := 0
	for at := 4; at+4 <= total && n < len(dst); {
		size := int(le.Uint32(src[at:]))
		at += 4
		if size < 0 || size > len(src)-at {
			return n, fmt.Errorf("a segment of %d bytes, %d are left", size, len(src)-at)
		}
		got, err := unpack.LZO1X(dst[n:min(n+sector, len(dst))], src[at:at+size])
		if err != nil {
			return n, fmt.Errorf("segment at %d: %w", at, err)
		}
		n, at = n+got, at+size
		if left := sector - at%sector; left < 4 {
			at += left
		}
	}
	return n, nil
}
