package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// gapGroup is gaps of one aspect, cause, call and place, counted.
type gapGroup struct {
	Gap   lenscap.Gap
	Count int
}

// place names where the gaps of a group are.
func (g gapGroup) place() string {
	return strings.Join(slices.DeleteFunc([]string{g.Gap.Provider, g.Gap.Account, g.Gap.Region}, func(s string) bool { return s == "" }), " ")
}

// distinct gives every gap once: the run's and those of findings, of which an
// exposure repeats what stood in the run or the asset.
func (in Input) distinct() []lenscap.Gap {
	type key struct {
		provider, account, region, kinds, asset string

		aspect lenscap.Aspect
		cause  lenscap.Cause
		call   string
	}
	seen := make(map[key]bool)
	var out []lenscap.Gap
	add := func(of lenscap.Ref, gaps []lenscap.Gap) {
		for _, g := range gaps {
			g.Asset = cmp.Or(g.Asset, of.ID)
			g.Provider, g.Account, g.Region = cmp.Or(g.Provider, of.Provider), cmp.Or(g.Account, of.Account), cmp.Or(g.Region, of.Region)
			k := key{g.Provider, g.Account, g.Region, fmt.Sprint(g.Kinds), g.Asset, g.Aspect, g.Cause, g.Call}
			if !seen[k] {
				seen[k] = true
				out = append(out, g)
			}
		}
	}
	add(lenscap.Ref{}, in.Run.Gaps)
	for i := range in.Findings {
		f := &in.Findings[i]
		add(f.Asset.Ref, f.Asset.Gaps)
		if f.Evidence != nil {
			add(f.Asset.Ref, f.Evidence.Gaps)
		}
		add(lenscap.Ref{}, f.Exposure.Gaps)
		add(lenscap.Ref{}, f.Unconfirmed)
	}
	return out
}

// gaps groups what could not be read, the most frequent first.
func (in Input) gaps() []gapGroup {
	type key struct {
		aspect                          lenscap.Aspect
		cause                           lenscap.Cause
		call, provider, account, region string
	}
	groups := make(map[key]int)
	var out []gapGroup
	for _, g := range in.distinct() {
		k := key{g.Aspect, g.Cause, g.Call, g.Provider, g.Account, g.Region}
		i, ok := groups[k]
		if !ok {
			i = len(out)
			groups[k] = i
			out = append(out, gapGroup{Gap: g})
		}
		out[i].Count++
	}
	slices.SortStableFunc(out, func(a, b gapGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Gap.Call, b.Gap.Call),
			cmp.Compare(a.place(), b.place()), cmp.Compare(a.Gap.Aspect, b.Gap.Aspect), cmp.Compare(a.Gap.Cause, b.Gap.Cause))
	})
	return out
}

// unread counts what could not be read: what the run counted or what is here to
// see, whichever is more. The run also counts assets that have no finding.
func (in Input) unread() int { return max(in.Run.Counts.Unread, len(in.distinct())) }

// coverageText is the sentence on how far the run got. Only a complete run that
// missed nothing is told to be one.
func (in Input) coverageText() lenscap.Text {
	if n := in.unread(); n > 0 {
		return lenscap.Text{En: fmt.Sprintf(lIncompl.En, n), Zh: fmt.Sprintf(lIncompl.Zh, n)}
	}
	switch in.Run.Status {
	case lenscap.RunComplete:
		return lClean
	case lenscap.RunAborted, lenscap.RunRunning:
		return lUnfinished
	case lenscap.RunPartial:
	}
	return lPartialRun
}

// whole tells whether everything that was asked for was read.
func (in Input) whole() bool { return in.unread() == 0 && in.Run.Status == lenscap.RunComplete }

// emptyText is the sentence that stands for a list without findings.
func (in Input) emptyText() lenscap.Text {
	if in.whole() {
		return lNothing
	}
	return lNothingButUnread
}
