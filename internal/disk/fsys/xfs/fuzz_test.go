package xfs_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

// patched is bytes with some of them changed.
type patched struct {
	block.Source
	at map[int64]byte
}

func (p patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.Source.ReadAt(b, off)
	for at, c := range p.at {
		if i := at - off; i >= 0 && i < int64(n) {
			b[i] = c
		}
	}
	return n, err
}

// fuzzed is an image to be changed: the sectors that hold anything. Records of
// the log have no checksums, which are then not looked at.
type fuzzed struct {
	image   []byte
	sectors []int64
}

func fuzzImage(f *testing.F, name string) fuzzed {
	f.Helper()
	z := fuzzed{image: bytesOf(f, name)}
	for at := 0; at < len(z.image); at += 512 {
		if be.Uint32(z.image[at:]) == 0xFEEDBABE {
			clear(z.image[at+32 : at+36])
		}
		if !bytes.Equal(z.image[at:at+512], make([]byte, 512)) {
			z.sectors = append(z.sectors, int64(at))
		}
	}
	return z
}

// FuzzOpen reads an image with some bytes changed, four bytes of place and one
// of value each, or the changes themselves.
func FuzzOpen(f *testing.F) {
	var images []fuzzed
	for i, name := range []string{"v4-512", "v4-dirty-log1", "v5-dirty"} {
		images = append(images, fuzzImage(f, name))
		f.Add(byte(i), []byte{0, 0, 0, 4, 0x10, 0, 0, 9, 1, 5})
	}
	f.Add(byte(len(images)), images[0].image[:4096])
	f.Fuzz(func(t *testing.T, which byte, changes []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10e9)
		defer cancel()
		src := disktest.Memory(changes)
		if i := int(which) % (len(images) + 1); i < len(images) {
			at := map[int64]byte{}
			for ; len(changes) >= 5 && len(at) < 64; changes = changes[5:] {
				place := int64(be.Uint32(changes))
				at[images[i].sectors[place/512%int64(len(images[i].sectors))]+place%512] = changes[4]
			}
			src = patched{disktest.Memory(images[i].image), at}
		}
		disktest.Exercise(ctx, xfs.Driver{}, src, 1<<16)
		if ctx.Err() != nil {
			t.Error("the walk did not end in 10 s")
		}
	})
}
