package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// sinkError marks an error of the sink, which ends the run, among the errors of
// a listing, which become gaps.
type sinkError struct{ err error }

func (e sinkError) Error() string { return e.err.Error() }
func (e sinkError) Unwrap() error { return e.err }

// asSink gives the sink's error that err holds, else nil.
func asSink(err error) error {
	if s, ok := errors.AsType[sinkError](err); ok {
		return s.err
	}
	return nil
}

// patience is how many refusals in a row end a sweep: a role that may not read
// one share list may read none, and asking on only eats the account's quota.
const patience = 5

// refusals counts the failures in a row of one kind of call.
type refusals struct {
	count int
	last  error
}

// shareReader reads the list of shares of one asset.
type shareReader struct {
	call string // service:Operation
	read func(ctx context.Context) ([]lenscap.Grant, error)
	// must is set when the list proves what is already suspected: it is then
	// read in every mode.
	must bool
}

// shares fills the asset's named shares as the options ask: from an earlier
// run, or by a call of its own under the sweep's pace. What can't be told goes
// into the asset's gaps. fresh tells whether the list was read just now. The
// error is that of ctx.
func (r *region) shares(ctx context.Context, a *lenscap.Asset, s shareReader) (fresh bool, err error) {
	if r.opts.Shares == cloud.SharesSkip && !s.must {
		r.lack(a, s.call, lenscap.CauseNotRead, "share lists were left out on request")
		return false, nil
	}
	prior, at, known := r.prior(ctx, a.Ref)
	if known && !s.must && r.opts.Shares == cloud.SharesAuto && r.now.Sub(at) <= r.opts.SharesMaxAge &&
		!slices.ContainsFunc(prior, func(g lenscap.Grant) bool { return g.Principal.Public() }) {
		a.Grants, a.SharesReadAt = append(a.Grants, prior...), at
		return false, nil
	}
	grants, err := r.ask(ctx, s)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err == nil {
		a.Grants, a.SharesReadAt = append(a.Grants, grants...), r.now
		return true, nil
	}
	a.Gaps = append(a.Gaps, r.assetGap(a.Ref, s.call, err))
	if known {
		a.Grants, a.SharesReadAt = append(a.Grants, prior...), at
		r.lack(a, s.call, lenscap.CauseStale, "last read "+at.UTC().Format("2006-01-02 15:04 MST"))
	}
	return false, nil
}

func (r *region) prior(ctx context.Context, ref lenscap.Ref) (grants []lenscap.Grant, at time.Time, ok bool) {
	if r.opts.Prior == nil {
		return nil, at, false
	}
	return r.opts.Prior.Shares(ctx, ref)
}

// ask makes the call of a sweep, unless too many before it failed.
func (r *region) ask(ctx context.Context, s shareReader) ([]lenscap.Grant, error) {
	r.mu.Lock()
	before := r.refused[s.call]
	r.mu.Unlock()
	if before.count >= patience {
		return nil, fmt.Errorf("not asked after %d failures in a row: %w", before.count, before.last)
	}
	if err := r.sweep.Wait(ctx); err != nil {
		return nil, fmt.Errorf("wait for a turn: %w", err)
	}
	grants, err := s.read(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused == nil {
		r.refused = make(map[string]refusals)
	}
	switch {
	case err == nil, causeOf(err) == lenscap.CauseVanished:
		delete(r.refused, s.call)
	default:
		r.refused[s.call] = refusals{r.refused[s.call].count + 1, err}
	}
	return grants, err
}

// lack adds a gap of the asset's grants that no failed call caused.
func (r *region) lack(a *lenscap.Asset, call string, cause lenscap.Cause, msg string) {
	a.Gaps = append(a.Gaps, lenscap.Gap{
		Provider: Provider, Account: r.account, Region: r.name, Kinds: []lenscap.Kind{a.Ref.Kind},
		Asset: a.Ref.ID, Aspect: lenscap.AspectGrants, Cause: cause, Call: call, Message: msg,
	})
}

// assetGap describes that a failed call hides grants of one asset.
func (r *region) assetGap(ref lenscap.Ref, call string, err error) lenscap.Gap {
	g := r.gapOf(call, err, lenscap.AspectGrants, ref.Kind)
	g.Asset = ref.ID
	return g
}
