package luks_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// TestDamage changes bytes of volumes and opens what is left, with the key.
func TestDamage(t *testing.T) {
	t.Parallel()
	disk := quick(t)
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		bad := append([]byte{}, disk...)
		for range 1 + r.IntN(8) {
			bad[r.IntN(1+r.IntN(2*headerSize))] ^= byte(1 + r.IntN(255))
		}
		if r.IntN(2) == 0 {
			reseal(bad, 0)
		}
		if seed%5 == 0 {
			bad = bad[:r.IntN(len(bad))]
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		exercise(ctx, disktest.Memory(bad), []byte(pass), make([]byte, 64))
		if ctx.Err() != nil {
			t.Errorf("damage %d: it did not end", seed)
		}
		cancel()
	}
}
