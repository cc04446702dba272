package exfat

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// badCluster is the entry of a cluster that can't hold data; higher ones end a
// chain.
const badCluster = 0xFFFFFFF7

// window is how many bytes of the FAT are read at once.
const window = 4096

var windows = sync.Pool{New: func() any { return new([window]byte) }}

// follow is a [fatcore.Follow] along the FAT.
func (t *tree) follow(c uint32, limit uint64) (n uint64, next uint32, err error) {
	w := windows.Get().(*[window]byte)
	defer windows.Put(w)
	b := w[:4*min(limit, window/4)]
	b = b[:min(int64(len(b)), t.boot.fatSize-4*int64(c))]
	if err := block.ReadFull(t.src, b, t.boot.fat+4*int64(c)); err != nil {
		return 0, 0, fmt.Errorf("read FAT: %w", err)
	}
	for 4*n < uint64(len(b)) && (n == 0 || next == c+uint32(n)) {
		next = le.Uint32(b[4*n:])
		n++
	}
	if next > badCluster {
		next = 0
	}
	return n, next, nil
}

// straight is a [fatcore.Follow] of clusters that follow each other, which the
// FAT does not tell of.
func straight(_ uint32, limit uint64) (n uint64, next uint32, err error) { return limit, 0, nil }

// along gives the way that clusters are followed.
func (t *tree) along(contiguous bool) fatcore.Follow {
	if contiguous {
		return straight
	}
	return t.follow
}
