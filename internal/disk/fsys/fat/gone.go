package fat

import (
	"strings"

	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// names gathers long names, those of deleted entries, too.
type names struct {
	long  long
	parts []gonePart // of deleted names, in the order of the directory
}

// gonePart is a part of a long name whose number is gone.
type gonePart struct {
	units [partUnits]uint16
	sum   byte
}

func (n *names) reset() {
	n.long.parts = 0
	n.parts = n.parts[:0]
}

// add takes a part of a long name.
func (n *names) add(s slot) {
	if s[0] != slotDeleted {
		n.parts = n.parts[:0]
		n.long.add(s)
		return
	}
	n.long.parts = 0
	if len(n.parts) == maxParts {
		n.parts = append(n.parts[:0], n.parts[1:]...)
	}
	p := gonePart{sum: s[13]}
	partOf(s, p.units[:])
	n.parts = append(n.parts, p)
}

// live gives the name of an entry whose first byte is there.
func (n *names) live(s slot) (string, bool) {
	name, ok := n.long.name(s)
	n.reset()
	if !ok {
		name = s.shortName()
	}
	return name, fatcore.ValidName(name)
}

// gone gives the name of a deleted entry: the long one, or the short one with
// "?" for its first character.
func (n *names) gone(s slot) (string, bool) {
	if s[0] != slotDeleted {
		return n.live(s)
	}
	defer n.reset()
	if name, ok := n.longGone(s); ok {
		return name, true
	}
	raw := slot(append([]byte(nil), s...))
	raw[0] = '?'
	name := raw.shortName()
	return name, fatcore.ValidName(name)
}

// longGone puts the parts before a deleted entry together. The nearest one is
// the name's first; all hold the checksum of the short name as it was.
func (n *names) longGone(s slot) (string, bool) {
	var units []uint16
	for i := len(n.parts) - 1; i >= 0; i-- {
		p := &n.parts[i]
		if p.sum != n.parts[len(n.parts)-1].sum {
			break
		}
		units = append(units, p.units[:]...)
		if p.units[partUnits-1] == 0 || p.units[partUnits-1] == 0xFFFF {
			break // the name ends within this part
		}
	}
	if len(units) == 0 || !firstFits(s, n.parts[len(n.parts)-1].sum) {
		return "", false
	}
	return unitsName(units)
}

// firstFits tells whether the short name had the checksum before its first byte
// was overwritten: one byte gives it, which must be one of a name.
func firstFits(s slot, sum byte) bool {
	raw := slot(append([]byte(nil), s[:11]...))
	for c := 0x21; c < 0x100; c++ {
		if raw[0] = byte(c); raw.checksum() == sum {
			return (c < 'a' || c > 'z') && strings.IndexByte(`"*+,./:;<=>?[\]|`, byte(c)) < 0
		}
	}
	raw[0] = slotKanji
	return raw.checksum() == sum
}
