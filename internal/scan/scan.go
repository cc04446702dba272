// Package scan runs the way from end to end: collect, resolve, judge, look
// inside, merge, keep. It knows the stages' interfaces only.
package scan

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/evidence"
	"github.com/lenscap/lenscap/internal/exposure"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/inventory"
)

// Content says which disks are looked into.
type Content string

// The choices.
const (
	ContentNone    Content = "none"
	ContentExposed Content = "exposed"
	ContentAll     Content = "all"
)

// Inspector looks inside one disk.
type Inspector interface {
	Inspect(ctx context.Context, r evidence.Request) (evidence.Result, error)
	// Version changes when the same disk may give other evidence than before.
	Version() string
}

// Progress is told how far a run is. It is safe for use by several goroutines.
type Progress interface {
	// Stage begins a stage of so many steps; 0 when their number is not known.
	Stage(name lenscap.Text, steps int)
	// Step tells that n steps are done.
	Step(n int)
}

// Config is what a run needs. Collectors may be empty when Recording is set.
type Config struct {
	Collectors []cloud.Collector
	Store      finding.Store
	Engine     *exposure.Engine
	Trust      exposure.Trust
	Content    Content
	Inspector  Inspector     // may be nil with ContentNone
	Ledger     *cloud.Ledger // may be nil
	Progress   Progress      // may be nil
	Version    string        // of lenscap
	Resume     bool          // go on with the newest run if it did not end
	Recording  Recording     // judge this instead of collecting; may be nil
	Now        func() time.Time
}

// Recording is an inventory that was read before.
type Recording interface {
	inventory.Assets
	View() *inventory.View
	Run() lenscap.Run
}

// parallel bounds how many scopes are read at once.
const parallel = 8

// Run does one run. What could not be read is in the run's gaps and those of
// its findings; the error is for what stopped the run as a whole. An
// interrupted run is kept and can be resumed.
func Run(ctx context.Context, cfg Config) (lenscap.Run, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Progress == nil {
		cfg.Progress = silent{}
	}
	r := &runner{Config: cfg, view: inventory.NewView()}
	err := r.begin(ctx)
	if err != nil {
		return r.run, err
	}
	if err := r.steps(ctx); err != nil {
		r.run.Status = lenscap.RunAborted
		r.run.Finished = cfg.Now().UTC()
		// The run's state must be kept though ctx has ended.
		keep := r.Store.FinishRun(context.WithoutCancel(ctx), r.run)
		return r.run, errors.Join(err, keep)
	}
	return r.run, nil
}

// runner is one run under way.
type runner struct {
	Config

	mu      sync.Mutex // guards run, view and origin while scopes are read
	run     lenscap.Run
	done    map[string]inventory.Context // scopes finished by the run that is resumed
	view    *inventory.View
	assets  inventory.Assets              // what the run saw
	origin  map[lenscap.Ref][]lenscap.Ref // original → its copies
	opener  map[string]cloud.BlockOpener  // by provider
	tracers []cloud.KeyTracer
	traced  sync.Map // whose keys are that were asked for, see owner
	seen    observed
	hits    []*hit
}

func (r *runner) steps(ctx context.Context) error {
	if r.Recording == nil {
		if err := r.collect(ctx); err != nil {
			return err
		}
	}
	if err := r.judge(ctx); err != nil {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	if err := r.merge(ctx); err != nil {
		return err
	}
	r.run.Finished = r.Now().UTC()
	r.run.Status = lenscap.RunComplete
	if r.run.Counts.Unread > 0 {
		r.run.Status = lenscap.RunPartial
	}
	if err := r.Store.FinishRun(ctx, r.run); err != nil {
		return fmt.Errorf("keep the run's end: %w", err)
	}
	return nil
}

// begin starts a run or takes up the one that did not end.
func (r *runner) begin(ctx context.Context) error {
	r.origin = make(map[lenscap.Ref][]lenscap.Ref)
	r.opener = make(map[string]cloud.BlockOpener)
	for _, c := range r.Collectors {
		if o, ok := c.(cloud.BlockOpener); ok {
			r.opener[c.Provider()] = o
		}
		if t, ok := c.(cloud.KeyTracer); ok {
			r.tracers = append(r.tracers, t)
		}
	}
	if r.Resume {
		last, err := r.Store.Run(ctx, "")
		switch {
		case err == nil && (last.Status == lenscap.RunAborted || last.Status == lenscap.RunRunning):
			r.run = last
			r.run.Status = lenscap.RunRunning
			r.run.Gaps, r.run.Coverage, r.run.Counts = nil, nil, lenscap.Counts{}
			if r.done, err = r.Store.Contexts(ctx, last.ID); err != nil {
				return fmt.Errorf("read what run %s had finished: %w", last.ID, err)
			}
			return nil
		case err != nil && !errors.Is(err, finding.ErrNotFound):
			return fmt.Errorf("look for a run to resume: %w", err)
		}
	}
	now := r.Now().UTC()
	r.run = lenscap.Run{
		ID: now.Format("20060102T150405Z-") + rand.Text()[:6], Started: now,
		Status: lenscap.RunRunning, Version: r.Version, Rules: r.Engine.Rules(),
	}
	if r.Recording != nil {
		rec := r.Recording.Run()
		r.run.Coverage, r.run.Gaps = rec.Coverage, rec.Gaps
		r.view, r.assets = r.Recording.View(), r.Recording
	}
	if err := r.Store.BeginRun(ctx, r.run); err != nil {
		return fmt.Errorf("begin a run: %w", err)
	}
	return nil
}

// silent is the progress of nobody.
type silent struct{}

func (silent) Stage(lenscap.Text, int) {}
func (silent) Step(int)                {}
