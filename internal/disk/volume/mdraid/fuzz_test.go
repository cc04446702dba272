package mdraid

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

const fuzzSize = 256 << 10

// v1 makes a member with a superblock of version 1.2 whose checksum and place
// are right.
func v1(sb []byte) []byte {
	b := make([]byte, fuzzSize)
	s := b[4096:8192]
	copy(s, sb[:min(len(sb), 2048)])
	le.PutUint32(s, magic)
	le.PutUint32(s[4:], 1)
	le.PutUint64(s[144:], 8)
	most := le.Uint32(s[220:]) % 64
	le.PutUint32(s[220:], most)
	le.PutUint32(s[216:], sumV1(s[:256+2*most]))
	return b
}

// v0 makes a member with a superblock of version 0.90 in a byte order.
func v0(sb []byte, order binary.ByteOrder) []byte {
	b := make([]byte, fuzzSize)
	s := b[fuzzSize-65536:][:4096]
	copy(s, sb)
	order.PutUint32(s, magic)
	order.PutUint32(s[4:], 0)
	order.PutUint32(s[8:], 90)
	order.PutUint32(s[4*38:], sumV0(s, order))
	return b
}

// simple is a superblock of an array of a level with three members.
func simple(level, layout, number int) []byte {
	s := make([]byte, 512)
	copy(s[32:], "host:name")
	le.PutUint32(s[72:], uint32(level))
	le.PutUint32(s[76:], uint32(layout))
	le.PutUint64(s[80:], 256)
	le.PutUint32(s[88:], 8)
	le.PutUint32(s[92:], 3)
	le.PutUint64(s[128:], 64)
	le.PutUint64(s[136:], 256)
	le.PutUint32(s[160:], uint32(number))
	le.PutUint64(s[208:], 1<<64-1)
	le.PutUint32(s[220:], 3)
	for i := range 3 {
		le.PutUint16(s[256+2*i:], uint16(i))
	}
	return s
}

// FuzzArray assembles three members whose superblocks say anything, with their
// checksums right.
func FuzzArray(f *testing.F) {
	for _, level := range []int{-1, 0, 1, 4, 5, 6, 10} {
		f.Add(simple(level, 2, 0), simple(level, 2, 1), simple(level, 2, 2), false)
		f.Add(simple(level, 0x102, 0), simple(level, 0x201, 1), simple(level, 0x10201, 2), true)
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte, old bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		sources := []block.Source{disktest.Memory(v1(a)), disktest.Memory(v1(b)), disktest.Memory(v1(c))}
		if old {
			sources = []block.Source{disktest.Memory(v0(a, le)), disktest.Memory(v0(b, le)), disktest.Memory(v0(c, binary.BigEndian))}
		}
		for _, v := range disktest.ExerciseVolumes(ctx, Manager{}, sources, 64<<10) {
			if (v.Source == nil) != (v.Err != nil) {
				t.Errorf("volume %q: source %v, error %v", v.Name, v.Source, v.Err)
			}
		}
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Error("it did not end")
		}
	})
}
