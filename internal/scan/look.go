package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/evidence"
	"github.com/lenscap/lenscap/internal/finding"
)

// looks bounds how many disks are looked into at once.
const looks = 2

// look inspects the disks that the run chose, the worst first, and judges them
// anew with what was found.
func (r *runner) look(ctx context.Context) error {
	var wanted []*hit
	for _, h := range r.hits {
		if r.wants(h) {
			wanted = append(wanted, h)
		} else if err := r.remember(ctx, h); err != nil {
			return err
		}
	}
	slices.SortStableFunc(wanted, func(a, b *hit) int { return cmp.Compare(worst(b), worst(a)) })
	r.Progress.Stage(lenscap.Text{En: "looking inside disks", Zh: "检查磁盘内容"}, len(wanted))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(looks)
	for _, h := range wanted {
		g.Go(func() error {
			defer r.Progress.Step(1)
			return r.lookAt(gctx, h)
		})
	}
	return g.Wait()
}

func worst(h *hit) lenscap.Severity {
	var s lenscap.Severity
	for _, j := range h.judgements {
		s = max(s, j.Severity)
	}
	return s
}

// wants tells whether the disk of a hit is to be looked into.
func (r *runner) wants(h *hit) bool {
	if r.Inspector == nil || r.opener[h.asset.Ref.Provider] == nil || !inspectable(h.asset.Ref.Kind) {
		return false
	}
	return r.Content == ContentAll || r.Content == ContentExposed && h.exposure.Verdict.Exposed()
}

func (r *runner) lookAt(ctx context.Context, h *hit) error {
	ev, err := r.evidence(ctx, h.asset)
	if err != nil {
		return err
	}
	r.trace(ctx, &ev)
	return r.rejudge(h, ev)
}

// maxTraced bounds the keys of one disk whose owners are asked for.
const maxTraced = 50

// trace ties the keys on a disk to whom they belong, as far as the clouds tell:
// what they refuse is left out, since it says nothing about the disk.
func (r *runner) trace(ctx context.Context, ev *lenscap.Evidence) {
	ev.Items = slices.Clone(ev.Items)
	asked := 0
	for i := range ev.Items {
		it := &ev.Items[i]
		if it.Class != lenscap.ItemSecret || it.Hint == "" || asked == maxTraced {
			continue
		}
		for _, t := range r.tracers {
			owner, err := r.owner(ctx, t, it.Type, it.Hint)
			if errors.Is(err, cloud.ErrNoSuchKey) {
				continue
			}
			asked++
			if owner.Account != "" {
				it.Owner = &owner
			}
		}
	}
}

// owner asks once for each key of a run.
func (r *runner) owner(ctx context.Context, t cloud.KeyTracer, kind, id string) (lenscap.KeyOwner, error) {
	type answer struct {
		owner lenscap.KeyOwner
		err   error
	}
	k := kind + " " + id
	if a, ok := r.traced.Load(k); ok {
		known, _ := a.(answer)
		return known.owner, known.err
	}
	owner, err := t.KeyOwner(ctx, kind, id)
	if ctx.Err() == nil {
		r.traced.Store(k, answer{owner, err})
	}
	return owner, err
}

// rejudge judges a hit anew with what is on its disk.
func (r *runner) rejudge(h *hit, ev lenscap.Evidence) error {
	js, err := r.Engine.Judge(&h.asset, &h.exposure, &ev)
	if err != nil {
		return fmt.Errorf("judge %s with what is on it: %w", h.asset.Ref, err)
	}
	h.evidence, h.judgements = &ev, js
	return nil
}

// remember judges with what an earlier run found on the disk, so that a run
// that does not look makes nothing quieter.
func (r *runner) remember(ctx context.Context, h *hit) error {
	if !inspectable(h.asset.Ref.Kind) {
		return nil
	}
	known, err := r.Store.Evidence(ctx, h.asset.Ref)
	if errors.Is(err, finding.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what is known of %s: %w", h.asset.Ref, err)
	}
	return r.rejudge(h, known)
}

// inspectable tells kinds whose bytes are a disk that can be opened.
func inspectable(k lenscap.Kind) bool {
	return k == lenscap.KindDiskSnapshot || k == lenscap.KindMachineImage
}

// evidence gives what is known of a disk, or looks. A snapshot's bytes never
// change, so a complete look by the same version of the inspector stands.
func (r *runner) evidence(ctx context.Context, a lenscap.Asset) (lenscap.Evidence, error) {
	known, err := r.Store.Evidence(ctx, a.Ref)
	if err == nil && known.Complete && known.Version == r.Inspector.Version() {
		return known, nil
	}
	if err != nil && !errors.Is(err, finding.ErrNotFound) {
		return lenscap.Evidence{}, fmt.Errorf("read what is known of %s: %w", a.Ref, err)
	}
	got, err := r.inspect(ctx, a, a.Ref)
	if errors.Is(err, cloud.ErrNotReadable) {
		got, err = r.inspectTwin(ctx, a, err)
	}
	ev := got.Evidence
	if ctx.Err() != nil {
		return lenscap.Evidence{}, ctx.Err()
	}
	if err != nil {
		ev = r.unread(a.Ref, err)
		if len(known.Items) > 0 {
			// What was found earlier is still on it, though nobody may look now.
			known.Complete, known.Gaps = false, append(known.Gaps, ev.Gaps...)
			return known, nil
		}
	}
	ev.Version = r.Inspector.Version()
	if err := r.Store.PutEvidence(ctx, ev); err != nil {
		return lenscap.Evidence{}, fmt.Errorf("keep what is on %s: %w", a.Ref, err)
	}
	if len(got.Ledger) > 0 {
		if err := r.Store.PutLedger(ctx, finding.Ledger{Ref: a.Ref, Volume: volumeOf(a), At: a.Created, Body: got.Ledger}); err != nil {
			return lenscap.Evidence{}, fmt.Errorf("keep what was read of %s: %w", a.Ref, err)
		}
	}
	return ev, nil
}

// inspect looks into the disk at ref, which has the bytes of the asset.
func (r *runner) inspect(ctx context.Context, a lenscap.Asset, ref lenscap.Ref) (evidence.Result, error) {
	src, err := r.opener[ref.Provider].OpenBlocks(ctx, ref)
	if err != nil {
		return evidence.Result{}, err
	}
	defer src.Close() //nolint:errcheck // reading only: nothing is lost
	before, err := r.before(ctx, a, ref, src)
	if err != nil {
		return evidence.Result{}, err
	}
	return r.Inspector.Inspect(ctx, evidence.Request{Ref: ref, Source: src, Before: before})
}

// before gives what an earlier look at the asset, or at another version of the
// same volume, left. Where the provider tells which blocks differ, that decides
// what is read again; else times and places of files do.
func (r *runner) before(ctx context.Context, a lenscap.Asset, ref lenscap.Ref, src block.Source) (*evidence.Before, error) {
	ledger, err := r.Store.Ledger(ctx, a.Ref, volumeOf(a))
	if errors.Is(err, finding.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was read before of %s: %w", a.Ref, err)
	}
	ev, err := r.Store.Evidence(ctx, ledger.Ref)
	if errors.Is(err, finding.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what is known of %s: %w", ledger.Ref, err)
	}
	out := &evidence.Before{Evidence: ev, Ledger: ledger.Body}
	if d, ok := src.(block.Differ); ok && ledger.Ref != a.Ref && ref == a.Ref && ledger.Ref.Kind == ref.Kind {
		if changed, err := d.Changed(ctx, ledger.Ref.ID); err == nil {
			out.Changed, out.ChangesKnown = changed, true
		}
	}
	return out, ctx.Err()
}

// volumeOf gives the volume that an asset is a version of; zero when not known.
func volumeOf(a lenscap.Asset) lenscap.Ref {
	if a.Lineage.Volume == nil {
		return lenscap.Ref{}
	}
	return a.Lineage.Volume.Ref
}

// inspectTwin reads a private copy of a disk whose own bytes the cloud refuses,
// as AWS does while a snapshot is public. The copy has the same bytes: a copy
// of it, what it is a copy of, or another copy of the same original.
func (r *runner) inspectTwin(ctx context.Context, a lenscap.Asset, refused error) (evidence.Result, error) {
	twins := slices.Clone(r.origin[a.Ref])
	if c := a.Lineage.Copy; c != nil {
		if c.State == lenscap.LinkExists {
			twins = append(twins, c.Ref)
		}
		twins = append(twins, r.origin[c.Ref]...)
	}
	for _, twin := range twins {
		if twin == a.Ref {
			continue
		}
		got, err := r.inspect(ctx, a, twin)
		if err != nil {
			continue
		}
		got.Evidence.Asset, got.Evidence.ReadFrom = a.Ref, &twin
		return got, nil
	}
	return evidence.Result{}, refused
}

// unread is the evidence of a disk that could not be read.
func (r *runner) unread(ref lenscap.Ref, err error) lenscap.Evidence {
	cause := lenscap.CauseError
	if errors.Is(err, cloud.ErrNotReadable) {
		cause = lenscap.CauseUnsupported
	}
	return lenscap.Evidence{
		Asset: ref, At: r.Now().UTC(),
		Gaps: []lenscap.Gap{{
			Provider: ref.Provider, Account: ref.Account, Region: ref.Region,
			Kinds: []lenscap.Kind{ref.Kind}, Asset: ref.ID,
			Aspect: lenscap.AspectContent, Cause: cause, Message: err.Error(),
		}},
	}
}
