package fat

import "github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"

// A long name is in parts of 13 UTF-16 units before its short entry, the last
// part first.
const (
	partUnits = 13
	maxParts  = 20
	lastPart  = 0x40 // of the part's number: no part follows it in the name
)

// long gathers the parts of a long name.
type long struct {
	units [maxParts * partUnits]uint16
	parts int  // that the name has
	left  int  // that are still to come; parts 0 says that there is no name
	sum   byte // of the short name
}

// add takes the next part.
func (l *long) add(s slot) {
	n := int(s[0] &^ lastPart)
	switch {
	case n == 0 || n > maxParts:
		l.parts = 0
		return
	case s[0]&lastPart != 0:
		l.parts, l.left, l.sum = n, n, s[13]
	case l.parts == 0 || n != l.left || s[13] != l.sum:
		l.parts = 0
		return
	}
	l.left = n - 1
	partOf(s, l.units[(n-1)*partUnits:])
}

// name gives the name of a short entry and forgets it; ok is false when the
// parts before the entry make no name for it.
func (l *long) name(s slot) (name string, ok bool) {
	parts := l.parts
	l.parts = 0
	if parts == 0 || l.left != 0 || l.sum != s.checksum() {
		return "", false
	}
	return unitsName(l.units[:parts*partUnits])
}

// partOf copies the units of a part.
func partOf(s slot, to []uint16) {
	for i := range partUnits {
		at := 1 + 2*i
		if i >= 5 {
			at += 3 // attributes, type, checksum
		}
		if i >= 11 {
			at += 2 // the cluster
		}
		to[i] = le.Uint16(s[at:])
	}
}

// unitsName gives the name in units, which ends at the first 0.
func unitsName(units []uint16) (string, bool) {
	for i, u := range units {
		if u == 0 {
			units = units[:i]
			break
		}
	}
	name := fatcore.Text(units)
	return name, fatcore.ValidName(name)
}
