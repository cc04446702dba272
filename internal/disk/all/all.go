// Package all lists every file system that is read: one line each.
package all

import (
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/ext4"
)

// Drivers gives the drivers in the order in which they are tried.
func Drivers() []fsys.Driver {
	return []fsys.Driver{
		ext4.Driver{},
	}
}
