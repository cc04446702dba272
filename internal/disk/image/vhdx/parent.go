package vhdx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// openParent opens the disk that this one is a difference to, and holds it
// against the identity that this one gives.
func openParent(ctx context.Context, m *metadata, env *image.Env) (image.Disk, error) {
	name := ""
	for _, key := range []string{"relative_path", "absolute_win32_path", "volume_path"} {
		if name == "" {
			path := m.parent[key]
			name = path[strings.LastIndexAny(path, `\/`)+1:]
		}
	}
	if name == "" {
		return image.Disk{}, block.Damaged("parent locator: it names no file")
	}
	parent, err := env.OpenBacking(ctx, name, "vhdx")
	if err != nil {
		return image.Disk{}, err
	}
	if err := m.checkParent(name, env); err != nil {
		return image.Disk{}, errors.Join(err, parent.Close())
	}
	return parent, nil
}

// checkParent compares the parent's identity, which changes with its data. A
// parent that was merged into from above may have the second one.
func (m *metadata) checkParent(name string, env *image.Env) error {
	src, err := env.Backing(name)
	if err != nil {
		return fmt.Errorf("parent %q: %w", name, err)
	}
	h, err := readHeader(src)
	if err == nil && !h.dataWrite.is(m.parent["parent_linkage"]) && !h.dataWrite.is(m.parent["parent_linkage2"]) {
		err = fmt.Errorf("its data has the identity %s, want %s, it was changed or is another disk: %w", h.dataWrite, m.parent["parent_linkage"], block.ErrMissing)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("parent %q: %w", name, err), src.Close())
	}
	return src.Close()
}

// is compares a GUID with its written form, in braces or not.
func (g guid) is(text string) bool {
	return strings.EqualFold(g.String(), strings.Trim(text, "{}"))
}
