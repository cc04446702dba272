// Package all lists every image format, volume manager and file system that is
// read: one line each.
package all

import (
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/ext4"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// Options gives the options that read everything that can be read.
func Options() disk.Options {
	return disk.Options{Formats: Formats(), Managers: Managers(), Drivers: Drivers()}
}

// Formats gives the image formats in the order in which they are tried.
func Formats() []image.Format {
	return []image.Format{}
}

// Managers gives the volume managers in the order in which their sets are
// assembled: those first on which others usually lie.
func Managers() []volume.Manager {
	return []volume.Manager{}
}

// Drivers gives the file systems in the order in which they are tried.
func Drivers() []fsys.Driver {
	return []fsys.Driver{
		ext4.Driver{},
	}
}
