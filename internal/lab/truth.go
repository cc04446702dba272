package lab

import (
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// Truth is what the story knows of one asset. It is written down as the asset
// is made, not reckoned from it.
type Truth struct {
	Ref     lenscap.Ref
	Verdict lenscap.Verdict
	// Readable tells whether the worst reach can read the bytes; only set for
	// assets that somebody else was let in to.
	Readable lenscap.Tri
	Residues []lenscap.ResidueKind
	// Disk names the lab's disk behind it: web and data are full of secrets,
	// plain is clean. Empty means nothing was ever written.
	Disk string
	// ReadFrom is the private copy with the same bytes, for a public snapshot
	// that the EBS direct APIs refuse.
	ReadFrom string
	// Why tells the case in a few words, for tests' messages.
	Why string
}

// Story is what was told: the truth about every asset.
type Story struct{ truths []Truth }

// Expected lists the truth about every snapshot, image, FPGA image and volume
// of the organization's accounts, ordered by reference.
func (s *Story) Expected() []Truth { return slices.Clone(s.truths) }

// Leaks lists those that somebody outside can, or nearly can, reach.
func (s *Story) Leaks() []Truth {
	return slices.DeleteFunc(s.Expected(), func(t Truth) bool { return !t.Verdict.Exposed() })
}

// Left lists the residual ones.
func (s *Story) Left() []Truth {
	return slices.DeleteFunc(s.Expected(), func(t Truth) bool { return len(t.Residues) == 0 })
}

func (s *Story) sort() {
	slices.SortFunc(s.truths, func(a, b Truth) int { return strings.Compare(a.Ref.String(), b.Ref.String()) })
}
