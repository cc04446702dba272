// Package innodb reads MySQL's and MariaDB's InnoDB tables from the files of a
// data directory, or of one table: the pages as the newest redo log leaves them,
// the rows without what open transactions did.
//
// The formats are those that the servers' own documents and headers tell: pages
// and records of InnoDB, .frm files, serialised dictionary information, and
// MariaDB's physical redo log of 10.8 and newer.
package innodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Engine reads the databases of MySQL and MariaDB.
var Engine database.Engine = engine{}

const (
	maxValue  = 16 << 20 // bytes of one value
	maxFrm    = 4 << 20
	maxTables = 100000
	cacheSize = 8 << 20 // bytes of pages kept
)

// partly is the note when some changes in the log could not be applied.
const partly = "the redo log could not be replayed wholly: some of the newest changes are missing"

type engine struct{}

func (engine) Name() string { return "mysql" }

// Claims takes the system tablespace for its directory, and a table's file for
// itself: Open says whether the directory is better.
func (engine) Claims(f detect.File, head []byte) (string, bool) {
	base := path.Base(f.Path)
	switch {
	case base == "ibdata1":
		if head != nil && !looksSpace(head) {
			return "", false
		}
		return path.Dir(f.Path), true
	case strings.HasSuffix(base, ".ibd"):
		if head == nil || !looksSpace(head) {
			return "", false
		}
		return f.Path, true
	}
	return "", false
}

// looksSpace tells whether a file begins with a tablespace's first page.
func looksSpace(head []byte) bool {
	if len(head) < 128 {
		return false
	}
	if zero(head) {
		return true // made just now, the log has its pages
	}
	s := space{}
	return be32(head, filPage) == 0 && be32(head, filSpace) == be32(head, filData) && s.setFlags(be32(head, filData+16)) == nil
}

// table is one table that was found.
type table struct {
	database.Table
	def    *definition
	sp     *space
	root   uint32
	layout *layout
	err    error
}

// db is an open data directory or a lone table's file. After Open only the
// cache changes.
type db struct {
	files  detect.Files
	root   string
	info   database.Info
	spaces map[uint32]*space
	byPath map[string]*space
	log    *redo
	open   map[uint64]bool // transactions that were open
	tables []*table
	failed error
	// waiting are the tables without a file, by their names in the dictionary.
	waiting map[string]*table

	mu    sync.Mutex
	cache map[uint64][]byte
	order []uint64
	bytes int
	bad   bool // some page of the log could not be brought up
}

// Open opens a data directory, or the file of one table. One that lies in a data
// directory is read with that, and is [database.ErrUnsupported] by itself.
func (engine) Open(ctx context.Context, files detect.Files, root string) (database.Database, error) {
	d := &db{
		files: files, root: root, spaces: map[uint32]*space{}, byPath: map[string]*space{},
		open: map[uint64]bool{}, waiting: map[string]*table{}, cache: map[uint64][]byte{},
	}
	d.info = database.Info{Engine: "mysql", State: database.Clean}
	var err error
	if strings.HasSuffix(root, ".ibd") {
		err = d.openFile(root)
	} else {
		err = d.openDir(ctx)
	}
	if err != nil {
		return nil, err
	}
	sort.SliceStable(d.tables, func(i, k int) bool {
		a, b := d.tables[i], d.tables[k]
		if a.Database != b.Database {
			return a.Database < b.Database
		}
		return a.Name < b.Name
	})
	sort.Strings(d.info.Files)
	return d, nil
}

func (d *db) note(incomplete bool, format string, a ...any) {
	if len(d.info.Notes) < 50 {
		d.info.Notes = append(d.info.Notes, fmt.Sprintf(format, a...))
	}
	d.info.Incomplete = d.info.Incomplete || incomplete
}

func (d *db) fail(err error) {
	if d.failed == nil && err != nil {
		d.failed = err
	}
}

// openFile opens one table's file, with its .frm beside it when there is one.
func (d *db) openFile(p string) error {
	dir := path.Dir(p)
	for _, up := range []string{dir, path.Dir(dir)} {
		if _, err := d.files.Open(path.Join(up, "ibdata1")); err == nil {
			return fmt.Errorf("%s: is read with the data directory %s: %w", p, up, database.ErrUnsupported)
		}
	}
	sp, err := d.openSpace(p, 0)
	if err != nil {
		return err
	}
	d.info.Files = append(d.info.Files, p)
	d.info.Size = sp.r.Size()
	d.note(false, "the table's file alone: what is only in the server's log is missing, and whether changes were committed is not known")
	d.addTable(path.Base(dir), strings.TrimSuffix(path.Base(p), ".ibd"), sp, p)
	d.version()
	return nil
}

// openSpace reads the first page of a tablespace; size is the server's page
// size where it is known.
func (d *db) openSpace(p string, size int) (*space, error) {
	r, err := d.files.Open(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	sp := &space{path: p, r: r}
	head := make([]byte, min(r.Size(), maxPage))
	if n, err := r.ReadAt(head, 0); n < len(head) && err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	if len(head) < minPage && len(head) < 1024 {
		return nil, fmt.Errorf("%s: %d bytes, less than a page: %w", p, len(head), database.ErrDamaged)
	}
	first := head
	known := !zero(head[:min(len(head), 128)])
	if known {
		sp.id = be32(head, filSpace)
	}
	if d.log != nil {
		rel := strings.TrimPrefix(strings.TrimPrefix(p, d.root), "/")
		if id, ok := d.log.names[rel]; ok && !known {
			sp.id, known = id, true
		}
		if size == 0 {
			size = 16 << 10
		}
		if _, ok := d.log.heads[pageKey(sp.id, 0)]; ok {
			q := make([]byte, size)
			copy(q, head)
			if q, ok = d.log.apply(q, size, sp.id, 0, nil); ok {
				first = q
			}
		}
	}
	if !known || be32(first, filPage) != 0 {
		return nil, fmt.Errorf("%s: first page is none of a tablespace: %w", p, database.ErrDamaged)
	}
	if err := sp.setFlags(be32(first, filData+16)); err != nil {
		return nil, err
	}
	sp.encrypted = sp.headEncrypted(first)
	d.info.Encrypted = d.info.Encrypted || sp.encrypted
	return sp, nil
}

func (d *db) openDir(ctx context.Context) error {
	main := path.Join(d.root, "ibdata1")
	r, err := d.files.Open(main)
	if err != nil {
		return fmt.Errorf("%s: %w", main, err)
	}
	head := make([]byte, 128)
	if n, err := r.ReadAt(head, 0); n < len(head) {
		if err == nil || errors.Is(err, io.EOF) {
			err = database.ErrDamaged
		}
		return fmt.Errorf("%s: first page: %w", main, err)
	}
	if !looksSpace(head) {
		return fmt.Errorf("%s: first page is none of a tablespace: %w", main, database.ErrDamaged)
	}
	d.openLog()
	sys, err := d.openSpace(main, 0)
	if err != nil {
		return err
	}
	d.spaces[0], d.byPath[main] = sys, sys
	if err := d.walk(ctx, sys); err != nil {
		return err
	}
	d.version()
	if d.log != nil {
		d.transactions()
		switch {
		case d.log.full || d.log.unsupported || d.bad:
			d.info.State = database.Crashed
			d.note(true, partly)
		case d.log.changes > 0:
			d.info.State = database.Recovered
			d.note(false, "the server was running: its redo log was replayed in memory, %d changes of pages", d.log.changes)
		}
	}
	d.settle(ctx)
	if len(d.open) > 0 {
		d.note(false, "%d open transactions were rolled back in memory", len(d.open))
	}
	return nil
}

// openLog opens the redo log, or says what is missing without it.
func (d *db) openLog() {
	p := path.Join(d.root, "ib_logfile0")
	if r, err := d.files.Open(p); err == nil {
		if d.log, err = openRedo(r, p); err == nil {
			return
		}
		d.log = nil
		clean, known := oldLogClean(r)
		switch {
		case known && clean:
			return
		case errors.Is(err, database.ErrEncrypted):
			d.info.Encrypted = true
			d.info.State = database.Crashed
			d.note(true, "the redo log is encrypted: changes that are only there are missing")
		default:
			d.info.State = database.Crashed
			d.note(true, "the redo log is of a form that is not replayed: changes that are only there are missing, changes that were not committed may be shown")
		}
		return
	}
	var logs []detect.Reader
	_ = d.files.List(path.Join(d.root, "#innodb_redo"), func(f detect.File) bool {
		if strings.HasPrefix(path.Base(f.Path), "#ib_redo") && !strings.HasSuffix(f.Path, "_tmp") {
			if r, err := d.files.Open(f.Path); err == nil {
				logs = append(logs, r)
			}
		}
		return len(logs) < 1000
	})
	if len(logs) > 0 && !newLogClean(logs) {
		d.info.State = database.Crashed
		d.note(true, "MySQL's redo log is not replayed: when the server was running, its newest changes are missing, and changes that were not committed may be shown")
	}
}

// walk finds the tables in the directories of databases.
func (d *db) walk(ctx context.Context, sys *space) error {
	var dirs, top []detect.File
	keep := func(list *[]detect.File) func(detect.File) bool {
		return func(f detect.File) bool {
			*list = append(*list, f)
			return len(*list) < maxTables
		}
	}
	if err := d.files.List(d.root, keep(&top)); err != nil {
		return fmt.Errorf("%s: %w", d.root, err)
	}
	for _, f := range top {
		base := path.Base(f.Path)
		switch {
		case f.Mode.IsDir():
			dirs = append(dirs, f)
		case base == "ibdata1" || base == "ib_logfile0" || strings.HasPrefix(base, "undo") || base == "mysql.ibd":
			d.info.Files = append(d.info.Files, f.Path)
			d.info.Size += f.Size
		}
		if base == "ibdata2" {
			d.note(true, "the system tablespace has several files, of which the first is read")
		}
		if strings.HasPrefix(base, "undo") || strings.HasPrefix(base, "ibu") {
			if sp, err := d.openSpace(f.Path, sys.size); err == nil {
				d.spaces[sp.id], d.byPath[f.Path] = sp, sp
			}
		}
	}
	sort.Slice(dirs, func(i, k int) bool { return dirs[i].Path < dirs[k].Path })
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Base(dir.Path)
		if strings.HasPrefix(name, "#innodb") {
			continue
		}
		var in []detect.File
		if err := d.files.List(dir.Path, keep(&in)); err != nil {
			d.fail(fmt.Errorf("%s: %w", dir.Path, err))
			continue
		}
		d.database(decodeName(name), in, sys.size)
	}
	return nil
}

// database adds the tables in one directory.
func (d *db) database(name string, in []detect.File, size int) {
	have := map[string]bool{}
	sort.Slice(in, func(i, k int) bool { return in[i].Path < in[k].Path })
	for _, f := range in {
		have[path.Base(f.Path)] = true
	}
	for _, f := range in {
		if len(d.tables) >= maxTables {
			d.note(true, "there are more than %d tables", maxTables)
			return
		}
		base := path.Base(f.Path)
		ext := path.Ext(base)
		stem := strings.TrimSuffix(base, ext)
		switch ext {
		case ".ibd":
			d.info.Files = append(d.info.Files, f.Path)
			d.info.Size += f.Size
			sp, err := d.openSpace(f.Path, size)
			if err != nil {
				if d.log != nil && errors.Is(err, database.ErrDamaged) && f.Size > 0 && !have[stem+".frm"] {
					continue // dropped as the server stopped
				}
				d.tables = append(d.tables, d.bare(name, stem, f.Size, "", err))
				continue
			}
			d.spaces[sp.id], d.byPath[f.Path] = sp, sp
			d.addTable(name, decodeName(stem), sp, f.Path)
		case ".MAD":
			if strings.HasPrefix(base, "help_") && path.Base(path.Dir(f.Path)) == "mysql" {
				d.info.Files = append(d.info.Files, f.Path) // the server's own manual
			}
		case ".MYI", ".MAI":
			d.info.Files = append(d.info.Files, f.Path)
			t := d.bare(name, stem, f.Size, "MyISAM table: its rows are not read", nil)
			if ext == ".MAI" {
				t.Note = "Aria table: its rows are not read"
			}
			d.count(t, f.Path, ext)
			if def, err := d.frm(strings.TrimSuffix(f.Path, ext) + ".frm"); err == nil && def != nil {
				t.def = def
				t.Columns = def.shown()
			}
			d.tables = append(d.tables, t)
		case ".frm":
			if have[stem+".ibd"] || have[stem+".MYI"] || have[stem+".MAI"] {
				continue
			}
			def, err := d.frm(f.Path)
			if err != nil || def.view {
				continue
			}
			if def.engine == "InnoDB" || def.engine == "" {
				t := d.bare(name, stem, 0, "", nil)
				t.Columns, t.def = def.shown(), def
				d.tables = append(d.tables, t)
				d.waiting[path.Base(path.Dir(f.Path))+"/"+stem] = t
			} else if def.engine != "partition" {
				t := d.bare(name, stem, 0, "table of the engine "+strings.ToValidUTF8(def.engine, "?")+": its rows are not read", nil)
				t.Columns, t.def = def.shown(), def
				d.tables = append(d.tables, t)
			}
		}
	}
}

func (d *db) bare(database_, stem string, size int64, note string, err error) *table {
	t := &table{err: err}
	t.Database, t.Name, t.Rows, t.Size, t.Note = database_, decodeName(stem), -1, size, note
	t.System = systemDatabase(database_)
	if err != nil {
		t.Note = "damaged"
	}
	return t
}

// count reads how many rows a MyISAM or Aria table has from the state in its
// index file's header.
func (d *db) count(t *table, p, ext string) {
	r, err := d.files.Open(p)
	if err != nil {
		return
	}
	head := make([]byte, 128)
	if n, _ := r.ReadAt(head, 0); n < len(head) {
		return
	}
	if ext == ".MYI" && string(head[:3]) == "\xfe\xfe\x07" {
		if n := be64(head, 28); n < 1<<48 {
			t.Rows = int64(n)
		}
	}
}

func systemDatabase(name string) bool {
	switch name {
	case "mysql", "sys", "performance_schema", "information_schema":
		return true
	}
	return false
}

// frm reads a table's definition file.
func (d *db) frm(p string) (*definition, error) {
	r, err := d.files.Open(p)
	if err != nil {
		return nil, err
	}
	if r.Size() > maxFrm {
		return nil, fmt.Errorf("%s: table definition of %d bytes: %w", p, r.Size(), database.ErrDamaged)
	}
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = database.ErrDamaged
		}
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	return parseFrm(b, p)
}

// addTable adds the table of a file of its own.
func (d *db) addTable(name, tbl string, sp *space, p string) {
	t := &table{sp: sp, root: 3}
	t.Database, t.Name, t.Rows, t.Size = name, tbl, -1, sp.r.Size()
	t.System = systemDatabase(name) || strings.HasPrefix(tbl, "FTS_") || strings.HasPrefix(tbl, "#sql")
	d.tables = append(d.tables, t)
	if sp.encrypted {
		t.Encrypted, t.err = true, fmt.Errorf("%s: %w", p, database.ErrEncrypted)
	}
	frm := strings.TrimSuffix(p, ".ibd") + ".frm"
	base, part, _ := strings.Cut(path.Base(strings.TrimSuffix(p, ".ibd")), "#P#")
	if part == "" {
		base, part, _ = strings.Cut(path.Base(strings.TrimSuffix(p, ".ibd")), "#p#")
	}
	if part != "" {
		frm = path.Join(path.Dir(p), base+".frm")
		t.Name = decodeName(base) + "#" + part
	}
	def, err := d.frm(frm)
	switch {
	case err == nil && !def.view:
		t.def = def
		t.Columns = def.shown()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		t.err = err
		t.Note = "its definition is damaged"
		return
	}
	if t.err != nil {
		t.Note = "encrypted: a key is needed"
		return
	}
	if sp.zip != 0 {
		t.Note = "ROW_FORMAT=COMPRESSED: its rows are not read"
		t.err = fmt.Errorf("%s: ROW_FORMAT=COMPRESSED: %w", p, database.ErrUnsupported)
		d.note(true, "there are tables with ROW_FORMAT=COMPRESSED, whose rows are not read")
		if t.def != nil {
			return
		}
	}
	if t.def == nil {
		if err := d.sdi(t); err != nil {
			if t.err == nil {
				t.err = err
			}
			t.Note = "there is no definition of its columns"
			return
		}
		t.Columns = t.def.shown()
	}
	if t.err == nil {
		t.err = d.prepare(t)
	}
}

// shown are the columns that rows are given with.
func (d *definition) shown() []database.Column {
	var out []database.Column
	for _, c := range d.columns {
		if !c.virtual && !c.hidden {
			out = append(out, database.Column{Name: c.name, Type: c.text()})
		}
	}
	return out
}

// version finds which server wrote the files, and which release.
func (d *db) version() {
	if d.info.Version != "" {
		return
	}
	for _, name := range []string{"mysql_upgrade_info", "mariadb_upgrade_info"} {
		r, err := d.files.Open(path.Join(d.root, name))
		if err != nil {
			continue
		}
		b := make([]byte, min(r.Size(), 64))
		n, _ := r.ReadAt(b, 0)
		v, _, _ := strings.Cut(strings.TrimRight(string(b[:n]), "\x00\n "), "-")
		if v != "" && strings.Trim(v, "0123456789.") == "" {
			d.info.Version = "MySQL " + v
			if strings.Contains(string(b[:n]), "MariaDB") {
				d.info.Version = "MariaDB " + v
			}
			return
		}
	}
	var newest uint32
	for _, t := range d.tables {
		if t.def != nil {
			newest = max(newest, t.def.version)
		}
	}
	if newest >= 50000 && newest < 1000000 {
		who := "MySQL "
		if newest >= 100000 {
			who = "MariaDB "
		}
		d.info.Version = who + strconv.Itoa(int(newest/10000)) + "." + strconv.Itoa(int(newest/100%100)) + "." + strconv.Itoa(int(newest%100))
	}
}

// decodeName undoes how file names write what is no plain letter: @ and four
// hexadecimal digits.
func decodeName(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '@' && i+5 <= len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
				out.WriteRune(rune(v))
				i += 4
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// Info tells of the whole.
func (d *db) Info() database.Info {
	i := d.info
	i.Notes = append([]string(nil), i.Notes...)
	i.Files = append([]string(nil), i.Files...)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bad && i.State == database.Recovered {
		i.State, i.Incomplete = database.Crashed, true
		i.Notes = append(i.Notes, partly)
	}
	return i
}

// Tables lists them.
func (d *db) Tables(ctx context.Context) ([]database.Table, error) {
	out := make([]database.Table, len(d.tables))
	for i, t := range d.tables {
		out[i] = t.Table
	}
	return out, errors.Join(ctx.Err(), d.failed)
}

// page gives a page as the log leaves it. It must not be changed.
func (d *db) page(sp *space, no uint32) ([]byte, error) {
	key := pageKey(sp.id, no)
	d.mu.Lock()
	p, ok := d.cache[key]
	d.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := sp.readPage(no)
	if d.log != nil {
		if c, ok := d.log.heads[key]; ok && (err == nil || c.init) {
			if err != nil {
				p = nil
			}
			var whole bool
			if p, whole = d.log.apply(p, sp.size, sp.id, no, nil); !whole {
				d.mu.Lock()
				d.bad = true
				d.mu.Unlock()
				if p == nil {
					return nil, err
				}
				return p, fmt.Errorf("%s: page %d: a change in the log does not fit: %w", sp.path, no, database.ErrDamaged)
			}
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.cache[key]; !ok {
		d.cache[key] = p
		d.order = append(d.order, key)
		d.bytes += len(p)
		for d.bytes > cacheSize && len(d.order) > 1 {
			d.bytes -= len(d.cache[d.order[0]])
			delete(d.cache, d.order[0])
			d.order = d.order[1:]
		}
	}
	return p, nil
}
