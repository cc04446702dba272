// Package databasetest holds what every reader of databases promises, and what
// tests of readers need.
package databasetest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Files is a folder of the machine as a tree of files, read-only: its own path
// becomes "/", nothing outside is reached.
func Files(dir string) detect.Files { return folder(dir) }

type folder string

type file struct {
	*os.File
	size int64
}

func (f *file) Size() int64 { return f.size }

func (d folder) Open(name string) (detect.Reader, error) {
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	name = inside(name)
	info, err := root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	return &file{f, info.Size()}, nil
}

func (d folder) List(dir string, yield func(detect.File) bool) error {
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), inside(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := root.Stat(filepath.Join(inside(dir), e.Name()))
		if err != nil {
			continue // a link that leads out or nowhere
		}
		f := detect.File{Path: path.Join("/", dir, e.Name()), Size: info.Size(), Mode: info.Mode(), Modified: info.ModTime()}
		if !yield(f) {
			return nil
		}
	}
	return nil
}

func inside(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// Mem is a tree of files in memory, by absolute path.
func Mem(files map[string][]byte) detect.Files { return mem(files) }

type mem map[string][]byte

type bytesFile struct{ *bytes.Reader }

func (m mem) Open(name string) (detect.Reader, error) {
	data, ok := m[path.Clean("/"+name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return bytesFile{bytes.NewReader(data)}, nil
}

func (m mem) List(dir string, yield func(detect.File) bool) error {
	prefix := strings.TrimSuffix(path.Clean("/"+dir), "/") + "/"
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		first, _, isDir := strings.Cut(rest, "/")
		if seen[first] {
			continue
		}
		seen[first] = true
		f := detect.File{Path: prefix + first, Size: int64(len(m[name])), Mode: 0o644}
		if isDir {
			f.Mode, f.Size = fs.ModeDir|0o755, 0
		}
		if !yield(f) {
			return nil
		}
	}
	if len(seen) == 0 && prefix != "/" {
		return &fs.PathError{Op: "list", Path: dir, Err: fs.ErrNotExist}
	}
	return nil
}

// Dump is a canonical text of a database: each table that is not the engine's
// own with its columns, and its rows in order of their text, a deleted one after
// "deleted". It fails the test on any error.
func Dump(tb testing.TB, db database.Database, opts database.RowOptions) string {
	tb.Helper()
	tables, err := db.Tables(tb.Context())
	if err != nil {
		tb.Fatalf("tables: %v", err)
	}
	var b strings.Builder
	for _, tab := range tables {
		if tab.System {
			continue
		}
		fmt.Fprintf(&b, "table %s (", Name(tab))
		for i, c := range tab.Columns {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strings.TrimSpace(c.Name + " " + c.Type))
		}
		b.WriteString(")\n")
		for _, r := range Rows(tb, db, tab, opts) {
			b.WriteString(r + "\n")
		}
	}
	return b.String()
}

// Name is a table's name with its database and schema.
func Name(t database.Table) string {
	return strings.Join(slices.DeleteFunc([]string{t.Database, t.Schema, t.Name}, func(s string) bool { return s == "" }), ".")
}

// Rows is the rows of a table, each as text, in order of it.
func Rows(tb testing.TB, db database.Database, tab database.Table, opts database.RowOptions) []string {
	tb.Helper()
	rows, err := collect(tb.Context(), db, tab, opts)
	if err != nil {
		tb.Fatalf("rows of %s: %v", Name(tab), err)
	}
	return rows
}

func collect(ctx context.Context, db database.Database, tab database.Table, opts database.RowOptions) ([]string, error) {
	var rows []string
	err := db.Rows(ctx, tab, opts, func(r database.Row) bool {
		rows = append(rows, RowText(r))
		return true
	})
	slices.Sort(rows)
	return rows, err
}

// RowText is a row as one line: NULL, numbers as they are, text in quotes,
// bytes in hex, LOST.
func RowText(r database.Row) string {
	var b strings.Builder
	if r.Deleted {
		b.WriteString("deleted ")
	}
	for i, v := range r.Values {
		if i > 0 {
			b.WriteByte('|')
		}
		switch v.Kind {
		case database.Null:
			b.WriteString("NULL")
		case database.Number:
			b.Write(v.Data)
		case database.Text:
			fmt.Fprintf(&b, "%q", v.Data)
		case database.Bytes:
			b.WriteString("x'" + hex.EncodeToString(v.Data) + "'")
		case database.Lost:
			b.WriteString("LOST")
		}
	}
	return b.String()
}

// Damaged is how many damaged copies Suite tries, Limit how long one may take
// and Memory how many bytes reading one may hold.
const (
	Damaged = 300
	Limit   = 20 * time.Second
	Memory  = 256 << 20
)

// Suite holds what every reader promises, over an undamaged database with rows.
// files must be small (a few MiB): damaged copies of each file are read too.
func Suite(t *testing.T, engine database.Engine, files detect.Files, root string) {
	t.Helper()
	db, err := engine.Open(t.Context(), files, root)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if in := db.Info(); in.Engine != engine.Name() || in.State == "" {
		t.Errorf("info says engine %q, state %q", in.Engine, in.State)
	}
	tables, err := db.Tables(t.Context())
	if err != nil {
		t.Fatalf("tables: %v", err)
	}
	if !slices.IsSortedFunc(tables, order) {
		t.Error("tables are not in order of database, schema and name")
	}
	t.Run("rows", func(t *testing.T) { suiteRows(t, db, tables) })
	t.Run("stop", func(t *testing.T) { suiteStop(t, db, tables) })
	t.Run("concurrent", func(t *testing.T) { suiteConcurrent(t, db, tables) })
	t.Run("damaged", func(t *testing.T) { suiteDamaged(t, engine, files, root, Damaged) })
}

func order(a, b database.Table) int {
	return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.Schema, b.Schema), strings.Compare(a.Name, b.Name))
}

func suiteRows(t *testing.T, db database.Database, tables []database.Table) {
	t.Helper()
	total := 0
	for _, tab := range tables {
		live := int64(0)
		err := db.Rows(t.Context(), tab, database.RowOptions{}, func(r database.Row) bool {
			live++
			if len(r.Values) != len(tab.Columns) {
				t.Fatalf("%s: a row has %d values, the table %d columns", Name(tab), len(r.Values), len(tab.Columns))
			}
			if r.Deleted {
				t.Fatalf("%s: a deleted row that was not asked for", Name(tab))
			}
			return true
		})
		if err != nil {
			t.Errorf("%s: %v", Name(tab), err)
		}
		if tab.Rows >= 0 && tab.Rows != live {
			t.Errorf("%s: %d rows, the table says %d", Name(tab), live, tab.Rows)
		}
		again := int64(0)
		err = db.Rows(t.Context(), tab, database.RowOptions{Deleted: true}, func(r database.Row) bool {
			if len(r.Values) != len(tab.Columns) {
				t.Fatalf("%s: a row has %d values, the table %d columns", Name(tab), len(r.Values), len(tab.Columns))
			}
			if !r.Deleted {
				again++
			}
			return true
		})
		if err != nil {
			t.Errorf("%s with deleted rows: %v", Name(tab), err)
		}
		if again != live {
			t.Errorf("%s: %d live rows, %d when deleted ones are asked for too", Name(tab), live, again)
		}
		total += int(live)
	}
	if total == 0 && db.Info().State != database.Named {
		t.Error("no rows in any table: nothing was proved")
	}
}

func suiteStop(t *testing.T, db database.Database, tables []database.Table) {
	t.Helper()
	for _, tab := range tables {
		seen := 0
		_ = db.Rows(t.Context(), tab, database.RowOptions{Deleted: true}, func(database.Row) bool {
			seen++
			return false
		})
		if seen > 1 {
			t.Errorf("%s: %d rows after yield said false", Name(tab), seen-1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.Rows(ctx, tab, database.RowOptions{}, func(database.Row) bool { return true }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a cancelled context gave %v", Name(tab), err)
		}
	}
}

func suiteConcurrent(t *testing.T, db database.Database, tables []database.Table) {
	t.Helper()
	var got [2][]string
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			for _, tab := range tables {
				rows, err := collect(t.Context(), db, tab, database.RowOptions{Deleted: true})
				if err != nil {
					t.Errorf("%s: %v", Name(tab), err)
				}
				got[i] = append(got[i], rows...)
			}
		})
	}
	wg.Wait()
	if !slices.Equal(got[0], got[1]) {
		t.Error("two readers at once saw different rows")
	}
}

// suiteDamaged reads copies with a cut or with flipped bits, the first bytes
// hit more often, as headers steer the most.
func suiteDamaged(t *testing.T, engine database.Engine, files detect.Files, root string, n int) {
	t.Helper()
	good := Copy(t, files)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(good)) {
		if len(good[name]) > 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatal("no file to damage")
	}
	rnd := rand.New(rand.NewPCG(7, 12))
	for i := range n {
		bad := maps.Clone(good)
		name := names[rnd.IntN(len(names))]
		data := bytes.Clone(good[name])
		if i%4 == 0 {
			data = data[:rnd.IntN(len(data))]
		} else {
			near := len(data)
			if i%2 == 0 {
				near = min(near, 512)
			}
			for range 1 + rnd.IntN(16) {
				at := rnd.IntN(near)
				if i%3 == 0 {
					data[at] = byte(rnd.Uint32())
				} else {
					data[at] ^= 1 << rnd.IntN(8)
				}
			}
		}
		bad[name] = data
		start := time.Now()
		done := make(chan struct{})
		go func() {
			select {
			case <-done:
			case <-time.After(Limit):
				buf := make([]byte, 1<<16)
				panic(fmt.Sprintf("damaged copy %d (%s) hangs:\n%s", i, name, buf[:runtime.Stack(buf, true)]))
			}
		}()
		ReadAll(t.Context(), engine, Mem(bad), root)
		close(done)
		if took := time.Since(start); took > Limit/2 {
			t.Errorf("damaged copy %d (%s): took %v", i, name, took)
		}
		if i%50 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapInuse > Memory {
				t.Fatalf("damaged copy %d: %d MiB in use", i, m.HeapInuse>>20)
			}
		}
	}
}

// ReadAll opens and reads all tables with deleted rows, whatever comes: for
// damaged input and fuzz targets. It gives the number of rows.
func ReadAll(ctx context.Context, engine database.Engine, files detect.Files, root string) int {
	db, err := engine.Open(ctx, files, root)
	if err != nil {
		return 0
	}
	rows := 0
	tables, _ := db.Tables(ctx)
	for _, tab := range tables {
		_ = db.Rows(ctx, tab, database.RowOptions{Deleted: true}, func(r database.Row) bool {
			if len(r.Values) != len(tab.Columns) {
				panic(fmt.Sprintf("a row has %d values, the table %d columns", len(r.Values), len(tab.Columns)))
			}
			rows++
			return true
		})
	}
	_ = db.Info()
	return rows
}

// Copy reads all files of a tree, at most 64 MiB of them, into memory.
func Copy(tb testing.TB, files detect.Files) map[string][]byte {
	tb.Helper()
	all := map[string][]byte{}
	total := int64(0)
	var walk func(dir string, depth int)
	walk = func(dir string, depth int) {
		var dirs []string
		err := files.List(dir, func(f detect.File) bool {
			if f.Mode.IsDir() {
				dirs = append(dirs, f.Path)
				return true
			}
			if !f.Mode.IsRegular() {
				return true
			}
			r, err := files.Open(f.Path)
			if err != nil {
				tb.Fatalf("copy %s: %v", f.Path, err)
			}
			if total += r.Size(); total > 64<<20 {
				tb.Fatal("copy: more than 64 MiB of files")
			}
			data, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			if err != nil {
				tb.Fatalf("copy %s: %v", f.Path, err)
			}
			if c, ok := r.(io.Closer); ok {
				_ = c.Close()
			}
			all[f.Path] = data
			return true
		})
		if err != nil {
			tb.Fatalf("list %s: %v", dir, err)
		}
		for _, d := range dirs {
			if depth < 32 {
				walk(d, depth+1)
			}
		}
	}
	walk("/", 0)
	return all
}
