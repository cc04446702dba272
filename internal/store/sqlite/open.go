// Package sqlite keeps everything that outlives a run in one SQLite file.
//
// Bodies are JSON; columns stand only for what is asked. A run's assets are the
// rows whose newest run it is: an older run's set is not kept once a newer run
// saw the same assets, since only the newest can be resumed. Writes go through
// one connection and are synced to disk before they return, reads through
// several beside it (write-ahead log).
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver, by its name "sqlite"

	"github.com/lenscap/lenscap/internal/finding"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many connections read at once.
const readers = 4

// Store is a [finding.Store] in one file.
type Store struct {
	read, write *bun.DB
}

var _ finding.Store = (*Store)(nil)

// Open opens the file, makes it (and its folder, for the user alone) when it is
// missing, and brings its schema up to date. A file made by a newer version of
// the schema is an error.
func Open(ctx context.Context, file string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make the store's folder: %w", err)
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s := &Store{}
	if s.write, err = connect(file, 1, "_txlock=immediate"); err != nil {
		return nil, err
	}
	if s.read, err = connect(file, readers, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := migrate(ctx, s.write.DB, file); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func connect(file string, connections int, extra string) (*bun.DB, error) {
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(15000)&" + extra
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", file, err)
	}
	db.SetMaxOpenConns(connections)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

func migrate(ctx context.Context, db *sql.DB, file string) error {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sub)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	has, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("open the store %s: %w; is it a lenscap store?", file, err)
	}
	sources := p.ListSources()
	knows := sources[len(sources)-1].Version
	if has > knows {
		return fmt.Errorf("open the store %s: it was made by a newer lenscap (schema %d, this one knows %d); use that version or another --data folder", file, has, knows)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the store %s up to date: %w", file, err)
	}
	return nil
}

// Close closes the store.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*bun.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
