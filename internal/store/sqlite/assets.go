package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
)

type assetRow struct {
	bun.BaseModel `bun:"table:assets"`

	Ref       text `bun:",pk"`
	Run       text
	FirstSeen int64
	Body      []byte
}

// rowsAtOnce bounds one statement, far below SQLite's limit of parameters.
const rowsAtOnce = 1000

// PutAssets implements [finding.Store].
func (s *Store) PutAssets(ctx context.Context, run string, assets []lenscap.Asset) error {
	now := time.Now().UnixNano()
	rows := make([]assetRow, 0, len(assets))
	for i := range assets {
		body, err := json.Marshal(&assets[i])
		if err != nil {
			return fmt.Errorf("write asset %s: %w", assets[i].Ref, err)
		}
		rows = append(rows, assetRow{Ref: text(assets[i].Ref.String()), Run: text(run), FirstSeen: now, Body: body})
	}
	return s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for part := range slices.Chunk(rows, rowsAtOnce) {
			_, err := tx.NewInsert().Model(&part).On("CONFLICT (ref) DO UPDATE").
				Set("run = EXCLUDED.run, body = EXCLUDED.body").Exec(ctx)
			if err != nil {
				return fmt.Errorf("write assets: %w", err)
			}
		}
		return nil
	})
}

// EachAsset implements [finding.Store]. It reads page by page, so that no read
// stays open while fn works.
func (s *Store) EachAsset(ctx context.Context, run string, fn func(lenscap.Asset) error) error {
	after := text("")
	for {
		var rows []assetRow
		err := s.read.NewSelect().Model(&rows).Column("ref", "body").
			Where("run = ? AND ref > ?", text(run), after).Order("ref").Limit(rowsAtOnce).Scan(ctx)
		if err != nil {
			return fmt.Errorf("read assets: %w", err)
		}
		for i := range rows {
			a, err := asset(rows[i])
			if err != nil {
				return err
			}
			if err := fn(a); err != nil {
				return err
			}
		}
		if len(rows) < rowsAtOnce {
			return nil
		}
		after = rows[len(rows)-1].Ref
	}
}

func asset(row assetRow) (lenscap.Asset, error) {
	var a lenscap.Asset
	if err := json.Unmarshal(row.Body, &a); err != nil {
		return a, fmt.Errorf("read asset %s: %w", row.Ref, err)
	}
	// JSON cannot hold a name that is no UTF-8; the column can.
	if a.Ref.String() != string(row.Ref) {
		ref, err := lenscap.ParseRef(string(row.Ref))
		if err != nil {
			return a, fmt.Errorf("read asset: %w", err)
		}
		a.Ref = ref
	}
	return a, nil
}

// Asset implements [finding.Store].
func (s *Store) Asset(ctx context.Context, ref lenscap.Ref) (lenscap.Asset, string, error) {
	var row assetRow
	if err := s.read.NewSelect().Model(&row).Where("ref = ?", text(ref.String())).Scan(ctx); err != nil {
		return lenscap.Asset{}, "", fmt.Errorf("read asset %s: %w", ref, notFound(err))
	}
	a, err := asset(row)
	return a, string(row.Run), err
}

// Shares gives the grants on the asset's own list that an earlier run read in
// full, and when. It serves collectors that read such lists one by one.
func (s *Store) Shares(ctx context.Context, ref lenscap.Ref) (grants []lenscap.Grant, at time.Time, ok bool) {
	a, _, err := s.Asset(ctx, ref)
	if err != nil || a.SharesReadAt.IsZero() {
		return nil, time.Time{}, false
	}
	for _, g := range a.Grants {
		if g.Path == lenscap.PathACL {
			grants = append(grants, g)
		}
	}
	return grants, a.SharesReadAt, true
}

type evidenceRow struct {
	bun.BaseModel `bun:"table:evidence"`

	Ref  text `bun:",pk"`
	Body []byte
}

// PutEvidence implements [finding.Store].
func (s *Store) PutEvidence(ctx context.Context, ev lenscap.Evidence) error {
	body, err := json.Marshal(ev)
	if err != nil {
		return fmt.Errorf("write what is on %s: %w", ev.Asset, err)
	}
	_, err = s.write.NewInsert().Model(&evidenceRow{Ref: text(ev.Asset.String()), Body: body}).
		On("CONFLICT (ref) DO UPDATE").Set("body = EXCLUDED.body").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write what is on %s: %w", ev.Asset, err)
	}
	return nil
}

// Evidence implements [finding.Store].
func (s *Store) Evidence(ctx context.Context, ref lenscap.Ref) (lenscap.Evidence, error) {
	var row evidenceRow
	var ev lenscap.Evidence
	if err := s.read.NewSelect().Model(&row).Where("ref = ?", text(ref.String())).Scan(ctx); err != nil {
		err = notFound(err)
		if errors.Is(err, finding.ErrNotFound) {
			return ev, err
		}
		return ev, fmt.Errorf("read what is on %s: %w", ref, err)
	}
	if err := json.Unmarshal(row.Body, &ev); err != nil {
		return ev, fmt.Errorf("read what is on %s: %w", ref, err)
	}
	ev.Asset = ref
	return ev, nil
}

type ledgerRow struct {
	bun.BaseModel `bun:"table:ledgers"`

	Ref    text `bun:",pk"`
	Volume text
	At     int64
	Body   []byte
}

// PutLedger implements [finding.Store].
func (s *Store) PutLedger(ctx context.Context, l finding.Ledger) error {
	row := &ledgerRow{Ref: text(l.Ref.String()), At: l.At.UnixNano(), Body: l.Body}
	if l.Volume != (lenscap.Ref{}) {
		row.Volume = text(l.Volume.String())
	}
	_, err := s.write.NewInsert().Model(row).On("CONFLICT (ref) DO UPDATE").
		Set("volume = EXCLUDED.volume, at = EXCLUDED.at, body = EXCLUDED.body").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write the ledger of %s: %w", l.Ref, err)
	}
	return nil
}

// Ledger implements [finding.Store].
func (s *Store) Ledger(ctx context.Context, ref, volume lenscap.Ref) (finding.Ledger, error) {
	var row ledgerRow
	q := s.read.NewSelect().Model(&row).Where("ref = ?", text(ref.String()))
	if volume != (lenscap.Ref{}) {
		q = q.WhereOr("volume = ?", text(volume.String()))
	}
	err := q.OrderExpr("ref = ? DESC, at DESC", text(ref.String())).Limit(1).Scan(ctx)
	if err != nil {
		if err = notFound(err); errors.Is(err, finding.ErrNotFound) {
			return finding.Ledger{}, err
		}
		return finding.Ledger{}, fmt.Errorf("read the ledger of %s: %w", ref, err)
	}
	at, err := lenscap.ParseRef(string(row.Ref))
	if err != nil {
		return finding.Ledger{}, fmt.Errorf("read the ledger of %s: %w", ref, err)
	}
	return finding.Ledger{Ref: at, Volume: volume, At: time.Unix(0, row.At).UTC(), Body: row.Body}, nil
}
