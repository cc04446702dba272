package scan

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/exposure"
	"github.com/lenscap/lenscap/internal/finding"
)

// hit is an asset for which at least one rule holds.
type hit struct {
	asset      lenscap.Asset
	exposure   lenscap.Exposure
	judgements []exposure.Judgement
	evidence   *lenscap.Evidence
}

// observed remembers what the run saw of the assets that have findings.
type observed struct {
	run   *lenscap.Run
	asked map[lenscap.Ref]bool           // assets of the findings that stand
	at    map[lenscap.Ref][]lenscap.Gap  // those that were seen, with what hides grants
	cover map[part]lenscap.CoverageState // how far each part was read
}

type part struct {
	provider, account, region string
	kind                      lenscap.Kind
}

// judge resolves every asset and keeps its exposure.
func (r *runner) judge(ctx context.Context) error {
	if err := r.ask(ctx); err != nil {
		return err
	}
	r.Progress.Stage(lenscap.Text{En: "judging assets", Zh: "判定资产"}, 0)
	r.run.Counts.Verdicts = make(map[lenscap.Verdict]int)
	resolver := exposure.NewResolver(r.view, r.Trust, r.Now().UTC())

	// One goroutine reads and judges while this one writes.
	batches := make(chan []lenscap.Exposure, 2)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(batches)
		var exposures []lenscap.Exposure
		send := func() error {
			select {
			case batches <- exposures:
				exposures = nil
				return nil
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		err := r.assets.Each(gctx, func(a lenscap.Asset) error {
			e := resolver.Resolve(&a)
			if err := r.judgeOne(a, e); err != nil {
				return err
			}
			exposures = append(exposures, e)
			if len(exposures) < batch {
				return nil
			}
			return send()
		})
		if err != nil {
			return fmt.Errorf("judge assets: %w", err)
		}
		return send()
	})
	g.Go(func() error {
		for b := range batches {
			if err := r.Store.PutExposures(gctx, r.run.ID, r.run.Started, b); err != nil {
				return fmt.Errorf("keep exposures: %w", err)
			}
			r.Progress.Step(len(b))
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return r.judgeSettings(resolver)
}

// judgeSettings judges what protects each account and region. It is always
// covered: a guard that could not be read is a gap of its own asset.
func (r *runner) judgeSettings(resolver *exposure.Resolver) error {
	for _, a := range r.view.Settings() {
		ref := a.Ref
		r.run.Coverage = append(r.run.Coverage, lenscap.Coverage{
			Provider: ref.Provider, Account: ref.Account, Region: ref.Region,
			Kind: ref.Kind, State: lenscap.CoverageComplete, Assets: 1,
		})
		if r.seen.asked[ref] {
			r.seen.at[ref] = a.Gaps
		}
		e := resolver.Resolve(&a)
		if err := r.rules(a, e); err != nil {
			return err
		}
	}
	return nil
}

// judgeOne counts one asset and keeps it when a rule holds.
func (r *runner) judgeOne(a lenscap.Asset, e lenscap.Exposure) error {
	r.run.Counts.Assets++
	r.run.Counts.Verdicts[e.Verdict]++
	r.run.Counts.Unread += len(a.Gaps)
	if r.seen.asked[a.Ref] {
		r.seen.at[a.Ref] = e.Gaps
	}
	return r.rules(a, e)
}

// rules keeps the asset when a rule holds for it.
func (r *runner) rules(a lenscap.Asset, e lenscap.Exposure) error {
	js, err := r.Engine.Judge(&a, &e, nil)
	if err != nil {
		return fmt.Errorf("judge %s: %w", a.Ref, err)
	}
	// With ContentAll a disk is looked into though no rule holds for it yet.
	if len(js) > 0 || r.Content == ContentAll && inspectable(a.Ref.Kind) {
		r.hits = append(r.hits, &hit{asset: a, exposure: e, judgements: js})
	}
	return nil
}

// ask notes which assets the standing findings are about.
func (r *runner) ask(ctx context.Context) error {
	r.run.Counts.Unread = len(r.run.Gaps)
	r.seen = observed{
		run: &r.run, asked: make(map[lenscap.Ref]bool),
		at: make(map[lenscap.Ref][]lenscap.Gap), cover: make(map[part]lenscap.CoverageState),
	}
	for _, c := range r.run.Coverage {
		p := part{c.Provider, c.Account, c.Region, c.Kind}
		if old, ok := r.seen.cover[p]; !ok || old == lenscap.CoverageComplete {
			r.seen.cover[p] = c.State // of several parts the worst counts
		}
	}
	old, err := r.Store.Findings(ctx, finding.Filter{})
	if err != nil {
		return fmt.Errorf("read the findings that stand: %w", err)
	}
	for _, f := range old {
		r.seen.asked[f.Asset.Ref] = true
	}
	return nil
}

// Complete implements finding.Observed: whether this run's look at an asset
// could have seen all that matters.
func (o observed) Complete(ref lenscap.Ref) (present, complete bool, gaps []lenscap.Gap) {
	gaps, present = o.at[ref]
	state := o.cover[part{ref.Provider, ref.Account, ref.Region, ref.Kind}]
	if present {
		return true, len(gaps) == 0, gaps
	}
	for _, g := range o.run.Gaps {
		if g.Aspect == lenscap.AspectAssets && g.Covers(ref) {
			gaps = append(gaps, g)
		}
	}
	return false, state == lenscap.CoverageComplete && len(gaps) == 0, gaps
}
