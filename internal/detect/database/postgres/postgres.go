// Package postgres reads data directories of PostgreSQL 11 to 18 offline: tables
// from the catalogues, rows from the heaps and their TOAST tables. Of a server
// that was running it replays the write-ahead log in memory, page by page, so
// that it tells what the server itself would after its recovery.
//
// What is not read: directories of servers on machines of the other byte order,
// values of types that an extension made (but hstore and
// citext). Text is given in the database's own encoding, which is mostly UTF-8.
// Floating-point numbers have as many digits as are needed, also of 11, whose own
// client prints 15.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Versions whose catalogues and log are known.
const (
	minVersion = 11
	maxVersion = 18
)

// Engine reads PostgreSQL.
type Engine struct{}

// Name is postgresql.
func (Engine) Name() string { return "postgresql" }

// Claims knows a data directory by PG_VERSION at its top.
func (Engine) Claims(f detect.File, head []byte) (root string, ok bool) {
	dir, name := path.Split(f.Path)
	if name != "PG_VERSION" || f.Size > 16 {
		return "", false
	}
	if head != nil {
		if _, ok := readVersion(head); !ok {
			return "", false
		}
	}
	root = path.Clean(dir)
	// Each database's own directory has one too: base/5, pg_tblspc/16400/PG_15_202209061/5.
	if parent := path.Base(path.Dir(root)); parent == "base" || strings.HasPrefix(parent, "PG_") {
		if _, err := strconv.ParseUint(path.Base(root), 10, 32); err == nil {
			return "", false
		}
	}
	return root, true
}

// cluster is one data directory.
type cluster struct {
	files       detect.Files
	root        string
	major       int
	control     control
	redo        *redo // nil when it was shut down
	clog        *slru
	offsets     *slru
	memberPages *slru
	info        database.Info
	dbs         []dbase
	dbsErr      error
	nextXid     uint32

	mu   sync.Mutex
	last *catalog // of the database that was asked for last
}

// Open reads the version, the control file, the write-ahead log where the server
// was not shut down, and the list of databases.
func (Engine) Open(ctx context.Context, files detect.Files, root string) (database.Database, error) {
	root = strings.TrimSuffix(root, "/")
	data, err := readAll(files, root+"/PG_VERSION", 16)
	if err != nil {
		return nil, fmt.Errorf("postgresql: %w", err)
	}
	major, ok := readVersion(data)
	if !ok {
		return nil, fmt.Errorf("%w: %s/PG_VERSION: want a version", database.ErrDamaged, root)
	}
	data, err = readAll(files, root+"/global/pg_control", 8192)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s: want global/pg_control beside PG_VERSION: %w", database.ErrDamaged, root, err)
	} else if err != nil {
		return nil, fmt.Errorf("postgresql: %w", err)
	}
	c := &cluster{files: files, root: root, major: major}
	c.info = database.Info{
		Engine: "postgresql", Version: strings.TrimSpace(string(readVersionText(files, root))), State: database.Named,
		Files: parts(root), Size: c.size(),
	}
	if major < minVersion || major > maxVersion {
		c.note("this version is recognised, but not read: 11 to 18 are")
		return c, nil
	}
	if c.control, err = readControl(data, major); err != nil {
		return nil, err
	}
	c.nextXid = c.control.nextXid
	c.clog = newSLRU(files, root+"/pg_xact", c.control.block)
	c.offsets = newSLRU(files, root+"/pg_multixact/offsets", c.control.block)
	c.memberPages = newSLRU(files, root+"/pg_multixact/members", c.control.block)
	if err := c.recover(ctx); err != nil {
		return nil, err
	}
	if c.dbs, err = c.databases(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.dbsErr = fmt.Errorf("list of databases: %w", err)
		c.note("the list of databases is damaged")
	}
	c.spaces()
	return c, nil
}

func readVersionText(files detect.Files, root string) []byte {
	b, err := readAll(files, root+"/PG_VERSION", 16)
	if err != nil {
		return nil
	}
	return b
}

// note tells of something that isn't shown.
func (c *cluster) note(text string) {
	c.info.Notes = append(c.info.Notes, text)
	c.info.Incomplete = true
}

// recover indexes the write-ahead log, where the server wasn't shut down.
func (c *cluster) recover(ctx context.Context) error {
	start, label := c.control.redo, false
	if b, err := readAll(c.files, c.root+"/backup_label", 4096); err == nil {
		var high, low uint32
		if _, err := fmt.Sscanf(string(b), "START WAL LOCATION: %X/%X", &high, &low); err == nil {
			start, label = uint64(high)<<32|uint64(low), true
		}
	}
	if c.control.state == stateShutDown && !label {
		c.info.State = database.Clean
		return nil
	}
	c.info.State = database.Crashed
	c.redo = newRedo()
	w := newWALReader(c.files, c.root, c.major, &c.control)
	err := c.redo.index(ctx, w, start, c.control.block)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for xid := range c.redo.xacts {
		if !precedes(xid, c.nextXid) {
			c.nextXid = xid + 1
		}
	}
	need := max(c.control.checkpoint, c.control.minimum)
	switch {
	case err != nil:
		c.note("the server was running, and its write-ahead log is damaged: it is replayed up to there")
	case c.redo.partial != "":
		c.note(c.redo.partial)
	case c.redo.end <= start:
		c.note("the server was running, and its write-ahead log is missing: what was committed last may not be shown")
	case c.redo.end <= need:
		c.note("the server was running, and its write-ahead log ends too early: what was committed last may not be shown")
	default:
		c.info.State = database.Recovered
		c.info.Notes = append(c.info.Notes, "the server was running; its write-ahead log was replayed in memory")
	}
	return nil
}

// spaces notes table spaces that lie elsewhere and can't be read.
func (c *cluster) spaces() {
	missing := 0
	err := c.files.List(c.root+"/pg_tblspc", func(f detect.File) bool {
		if _, err := strconv.ParseUint(path.Base(f.Path), 10, 32); err != nil {
			return true
		}
		found := false
		err := c.files.List(f.Path, func(detect.File) bool {
			found = true
			return false
		})
		if err != nil || !found {
			missing++
		}
		return missing < 1000
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.note("the list of table spaces can't be read")
	}
	if missing > 0 {
		c.note(strconv.Itoa(missing) + " table spaces lie outside of what can be read: their tables look empty")
	}
}

// size sums up the files of the directory.
func (c *cluster) size() int64 {
	var sum int64
	left := 200_000
	var walk func(dir string, depth int)
	walk = func(dir string, depth int) {
		var dirs []string
		err := c.files.List(dir, func(f detect.File) bool {
			left--
			if f.Mode.IsDir() {
				dirs = append(dirs, f.Path)
			} else if f.Mode.IsRegular() {
				sum += f.Size
			}
			return left > 0
		})
		if err != nil {
			return // what can't be listed isn't counted
		}
		for _, d := range dirs {
			if depth < 4 && left > 0 {
				walk(d, depth+1)
			}
		}
	}
	walk(c.root, 0)
	return sum
}

// Info tells of the directory as a whole.
func (c *cluster) Info() database.Info { return c.info }

// catalog gives the catalogues of one database; the last one is kept.
func (c *cluster) catalog(ctx context.Context, db dbase) (*catalog, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && c.last.db.oid == db.oid {
		return c.last, nil
	}
	if c.redo != nil && db.space == 0 {
		db.space = c.redo.spaces[db.oid]
	}
	if db.space == 0 {
		db.space = defaultSpace
	}
	c.last = nil // not two at once
	cat, err := c.load(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("database %d: %w", db.oid, err)
	}
	c.last = cat
	return cat, nil
}

// Tables lists the tables of all databases. Those that all of them share have no
// database.
func (c *cluster) Tables(ctx context.Context) ([]database.Table, error) {
	first := c.dbsErr
	var shared, list []database.Table
	for i, db := range c.dbs {
		cat, err := c.catalog(ctx, db)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			first = firstOf(first, err)
			continue
		}
		if cat.err != nil {
			first = firstOf(first, fmt.Errorf("catalogue of database %d: %w", db.oid, cat.err))
		}
		for _, k := range cat.list {
			if !k.shared {
				list = append(list, c.table(cat, k))
			} else if i == 0 {
				shared = append(shared, c.table(cat, k))
			}
		}
	}
	return append(shared, list...), first
}

func (c *cluster) table(cat *catalog, k *class) database.Table {
	t := database.Table{Database: cat.db.name, Schema: cat.schemas[k.schema], Name: k.name, Rows: -1}
	if k.shared {
		t.Database = ""
	}
	t.System = t.Schema == "pg_catalog" || t.Schema == "information_schema"
	var notes []string
	unread := map[string]bool{}
	for i := range k.columns {
		a := &k.columns[i]
		if a.dropped {
			continue
		}
		name := cat.typeName(a.typ, a.mod, 0)
		t.Columns = append(t.Columns, database.Column{Name: a.name, Type: name})
		if !cat.readable(a.typ, 0) && !unread[name] {
			unread[name] = true
			notes = append(notes, "values of type "+name+" are not read")
		}
		if a.virtual {
			notes = append(notes, "virtual generated columns are not computed")
		}
	}
	switch k.kind {
	case 'p':
		t.Rows = 0
		notes = append(notes, "partitioned: the rows are in its partitions")
	case 'm':
		notes = append(notes, "materialized view")
	}
	if k.persistence == 'u' && c.redo != nil {
		t.Rows = 0
		notes = append(notes, "unlogged: the server empties it after a crash; what is still there counts as deleted")
	}
	if k.kind != 'p' {
		for _, key := range []relKey{c.heap(cat, k), c.toast(cat, k)} {
			if key.rel == 0 {
				continue
			}
			r, missing, err := c.relation(key)
			if err != nil || missing {
				notes = append(notes, "its file is missing")
				continue
			}
			t.Size += int64(r.blocks) * int64(c.control.block)
		}
	}
	t.Note = strings.Join(notes, "; ")
	return t
}

// readable tells whether values of a type are printed.
func (cat *catalog) readable(oid uint32, depth int) bool {
	if _, ok := fixed[oid]; ok || depth > 8 {
		return ok
	}
	t := cat.types[oid]
	if t == nil {
		return false
	}
	switch t.kind {
	case 'd':
		return cat.readable(t.base, depth+1)
	case 'e', 'c', 'r', 'm':
		return true
	}
	switch oid {
	case typText, typVarchar, typBpchar, typJSON, typXML, typNodeTree, typRefcursor, typBytea, typNumeric, typJSONB, typInet, typCIDR,
		typBit, typVarbit, typPath, typPolygon, typTSVector, typRecord, typInt2Vector, typOIDVector, typName, typUnknown, 2275, 2277:
		return true
	}
	return t.length == -1 && (t.elem != 0 && cat.readable(t.elem, depth+1) || t.name == "citext" || t.name == "hstore")
}

func (c *cluster) heap(cat *catalog, k *class) relKey {
	if k.shared {
		return relKey{globalSpace, 0, k.file}
	}
	return relKey{k.space, cat.db.oid, k.file}
}

func (c *cluster) toast(cat *catalog, k *class) relKey {
	if k.shared {
		return relKey{globalSpace, 0, k.toastFile}
	}
	return relKey{k.toastSpace, cat.db.oid, k.toastFile}
}

// find gives a table that Tables told.
func (c *cluster) find(ctx context.Context, t database.Table) (*catalog, *class, error) {
	for _, db := range c.dbs {
		if t.Database != "" && db.name != t.Database {
			continue
		}
		cat, err := c.catalog(ctx, db)
		if err != nil {
			return nil, nil, err
		}
		if k := cat.names[tableName{t.Schema, t.Name}]; k != nil && k.shared == (t.Database == "") {
			return cat, k, nil
		}
	}
	return nil, nil, errors.New("no such table")
}

// parts are the files and directories that the reader reads, so that nobody else
// need look into them: settings and logs are not among them.
func parts(root string) []string {
	out := []string{}
	for _, name := range []string{
		"PG_VERSION", "base", "global", "pg_commit_ts", "pg_dynshmem", "pg_logical", "pg_multixact", "pg_notify", "pg_replslot", "pg_serial",
		"pg_snapshots", "pg_stat", "pg_stat_tmp", "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal", "pg_xact",
	} {
		out = append(out, strings.TrimSuffix(root, "/")+"/"+name)
	}
	return out
}
