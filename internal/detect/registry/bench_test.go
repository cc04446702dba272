package registry_test

import (
	"testing"

	"github.com/lenscap/lenscap/internal/detect/registry"
	"github.com/lenscap/lenscap/internal/detect/registry/registrytest"
)

// BenchmarkWalk reads a hive of 1200 keys in full.
func BenchmarkWalk(b *testing.B) {
	data := registrytest.Hive(tree(), "lf")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		h, err := registry.OpenBytes(data)
		if err != nil {
			b.Fatal(err)
		}
		walk(h)
	}
}
