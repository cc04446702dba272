package disktest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Base is an image that a fuzzer changes.
type Base struct {
	Data []byte
	// Hot are the ranges that it changes, where the structures lie; none means
	// the first 64 KiB.
	Hot []block.Extent
	// Fix sets the checksums of what was changed. It may be nil.
	Fix func(data []byte)
}

// FuzzImage fuzzes a format. What is made up is no file, which would be too
// long for that, but changes to the bases: which one, and what to write where.
// Files that the image names are the changed image and the bases.
func FuzzImage(f *testing.F, format image.Format, bases ...Base) {
	f.Helper()
	for i := range bases {
		f.Add([]byte{byte(i)})
		f.Add(append([]byte{byte(i)}, 0, 0, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F))
	}
	f.Fuzz(func(t *testing.T, changes []byte) {
		if len(changes) == 0 {
			return
		}
		b := bases[int(changes[0])%len(bases)]
		data := b.change(changes[1:])
		open := func(name string) (block.Source, error) {
			if n := len(name); n%4 != 0 {
				return Memory(bases[n%len(bases)].Data), nil
			}
			return Memory(data), nil
		}
		ExerciseImage(t.Context(), format, Memory(data), image.Options{Extent: open, Backing: open}, 2<<20)
	})
}

// change writes what the changes say: 2 bytes for the place, 1 for the width, 8
// for the value. What is left over cuts the image short.
func (b Base) change(changes []byte) []byte {
	data := bytes.Clone(b.Data)
	hot := b.Hot
	if len(hot) == 0 {
		hot = []block.Extent{{Offset: 0, Length: min(64<<10, int64(len(data)))}}
	}
	total := int64(0)
	for _, e := range hot {
		total += e.Length
	}
	for ; len(changes) >= 11; changes = changes[11:] {
		at := int64(binary.LittleEndian.Uint16(changes)) % total
		for _, e := range hot {
			if at < e.Length {
				copy(data[min(e.Offset+at, int64(len(data))):], changes[3:3+1<<(changes[2]&3)])
				break
			}
			at -= e.Length
		}
	}
	if b.Fix != nil {
		b.Fix(data)
	}
	if len(changes) > 1 {
		data = data[:int64(len(data))*int64(changes[0])/256]
	}
	return data
}
