// Package finding is the stage that makes one story of a rule, an asset, its
// exposure and its evidence: identity, merge, severity and life cycle. It
// defines the [Store] in which everything that outlives a run is kept.
package finding

import (
	"context"
	"errors"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/inventory"
)

// ErrNotFound says that there is no such finding, asset or run.
var ErrNotFound = errors.New("not found")

// Ledger says what one look at a disk read in full, in the form of the stage that
// looks.
type Ledger struct {
	Ref    lenscap.Ref
	Volume lenscap.Ref // the disk that it is a version of; zero when not known
	At     time.Time   // of the disk's state
	Body   []byte
}

// Store keeps inventory, exposures with their history, findings and runs. It is
// safe for use by several goroutines. Everything handed to a method that
// returned nil survives a crash. Close may be called once.
type Store interface {
	// BeginRun starts a run. Its ID must be new.
	BeginRun(ctx context.Context, run lenscap.Run) error
	// Run gives a run, the newest one when id is empty; ErrNotFound when none.
	Run(ctx context.Context, id string) (lenscap.Run, error)
	// FinishRun writes the run's end: status, coverage, gaps, counts.
	FinishRun(ctx context.Context, run lenscap.Run) error

	// PutAssets writes what a run saw, in one transaction. An asset that is
	// already there is replaced; its first-seen time stays.
	PutAssets(ctx context.Context, run string, assets []lenscap.Asset) error
	// PutContext writes the guards, keys, memberships, gaps and coverage of one
	// finished scope ("provider/account/region"), in one transaction, and marks
	// the scope done, so that an aborted run can go on behind it.
	PutContext(ctx context.Context, run, scope string, c inventory.Context) error
	// Contexts gives the finished scopes of a run by name.
	Contexts(ctx context.Context, run string) (map[string]inventory.Context, error)
	// EachAsset calls fn for every asset that the run saw, in the order of
	// their references, without holding them all. fn must not call the store.
	EachAsset(ctx context.Context, run string, fn func(lenscap.Asset) error) error
	// Asset gives the newest observation of one asset, with the run that made it.
	Asset(ctx context.Context, ref lenscap.Ref) (asset lenscap.Asset, run string, err error)

	// PutExposures writes the exposures of a run. Where the verdict is the one
	// that stands, its interval is lengthened; else it is closed and a new one
	// opened. VerdictUnknown never closes an interval.
	PutExposures(ctx context.Context, run string, at time.Time, exposures []lenscap.Exposure) error
	// History gives the intervals of one asset, oldest first.
	History(ctx context.Context, ref lenscap.Ref) ([]Interval, error)

	// PutEvidence replaces what is known of an asset's content.
	PutEvidence(ctx context.Context, ev lenscap.Evidence) error
	// Evidence gives what is known of an asset's content; ErrNotFound when nothing is.
	Evidence(ctx context.Context, ref lenscap.Ref) (lenscap.Evidence, error)

	// PutLedger replaces what the last look at an asset read in full.
	PutLedger(ctx context.Context, l Ledger) error
	// Ledger gives that of an asset, or where there is none the newest of another
	// version of the same volume, when volume is told; ErrNotFound when there is
	// none at all.
	Ledger(ctx context.Context, ref, volume lenscap.Ref) (Ledger, error)

	// PutFindings inserts findings or replaces them by ID.
	PutFindings(ctx context.Context, findings []lenscap.Finding) error
	// Finding gives one finding by its ID or an unambiguous prefix of it.
	Finding(ctx context.Context, id string) (lenscap.Finding, error)
	// Findings lists those that match, worst first, then by ID.
	Findings(ctx context.Context, f Filter) ([]lenscap.Finding, error)

	Close() error
}

// Interval is one stretch of an asset's history with one verdict. Until is zero
// while it stands. LastSeen is the last run that saw it.
type Interval struct {
	Exposure lenscap.Exposure `json:"exposure"`
	Since    time.Time        `json:"since"`
	LastSeen time.Time        `json:"last_seen"`
	Until    time.Time        `json:"until,omitzero"`
	Run      string           `json:"run"` // the run that opened it
}

// Filter chooses findings. Empty fields choose all.
type Filter struct {
	Status      []lenscap.Status
	MinSeverity lenscap.Severity
	Provider    string
	Account     string
	Region      string
	Kind        lenscap.Kind
	Rule        string
	Limit       int // 0: all
}
