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
	Ref      string
	Verdict  string
	Since    int64
	LastSeen int64
	Until    *int64
	Run      string
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
	refs := make([]string, len(exposures))
	for i := range exposures {
		refs[i] = exposures[i].Asset.String()
	}
	var standing []intervalRow
	err := tx.NewSelect().Model(&standing).Column("id", "ref", "verdict", "since").
		Where("until IS NULL AND ref IN (?)", bun.List(refs)).Scan(ctx)
	if err != nil {
		return err
	}
	byRef := make(map[string]intervalRow, len(standing))
	for _, row := range standing {
		byRef[row.Ref] = row
	}
	var closed []int64
	var opened []intervalRow
	for i := range exposures {
		x := &exposures[i]
		old, stands := byRef[refs[i]]
		same := stands && old.Verdict == string(x.Verdict)
		if x.Verdict == lenscap.VerdictUnknown || !stands && x.Verdict == lenscap.VerdictPrivate {
			continue // what could not be told changes nothing; private needs no row
		}
		if stands && !same {
			closed = append(closed, old.ID)
		}
		if x.Verdict == lenscap.VerdictPrivate {
			continue
		}
		if x.Since.IsZero() && same {
			x.Since = time.Unix(0, old.Since).UTC()
		}
		body, err := json.Marshal(x)
		if err != nil {
			return err
		}
		if same {
			_, err := tx.NewUpdate().Model((*intervalRow)(nil)).Set("last_seen = ?", at).Set("body = ?", body).Where("id = ?", old.ID).Exec(ctx)
			if err != nil {
				return err
			}
			continue
		}
		opened = append(opened, intervalRow{
			Ref: refs[i], Verdict: string(x.Verdict), Since: at, LastSeen: at, Run: run, Body: body,
		})
	}
	if len(closed) > 0 {
		_, err := tx.NewUpdate().Model((*intervalRow)(nil)).Set("until = ?", at).Where("id IN (?)", bun.List(closed)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	if len(opened) > 0 {
		if _, err := tx.NewInsert().Model(&opened).ExcludeColumn("id").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// History implements [finding.Store].
func (s *Store) History(ctx context.Context, ref lenscap.Ref) ([]finding.Interval, error) {
	var rows []intervalRow
	if err := s.read.NewSelect().Model(&rows).Where("ref = ?", ref.String()).Order("since", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", ref, err)
	}
	out := make([]finding.Interval, 0, len(rows))
	for _, row := range rows {
		in := finding.Interval{
			Since: time.Unix(0, row.Since).UTC(), LastSeen: time.Unix(0, row.LastSeen).UTC(), Run: row.Run,
		}
		if row.Until != nil {
			in.Until = time.Unix(0, *row.Until).UTC()
		}
		if err := json.Unmarshal(row.Body, &in.Exposure); err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", ref, err)
		}
		out = append(out, in)
	}
	return out, nil
}
