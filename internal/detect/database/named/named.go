// Package named recognises databases whose rows are not read: it tells engine,
// version, sizes, and names where files, folders or headers have them.
package named

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

const (
	maxEntries = 20_000  // of one directory
	maxText    = 1 << 20 // of a text file that describes a database
)

// kind is one engine: how its files are known and what they tell.
type kind struct {
	name   string
	claims func(f detect.File, head []byte) (root string, ok bool)
	open   func(d *db) error
}

// Engines lists the engines that are recognised.
func Engines() []database.Engine {
	kinds := []kind{
		{"sqlserver", claimsSQLServer, openSQLServer},
		{"oracle", claimsOracle, openOracle},
		{"mongodb", claimsMongoDB, openMongoDB},
		{"myisam", claimsMyISAM, openMyISAM},
		{"ese", claimsESE, openESE},
		{"access", claimsAccess, openAccess},
		{"cassandra", claimsCassandra, openCassandra},
		{"lucene", claimsLucene, openLucene},
		{"leveldb", claimsLevelDB, openLevelDB},
		{"influxdb", claimsInfluxDB, openInfluxDB},
		{"clickhouse", claimsClickHouse, openClickHouse},
	}
	out := make([]database.Engine, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, engine{k})
	}
	return out
}

type engine struct{ kind kind }

// Name is the engine's.
func (e engine) Name() string { return e.kind.name }

// Claims knows a file by its first bytes, or by its name where that is enough.
func (e engine) Claims(f detect.File, head []byte) (root string, ok bool) {
	return e.kind.claims(f, head)
}

// Open reads headers and lists folders.
func (e engine) Open(ctx context.Context, files detect.Files, root string) (database.Database, error) {
	d := &db{ctx: ctx, files: files, root: root, info: database.Info{Engine: e.kind.name, State: database.Named}}
	if err := e.kind.open(d); err != nil {
		return nil, err
	}
	slices.SortFunc(d.tables, func(a, b database.Table) int {
		if c := strings.Compare(a.Database, b.Database); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	d.info.Notes = append(d.info.Notes, "Recognised, not read: rows and what is in them are not known.")
	d.info.Incomplete = true
	return d, nil
}

// db is what is known of one database.
type db struct {
	ctx    context.Context
	files  detect.Files
	root   string
	info   database.Info
	tables []database.Table
}

// Info tells what was found.
func (d *db) Info() database.Info {
	i := d.info
	i.Files, i.Notes = slices.Clone(i.Files), slices.Clone(i.Notes)
	return i
}

// Tables gives the names that files and folders have.
func (d *db) Tables(context.Context) ([]database.Table, error) { return slices.Clone(d.tables), nil }

// Rows gives none: the error says that they can't be read.
func (d *db) Rows(context.Context, database.Table, database.RowOptions, func(database.Row) bool) error {
	return fmt.Errorf("%w: %s: rows of %s", database.ErrUnsupported, d.root, d.info.Engine)
}

func (d *db) damaged(what string) error {
	return fmt.Errorf("%w: %s: %s", database.ErrDamaged, d.root, what)
}

// read gives n bytes of a file, fewer at its end.
func (d *db) read(name string, at int64, n int) ([]byte, error) {
	f, err := d.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	b := make([]byte, max(0, min(int64(n), f.Size()-at)))
	k, err := f.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s at %d: %w", name, at, err)
	}
	return b[:k], nil
}

// alone is a database in one file. It gives its first bytes.
func (d *db) alone() ([]byte, error) {
	f, err := d.files.Open(d.root)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", d.root, err)
	}
	d.info.Files, d.info.Size = []string{d.root}, f.Size()
	return d.read(d.root, 0, 4096)
}

// list gives what is in a directory.
func (d *db) list(dir string) ([]detect.File, error) {
	var out []detect.File
	err := d.files.List(dir, func(f detect.File) bool {
		out = append(out, f)
		return len(out) < maxEntries && d.ctx.Err() == nil
	})
	if d.ctx.Err() != nil {
		return nil, d.ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	slices.SortFunc(out, func(a, b detect.File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// take counts files as the database's.
func (d *db) take(files []detect.File, own func(name string) bool) {
	for _, f := range files {
		if f.Mode.IsRegular() && own(path.Base(f.Path)) {
			d.info.Size += f.Size
			d.info.Files = append(d.info.Files, f.Path)
		}
	}
}

func (d *db) note(format string, args ...any) {
	d.info.Notes = append(d.info.Notes, fmt.Sprintf(format, args...))
}

func all(string) bool { return true }
