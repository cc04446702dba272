package btrfs

import (
	"bytes"
	"testing"
)

// FuzzInflate decompresses foreign bytes: it ends, keeps to the bounds, and
// gives the same each time.
func FuzzInflate(f *testing.F) {
	f.Add(uint8(methodLZO), []byte("\x14\x00\x00\x00\x0c\x00\x00\x00\x15abcd\x29\x0c\x00\x11\x00\x00"))
	f.Add(uint8(methodZlib), []byte("\x78\x9c\x4b\x4c\x4a\x4e\x49\x04\x00"))
	f.Add(uint8(methodZstd), []byte("\x28\xb5\x2f\xfd\x00\x58\x21\x00\x00abcd\x00\x00"))
	inflate := &inflater{}
	f.Fuzz(func(t *testing.T, method uint8, src []byte) {
		m := compression(1 + method%3)
		one, two := make([]byte, 20_000), make([]byte, 20_000)
		err := inflate.decompress(one[:10_000], src, m, 4096)
		if !bytes.Equal(one[10_000:], two[10_000:]) {
			t.Error("bytes behind the output were changed")
		}
		if again := inflate.decompress(two[:10_000], src, m, 4096); (err == nil) != (again == nil) || err == nil && !bytes.Equal(one, two) {
			t.Errorf("%v, then %v, or other bytes", err, again)
		}
	})
}
