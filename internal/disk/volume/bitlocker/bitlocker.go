// Package bitlocker opens volumes encrypted with BitLocker as Windows 7 and
// later do it, BitLocker To Go included.
//
// The layout is that of the "BitLocker Drive Encryption (BDE) format
// specification" of the libbde project and of cryptsetup's BITLK; the diffuser
// N. Ferguson's "AES-CBC + Elephant diffuser".
package bitlocker

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/cipher"
)

var le = binary.LittleEndian

// Manager opens BitLocker volumes, each of which takes the place of its member.
type Manager struct{}

// Name implements [volume.Manager].
func (Manager) Name() string { return "bitlocker" }

// Probe implements [volume.Manager].
func (Manager) Probe(ctx context.Context, src block.Source) (volume.Member, error) {
	if err := ctx.Err(); err != nil {
		return volume.Member{}, err
	}
	m, err := readMetadata(src)
	if err != nil {
		return volume.Member{}, err
	}
	return volume.Member{Set: m.id, UUID: m.id, Label: m.description, Notes: m.notes, State: m}, nil
}

// Assemble implements [volume.Manager].
func (Manager) Assemble(ctx context.Context, members []volume.Member, opts volume.Options) ([]volume.Volume, error) {
	var out []volume.Volume
	for _, member := range members {
		m, ok := member.State.(*metadata)
		if !ok {
			continue
		}
		v := volume.Volume{
			Type: "bitlocker", UUID: m.id, Label: m.description, Members: []string{member.Volume},
			Size: member.Source.Size() / m.sector * m.sector, Notes: []string{m.describe()},
		}
		src, by, err := m.open(ctx, member.Source, opts.Keys)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if v.Err = err; err == nil {
			v.Source, v.Size = src, src.Size()
			v.Notes = append(v.Notes, by)
			m.noteState(&v)
		}
		out = append(out, v)
	}
	return out, nil
}

// describe says how the volume is encrypted and what would open it.
func (m *metadata) describe() string {
	var names []string
	for _, p := range m.protectors {
		names = append(names, p.describe())
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	return fmt.Sprintf("BitLocker%s, %s, protectors: %s", map[bool]string{true: " To Go"}[m.toGo], m.method, strings.Join(names, ", "))
}

// noteState tells of a conversion that is not done.
func (m *metadata) noteState(v *volume.Volume) {
	if m.encrypted >= v.Size {
		return
	}
	v.Notes = append(v.Notes, fmt.Sprintf("the bytes from %d on are not encrypted", m.encrypted))
	if m.state == stateConverting {
		v.Notes = append(v.Notes, "it was being encrypted or decrypted: what lay around that place may be wrong")
		v.Incomplete = true
	}
}

// open finds the volume's key and lays out its data. by tells what opened it.
func (m *metadata) open(ctx context.Context, src block.Source, keys [][]byte) (opened block.Source, by string, err error) {
	if len(keys) > 0 && m.method.err != nil {
		return nil, "", m.method.err
	}
	key, by, err := m.unlock(ctx, keys)
	if err != nil {
		return nil, "", err
	}
	defer clear(key)
	sectors, err := m.method.sectors(key, int(m.sector))
	if err != nil {
		return nil, "", err
	}
	pieces, err := m.layout(src.Size(), sectors)
	if err != nil {
		return nil, "", err
	}
	v, err := cipher.NewVolume(src, pieces)
	if err != nil {
		return nil, "", err
	}
	return v, by, nil
}
