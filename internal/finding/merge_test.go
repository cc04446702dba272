package finding_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
)

var (
	then = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	now  = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	gap  = lenscap.Gap{Aspect: lenscap.AspectGrants, Cause: lenscap.CauseDenied}
)

func at(id string) lenscap.Finding {
	ref := lenscap.Ref{Provider: "aws", Account: "1", Region: "eu-west-1", Kind: lenscap.KindDiskSnapshot, ID: id}
	return lenscap.Finding{
		ID: finding.ID("public-snapshot", ref), Rule: "public-snapshot", Asset: lenscap.Asset{Ref: ref},
		Severity: lenscap.SeverityHigh, Status: lenscap.StatusOpen, FirstSeen: then, LastSeen: then,
	}
}

// with changes a finding.
func with(f lenscap.Finding, change func(*lenscap.Finding)) lenscap.Finding {
	change(&f)
	return f
}

// sight is what a run observed of each asset, by its ID; missing: gone, seen completely.
type sight map[string][]lenscap.Gap

func (s sight) Complete(ref lenscap.Ref) (present, complete bool, gaps []lenscap.Gap) {
	gaps, present = s[ref.ID]
	return present, len(gaps) == 0, gaps
}

func covered(run lenscap.Run) lenscap.Run {
	run.Coverage = []lenscap.Coverage{{Provider: "aws", Account: "1", Region: "eu-west-1", Kind: lenscap.KindDiskSnapshot, State: lenscap.CoverageComplete}}
	return run
}

// twice puts another coverage of the same part between two complete ones.
func twice(run lenscap.Run, state lenscap.CoverageState) lenscap.Run {
	other := run.Coverage[0]
	other.State = state
	run.Coverage = []lenscap.Coverage{run.Coverage[0], other, run.Coverage[0]}
	return run
}

func TestMerge(t *testing.T) {
	t.Parallel()
	fresh := with(at("a"), func(f *lenscap.Finding) { f.FirstSeen, f.LastSeen = now, now })
	known := &lenscap.Evidence{Files: 7}
	mute := &lenscap.Mute{Reason: "known", At: then}
	ended := &lenscap.Mute{Reason: "known", At: then, Until: now.Add(-time.Hour)}
	for name, c := range map[string]struct {
		run       lenscap.Run
		old, seen []lenscap.Finding
		sight     sight
		want      []lenscap.Finding
		stats     finding.Stats
	}{
		"new": {covered(lenscap.Run{}), nil, []lenscap.Finding{fresh}, nil, []lenscap.Finding{fresh}, finding.Stats{New: 1}},
		"seen again keeps its first time and its evidence": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Evidence = known })},
			[]lenscap.Finding{fresh},
			nil,
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.FirstSeen, f.Evidence = then, known })},
			finding.Stats{},
		},
		"resolved opens again": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Status, f.Resolved = lenscap.StatusResolved, then })},
			[]lenscap.Finding{fresh},
			nil,
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.FirstSeen = then })},
			finding.Stats{Reopened: 1},
		},
		"muted stays muted": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Status, f.Mute = lenscap.StatusMuted, mute })},
			[]lenscap.Finding{fresh},
			nil,
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.FirstSeen, f.Status, f.Mute = then, lenscap.StatusMuted, mute })},
			finding.Stats{},
		},
		"a mute ends": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Status, f.Mute = lenscap.StatusMuted, ended })},
			[]lenscap.Finding{fresh},
			nil,
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.FirstSeen = then })},
			finding.Stats{},
		},
		"gone, and looked completely: resolved": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{at("a")},
			nil,
			sight{},
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Status, f.Resolved = lenscap.StatusResolved, now })},
			finding.Stats{Resolved: 1},
		},
		"there, but its grants could not be read: stays": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{at("a")},
			nil,
			sight{"a": {gap}},
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Unconfirmed = []lenscap.Gap{gap} })},
			finding.Stats{Unconfirmed: 1},
		},
		"outside what the run covered: untouched": {lenscap.Run{}, []lenscap.Finding{at("a")}, nil, sight{}, nil, finding.Stats{}},
		"the run could not even list: stays": {
			lenscap.Run{Gaps: []lenscap.Gap{{Provider: "aws", Account: "1", Aspect: lenscap.AspectAssets, Cause: lenscap.CauseThrottled}}},
			[]lenscap.Finding{at("a")},
			nil,
			sight{"a": {gap}},
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Unconfirmed = []lenscap.Gap{gap} })},
			finding.Stats{Unconfirmed: 1},
		},
		"one part of its place was not listed in full: stays": {
			twice(covered(lenscap.Run{}), lenscap.CoveragePartial),
			[]lenscap.Finding{at("a")},
			nil,
			sight{},
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) {
				f.Unconfirmed = []lenscap.Gap{{
					Provider: "aws", Account: "1", Region: "eu-west-1", Kinds: []lenscap.Kind{lenscap.KindDiskSnapshot},
					Aspect: lenscap.AspectAssets, Cause: lenscap.CauseNotRead,
				}}
			})},
			finding.Stats{Unconfirmed: 1},
		},
		"a look that could read nothing keeps what was known": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Evidence = known })},
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.Evidence = &lenscap.Evidence{Gaps: []lenscap.Gap{gap}} })},
			nil,
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.FirstSeen, f.Evidence = then, known })},
			finding.Stats{},
		},
		"a complete look that found nothing replaces it": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Evidence = known })},
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.Evidence = &lenscap.Evidence{Complete: true} })},
			nil,
			[]lenscap.Finding{with(fresh, func(f *lenscap.Finding) { f.FirstSeen, f.Evidence = then, &lenscap.Evidence{Complete: true} })},
			finding.Stats{},
		},
		"its rule was not asked: untouched": {
			covered(lenscap.Run{Rules: []string{"another"}}), []lenscap.Finding{at("a")}, nil, sight{}, nil, finding.Stats{},
		},
		"resolved stays resolved": {
			covered(lenscap.Run{}),
			[]lenscap.Finding{with(at("a"), func(f *lenscap.Finding) { f.Status = lenscap.StatusResolved })},
			nil,
			sight{},
			nil,
			finding.Stats{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, stats := finding.Merge(now, c.run, c.old, c.seen, c.sight)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.stats, stats); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
		})
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	a, b := at("a"), at("b")
	if a.ID == b.ID || a.ID == finding.ID("other", a.Asset.Ref) || len(a.ID) != 16 {
		t.Errorf("IDs %q and %q", a.ID, b.ID)
	}
}

func TestMute(t *testing.T) {
	t.Parallel()
	muted := finding.Mute(at("a"), "a test image", "me", now.AddDate(0, 1, 0), now)
	if muted.Status != lenscap.StatusMuted || muted.Mute.Reason != "a test image" {
		t.Errorf("Mute: %+v", muted)
	}
	if got := finding.Unmute(muted); got.Status != lenscap.StatusOpen || got.Mute != nil {
		t.Errorf("Unmute: %+v", got)
	}
	resolved := with(at("a"), func(f *lenscap.Finding) { f.Status = lenscap.StatusResolved })
	if got := finding.Unmute(resolved); got.Status != lenscap.StatusResolved {
		t.Errorf("Unmute of a resolved one: %v", got.Status)
	}
}
