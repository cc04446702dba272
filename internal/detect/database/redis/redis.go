// Package redis reads what Redis and its kin leave on a disk: snapshots (RDB,
// versions 1 to 12) and logs of commands (AOF, single or in parts). Each number
// of a database is a table; a list, set, sorted set or hash gives one row for
// each of its values.
package redis

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Engine reads Redis's files.
type Engine struct{}

// Name is redis.
func (Engine) Name() string { return "redis" }

// Claims knows a snapshot by its mark, a log by its name and first command, and
// a log in parts by its manifest. The parts themselves are the manifest's.
func (Engine) Claims(f detect.File, head []byte) (root string, ok bool) {
	name := path.Base(f.Path)
	switch {
	case strings.HasSuffix(name, ".manifest"):
		return f.Path, bytes.HasPrefix(head, []byte("file ")) && bytes.Contains(head, []byte(" type "))
	case strings.HasSuffix(name, ".base.rdb"), strings.HasSuffix(name, ".base.aof"), strings.HasSuffix(name, ".incr.aof"):
		return "", false
	case len(head) >= 9 && string(head[:5]) == "REDIS":
		_, err := strconv.Atoi(string(head[5:9]))
		return f.Path, err == nil
	default:
		return f.Path, strings.HasSuffix(name, ".aof") && (bytes.HasPrefix(head, []byte("*")) || bytes.HasPrefix(head, []byte("#TS:")))
	}
}

// Open reads all of it once: a snapshot has no index. Logs are replayed in
// memory.
func (Engine) Open(ctx context.Context, files detect.Files, root string) (database.Database, error) {
	d := &db{files: files, root: root}
	d.info = database.Info{Engine: "redis", State: database.Clean}
	f, err := d.open(root)
	if err != nil {
		return nil, err
	}
	var head [9]byte
	n, _ := f.ReadAt(head[:], 0)
	if string(head[:min(n, 5)]) == "REDIS" && !strings.HasSuffix(root, ".aof") {
		return d, d.openSnapshot(ctx, f)
	}
	d.state = newState()
	if bytes.HasPrefix(head[:n], []byte("file ")) {
		err = d.openParts(ctx, f)
	} else {
		err = d.replay(ctx, f, root, true)
	}
	if err != nil {
		return nil, err
	}
	d.state.finish(d)
	return d, nil
}

type db struct {
	files detect.Files
	root  string
	info  database.Info
	rows  map[uint32]int64
	state *state // nil for a snapshot
	err   error  // damage, given after what could be read
}

func (d *db) open(name string) (detect.Reader, error) {
	f, err := d.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	d.info.Files = append(d.info.Files, name)
	d.info.Size += f.Size()
	return f, nil
}

func (d *db) note(format string, args ...any) {
	d.info.Notes = append(d.info.Notes, fmt.Sprintf(format, args...))
	d.info.Incomplete = true
}

func newRDB(ctx context.Context, f io.Reader, name string, emit func(*item) bool) *rdb {
	return &rdb{ctx: ctx, in: bufio.NewReaderSize(f, 1<<16), file: name, emit: emit}
}

func (d *db) openSnapshot(ctx context.Context, f detect.Reader) error {
	d.rows = map[uint32]int64{}
	r := newRDB(ctx, io.NewSectionReader(f, 0, f.Size()), d.root, func(i *item) bool {
		d.rows[i.db]++
		return len(d.rows) < 1<<16
	})
	d.err = r.read()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if d.err != nil && r.version == 0 {
		return d.err
	}
	if errors.Is(d.err, errStop) {
		d.err = fmt.Errorf("%w: %s: expected at most 65535 databases", database.ErrUnsupported, d.root)
	}
	if d.err != nil {
		d.info.State = database.Crashed
	}
	d.facts(r)
	return nil
}

func (d *db) facts(r *rdb) {
	d.info.Version = r.aux["redis-ver"]
	if v := r.aux["valkey-ver"]; v != "" {
		d.info.Version = v
	}
	if r.modules > 0 {
		d.note("%d values of modules can't be read.", r.modules)
	}
}

// openParts replays a log in parts: a base, then what came after it, in the
// manifest's order.
func (d *db) openParts(ctx context.Context, f detect.Reader) error {
	if f.Size() > 1<<20 {
		return fmt.Errorf("%w: %s: expected a manifest of at most 1 MiB", database.ErrDamaged, d.root)
	}
	text := make([]byte, f.Size())
	if _, err := f.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s: %w", database.ErrDamaged, d.root, err)
	}
	var parts []string
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		if len(w) < 6 || w[0] != "file" || w[4] != "type" || strings.ContainsRune(w[1], '/') {
			return fmt.Errorf("%w: %s: expected lines of file, seq and type", database.ErrDamaged, d.root)
		}
		if w[5] != "h" { // history, to be deleted
			parts = append(parts, path.Join(path.Dir(d.root), w[1]))
		}
	}
	for i, name := range parts {
		f, err := d.open(name)
		if err == nil {
			err = d.replay(ctx, f, name, i == len(parts)-1)
		}
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.err = err
			d.info.State = database.Crashed
			return nil // what comes after can't be told
		}
	}
	return nil
}

// replay applies one file. Only the last one may end within a command.
func (d *db) replay(ctx context.Context, f detect.Reader, name string, last bool) error {
	in := bufio.NewReaderSize(io.NewSectionReader(f, 0, f.Size()), 1<<16)
	at := int64(0)
	if head, _ := in.Peek(5); string(head) == "REDIS" {
		r := newRDB(ctx, nil, name, d.state.load)
		r.in = in
		if err := r.read(); err != nil {
			if errors.Is(err, errStop) {
				d.err = d.state.full(name)
				return nil
			}
			return err
		}
		d.facts(r)
		at = r.at
	}
	a := &aof{ctx: ctx, in: in, file: name, at: at, state: d.state}
	err := a.read()
	switch {
	case errors.Is(err, errStop):
		d.err = d.state.full(name)
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF) && last:
		d.info.State = database.Recovered
		d.info.Notes = append(d.info.Notes, "The log ends within a command, which was left out as the server does.")
		return nil
	case err != nil && ctx.Err() == nil:
		d.err, d.info.State = err, database.Crashed
		return nil
	}
	return err
}

// Info tells what was found.
func (d *db) Info() database.Info {
	i := d.info
	i.Files, i.Notes = slices.Clone(i.Files), slices.Clone(i.Notes)
	return i
}

var columns = []database.Column{
	{Name: "key", Type: "string"},
	{Name: "type", Type: "string"},
	{Name: "field", Type: "string"},
	{Name: "value", Type: "string"},
	{Name: "expires", Type: "milliseconds since 1970"},
}

// Tables lists the databases that hold something: db0, db1, …
func (d *db) Tables(context.Context) ([]database.Table, error) {
	var out []database.Table
	for n, rows := range d.rows {
		out = append(out, database.Table{Name: "db" + strconv.FormatUint(uint64(n), 10), Columns: slices.Clone(columns), Rows: rows})
	}
	slices.SortFunc(out, func(a, b database.Table) int { return strings.Compare(a.Name, b.Name) })
	return out, d.err
}

// Rows gives one row for each value.
func (d *db) Rows(ctx context.Context, t database.Table, opts database.RowOptions, yield func(database.Row) bool) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(t.Name, "db"), 10, 32)
	if err != nil {
		return fmt.Errorf("%s: no such table: %q", d.root, t.Name)
	}
	var values [5]database.Value
	var room [20]byte
	row := database.Row{Values: values[:], File: d.root}
	if d.state != nil {
		return d.state.rows(ctx, uint32(n), opts, func(i *item, file string, deleted bool) bool {
			fill(&values, i, room[:0])
			row.Deleted, row.Offset, row.File = deleted, i.at, file
			return yield(row)
		})
	}
	f, err := d.files.Open(d.root)
	if err != nil {
		return fmt.Errorf("opening %s: %w", d.root, err)
	}
	keys, last := 0, int64(-1)
	r := newRDB(ctx, io.NewSectionReader(f, 0, f.Size()), d.root, func(i *item) bool {
		if i.db != uint32(n) {
			return true
		}
		if i.at != last {
			keys, last = keys+1, i.at
		}
		if opts.Every > 1 && keys%opts.Every != 1 {
			return true
		}
		fill(&values, i, room[:0])
		row.Offset = i.at
		return yield(row)
	})
	if err := r.read(); err != nil && !errors.Is(err, errStop) {
		return err
	}
	return nil
}

func fill(v *[5]database.Value, i *item, room []byte) {
	v[0], v[1] = text(i.key), database.Value{Kind: database.Text, Data: []byte(i.typ)}
	v[2] = database.Value{}
	if i.field != nil {
		if v[2] = text(i.field); i.score {
			v[2].Kind = database.Number
		}
	}
	switch v[3] = text(i.value); {
	case i.lost:
		v[3] = database.Value{Kind: database.Lost}
	case i.typ == "stream":
		v[3].Kind = database.Number
	}
	v[4] = database.Value{}
	if i.expires != 0 {
		v[4] = database.Value{Kind: database.Number, Data: strconv.AppendInt(room, i.expires, 10)}
	}
}

func text(b []byte) database.Value {
	if utf8.Valid(b) {
		return database.Value{Kind: database.Text, Data: b}
	}
	return database.Value{Kind: database.Bytes, Data: b}
}
