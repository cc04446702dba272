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
	return r.rejudge(h, ev)
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
	ev, err := r.inspect(ctx, a.Ref)
	if errors.Is(err, cloud.ErrNotReadable) {
		ev, err = r.inspectTwin(ctx, a, err)
	}
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
	return ev, nil
}

func (r *runner) inspect(ctx context.Context, ref lenscap.Ref) (lenscap.Evidence, error) {
	src, err := r.opener[ref.Provider].OpenBlocks(ctx, ref)
	if err != nil {
		return lenscap.Evidence{}, err
	}
	defer src.Close() //nolint:errcheck // reading only: nothing is lost
	return r.Inspector.Inspect(ctx, ref, src, nil)
}

// inspectTwin reads a private copy of a disk whose own bytes the cloud refuses,
// as AWS does while a snapshot is public. The copy has the same bytes: a copy
// of it, what it is a copy of, or another copy of the same original.
func (r *runner) inspectTwin(ctx context.Context, a lenscap.Asset, refused error) (lenscap.Evidence, error) {
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
		ev, err := r.inspect(ctx, twin)
		if err != nil {
			continue
		}
		ev.Asset, ev.ReadFrom = a.Ref, &twin
		return ev, nil
	}
	return lenscap.Evidence{}, refused
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
