package qcow2

import (
	"context"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// openBacking opens the disk that this one is a difference to.
func openBacking(ctx context.Context, h *header, env *image.Env) (image.Disk, error) {
	name := strings.TrimPrefix(h.backing, "file:")
	if strings.HasPrefix(name, "json:") || strings.HasPrefix(name, "nbd:") || strings.Contains(name, "://") {
		return image.Disk{}, fmt.Errorf("backing file %q: it is no file's name, merge the image into one file first: %w", h.backing, block.ErrMissing)
	}
	return env.OpenBacking(ctx, name, formatName(h.backingFormat))
}

// formatName gives our name of a format for QEMU's.
func formatName(driver string) string {
	switch driver {
	case "vpc":
		return "vhd"
	case "file", "host_device":
		return "raw"
	}
	return driver
}
