//go:build !linux

package block

import "os"

// nextData takes everything for data: this system tells no holes.
func nextData(_ *os.File, off, size int64) (start, end int64, err error) {
	return off, size, nil
}
