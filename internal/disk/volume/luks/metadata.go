package luks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxObjects bounds the key slots, segments, digests and tokens, each. The tool
// itself makes at most 32.
const maxObjects = 64

// metadata is the JSON of a LUKS2 header, as far as reading needs it.
type metadata struct {
	Keyslots map[string]json.RawMessage `json:"keyslots"`
	Segments map[string]json.RawMessage `json:"segments"`
	Digests  map[string]jsonDigest      `json:"digests"`
	Tokens   map[string]struct {
		Type string `json:"type"`
	} `json:"tokens"`
	Config struct {
		Requirements struct {
			Mandatory []string `json:"mandatory"`
		} `json:"requirements"`
	} `json:"config"`
}

type jsonSlot struct {
	Type    string `json:"type"`
	KeySize int    `json:"key_size"`
	AF      struct {
		Type    string `json:"type"`
		Stripes int    `json:"stripes"`
		Hash    string `json:"hash"`
	} `json:"af"`
	Area struct {
		Type       string `json:"type"`
		Offset     number `json:"offset"`
		Size       number `json:"size"`
		Encryption string `json:"encryption"`
		KeySize    int    `json:"key_size"`
	} `json:"area"`
	KDF struct {
		Type       string `json:"type"`
		Salt       []byte `json:"salt"`
		Hash       string `json:"hash"`
		Iterations int    `json:"iterations"`
		Time       int    `json:"time"`
		Memory     int    `json:"memory"`
		CPUs       int    `json:"cpus"`
	} `json:"kdf"`
}

type jsonSegment struct {
	Type       string   `json:"type"`
	Offset     number   `json:"offset"`
	Size       number   `json:"size"`
	Tweak      number   `json:"iv_tweak"`
	Encryption string   `json:"encryption"`
	SectorSize int      `json:"sector_size"`
	Flags      []string `json:"flags"`
	Integrity  *struct {
		Type string `json:"type"`
	} `json:"integrity"`
}

type jsonDigest struct {
	Type       string   `json:"type"`
	Keyslots   []string `json:"keyslots"`
	Segments   []string `json:"segments"`
	Hash       string   `json:"hash"`
	Iterations int      `json:"iterations"`
	Salt       []byte   `json:"salt"`
	Digest     []byte   `json:"digest"`
}

// number is an unsigned number written as a string; dynamic is one below zero.
type number int64

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == "dynamic" {
		*n = -1
		return nil
	}
	v, err := strconv.ParseUint(s, 10, 62)
	if err != nil {
		return fmt.Errorf("number %.40q", s)
	}
	*n = number(v)
	return nil
}

// parseJSON fills in what the JSON tells.
func (h *header) parseJSON(b []byte, device int64) error {
	var m metadata
	if err := json.Unmarshal(b, &m); err != nil {
		return block.Damaged("header: JSON: %v", err)
	}
	if n := max(len(m.Keyslots), len(m.Segments), len(m.Digests), len(m.Tokens)); n > maxObjects {
		return block.Damaged("header: JSON holds %d objects of a kind, want at most %d", n, maxObjects)
	}
	h.requirements = m.Config.Requirements.Mandatory
	for _, id := range ordered(m.Keyslots) {
		if s, ok := parseSlot(id, m.Keyslots[id]); ok {
			s.check(device)
			h.slots = append(h.slots, s)
		}
	}
	for _, id := range ordered(m.Segments) {
		s, active, err := parseSegment(id, m.Segments[id])
		if err != nil {
			return err
		}
		if active {
			h.segments = append(h.segments, s)
		}
	}
	for _, id := range ordered(m.Digests) {
		d := m.Digests[id]
		if d.Type == "pbkdf2" && len(d.Digest) > 0 {
			h.digests = append(h.digests, digest{d.Hash, d.Iterations, d.Salt, d.Digest, d.Keyslots, d.Segments})
		}
	}
	for _, id := range ordered(m.Tokens) {
		h.tokens = append(h.tokens, text([]byte(m.Tokens[id].Type)))
	}
	if len(h.segments) == 0 {
		return block.Damaged("header: JSON holds no segment")
	}
	return nil
}

// ordered gives the names of objects, which are numbers, in their order.
func ordered[V any](objects map[string]V) []string {
	return slices.SortedFunc(maps.Keys(objects), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
}

// parseSlot reads a key slot. ok is false for what is none of the volume's key:
// the state of a reencryption.
func parseSlot(id string, b []byte) (s slot, ok bool) {
	var j jsonSlot
	s = slot{id: text([]byte(id))}
	if err := json.Unmarshal(b, &j); err != nil {
		s.err = block.Damaged("key slot %s: %v", s.id, err)
		return s, true
	}
	if j.Type == "reencrypt" {
		return s, false
	}
	s.keyBytes, s.stripes, s.splitHash = j.KeySize, j.AF.Stripes, j.AF.Hash
	s.areaAt, s.areaKey, s.area = int64(j.Area.Offset), j.Area.KeySize, parseSpec(j.Area.Encryption)
	s.kdf = kdf{name: text([]byte(j.KDF.Type)), hash: j.KDF.Hash, salt: j.KDF.Salt, time: j.KDF.Time, memory: j.KDF.Memory, cpus: j.KDF.CPUs}
	if j.KDF.Type == "pbkdf2" {
		s.kdf.time = j.KDF.Iterations
	}
	switch {
	case j.Type != "luks2":
		s.err = block.Unsupported("key slot %s: type %q", s.id, j.Type)
	case j.Area.Type != "raw" || j.AF.Type != "luks1":
		s.err = block.Unsupported("key slot %s: area %q, split %q", s.id, j.Area.Type, j.AF.Type)
	}
	return s, true
}

// parseSegment reads a segment. active is false for one that only keeps what
// was before or will be after a reencryption.
func parseSegment(id string, b []byte) (s segment, active bool, err error) {
	var j jsonSegment
	if err := json.Unmarshal(b, &j); err != nil {
		return s, false, block.Damaged("segment %s: %v", text([]byte(id)), err)
	}
	s = segment{
		id: text([]byte(id)), plain: j.Type == "linear", offset: int64(j.Offset), size: int64(j.Size),
		number: uint64(j.Tweak), sector: j.SectorSize, spec: parseSpec(j.Encryption),
	}
	if s.plain {
		s.sector = sector
	}
	for _, f := range j.Flags {
		if strings.HasPrefix(f, "backup-") {
			return s, false, nil
		}
	}
	switch {
	case s.offset < 0 || j.Tweak < 0:
		return s, false, block.Damaged("segment %s: offset %d", s.id, s.offset)
	case s.sector < sector || s.sector > 4096 || s.sector&(s.sector-1) != 0:
		return s, false, block.Damaged("segment %s: sectors of %d bytes", s.id, s.sector)
	case j.Integrity != nil:
		s.err = block.Unsupported("segment %s: authenticated encryption, %s", s.id, text([]byte(j.Integrity.Type)))
	case j.Type != "crypt" && j.Type != "linear":
		s.err = block.Unsupported("segment %s: type %q", s.id, j.Type)
	case slices.Contains(j.Flags, "in-reencryption"):
		s.err = block.Unsupported("segment %s: a reencryption was cut off in it", s.id)
	case s.spec.keyless():
		s.plain = true
	}
	return s, true, nil
}
