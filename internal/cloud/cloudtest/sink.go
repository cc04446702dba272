// Package cloudtest holds the suite that every Collector passes, and a sink
// that remembers what a collector gives.
package cloudtest

import (
	"slices"
	"sync"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// Sink remembers all that it is given. The zero value is ready for use. Fail,
// when set, is the error of every method.
type Sink struct {
	Fail error

	mu       sync.Mutex
	assets   []lenscap.Asset
	guards   []lenscap.Guard
	keys     []lenscap.Key
	members  []lenscap.Membership
	gaps     []lenscap.Gap
	coverage []lenscap.Coverage
}

var _ cloud.Sink = (*Sink)(nil)

// Asset remembers an asset.
func (s *Sink) Asset(a lenscap.Asset) error { return keep(s, &s.assets, a) }

// Guard remembers a guard.
func (s *Sink) Guard(g lenscap.Guard) error { return keep(s, &s.guards, g) }

// Key remembers a key.
func (s *Sink) Key(k lenscap.Key) error { return keep(s, &s.keys, k) }

// Member remembers a membership.
func (s *Sink) Member(m lenscap.Membership) error { return keep(s, &s.members, m) }

// Gap remembers a gap.
func (s *Sink) Gap(g lenscap.Gap) error { return keep(s, &s.gaps, g) }

// Covered remembers a state of coverage.
func (s *Sink) Covered(c lenscap.Coverage) error { return keep(s, &s.coverage, c) }

func keep[T any](s *Sink, list *[]T, v T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Fail != nil {
		return s.Fail
	}
	*list = append(*list, v)
	return nil
}

func list[T any](s *Sink, of *[]T) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(*of)
}

// Assets lists the assets given.
func (s *Sink) Assets() []lenscap.Asset { return list(s, &s.assets) }

// Guards lists the guards given.
func (s *Sink) Guards() []lenscap.Guard { return list(s, &s.guards) }

// Keys lists the keys given.
func (s *Sink) Keys() []lenscap.Key { return list(s, &s.keys) }

// Members lists the memberships given.
func (s *Sink) Members() []lenscap.Membership { return list(s, &s.members) }

// Coverage lists the states of coverage given.
func (s *Sink) Coverage() []lenscap.Coverage { return list(s, &s.coverage) }

// Gaps lists the gaps given on their own.
func (s *Sink) Gaps() []lenscap.Gap { return list(s, &s.gaps) }

// AllGaps lists the gaps given on their own and those of single assets, guards
// and keys.
func (s *Sink) AllGaps() []lenscap.Gap {
	all := s.Gaps()
	for _, a := range s.Assets() {
		all = append(all, a.Gaps...)
	}
	for _, g := range s.Guards() {
		if g.Gap != nil {
			all = append(all, *g.Gap)
		}
	}
	for _, k := range s.Keys() {
		all = append(all, k.Gaps...)
	}
	return all
}

// Find gives the asset with the id.
func (s *Sink) Find(id string) (lenscap.Asset, bool) {
	for _, a := range s.Assets() {
		if a.Ref.ID == id {
			return a, true
		}
	}
	return lenscap.Asset{}, false
}

// State gives the coverage of a kind in a region, "" when it was not closed.
func (s *Sink) State(region string, kind lenscap.Kind) lenscap.CoverageState {
	for _, c := range s.Coverage() {
		if c.Region == region && c.Kind == kind {
			return c.State
		}
	}
	return ""
}
