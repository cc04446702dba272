package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/lenscap/lenscap"
)

// ID names the finding of a rule on an asset: the first 16 hexadecimal digits
// of the SHA-256 of both, so that it is the same in every run and store.
func ID(rule string, ref lenscap.Ref) string {
	sum := sha256.Sum256([]byte(rule + "\x00" + ref.String()))
	return hex.EncodeToString(sum[:8])
}

// Observed tells what a run saw of an asset.
type Observed interface {
	// Complete tells whether the asset was there and whether the look at it, or
	// at the place where it should have been, could have missed anything; gaps
	// say what.
	Complete(ref lenscap.Ref) (present, complete bool, gaps []lenscap.Gap)
}

// Stats counts what a merge changed.
type Stats struct {
	New, Reopened, Resolved, Unconfirmed int
}

// Merge lays what a run saw over the findings that stand, and gives those that
// changed:
//
//   - seen: open, with its first time kept; one that was resolved opens again.
//   - not seen, and the run looked completely: resolved. That takes both the
//     observer's word and a coverage of the asset's place and kind in which
//     every part is complete.
//   - not seen, and the run could have missed it: it stays, with the gaps.
//   - outside what the run covered: untouched.
//
// A muted finding stays muted until its time is up, whatever its severity
// becomes: who muted it gave a reason for this rule and asset, and may give an
// end. What is known of the content is kept when this run did not look, or
// looked and could read nothing.
func Merge(now time.Time, run lenscap.Run, old, seen []lenscap.Finding, observed Observed) ([]lenscap.Finding, Stats) {
	var stats Stats
	before := make(map[string]lenscap.Finding, len(old))
	for _, f := range old {
		before[f.ID] = f
	}
	var changed []lenscap.Finding
	met := make(map[string]bool, len(seen))
	for _, f := range seen {
		met[f.ID] = true
		was, stood := before[f.ID]
		if !stood {
			stats.New++
		} else {
			if was.Status == lenscap.StatusResolved {
				stats.Reopened++
			}
			f = renew(f, was, now)
		}
		changed = append(changed, f)
	}
	cover := coverage(run)
	for _, f := range old {
		if met[f.ID] || f.Status == lenscap.StatusResolved || !judged(run, f.Rule) {
			continue
		}
		covered, whole := cover(f.Asset.Ref)
		if !covered {
			continue
		}
		_, complete, gaps := observed.Complete(f.Asset.Ref)
		if complete && !whole {
			gaps = unlisted(run, f.Asset.Ref)
		}
		if complete && whole {
			f.Status, f.Resolved, f.Unconfirmed, f.Mute = lenscap.StatusResolved, now, nil, nil
			stats.Resolved++
		} else {
			f = wake(f, now)
			f.Unconfirmed = gaps
			stats.Unconfirmed++
		}
		changed = append(changed, f)
	}
	return changed, stats
}

// judged tells whether the run asked the rule at all. A run that does not know
// its rules is taken to have asked all.
func judged(run lenscap.Run, rule string) bool {
	return run.Rules == nil || slices.Contains(run.Rules, rule)
}

// renew takes over what an earlier sight of the same finding knew.
func renew(f, was lenscap.Finding, now time.Time) lenscap.Finding {
	f.FirstSeen = was.FirstSeen
	if was.Evidence != nil && blind(f.Evidence) {
		f.Evidence = was.Evidence
	}
	if was.Status == lenscap.StatusMuted {
		f.Status, f.Mute = was.Status, was.Mute
		f = wake(f, now)
	}
	return f
}

// wake opens a muted finding whose time is up.
func wake(f lenscap.Finding, now time.Time) lenscap.Finding {
	if f.Status == lenscap.StatusMuted && f.Mute != nil && !f.Mute.Until.IsZero() && !f.Mute.Until.After(now) {
		f.Status, f.Mute = lenscap.StatusOpen, nil
	}
	return f
}

// blind tells whether a look at a disk saw nothing because it could not.
func blind(ev *lenscap.Evidence) bool {
	return ev == nil || !ev.Complete && ev.FilesRead == 0 && len(ev.Items) == 0
}

// coverage tells whether a run looked where an asset lives, and whether every
// part of it there is complete: the worst of several counts.
func coverage(run lenscap.Run) func(lenscap.Ref) (covered, whole bool) {
	type part struct {
		provider, account, region string
		kind                      lenscap.Kind
	}
	parts := make(map[part]bool, len(run.Coverage))
	for _, c := range run.Coverage {
		p := part{c.Provider, c.Account, c.Region, c.Kind}
		whole, met := parts[p]
		parts[p] = (whole || !met) && c.State == lenscap.CoverageComplete
	}
	return func(r lenscap.Ref) (covered, whole bool) {
		whole, covered = parts[part{r.Provider, r.Account, r.Region, r.Kind}]
		if slices.ContainsFunc(run.Gaps, func(g lenscap.Gap) bool { return hides(g, r) }) {
			return true, false
		}
		return covered, whole
	}
}

// hides tells whether an asset may have been there and not listed.
func hides(g lenscap.Gap, r lenscap.Ref) bool { return g.Aspect == lenscap.AspectAssets && g.Covers(r) }

// unlisted says why an asset's place was not listed in full.
func unlisted(run lenscap.Run, r lenscap.Ref) []lenscap.Gap {
	var gaps []lenscap.Gap
	for _, g := range run.Gaps {
		if hides(g, r) {
			gaps = append(gaps, g)
		}
	}
	if len(gaps) > 0 {
		return gaps
	}
	return []lenscap.Gap{{
		Provider: r.Provider, Account: r.Account, Region: r.Region, Kinds: []lenscap.Kind{r.Kind},
		Aspect: lenscap.AspectAssets, Cause: lenscap.CauseNotRead,
	}}
}

// Mute silences a finding; a zero until means until it is unmuted.
func Mute(f lenscap.Finding, reason, by string, until, now time.Time) lenscap.Finding {
	f.Status = lenscap.StatusMuted
	f.Mute = &lenscap.Mute{Reason: reason, By: by, At: now, Until: until}
	return f
}

// Unmute ends a finding's silence.
func Unmute(f lenscap.Finding) lenscap.Finding {
	if f.Status == lenscap.StatusMuted {
		f.Status, f.Mute = lenscap.StatusOpen, nil
	}
	return f
}
