package lenscap

import (
	"slices"
	"time"
)

// Cause says why something could not be read.
type Cause string

// The causes. None of them ever clears anything.
const (
	CauseDenied      Cause = "denied"
	CauseThrottled   Cause = "throttled"
	CauseTimeout     Cause = "timeout"
	CauseTruncated   Cause = "truncated"
	CauseMalformed   Cause = "malformed"
	CauseUnsupported Cause = "unsupported"
	CauseDisabled    Cause = "region_disabled"
	CauseVanished    Cause = "vanished"
	CauseNetwork     Cause = "network"
	CauseStale       Cause = "stale"    // read earlier, too long ago
	CauseNotRead     Cause = "not_read" // left out on request or by budget
	CauseError       Cause = "error"    // any other answer
)

// Aspect is the part of the truth that a [Gap] hides.
type Aspect string

// The aspects.
const (
	AspectAssets  Aspect = "assets"  // some assets may not have been listed
	AspectGrants  Aspect = "grants"  // some grants may not have been seen
	AspectGuards  Aspect = "guards"  // a guard's state
	AspectKeys    Aspect = "keys"    // who may decrypt
	AspectLineage Aspect = "lineage" // where it comes from
	AspectContent Aspect = "content" // what is on the disk
	AspectTrust   Aspect = "trust"   // which accounts belong to the organization
)

// Gap is one thing that could not be read. Empty fields widen it: a gap with
// no Asset covers every asset of Kinds in Account and Region; no Kinds, every kind.
type Gap struct {
	Provider string `json:"provider,omitempty"`
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
	Kinds    []Kind `json:"kinds,omitempty"`
	Asset    string `json:"asset,omitempty"` // an asset ID
	Aspect   Aspect `json:"aspect"`
	Cause    Cause  `json:"cause"`
	Call     string `json:"call,omitempty"`    // service:Operation
	Message  string `json:"message,omitempty"` // the cloud's own words, bounded, no secret
}

// Covers tells whether the gap hides something about the asset named by ref.
func (g Gap) Covers(ref Ref) bool {
	if g.Provider != "" && g.Provider != ref.Provider ||
		g.Account != "" && g.Account != ref.Account ||
		g.Region != "" && g.Region != ref.Region ||
		g.Asset != "" && g.Asset != ref.ID {
		return false
	}
	return len(g.Kinds) == 0 || slices.Contains(g.Kinds, ref.Kind)
}

// Coverage says how far one part of a run got: one kind in one account and
// region. A finding in it is closed only when State is [CoverageComplete].
type Coverage struct {
	Provider string        `json:"provider"`
	Account  string        `json:"account"`
	Region   string        `json:"region,omitempty"`
	Kind     Kind          `json:"kind"`
	State    CoverageState `json:"state"`
	Assets   int           `json:"assets"`
}

// CoverageState is how much of a part was read.
type CoverageState string

// The states of a part.
const (
	CoverageComplete CoverageState = "complete" // every asset was listed
	CoveragePartial  CoverageState = "partial"  // some assets may be missing
	CoverageFailed   CoverageState = "failed"   // nothing could be listed
)

// Run is one scan from start to end.
type Run struct {
	ID       string     `json:"id"`
	Started  time.Time  `json:"started"`
	Finished time.Time  `json:"finished,omitzero"`
	Status   RunStatus  `json:"status"`
	Version  string     `json:"version,omitempty"` // of lenscap
	Rules    []string   `json:"rules,omitempty"`   // the rules it judged by: findings of others are left alone
	Coverage []Coverage `json:"coverage,omitempty"`
	Gaps     []Gap      `json:"gaps,omitempty"` // all but those of single assets
	Counts   Counts     `json:"counts"`
}

// RunStatus says how a run ended.
type RunStatus string

// The ends of a run.
const (
	RunRunning  RunStatus = "running"
	RunComplete RunStatus = "complete" // everything asked for was read
	RunPartial  RunStatus = "partial"  // something could not be read
	RunAborted  RunStatus = "aborted"  // interrupted; can be resumed
)

// Counts sums up a run.
type Counts struct {
	Assets   int             `json:"assets"`
	Verdicts map[Verdict]int `json:"verdicts,omitempty"`
	Open     map[string]int  `json:"open,omitempty"` // open findings by severity
	New      int             `json:"new"`
	Resolved int             `json:"resolved"`
	Unread   int             `json:"unread"` // gaps, those of single assets included
	Calls    int             `json:"calls"`
}
