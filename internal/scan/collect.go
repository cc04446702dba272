package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/inventory"
)

// batch is how many assets go to the store at once.
const batch = 500

// collect reads every scope of every cloud that the run has not yet read.
func (r *runner) collect(ctx context.Context) error {
	type job struct {
		collector cloud.Collector
		scope     cloud.Scope
		name      string
	}
	var jobs []job
	for _, c := range r.Collectors {
		// What belongs to no scope (accounts that can't be entered, the
		// organization) is read anew each time: it is small.
		head := r.sink(ctx, c.Provider())
		scopes, err := c.Scopes(ctx, head)
		if err != nil {
			return fmt.Errorf("find out what to read in %s: %w", c.Provider(), err)
		}
		if err := head.close(); err != nil {
			return err
		}
		for _, s := range scopes {
			jobs = append(jobs, job{c, s, c.Provider() + "/" + s.Account + "/" + s.Region})
		}
	}
	r.Progress.Stage(lenscap.Text{En: "reading accounts", Zh: "读取账号"}, len(jobs))
	if len(r.done) > 0 {
		if err := r.recall(ctx); err != nil {
			return err
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, j := range jobs {
		if _, ok := r.done[j.name]; ok {
			r.Progress.Step(1)
			continue
		}
		g.Go(func() error {
			sink := r.sink(gctx, j.name)
			if err := j.collector.Collect(gctx, j.scope, sink); err != nil {
				return fmt.Errorf("read %s: %w", j.name, err)
			}
			r.Progress.Step(1)
			return sink.close()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := r.settleCopies(ctx); err != nil {
		return err
	}
	r.assets = stored{r.Store, r.run.ID}
	return nil
}

// settleCopies tells whether the originals of copies still exist, which a
// collector that reads one region at a time can't: an original that this run
// saw exists, one that it would have seen is gone.
func (r *runner) settleCopies(ctx context.Context) error {
	complete := make(map[part]bool)
	for _, c := range r.run.Coverage {
		complete[part{c.Provider, c.Account, c.Region, c.Kind}] = c.State == lenscap.CoverageComplete
	}
	var settled []lenscap.Asset
	for original, copies := range r.origin {
		state := lenscap.LinkUnknown
		_, run, err := r.Store.Asset(ctx, original)
		switch {
		case err == nil && run == r.run.ID:
			state = lenscap.LinkExists
		case err != nil && !errors.Is(err, finding.ErrNotFound):
			return fmt.Errorf("look for the original %s: %w", original, err)
		case complete[part{original.Provider, original.Account, original.Region, original.Kind}]:
			state = lenscap.LinkGone
		}
		for _, ref := range copies {
			a, _, err := r.Store.Asset(ctx, ref)
			if err != nil {
				return fmt.Errorf("look for the copy %s: %w", ref, err)
			}
			if c := a.Lineage.Copy; c != nil && c.State == lenscap.LinkUnknown && state != lenscap.LinkUnknown {
				c.State = state
				settled = append(settled, a)
			}
		}
	}
	if err := r.Store.PutAssets(ctx, r.run.ID, settled); err != nil {
		return fmt.Errorf("keep what became of originals: %w", err)
	}
	return nil
}

// recall takes the finished scopes of a resumed run into the view.
func (r *runner) recall(ctx context.Context) error {
	for name, c := range r.done {
		if strings.Contains(name, "/") { // what belongs to no scope was just read anew
			r.take(c)
		}
	}
	return r.Store.EachAsset(ctx, r.run.ID, func(a lenscap.Asset) error {
		r.note(a)
		return nil
	})
}

// take adds a finished scope to the run.
func (r *runner) take(c inventory.Context) {
	r.view.Add(c)
	r.run.Coverage = append(r.run.Coverage, c.Coverage...)
	r.run.Gaps = append(r.run.Gaps, c.Gaps...)
}

// note remembers what later judgement of other assets needs.
func (r *runner) note(a lenscap.Asset) {
	r.view.Note(a)
	if c := a.Lineage.Copy; c != nil {
		r.origin[c.Ref] = append(r.origin[c.Ref], a.Ref)
	}
}

// stored is the assets that the store holds of one run.
type stored struct {
	store finding.Store
	run   string
}

func (s stored) Each(ctx context.Context, fn func(lenscap.Asset) error) error {
	return s.store.EachAsset(ctx, s.run, fn)
}

// sink keeps what one scope gives: assets in batches, the rest at the end.
type sink struct {
	ctx  context.Context
	r    *runner
	name string

	mu      sync.Mutex
	assets  []lenscap.Asset
	context inventory.Context
}

var _ cloud.Sink = (*sink)(nil)

func (r *runner) sink(ctx context.Context, name string) *sink {
	return &sink{ctx: ctx, r: r, name: name}
}

func (s *sink) Asset(a lenscap.Asset) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assets = append(s.assets, a)
	if len(s.assets) < batch {
		return nil
	}
	return s.flush()
}

// flush is called with mu held.
func (s *sink) flush() error {
	if len(s.assets) == 0 {
		return nil
	}
	if err := s.r.Store.PutAssets(s.ctx, s.r.run.ID, s.assets); err != nil {
		return fmt.Errorf("keep assets of %s: %w", s.name, err)
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, a := range s.assets {
		s.r.note(a)
	}
	s.assets = s.assets[:0]
	return nil
}

func (s *sink) Guard(g lenscap.Guard) error {
	return s.add(func(c *inventory.Context) { c.Guards = append(c.Guards, g) })
}

func (s *sink) Key(k lenscap.Key) error {
	return s.add(func(c *inventory.Context) { c.Keys = append(c.Keys, k) })
}

func (s *sink) Member(m lenscap.Membership) error {
	return s.add(func(c *inventory.Context) { c.Members = append(c.Members, m) })
}

func (s *sink) Gap(g lenscap.Gap) error {
	return s.add(func(c *inventory.Context) { c.Gaps = append(c.Gaps, g) })
}

func (s *sink) Covered(cov lenscap.Coverage) error {
	return s.add(func(c *inventory.Context) { c.Coverage = append(c.Coverage, cov) })
}

func (s *sink) add(fn func(*inventory.Context)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.context)
	return s.ctx.Err()
}

// close writes the rest and marks the scope finished.
func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.r.Store.PutContext(s.ctx, s.r.run.ID, s.name, s.context); err != nil {
		return fmt.Errorf("keep the context of %s: %w", s.name, err)
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.take(s.context)
	return nil
}
