package luks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	sectors "github.com/lenscap/lenscap/internal/disk/volume/cipher"
)

// opened is what came of opening a volume.
type opened struct {
	src   block.Source
	notes []string
	lost  bool // a note tells of bytes that are not shown
}

// understood are the requirements that reading knows of.
var understood = []string{"online-reencrypt", "online-reencrypt-v2", "online-reencrypt-v3"}

// open finds the volume's keys with the user's and lays out its data.
func (h *header) open(ctx context.Context, src block.Source, given [][]byte) (opened, error) {
	o := opened{notes: []string{h.describe()}}
	if err := h.readable(src.Size(), len(given) > 0); err != nil {
		return o, err
	}
	keys, tried, err := h.unlock(ctx, src, given)
	defer keys.wipe()
	if err != nil {
		return o, err
	}
	o.notes = append(o.notes, tried...)
	pieces, err := h.layout(src.Size(), keys, &o)
	if err != nil {
		return o, err
	}
	o.src, err = sectors.NewVolume(src, pieces)
	return o, err
}

// readable tells what makes the volume one that no key would open.
func (h *header) readable(device int64, haveKeys bool) error {
	for _, r := range h.requirements {
		if !slices.Contains(understood, r) {
			return block.Unsupported("header: requirement %q", text([]byte(r)))
		}
	}
	for _, s := range h.segments {
		switch {
		case s.offset < h.end:
			return fmt.Errorf("the header is kept apart from its data: data at byte %d: %w", s.offset, block.ErrMissing)
		case s.offset >= device:
			return fmt.Errorf("data begins at byte %d, the device ends at %d: %w", s.offset, device, block.ErrMissing)
		}
	}
	if !haveKeys {
		return nil
	}
	// A segment that can't be read leaves the others; the only one leaves none.
	if s := h.segments[0]; len(h.segments) == 1 {
		return errors.Join(s.err, s.unread())
	}
	return nil
}

// unread tells why the cipher of a segment is not read.
func (s segment) unread() error {
	if s.plain {
		return nil
	}
	return s.spec.err
}

// volumeKeys are the keys of segments by the segment's name.
type volumeKeys map[string][]byte

func (k volumeKeys) wipe() {
	for _, key := range k {
		clear(key)
	}
}

// lacks tells whether the key of a segment that could be read is not known.
func (h *header) lacks(keys volumeKeys) bool {
	return slices.ContainsFunc(h.segments, func(s segment) bool {
		return !s.plain && s.err == nil && keys[s.id] == nil
	})
}

// unlock tries the given keys: as the volume's key, then as passphrases, all of
// their bytes and without a newline at the end. notes tell which slot was opened.
func (h *header) unlock(ctx context.Context, src block.Source, given [][]byte) (keys volumeKeys, notes []string, err error) {
	keys = volumeKeys{}
	for _, g := range given {
		if h.lacks(keys) {
			h.admit(ctx, g, "", keys)
		}
	}
	var failed []string
	for _, pass := range passphrases(given) {
		for _, s := range h.slots {
			if !h.lacks(keys) || !h.wants(s, keys) {
				continue
			}
			key, err := s.try(ctx, src, pass)
			if ctx.Err() != nil {
				return keys, nil, ctx.Err()
			}
			if err != nil {
				failed = append(failed, err.Error())
				continue
			}
			if h.admit(ctx, key, s.id, keys) {
				notes = append(notes, fmt.Sprintf("opened with key slot %s", s.id))
			}
			clear(key)
		}
	}
	if !h.lacks(keys) {
		return keys, notes, ctx.Err()
	}
	slices.Sort(failed)
	return keys, nil, noKey(len(given), slices.Compact(failed))
}

// noKey says that no key opens the volume, and what could not be tried.
func noKey(given int, failed []string) error {
	if given == 0 {
		return fmt.Errorf("no key was given, --key-file opens it: %w", block.ErrEncrypted)
	}
	text := fmt.Sprintf("none of the keys given (%d) opens it", given)
	if len(failed) > 0 {
		text += " (not tried: " + strings.Join(failed, "; ") + ")"
	}
	return fmt.Errorf("%s: %w", text, block.ErrEncrypted)
}

func passphrases(given [][]byte) (out [][]byte) {
	for _, g := range given {
		out = append(out, g)
		if cut, ok := bytes.CutSuffix(g, []byte("\n")); ok {
			out = append(out, cut)
			if cut, ok := bytes.CutSuffix(cut, []byte("\r")); ok {
				out = append(out, cut)
			}
		}
	}
	return out
}

// wants tells whether a slot holds a key that is not known yet.
func (h *header) wants(s slot, keys volumeKeys) bool {
	return slices.ContainsFunc(h.digests, func(d digest) bool {
		return slices.Contains(d.slots, s.id) && slices.ContainsFunc(d.segments, func(id string) bool { return keys[id] == nil })
	})
}

// admit takes a key for the segments of the digests that it matches: those of a
// slot, or all when no slot is named.
func (h *header) admit(ctx context.Context, key []byte, slot string, keys volumeKeys) bool {
	found := false
	for _, d := range h.digests {
		if slot != "" && !slices.Contains(d.slots, slot) || slot == "" && !h.fits(d, len(key)) {
			continue
		}
		if ok, err := d.matches(ctx, key); err != nil || !ok {
			continue
		}
		for _, id := range d.segments {
			if keys[id] == nil {
				keys[id], found = bytes.Clone(key), true
			}
		}
	}
	return found
}

// fits tells whether a key of the given length may be the one of a digest.
func (h *header) fits(d digest, length int) bool {
	return length > 0 && length <= maxKeyBytes && (len(h.slots) == 0 || slices.ContainsFunc(h.slots, func(s slot) bool {
		return s.keyBytes == length && slices.Contains(d.slots, s.id)
	}))
}

// try gives the key that a slot holds, if the passphrase is the right one; what
// it gives with another one, the digest tells apart.
func (s slot) try(ctx context.Context, src block.Source, pass []byte) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	newHash, ok := hashes[s.splitHash]
	if !ok {
		return nil, block.Unsupported("key slot %s: hash %q", s.id, text([]byte(s.splitHash)))
	}
	if s.area.err != nil {
		return nil, fmt.Errorf("key slot %s: %w", s.id, s.area.err)
	}
	derived, err := s.kdf.derive(ctx, pass, s.areaKey)
	if err != nil {
		return nil, fmt.Errorf("key slot %s: %w", s.id, err)
	}
	defer clear(derived)
	split := make([]byte, s.areaBytes())
	defer clear(split)
	if err := block.ReadFull(src, split, s.areaAt); err != nil {
		return nil, fmt.Errorf("key slot %s: %w", s.id, err)
	}
	if !s.area.keyless() {
		dec, err := s.area.sectors(derived, sector)
		if err != nil {
			return nil, fmt.Errorf("key slot %s: %w", s.id, err)
		}
		dec.Decrypt(split, 0)
	}
	return merge(newHash, split[:s.keyBytes*s.stripes], s.keyBytes), nil
}

// layout puts the segments one after another.
func (h *header) layout(device int64, keys volumeKeys, o *opened) ([]sectors.Piece, error) {
	var pieces []sectors.Piece
	for _, s := range h.segments {
		size := s.size
		if size < 0 {
			size = (device - s.offset) / int64(s.sector) * int64(s.sector)
		}
		p := sectors.Piece{Length: size, Base: s.offset, Number: s.number, Err: s.err}
		if size > device-s.offset {
			return nil, block.Damaged("segment %s: %d bytes at %d, the device has %d", s.id, size, s.offset, device)
		}
		if !s.plain && p.Err == nil {
			if p.Sectors, p.Err = s.spec.sectors(keys[s.id], s.sector); p.Err != nil && len(h.segments) == 1 {
				return nil, p.Err
			}
		}
		switch {
		case p.Err != nil:
			o.notes, o.lost = append(o.notes, fmt.Sprintf("%d bytes are not read: %v", size, p.Err)), true
		case s.plain:
			o.notes = append(o.notes, fmt.Sprintf("%d bytes are not encrypted", size))
		}
		pieces = append(pieces, p)
	}
	return pieces, nil
}
