package btrfs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// prose writes files that compress as text does.
func prose(t testing.TB, dir string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	words := make([]string, 2000)
	for i := range words {
		b := make([]byte, 2+r.IntN(9))
		for j := range b {
			b[j] = byte('a' + r.IntN(26))
		}
		words[i] = string(b)
	}
	for i, size := range []int{150, 3000, 40_000, 131_072, 500_000, 3_000_000} {
		var text []byte
		for len(text) < size {
			text = fmt.Appendf(text, "%s %d\n", words[r.IntN(1+r.IntN(len(words)))], r.IntN(50))
		}
		if err := os.WriteFile(fmt.Sprintf("%s/prose-%d", dir, i), text[:size], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
