package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
	"github.com/lenscap/lenscap/internal/detect/personal"
	"github.com/lenscap/lenscap/internal/disk"
)

const (
	// maxTables bounds the tables that are told of one database.
	maxTables = 5000
	// wholeTable is how large a table may be to be read in full; of a larger one
	// as many pages are read, spread over it.
	wholeTable = 1 << 30
	// maxSample bounds the masked rows of one table.
	maxSample = 100
)

// claim asks the engines whether a file, by its name, marks a directory of a
// database, and gives the one that the file lies in.
func (l *look) claim(v *disk.Volume, f detect.File) *root {
	for i, e := range l.opts.Databases {
		if path, ok := e.Claims(f, nil); ok && path != f.Path {
			l.claimed(v, i, path)
		}
	}
	return l.rootOf(v, f.Path)
}

// claimed notes a directory of a database, unless it lies within another.
func (l *look) claimed(v *disk.Volume, engine int, path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.roots[v] == nil {
		l.roots[v] = map[string]*root{}
	}
	if l.rootOf(v, path) == nil {
		l.roots[v][path] = &root{engine: engine, path: path}
	}
}

// rootOf gives the claimed directory that a path lies in.
func (l *look) rootOf(v *disk.Volume, path string) *root {
	if len(l.roots[v]) == 0 {
		return nil
	}
	if r := l.roots[v][path]; r != nil {
		return r
	}
	for dir := range dirs(path) {
		if r := l.roots[v][dir]; r != nil {
			return r
		}
	}
	return nil
}

// databases reads the directories that were claimed on a volume. Files in them
// that the database's reader does not read are looked at like any other.
func (l *look) databases(ctx context.Context, v *disk.Volume) error {
	order := make([]*root, 0, len(l.roots[v]))
	for _, r := range l.roots[v] {
		order = append(order, r)
	}
	slices.SortFunc(order, func(a, b *root) int { return cmp.Compare(a.path, b.path) })
	delete(l.roots, v)
	for _, r := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.directory(ctx, v, r); err != nil {
			return err
		}
	}
	return nil
}

func (l *look) directory(ctx context.Context, v *disk.Volume, r *root) error {
	whole := &wanted{volume: v, file: detect.File{Path: r.path}, whole: true}
	var marks []mark
	for _, w := range r.files {
		whole.extents = append(whole.extents, w.extents...)
		whole.file.Size += w.file.Size
		if whole.marked = w.marked; !w.marked {
			marks = nil
			break
		}
		marks = append(marks, w.mark)
	}
	if whole.marked {
		whole.mark = l.marker.together(marks)
	}
	if l.carried(whole) {
		return nil
	}
	k := &keeping{look: l, w: whole}
	read := l.allow(whole, whole.file.Size) && l.database(ctx, k, files{v}, r.engine, r.path, "")
	var left []*wanted
	for _, w := range r.files {
		if !read || !k.covers(w.file.Path) {
			left = append(left, w)
		}
	}
	k.finish(ctx)
	for _, w := range left {
		if l.batch = append(l.batch, w); len(l.batch) >= batchFiles {
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
	}
	return l.flush(ctx)
}

// covers tells whether one of the databases that were read is made of a file.
func (k *keeping) covers(path string) bool {
	for _, f := range k.files {
		if f == path || below(path, f) {
			return true
		}
	}
	return false
}

// single reads a file that is a database by itself. False says that it is none.
func (l *look) single(ctx context.Context, k *keeping, head []byte) bool {
	for i, e := range l.opts.Databases {
		switch root, ok := e.Claims(k.w.file, head); {
		case ok && root == k.w.file.Path:
			return l.database(ctx, k, files{k.w.volume}, i, root, "")
		case ok && !k.deleted: // only its bytes tell: the rest of the directory is read by then
			l.claimed(k.w.volume, i, root)
			return false
		}
	}
	return false
}

// database opens one database and looks into its tables. False says that its
// bytes are to be looked at as they are: it could not be opened, or its engine
// only names it.
func (l *look) database(ctx context.Context, k *keeping, tree detect.Files, engine int, root, inside string) bool {
	e := l.opts.Databases[engine]
	where := k.w.file.Path
	if inside != "" {
		where += "!/" + inside
	}
	broken := false
	lost := func(err error) {
		k.bad, broken = true, true
		l.unread(k.w.volume.Name, where, fmt.Errorf("%s: %w", e.Name(), err))
	}
	db, err := e.Open(ctx, tree, root)
	if errors.Is(err, fs.ErrNotExist) {
		return false // a mark without what belongs to it: a template, a leftover
	}
	if err != nil {
		lost(err)
		return false
	}
	info := db.Info()
	p, _ := disk.Printable(k.w.file.Path)
	in, _ := disk.Printable(inside)
	out := lenscap.Database{
		Engine: info.Engine, Version: info.Version, State: string(info.State), Volume: k.w.volume.Name, Path: p, Inside: in,
		Size: info.Size, Encrypted: info.Encrypted, Incomplete: info.Incomplete, Notes: info.Notes,
	}
	tables, err := db.Tables(ctx)
	if err != nil {
		lost(err)
	}
	if len(tables) > maxTables {
		lost(fmt.Errorf("%d tables, of which %d are told", len(tables), maxTables))
		tables = tables[:maxTables]
	}
	for _, t := range tables {
		if ctx.Err() != nil {
			break
		}
		if info.State == database.Named {
			out.Tables = append(out.Tables, lenscap.Table{Database: t.Database, Schema: t.Schema, Name: t.Name, Rows: t.Rows, Size: t.Size, System: t.System, Note: t.Note})
			continue
		}
		got := l.table(ctx, k, db, t, inside, lost)
		if !t.System {
			out.Rows += got.Rows
			out.Deleted += got.Deleted
		}
		out.Tables = append(out.Tables, got)
	}
	info = db.Info() // reading the rows may have told more
	out.State, out.Incomplete, out.Notes = string(info.State), info.Incomplete || broken, info.Notes
	if info.Encrypted || info.Incomplete {
		l.gap(lenscap.CauseUnsupported, fmt.Sprintf("%s: %s database is not read in full: %v", name(k.w.volume.Name, where), info.Engine, info.Notes))
	}
	k.dbs = append(k.dbs, out)
	k.files = append(k.files, info.Files...)
	k.items = append(k.items, databaseItem(out))
	return info.State != database.Named
}

// table reads the rows of one table: counts them, tells what its columns hold,
// and looks for secrets in their text.
func (l *look) table(ctx context.Context, k *keeping, db database.Database, t database.Table, inside string, lost func(error)) lenscap.Table {
	out := lenscap.Table{Database: t.Database, Schema: t.Schema, Name: t.Name, Size: t.Size, System: t.System, Note: t.Note}
	columns := make([]*column, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = newColumn(c)
	}
	if t.Encrypted {
		out.Rows = -1
		return out
	}
	opts := database.RowOptions{Deleted: true}
	if t.Size > wholeTable {
		opts.Every = int(t.Size/wholeTable) + 1
		out.Every = opts.Every
	}
	title := tableName(t)
	place := title
	if inside != "" {
		place = inside + "/" + title
	}
	scan := l.engine.Scan(detect.File{Path: "/" + title, Size: -1}, func(f detect.Found) {
		if f.Class == detect.Secret { // personal data is told by column
			f.Offset, f.Line = 0, 0
			k.found(0, place, f)
		}
	})
	key, value := pair(t.Columns)
	err := db.Rows(ctx, t, opts, func(r database.Row) bool {
		if r.Deleted {
			out.Deleted++
		} else {
			out.Rows++
		}
		for i, v := range r.Values {
			if i >= len(columns) || v.Kind == database.Null || v.Kind == database.Lost {
				continue
			}
			columns[i].add(v.Data, r.Deleted)
			if v.Kind == database.Text && (len(v.Data) >= 8 || i == value) {
				if i == value && key < len(r.Values) && r.Values[key].Kind == database.Text && len(r.Values[key].Data) <= 100 {
					_, _ = scan.Write(r.Values[key].Data) // a setting's name tells what its value is
					_, _ = scan.Write([]byte("="))
				}
				_, _ = scan.Write(v.Data) // never fails
				_, _ = scan.Write([]byte("\n"))
			}
		}
		if len(out.Sample) < min(l.opts.Sample, maxSample) && !r.Deleted {
			out.Sample = append(out.Sample, masked(columns, r))
		}
		return ctx.Err() == nil
	})
	k.scanned(scan, place)
	switch {
	case err == nil:
	case errors.Is(err, database.ErrUnsupported) && out.Rows == 0:
		out.Rows = max(t.Rows, -1) // its file is looked at as it is
		if !t.System {
			lost(fmt.Errorf("table %s: %w", title, err))
		}
	default:
		out.AtLeast = true
		lost(fmt.Errorf("table %s: %w", title, err))
	}
	if out.Rows == 0 && out.Every == 0 && t.Rows > 0 {
		out.Rows = t.Rows
	}
	for i, c := range t.Columns {
		name, _ := disk.Printable(c.Name)
		col := lenscap.Column{Name: name, Type: c.Type}
		for _, h := range columns[i].holds() {
			col.Holds = append(col.Holds, h.Holding)
			if !t.System || h.Class == lenscap.ItemSecret {
				k.items = append(k.items, columnItem(k, place, name, h))
			}
		}
		out.Columns = append(out.Columns, col)
	}
	return out
}

// pair gives the columns of a table of settings that hold names and values; value
// is below zero when there are none.
func pair(columns []database.Column) (key, value int) {
	key, value = -1, -1
	for i, c := range columns {
		switch strings.ToLower(c.Name) {
		case "k", "key", "name", "option_name", "setting", "setting_key", "config_key", "meta_key", "param", "property", "variable", "conf_key", "cfg_key":
			key = i
		case "v", "val", "value", "option_value", "setting_value", "config_value", "meta_value", "content", "conf_value", "cfg_value":
			value = i
		}
	}
	if key < 0 {
		value = -1
	}
	return key, value
}

func tableName(t database.Table) string {
	s := t.Name
	if t.Schema != "" {
		s = t.Schema + "." + s
	}
	if t.Database != "" {
		s = t.Database + "." + s
	}
	text, _ := disk.Printable(s)
	return text
}

// column classifies the values of one column, those of deleted rows apart.
type column struct {
	name, typ string
	all, gone *personal.Column
}

func newColumn(c database.Column) *column {
	return &column{name: c.Name, typ: c.Type, all: personal.NewColumn(c.Name, c.Type)}
}

func (c *column) add(v []byte, deleted bool) {
	if !c.all.Idle() {
		c.all.Add(v)
	}
	if deleted {
		if c.gone == nil {
			c.gone = personal.NewColumn(c.name, c.typ)
		}
		c.gone.Add(v)
	}
}

// holds gives what the values of a column are.
func (c *column) holds() []holding {
	var out []holding
	for _, h := range c.all.Result() {
		en, zh := h.Kind.Title()
		x := holding{Holding: lenscap.Holding{
			Kind: h.Kind.String(), Title: lenscap.Text{En: en, Zh: zh}, Class: lenscap.ItemPersonal, Count: h.Count, Looked: h.Looked,
		}, kind: h.Kind}
		if h.Kind.Secret() {
			x.Class = lenscap.ItemSecret
		}
		if c.gone != nil {
			for _, g := range c.gone.Result() {
				if g.Kind == h.Kind {
					x.Deleted = g.Count
				}
			}
		}
		out = append(out, x)
	}
	return out
}

// holding is what a column holds, with the kind that masks its values.
type holding struct {
	lenscap.Holding
	kind personal.Kind
}

// columnItem makes an item of what a column holds.
func columnItem(k *keeping, inside string, name string, h holding) lenscap.Item {
	p, _ := disk.Printable(k.w.file.Path)
	in, _ := disk.Printable(inside + "." + name)
	detail := fmt.Sprintf("in %d of %d values", h.Count, h.Looked)
	if h.Deleted > 0 {
		detail += fmt.Sprintf(", %d of them in deleted rows", h.Deleted)
	}
	kind := h.Kind
	if h.Class == lenscap.ItemPersonal {
		kind = "personal_" + kind
	}
	return lenscap.Item{
		Type: kind, Class: h.Class, Severity: severities[detect.Severity(h.kind.Severity(h.Count))], Title: h.Title,
		Volume: k.w.volume.Name, Path: p, Inside: in, Count: int(min(h.Count, math.MaxInt32)), Detail: detail, Deleted: h.Count == h.Deleted || k.deleted,
	}
}

// databaseItem says that there is a database: what it holds is told by further
// items.
func databaseItem(db lenscap.Database) lenscap.Item {
	severity := lenscap.SeverityLow
	if db.Rows+db.Deleted == 0 && db.State != string(database.Named) {
		severity = lenscap.SeverityInfo
	}
	detail := db.State
	if db.State != string(database.Named) {
		detail = fmt.Sprintf("%d rows, %d deleted ones still there, %s", db.Rows, db.Deleted, db.State)
	}
	if db.Encrypted {
		detail += ", encrypted"
	}
	return lenscap.Item{
		Type: db.Engine + "_database", Class: lenscap.ItemDatabase, Severity: severity,
		Title:  lenscap.Text{En: db.Engine + " database", Zh: db.Engine + " 数据库"},
		Volume: db.Volume, Path: db.Path, Inside: db.Inside, Detail: detail,
	}
}

// masked gives a row whose values tell no more than their shape.
func masked(columns []*column, r database.Row) []string {
	out := make([]string, 0, len(columns))
	for i, v := range r.Values {
		if i >= len(columns) {
			break
		}
		switch v.Kind {
		case database.Null:
			out = append(out, "NULL")
		case database.Lost:
			out = append(out, "?")
		default:
			out = append(out, personal.MaskAny(string(v.Data)))
		}
	}
	return out
}
