package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
)

type intervalRow struct {
	bun.BaseModel `bun:"table:intervals"`

	ID       int64 `bun:",pk,autoincrement"`
	Ref      text
	Verdict  text
	Since    int64
	LastSeen int64
	Until    *int64
	Run      text
	Body     []byte
}

// PutExposures implements [finding.Store].
func (s *Store) PutExposures(ctx context.Context, run string, at time.Time, exposures []lenscap.Exposure) error {
	return s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for part := range slices.Chunk(exposures, rowsAtOnce) {
			if err := putExposures(ctx, tx, run, at.UnixNano(), part); err != nil {
				return fmt.Errorf("write exposures: %w", err)
			}
		}
		return nil
	})
}

func putExposures(ctx context.Context, tx bun.Tx, run string, at int64, exposures []lenscap.Exposure) error {
	newest := make(map[text]*lenscap.Exposure, len(exposures))
	refs := make([]text, 0, len(exposures))
	for i := range exposures {
		x := &exposures[i]
		if x.Verdict == lenscap.VerdictUnknown {
			continue // what could not be told changes nothing
		}
		ref := text(x.Asset.String())
		if newest[ref] == nil {
			refs = append(refs, ref)
		}
		newest[ref] = x
	}
	if len(refs) == 0 {
		return nil
	}
	stands, err := closeChanged(ctx, tx, at, refs, newest)
	if err != nil {
		return err
	}
	var rows []intervalRow
	for _, ref := range refs {
		x := *newest[ref] // a copy: the caller's stays as it is
		if x.Verdict == lenscap.VerdictPrivate {
			continue // needs no row
		}
		if since, ok := stands[ref]; ok && x.Since.IsZero() {
			x.Since = time.Unix(0, since).UTC()
		}
		body, err := json.Marshal(&x)
		if err != nil {
			return fmt.Errorf("exposure of %s: %w", x.Asset, err)
		}
		rows = append(rows, intervalRow{Ref: ref, Verdict: text(x.Verdict), Since: at, LastSeen: at, Run: text(run), Body: body})
	}
	if len(rows) == 0 {
		return nil
	}
	// What still stands has the same verdict: it is lengthened.
	_, err = tx.NewInsert().Model(&rows).ExcludeColumn("id").
		On("CONFLICT (ref) WHERE until IS NULL DO UPDATE").
		Set("last_seen = max(last_seen, EXCLUDED.last_seen), body = EXCLUDED.body").Exec(ctx)
	return err
}

// closeChanged ends the intervals whose verdict is no longer true, and gives
// the beginnings of those that go on.
func closeChanged(ctx context.Context, tx bun.Tx, at int64, refs []text, newest map[text]*lenscap.Exposure) (map[text]int64, error) {
	var standing []intervalRow
	err := tx.NewSelect().Model(&standing).Column("id", "ref", "verdict", "since").
		Where("until IS NULL AND ref IN (?)", bun.List(refs)).Scan(ctx)
	if err != nil {
		return nil, err
	}
	stands := make(map[text]int64, len(standing))
	var changed []int64
	for _, row := range standing {
		if row.Verdict == text(newest[row.Ref].Verdict) {
			stands[row.Ref] = row.Since
		} else {
			changed = append(changed, row.ID)
		}
	}
	if len(changed) == 0 {
		return stands, nil
	}
	// Never before it was last seen, should the clock have gone back.
	_, err = tx.NewUpdate().Model((*intervalRow)(nil)).Set("until = max(last_seen, ?)", at).
		Where("id IN (?)", bun.List(changed)).Exec(ctx)
	return stands, err
}

// History implements [finding.Store].
func (s *Store) History(ctx context.Context, ref lenscap.Ref) ([]finding.Interval, error) {
	var rows []intervalRow
	if err := s.read.NewSelect().Model(&rows).Where("ref = ?", text(ref.String())).Order("since", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", ref, err)
	}
	out := make([]finding.Interval, 0, len(rows))
	for _, row := range rows {
		in := finding.Interval{
			Since: time.Unix(0, row.Since).UTC(), LastSeen: time.Unix(0, row.LastSeen).UTC(), Run: string(row.Run),
		}
		if row.Until != nil {
			in.Until = time.Unix(0, *row.Until).UTC()
		}
		if err := json.Unmarshal(row.Body, &in.Exposure); err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", ref, err)
		}
		in.Exposure.Asset = ref
		out = append(out, in)
	}
	return out, nil
}
