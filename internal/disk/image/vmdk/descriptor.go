package vmdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

const (
	maxDescriptor = 1 << 20
	maxExtents    = 4096
	// noParent is the CID of the parent of a disk that has none.
	noParent = 0xFFFFFFFF
)

// descriptor is the text that describes a disk.
type descriptor struct {
	id, parentID uint64 // CIDs
	parent       string // the name of its file
	extents      []extentLine
}

// extentLine is the line of one extent.
type extentLine struct {
	access  string // RW, RDONLY, NOACCESS
	sectors uint64
	kind    string // FLAT, SPARSE, ZERO, …
	name    string
	offset  uint64 // sectors, in a flat file
}

// device tells whether the extent is a device and no file.
func (l extentLine) device() bool {
	return strings.HasPrefix(l.name, `\\.\`) || strings.HasPrefix(l.name, "/dev/")
}

// readDescriptor reads the text at off, of n bytes at most.
func readDescriptor(src block.Source, off, n int64) (*descriptor, error) {
	if n > maxDescriptor {
		return nil, block.Damaged("descriptor: it has %d bytes, want at most %d", n, maxDescriptor)
	}
	b := make([]byte, max(min(n, src.Size()-off), 0))
	if err := block.ReadFull(src, b, off); err != nil {
		return nil, fmt.Errorf("read descriptor: %w", err)
	}
	text, _, _ := bytes.Cut(b, []byte{0})
	return parseDescriptor(string(text))
}

func parseDescriptor(text string) (*descriptor, error) {
	d := &descriptor{id: noParent, parentID: noParent}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if l, ok := parseExtent(line); ok {
			if d.extents = append(d.extents, l); len(d.extents) > maxExtents {
				return nil, block.Unsupported("descriptor: more than %d extents", maxExtents)
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		key, value = strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"`)
		var err error
		switch {
		case key == "CID":
			d.id, err = strconv.ParseUint(value, 16, 32)
		case key == "parentCID":
			d.parentID, err = strconv.ParseUint(value, 16, 32)
		case key == "parentFileNameHint":
			d.parent = value
		case strings.HasPrefix(key, "encryption."):
			return nil, fmt.Errorf("descriptor: %s: %w", key, block.ErrEncrypted)
		}
		if err != nil {
			return nil, block.Damaged("descriptor: %s is %q", key, value)
		}
	}
	return d, nil
}

// parseExtent reads: access, sectors, type, "name" and an offset.
func parseExtent(line string) (extentLine, bool) {
	fields := strings.Fields(line)
	if len(fields) < 3 || fields[0] != "RW" && fields[0] != "RDONLY" && fields[0] != "NOACCESS" {
		return extentLine{}, false
	}
	l := extentLine{access: fields[0], kind: fields[2]}
	var err error
	if l.sectors, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
		return extentLine{}, false
	}
	if _, rest, ok := strings.Cut(line, `"`); ok {
		// The name may hold anything but line ends; numbers follow it.
		if i := strings.LastIndexByte(rest, '"'); i >= 0 {
			var after []string
			l.name, after = rest[:i], strings.Fields(rest[i+1:])
			if strings.Contains(l.name, `" `) { // more quoted fields: a device's identity
				l.name, rest, _ = strings.Cut(rest, `"`)
				after = strings.Fields(rest)
			}
			if len(after) > 0 {
				if l.offset, err = strconv.ParseUint(after[0], 10, 64); err != nil {
					return extentLine{}, false
				}
			}
		}
	}
	return l, true
}

// openParent opens the disk that this one is a difference to, if it is one.
func (a *assembly) openParent(d *descriptor) error {
	if d.parentID == noParent || a.m.size == 0 {
		return nil
	}
	if d.parent == "" {
		return fmt.Errorf("descriptor: a difference to the disk with CID %08x, which it does not name: %w", d.parentID, block.ErrMissing)
	}
	parent, err := a.env.OpenBacking(a.ctx, d.parent, "vmdk")
	if err != nil {
		return err
	}
	a.m.below, a.m.parent = len(a.sources), parent.Size()
	a.sources = append(a.sources, parent.Source)
	for _, n := range parent.Notes {
		a.note(false, "parent: %s", n)
	}
	a.disk.Incomplete = a.disk.Incomplete || parent.Incomplete
	return checkParent(a.ctx, d, a.env)
}

// checkParent compares the parent's CID, which changes when it is written to.
func checkParent(ctx context.Context, d *descriptor, env *image.Env) error {
	src, err := env.Backing(d.parent)
	if err != nil {
		return fmt.Errorf("parent %q: %w", d.parent, err)
	}
	id, err := identity(block.WithContext(ctx, src))
	if err == nil && id != d.parentID {
		err = fmt.Errorf("its CID is %08x, want %08x, it was changed or is another disk: %w", id, d.parentID, block.ErrMissing)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("parent %q: %w", d.parent, err), src.Close())
	}
	return src.Close()
}

// identity gives the CID of a disk.
func identity(src block.Source) (uint64, error) {
	head := make([]byte, min(headerSize, src.Size()))
	if err := block.ReadFull(src, head, 0); err != nil {
		return 0, err
	}
	off, n := int64(0), src.Size()
	if starts(head, magicHosted) && len(head) == headerSize {
		off = int64(min(le.Uint64(head[28:]), uint64(src.Size())/sectorSize)) * sectorSize
		n = int64(min(le.Uint64(head[36:]), maxDescriptor/sectorSize)) * sectorSize
	}
	d, err := readDescriptor(src, off, n)
	if err != nil {
		return 0, err
	}
	return d.id, nil
}
