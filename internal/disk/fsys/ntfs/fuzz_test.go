package ntfs_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/ntfs"
)

// fuzz changes bytes of an image, which is too large for a seed: each five
// bytes are an offset and a value. Offsets count in what is not zero.
func fuzz(f *testing.F, image []byte) {
	f.Helper()
	var places []int
	for at, c := range image {
		if c != 0 && c != 0xFF {
			places = append(places, at)
		}
	}
	f.Add([]byte{0, 0, 0, 13, 0xFF})
	f.Add([]byte{0, 1, 0, 0, 0x80, 0, 2, 0, 0, 1})
	f.Fuzz(func(t *testing.T, changes []byte) {
		bad := bytes.Clone(image)
		for ; len(changes) >= 5; changes = changes[5:] {
			at := int(changes[0])<<24 | int(changes[1])<<16 | int(changes[2])<<8 | int(changes[3])
			bad[places[at%len(places)]] = changes[4]
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10e9)
		defer cancel()
		disktest.Exercise(ctx, ntfs.Driver{}, disktest.Memory(bad), 1<<16)
		if ctx.Err() != nil {
			t.Error("the walk did not end in 10 s")
		}
	})
}
