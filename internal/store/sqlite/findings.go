package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
)

type findingRow struct {
	bun.BaseModel `bun:"table:findings"`

	ID       text `bun:",pk"`
	Rule     text
	Status   text
	Severity int
	Provider text
	Account  text
	Region   text
	Kind     text
	Body     []byte
}

// PutFindings implements [finding.Store].
func (s *Store) PutFindings(ctx context.Context, findings []lenscap.Finding) error {
	rows := make([]findingRow, 0, len(findings))
	for i := range findings {
		f := &findings[i]
		body, err := json.Marshal(f)
		if err != nil {
			return fmt.Errorf("write finding %s: %w", f.ID, err)
		}
		ref := f.Asset.Ref
		rows = append(rows, findingRow{
			ID: text(f.ID), Rule: text(f.Rule), Status: text(f.Status), Severity: int(f.Severity),
			Provider: text(ref.Provider), Account: text(ref.Account), Region: text(ref.Region), Kind: text(ref.Kind), Body: body,
		})
	}
	return s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for part := range slices.Chunk(rows, rowsAtOnce) {
			_, err := tx.NewInsert().Model(&part).On("CONFLICT (id) DO UPDATE").
				Set("status = EXCLUDED.status, severity = EXCLUDED.severity, body = EXCLUDED.body").Exec(ctx)
			if err != nil {
				return fmt.Errorf("write findings: %w", err)
			}
		}
		return nil
	})
}

// Finding implements [finding.Store].
func (s *Store) Finding(ctx context.Context, id string) (lenscap.Finding, error) {
	var rows []findingRow
	if id != "" {
		// Not LIKE: the prefix may hold any character.
		err := s.read.NewSelect().Model(&rows).Where("substr(id, 1, ?) = ?", len([]rune(id)), text(id)).Order("id").Limit(rowsAtOnce).Scan(ctx)
		if err != nil {
			return lenscap.Finding{}, fmt.Errorf("read finding %q: %w", id, err)
		}
	}
	switch {
	case len(rows) == 0:
		return lenscap.Finding{}, fmt.Errorf("finding %q: %w", id, finding.ErrNotFound)
	case len(rows) > 1 && rows[0].ID != text(id):
		return lenscap.Finding{}, fmt.Errorf("finding %q: %d findings begin so; give more characters", id, len(rows))
	}
	return decode(rows[0])
}

func decode(row findingRow) (lenscap.Finding, error) {
	var f lenscap.Finding
	if err := json.Unmarshal(row.Body, &f); err != nil {
		return f, fmt.Errorf("read finding %s: %w", row.ID, err)
	}
	return f, nil
}

// Findings implements [finding.Store].
func (s *Store) Findings(ctx context.Context, f finding.Filter) ([]lenscap.Finding, error) {
	var rows []findingRow
	q := s.read.NewSelect().Model(&rows).Column("id", "body").
		Where("severity >= ?", int(f.MinSeverity)).Order("severity DESC", "id")
	if len(f.Status) > 0 {
		q = q.Where("status IN (?)", bun.List(f.Status))
	}
	for column, value := range map[string]string{
		"provider": f.Provider, "account": f.Account, "region": f.Region,
		"kind": string(f.Kind), "rule": f.Rule,
	} {
		if value != "" {
			q = q.Where("? = ?", bun.Ident(column), text(value))
		}
	}
	if f.Limit > 0 {
		q = q.Limit(int64(f.Limit))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read findings: %w", err)
	}
	out := make([]lenscap.Finding, 0, len(rows))
	for _, row := range rows {
		f, err := decode(row)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
