package vhd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// locator tells where a name of the parent lies.
type locator struct {
	platform string // W2ru, W2ku, MacX, …
	length   uint32
	at       uint64
}

// utf16Text decodes UTF-16 up to its first zero.
func utf16Text(b []byte, order binary.ByteOrder) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := order.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// base gives the last part of a path of Windows, a Unix or a URL.
func base(path string) string {
	return path[strings.LastIndexAny(path, `\/`)+1:]
}

// parentName gives the name of the parent's file: the relative one when there
// is one, else another.
func (h *header) parentName(src block.Source) string {
	const longest = 4096
	for _, platform := range []string{"W2ru", "W2ku"} {
		for _, l := range h.locators {
			if l.platform != platform || l.length > longest || l.at > uint64(src.Size()) {
				continue
			}
			b := make([]byte, l.length)
			if block.ReadFull(src, b, int64(l.at)) != nil {
				continue
			}
			if name := base(utf16Text(b, binary.LittleEndian)); name != "" {
				return name
			}
		}
	}
	return base(h.parent)
}

// openParent opens the disk that this one is a difference to, and holds it
// against the identity that this one gives.
func openParent(ctx context.Context, src block.Source, h *header, env *image.Env) (image.Disk, error) {
	name := h.parentName(src)
	if name == "" {
		return image.Disk{}, block.Damaged("a differencing disk without its parent's name")
	}
	parent, err := env.OpenBacking(ctx, name, "vhd")
	if err != nil {
		return image.Disk{}, err
	}
	if err := h.checkParent(name, env); err != nil {
		return image.Disk{}, errors.Join(err, parent.Close())
	}
	return parent, nil
}

func (h *header) checkParent(name string, env *image.Env) error {
	src, err := env.Backing(name)
	if err != nil {
		return fmt.Errorf("parent %q: %w", name, err)
	}
	f, err := readFooter(src)
	if err == nil && f.id != h.parentID {
		err = fmt.Errorf("its identity is %x, want %x, it is another disk: %w", f.id, h.parentID, block.ErrMissing)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("parent %q: %w", name, err), src.Close())
	}
	return src.Close()
}
