// Package luks opens volumes encrypted with LUKS1 and LUKS2.
//
// The layouts are those of the "LUKS1 On-Disk Format Specification Version
// 1.2.3" and the "LUKS2 On-Disk Format Specification Version 1.1.1", the ways
// to encrypt those of Linux's dm-crypt.
package luks

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

var be = binary.BigEndian

// Magics of a header: the first one's, the second one's (LUKS2 only), and that
// of one which an old tool put out of use while it encrypts anew.
const (
	magic        = "LUKS\xba\xbe"
	secondMagic  = "SKUL\xba\xbe"
	offlineMagic = "LUKS\xde\xad"
)

// sector is the unit of LUKS1's offsets and of the areas of key slots, in bytes.
const sector = 512

// Manager opens LUKS volumes, each of which takes the place of its member.
type Manager struct{}

// Name implements [volume.Manager].
func (Manager) Name() string { return "luks" }

// Probe implements [volume.Manager].
func (Manager) Probe(ctx context.Context, src block.Source) (volume.Member, error) {
	if err := ctx.Err(); err != nil {
		return volume.Member{}, err
	}
	h, err := readHeader(src)
	if err != nil {
		return volume.Member{}, err
	}
	return volume.Member{Set: h.uuid, Label: h.label, UUID: h.uuid, Notes: h.notes, State: h}, nil
}

// Assemble implements [volume.Manager].
func (Manager) Assemble(ctx context.Context, members []volume.Member, opts volume.Options) ([]volume.Volume, error) {
	var out []volume.Volume
	for _, m := range members {
		h, ok := m.State.(*header)
		if !ok {
			continue
		}
		v := volume.Volume{
			Type: "luks", Label: h.label, UUID: h.uuid, Members: []string{m.Volume},
			Size: h.dataSize(m.Source.Size()),
		}
		opened, err := h.open(ctx, m.Source, opts.Keys)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		v.Notes, v.Incomplete, v.Err = append(v.Notes, opened.notes...), opened.lost, err
		if err == nil {
			v.Source, v.Size = opened.src, opened.src.Size()
		}
		out = append(out, v)
	}
	return out, nil
}

// header is what a volume says of itself, in the terms of LUKS2.
type header struct {
	version     int
	uuid, label string
	slots       []slot
	digests     []digest
	segments    []segment // in the order of the volume's bytes
	tokens      []string  // types
	// requirements are what a reader must know of.
	requirements []string
	notes        []string
	// end is the first byte after the headers: data can't begin before it.
	end int64
}

// slot holds the volume's key, encrypted with one made of a passphrase.
type slot struct {
	id        string
	keyBytes  int // of the volume's key
	kdf       kdf
	stripes   int // over which the key is split
	splitHash string
	areaAt    int64
	area      spec
	areaKey   int // bytes
	// err is why it can't be tried.
	err error
}

// digest tells whether a key is the right one, for the key slots and the
// segments it names.
type digest struct {
	hash       string
	iterations int
	salt, sum  []byte
	slots      []string
	segments   []string
}

// segment is a range of data.
type segment struct {
	id     string
	plain  bool
	offset int64
	size   int64 // bytes, below zero: as far as the device goes
	number uint64
	sector int // bytes
	spec   spec
	// err is why it can't be read.
	err error
}

// readHeader reads the header at the start of src.
func readHeader(src block.Source) (*header, error) {
	if src.Size() < 4096 {
		return nil, block.ErrNotThis
	}
	b := make([]byte, 4096)
	if err := block.ReadFull(src, b, 0); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	switch version := be.Uint16(b[6:]); {
	case string(b[:6]) == offlineMagic:
		return nil, block.Unsupported("header: a reencryption without a journal is under way")
	case string(b[:6]) != magic:
		return readLost(src, b)
	case version == 1:
		return readHeader1(src, b)
	case version == 2:
		return readHeader2(src)
	default:
		return nil, block.Unsupported("header: LUKS version %d", version)
	}
}

// describe says what the volume is and which ways there are to open it.
func (h *header) describe() string {
	var slots []string
	for _, s := range h.slots {
		slots = append(slots, fmt.Sprintf("%s (%s)", s.id, s.kdf.name))
	}
	text := fmt.Sprintf("LUKS%d, %s", h.version, h.encryption())
	if len(slots) > 0 {
		text += fmt.Sprintf(" with a key of %d bits, key slots %s", 8*h.slots[0].keyBytes, strings.Join(slots, ", "))
	} else {
		text += ", no key slot in use"
	}
	if len(h.tokens) > 0 {
		text += ", tokens " + strings.Join(h.tokens, ", ")
	}
	return text
}

// encryption names the ciphers of the data.
func (h *header) encryption() string {
	var names []string
	for _, s := range h.segments {
		name := s.spec.name
		if s.plain {
			name = "not encrypted"
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// dataSize is how many bytes the volume has on a device of the given size.
func (h *header) dataSize(device int64) int64 {
	total := int64(0)
	for _, s := range h.segments {
		size := s.size
		if size < 0 {
			size = max(device-s.offset, 0)
		}
		total += min(size, 1<<62-total)
	}
	return total
}
