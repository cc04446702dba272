package block

import (
	"errors"
	"os"
	"syscall"
)

// The values of whence in lseek(2) that look for data and holes.
const (
	seekData = 3
	seekHole = 4
)

// nextData gives the first range with data at or after off; start >= end means
// that there is none. The file's position moves, which ReadAt does not use.
func nextData(f *os.File, off, size int64) (start, end int64, err error) {
	start, err = f.Seek(off, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO):
		return size, size, nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EOPNOTSUPP):
		return off, size, nil // the file system or device has no such call
	case err != nil:
		return 0, 0, err
	}
	end, err = f.Seek(start, seekHole)
	if err != nil {
		return 0, 0, err
	}
	return start, min(end, size), nil
}
