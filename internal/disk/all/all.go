// Package all lists every image format, volume manager and file system that is
// read: one line each.
package all

import (
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/btrfs"
	"github.com/lenscap/lenscap/internal/disk/fsys/exfat"
	"github.com/lenscap/lenscap/internal/disk/fsys/ext4"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat"
	"github.com/lenscap/lenscap/internal/disk/fsys/iso9660"
	"github.com/lenscap/lenscap/internal/disk/fsys/ntfs"
	"github.com/lenscap/lenscap/internal/disk/fsys/squashfs"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/image/qcow2"
	"github.com/lenscap/lenscap/internal/disk/image/stream"
	"github.com/lenscap/lenscap/internal/disk/image/tar"
	"github.com/lenscap/lenscap/internal/disk/image/vdi"
	"github.com/lenscap/lenscap/internal/disk/image/vhd"
	"github.com/lenscap/lenscap/internal/disk/image/vhdx"
	"github.com/lenscap/lenscap/internal/disk/image/vmdk"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/bitlocker"
	"github.com/lenscap/lenscap/internal/disk/volume/luks"
	"github.com/lenscap/lenscap/internal/disk/volume/lvm"
	"github.com/lenscap/lenscap/internal/disk/volume/mdraid"
)

// Options gives the options that read everything that can be read.
func Options() disk.Options {
	return disk.Options{Formats: Formats(), Managers: Managers(), Drivers: Drivers()}
}

// Formats gives the image formats in the order in which they are tried.
func Formats() []image.Format {
	return []image.Format{
		qcow2.Format{},
		vhdx.Format{},
		vmdk.Format{},
		vdi.Format{},
		vhd.Format{}, // at the end of the file, where others may have anything
		stream.Gzip{},
		stream.Xz{},
		stream.Zstd{},
		tar.Format{},
	}
}

// Managers gives the volume managers in the order in which their sets are
// assembled: those first on which others usually lie.
func Managers() []volume.Manager {
	return []volume.Manager{
		mdraid.Manager{},
		luks.Manager{},
		bitlocker.Manager{},
		lvm.Manager{},
	}
}

// Drivers gives the file systems in the order in which they are tried.
func Drivers() []fsys.Driver {
	return []fsys.Driver{
		ext4.Driver{},
		xfs.Driver{},
		btrfs.Driver{},
		ntfs.Driver{},
		exfat.Driver{},
		squashfs.Driver{},
		iso9660.Driver{},
		fat.Driver{}, // last: it has no magic
	}
}
