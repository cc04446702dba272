package raid_test

import (
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// BenchmarkRead reads arrays in memory from one end to the other, 1 MiB and
// 4 KiB at a time.
func BenchmarkRead(b *testing.B) {
	const size = 16 << 20
	data := make([]byte, size)
	members := func(n int, without ...int) []block.Source {
		list := make([]block.Source, n)
		for i := range list {
			list[i] = disktest.Memory(data)
		}
		for _, i := range without {
			list[i] = nil
		}
		return list
	}
	for _, c := range []struct {
		name string
		make func() (*raid.Array, error)
	}{
		{"raid0", func() (*raid.Array, error) {
			return raid.Stripe(members(3), []int64{size, size, size}, 64<<10, raid.Alternate)
		}},
		{"raid5", func() (*raid.Array, error) { return raid.Parity(members(4), size, 64<<10, 1, raid.LeftSymmetric) }},
		{"raid5-degraded", func() (*raid.Array, error) { return raid.Parity(members(4, 1), size, 64<<10, 1, raid.LeftSymmetric) }},
		{"raid6-degraded-twice", func() (*raid.Array, error) { return raid.Parity(members(5, 1, 3), size, 64<<10, 2, raid.LeftSymmetric) }},
		{"raid10", func() (*raid.Array, error) {
			return raid.NewTen(members(4), size, 64<<10, raid.Ten{Near: 2, Far: 1})
		}},
	} {
		for name, n := range map[string]int64{"1M": 1 << 20, "4K": 4 << 10} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				arr, err := c.make()
				if err != nil {
					b.Fatal(err)
				}
				buf := make([]byte, n)
				b.SetBytes(n)
				b.ReportAllocs()
				for i := int64(0); b.Loop(); i++ {
					if err := block.ReadFull(arr, buf, i*n%(arr.Size()-n)/4096*4096); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
