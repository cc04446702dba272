package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/inventory"
)

type runRow struct {
	bun.BaseModel `bun:"table:runs"`

	ID      text `bun:",pk"`
	Started int64
	Body    []byte
}

type contextRow struct {
	bun.BaseModel `bun:"table:contexts"`

	Run   text `bun:",pk"`
	Scope text `bun:",pk"`
	Body  []byte
}

// BeginRun implements [finding.Store].
func (s *Store) BeginRun(ctx context.Context, run lenscap.Run) error {
	return s.insertRun(ctx, run, false)
}

// FinishRun implements [finding.Store].
func (s *Store) FinishRun(ctx context.Context, run lenscap.Run) error {
	return s.insertRun(ctx, run, true)
}

func (s *Store) insertRun(ctx context.Context, run lenscap.Run, replace bool) error {
	body, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("write run %s: %w", run.ID, err)
	}
	q := s.write.NewInsert().Model(&runRow{ID: text(run.ID), Started: run.Started.UnixNano(), Body: body})
	if replace {
		q = q.On("CONFLICT (id) DO UPDATE").Set("body = EXCLUDED.body")
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("write run %s: %w", run.ID, err)
	}
	return nil
}

// Run implements [finding.Store].
func (s *Store) Run(ctx context.Context, id string) (lenscap.Run, error) {
	var row runRow
	q := s.read.NewSelect().Model(&row).Order("started DESC", "id DESC").Limit(1)
	if id != "" {
		q = q.Where("id = ?", text(id))
	}
	var run lenscap.Run
	if err := q.Scan(ctx); err != nil {
		return run, fmt.Errorf("read run %q: %w", id, notFound(err))
	}
	if err := json.Unmarshal(row.Body, &run); err != nil {
		return run, fmt.Errorf("read run %q: %w", row.ID, err)
	}
	return run, nil
}

// notFound turns the database's word for nothing into the store's.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return finding.ErrNotFound
	}
	return err
}

// PutContext implements [finding.Store].
func (s *Store) PutContext(ctx context.Context, run, scope string, c inventory.Context) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the context of %s: %w", scope, err)
	}
	_, err = s.write.NewInsert().Model(&contextRow{Run: text(run), Scope: text(scope), Body: body}).
		On("CONFLICT (run, scope) DO UPDATE").Set("body = EXCLUDED.body").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write the context of %s: %w", scope, err)
	}
	return nil
}

// Contexts implements [finding.Store].
func (s *Store) Contexts(ctx context.Context, run string) (map[string]inventory.Context, error) {
	var rows []contextRow
	if err := s.read.NewSelect().Model(&rows).Where("run = ?", text(run)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the contexts of run %s: %w", run, err)
	}
	out := make(map[string]inventory.Context, len(rows))
	for _, row := range rows {
		var c inventory.Context
		if err := json.Unmarshal(row.Body, &c); err != nil {
			return nil, fmt.Errorf("read the context of %s: %w", row.Scope, err)
		}
		out[string(row.Scope)] = c
	}
	return out, nil
}
