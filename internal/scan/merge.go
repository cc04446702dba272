package scan

import (
	"context"
	"fmt"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
)

// merge makes findings of the hits and lays them over those that stand.
func (r *runner) merge(ctx context.Context) error {
	now := r.Now().UTC()
	var seen []lenscap.Finding
	for _, h := range r.hits {
		since, err := r.since(ctx, h)
		if err != nil {
			return err
		}
		h.exposure.Since = since
		if h.evidence != nil {
			r.run.Counts.Unread += len(h.evidence.Gaps)
		}
		for _, j := range h.judgements {
			if j.Severity == lenscap.SeverityNone {
				continue
			}
			seen = append(seen, lenscap.Finding{
				ID: finding.ID(j.Rule.ID, h.asset.Ref), Rule: j.Rule.ID,
				Asset: h.asset, Exposure: h.exposure, Evidence: h.evidence,
				Severity: j.Severity, Reasons: j.Reasons, Status: lenscap.StatusOpen,
				FirstSeen: now, LastSeen: now,
			})
		}
	}
	old, err := r.Store.Findings(ctx, finding.Filter{})
	if err != nil {
		return fmt.Errorf("read the findings that stand: %w", err)
	}
	changed, stats := finding.Merge(now, r.run, old, seen, r.seen)
	if err := r.Store.PutFindings(ctx, changed); err != nil {
		return fmt.Errorf("keep findings: %w", err)
	}
	r.run.Counts.New, r.run.Counts.Resolved = stats.New, stats.Resolved
	r.run.Counts.Calls = r.Ledger.Total()
	r.run.Counts.Open = make(map[string]int)
	open, err := r.Store.Findings(ctx, finding.Filter{Status: []lenscap.Status{lenscap.StatusOpen}})
	if err != nil {
		return fmt.Errorf("count open findings: %w", err)
	}
	for _, f := range open {
		r.run.Counts.Open[f.Severity.String()]++
	}
	return nil
}

// since is the beginning of the interval that stands for the asset's verdict.
func (r *runner) since(ctx context.Context, h *hit) (time.Time, error) {
	history, err := r.Store.History(ctx, h.asset.Ref)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the history of %s: %w", h.asset.Ref, err)
	}
	for _, in := range history {
		if in.Until.IsZero() && in.Exposure.Verdict == h.exposure.Verdict {
			return in.Since, nil
		}
	}
	return r.run.Started, nil
}
