package sqlite

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
	"github.com/lenscap/lenscap/internal/detect/database/databasetest"
)

// cli runs SQL and dot commands in the library's own shell.
func cli(t testing.TB, dir, sql string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sqlite3", append([]string{"-batch", "-init", "/dev/null"}, append(args, "db")...)...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(sql)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("sqlite3: %v\n%s", err, errs.String())
	}
	return string(out)
}

// truth is what the shell shows, in the form of databasetest.Dump.
func truth(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	enc := strings.TrimSpace(cli(t, dir, "pragma encoding;"))
	names := strings.SplitSeq(strings.TrimSpace(cli(t, dir, "select name from sqlite_schema where type='table' and name not like 'sqlite\\_%' escape '\\' order by name;")), "\n")
	for name := range names {
		cols := cli(t, dir, fmt.Sprintf("select name, type from pragma_table_xinfo('%s') order by cid;", name), "-separator", "\x1f")
		var sel, head []string
		for line := range strings.SplitSeq(strings.TrimRight(cols, "\n"), "\n") {
			c, typ, _ := strings.Cut(line, "\x1f")
			head = append(head, strings.TrimSpace(c+" "+strings.ToLower(typ)))
			q := `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			sel = append(sel, fmt.Sprintf("case typeof(%[1]s) when 'null' then 'NULL' when 'blob' then 'x'''||lower(hex(%[1]s))||'''' when 'text' then 'T'||hex(%[1]s) else ''||%[1]s end", q))
		}
		fmt.Fprintf(&b, "table %s (%s)\n", name, strings.Join(head, ", "))
		rows := strings.Split(strings.TrimRight(cli(t, dir, fmt.Sprintf("select %s from \"%s\";", strings.Join(sel, ","), strings.ReplaceAll(name, `"`, `""`)), "-separator", "|"), "\n"), "\n")
		for i, r := range rows {
			f := strings.Split(r, "|")
			for j := range f {
				if x, ok := strings.CutPrefix(f[j], "T"); ok {
					raw, err := hex.DecodeString(x)
					if err != nil {
						t.Fatal(err)
					}
					if enc != "UTF-8" {
						order := map[string]binary.ByteOrder{"UTF-16le": binary.LittleEndian, "UTF-16be": binary.BigEndian}[enc]
						var u []uint16
						for ; len(raw) > 1; raw = raw[2:] {
							u = append(u, order.Uint16(raw))
						}
						raw = []byte(string(utf16.Decode(u)))
					}
					f[j] = fmt.Sprintf("%q", raw)
				}
			}
			rows[i] = strings.Join(f, "|")
		}
		slices.Sort(rows)
		for _, r := range rows {
			if r != "" {
				b.WriteString(r + "\n")
			}
		}
	}
	return b.String()
}

func open(t testing.TB, files detect.Files) database.Database {
	t.Helper()
	d, err := Engine{}.Open(t.Context(), files, "/db")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func compare(t *testing.T, dir string) database.Database {
	t.Helper()
	// The shell recovers in place: it gets a copy.
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	d := open(t, databasetest.Files(dir))
	if diff := cmp.Diff(truth(t, other), databasetest.Dump(t, d, database.RowOptions{})); diff != "" {
		t.Fatalf("-shell +reader:\n%.4000s", diff)
	}
	return d
}

const schemaSQL = `
create table people(id integer primary key, name text not null, mail varchar(40), age int, score real, photo blob);
create table "odd ""name"(` + "`a b` decimal(10,2), [c,d] text default 'x'',y', e, -- words, in a comment)\n f int check (f is null or f > -5 and 1=1), constraint k unique (e, f)" + `);
create table keyed(b text, a int, c, d real, primary key(a, b)) without rowid;
create table computed(a int, b int generated always as (a*2) stored, c text);
create index people_mail on people(mail);
create table logs(at text, line text);
`

func value(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return "null"
	case 1:
		return fmt.Sprint(r.IntN(300) - 150)
	case 2:
		return fmt.Sprint(int64(r.Uint64()) / 2)
	case 3:
		return fmt.Sprintf("%g", r.NormFloat64()*1e6)
	case 4:
		return fmt.Sprintf("%.17ge%d", r.Float64()+.1, r.IntN(200)-100)
	case 5:
		return fmt.Sprintf("x'%x'", fmt.Sprint(r.Uint64()))
	case 6:
		return fmt.Sprintf("zeroblob(%d)", r.IntN(9000))
	case 7:
		return fmt.Sprintf("'%s'", strings.Repeat("长文本 text ", r.IntN(700)))
	case 8:
		return fmt.Sprint(r.IntN(2))
	}
	return fmt.Sprintf("'Zoë %d 姓名😀'", r.IntN(1e6))
}

func history(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		switch r.IntN(14) {
		case 0, 1, 2, 3:
			fmt.Fprintf(&b, "insert into people(name,mail,age,score,photo) values('n%d',%s,%s,%s,%s);\n", i, value(r), value(r), value(r), value(r))
		case 4, 5:
			fmt.Fprintf(&b, "insert or ignore into \"odd \"\"name\"(`a b`, [c,d], e) values(%s,%s,%s);\n", value(r), value(r), value(r))
		case 6, 7:
			fmt.Fprintf(&b, "insert or replace into keyed values('b%d',%d,%s,%s);\n", r.IntN(50), r.IntN(100), value(r), value(r))
		case 8:
			fmt.Fprintf(&b, "insert into computed(a,c) values(%d,%s);\n", r.IntN(1000), value(r))
		case 9:
			fmt.Fprintf(&b, "delete from people where id %% 17 = %d;\n", r.IntN(17))
		case 10:
			fmt.Fprintf(&b, "update people set mail=%s where id %% 13 = %d;\n", value(r), r.IntN(13))
		case 11:
			fmt.Fprintf(&b, "delete from keyed where a %% 9 = %d;\n", r.IntN(9))
		default:
			fmt.Fprintf(&b, "insert into logs values(datetime(%d,'unixepoch'),%s);\n", r.IntN(1e9), value(r))
		}
	}
	return b.String()
}

func TestHistories(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(i), 4))
			dir := t.TempDir()
			cli(t, dir, fmt.Sprintf("pragma page_size=%d; pragma encoding='%s'; pragma auto_vacuum=%d; pragma secure_delete=%d;\n%sbegin;\n%scommit;\n",
				512<<i, []string{"UTF-8", "UTF-16le", "UTF-16be"}[i%3], i%3, i%2, schemaSQL, history(r, 600)))
			cli(t, dir, "alter table people add column added text default 'späť';\nalter table people add column n real default 7;\nbegin;\n"+history(r, 100)+"commit;\n"+[]string{"", "vacuum;", "pragma incremental_vacuum(3);"}[r.IntN(3)])
			if s := compare(t, dir).Info(); s.State != database.Clean || s.Version == "" {
				t.Errorf("state %s, version %q", s.State, s.Version)
			}
		})
	}
}

// Copies are taken in the middle of a transaction, as a snapshot does.
func TestCrash(t *testing.T) {
	for _, mode := range []string{"wal", "delete", "persist", "truncate"} {
		for i := range 4 {
			t.Run(fmt.Sprint(mode, i), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(i), 5))
				dir, left := t.TempDir(), t.TempDir()
				cli(t, dir, fmt.Sprintf(`pragma page_size=%d;
pragma journal_mode=%s;
pragma wal_autocheckpoint=%d;
pragma cache_size=5;
%sbegin;
%scommit;
begin;
%scommit;
begin;
%s
.system cp db* %s/
rollback;
`, 1024<<i, mode, 20+i*1000, schemaSQL, history(r, 300), history(r, 50), history(r, 200), left))
				d := compare(t, left)
				// The first log is small enough to be checkpointed wholly.
				if d.Info().State != database.Recovered && (mode != "wal" || i > 0) {
					t.Errorf("state is %s, files %v", d.Info().State, d.Info().Files)
				}
			})
		}
	}
}

func TestSuite(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	dir, left := t.TempDir(), t.TempDir()
	cli(t, dir, "pragma page_size=1024; pragma journal_mode=wal; pragma wal_autocheckpoint=200; pragma secure_delete=off;\n"+schemaSQL+history(r, 150)+".system cp db db-wal "+left+"/\n")
	databasetest.Suite(t, Engine{}, databasetest.Files(left), "/db")
}

// Deleted rows are found before their room is used again.
func TestDeleted(t *testing.T) {
	for _, c := range []struct {
		name, del string
		least     float64
	}{
		{"few", "delete from people where id % 10 = 3;", .9},
		{"half", "delete from people where id % 2 = 0;", .9},
		{"run", "delete from people where id between 400 and 900;", .75},
		{"all", "delete from people;", .9},
		// The first four bytes of a freed cell are gone: here, two types.
		{"keyed", "delete from keyed where a % 5 = 1;", .1},
		{"drop of a page", "delete from people where id > 1000;", .9},
		{"no key", "delete from logs where rowid % 4 = 0;", .9},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var b strings.Builder
			b.WriteString("pragma journal_mode=delete; pragma secure_delete=off;" + schemaSQL + "begin;\n")
			for i := 1; i <= 1500; i++ {
				fmt.Fprintf(&b, "insert into people values(%d,'Name %d','user%d@example.org',%d,%d.5,null);\n", i, i*7, i, i%90, i)
				fmt.Fprintf(&b, "insert into keyed values('key %d',%d,'c%d',%d.25);\n", i, i, i*3, i)
				fmt.Fprintf(&b, "insert into logs values('2024-01-01 10:%02d','line number %d of the log');\n", i%60, i)
			}
			cli(t, dir, b.String()+"commit;\n")
			before := strings.Split(truth(t, dir), "\n")
			cli(t, dir, "pragma secure_delete=off;\n"+c.del+"\n")
			after := map[string]bool{}
			for r := range strings.SplitSeq(truth(t, dir), "\n") {
				after[r] = true
			}
			d := compare(t, dir)
			found := map[string]bool{}
			wrong := 0
			was := map[string]bool{}
			anyKey := func(s string) string { // the rowid of a freed row is often gone
				_, rest, _ := strings.Cut(s, "|")
				return rest
			}
			for _, r := range before {
				was[anyKey(r)] = true
			}
			for r := range strings.SplitSeq(databasetest.Dump(t, d, database.RowOptions{Deleted: true}), "\n") {
				if r, ok := strings.CutPrefix(r, "deleted "); ok {
					if !was[anyKey(r)] {
						wrong++
						if wrong < 4 {
							t.Logf("never was: %s", r)
						}
					}
					found[anyKey(r)] = true
				}
			}
			gone, got := 0, 0
			for _, r := range before {
				if !after[r] {
					gone++
					if found[anyKey(r)] {
						got++
					}
				}
			}
			t.Logf("%d of %d deleted rows found, %d false", got, gone, wrong)
			if float64(got) < c.least*float64(gone) || gone == 0 {
				t.Errorf("%d of %d deleted rows found", got, gone)
			}
			if wrong > gone/100 {
				t.Errorf("%d rows that never were", wrong)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	dir := t.TempDir()
	cli(t, dir, schemaSQL)
	head, err := os.ReadFile(filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	if root, ok := (Engine{}).Claims(detect.File{Path: "/x/db"}, head[:4096]); !ok || root != "/x/db" {
		t.Errorf("a database is not claimed: %q %v", root, ok)
	}
	for _, h := range [][]byte{nil, head[:50], bytes.Repeat([]byte{7}, 4096)} {
		if _, ok := (Engine{}).Claims(detect.File{Path: "/x/some.db"}, h); ok {
			t.Error("what is none is claimed")
		}
	}
}

func FuzzOpen(f *testing.F) {
	dir, left := f.TempDir(), f.TempDir()
	cli(f, dir, "pragma page_size=512; pragma journal_mode=wal; pragma secure_delete=off;\ncreate table a(id integer primary key, b text, c real); create table k(a int, b text, primary key(a)) without rowid; begin; insert into a(b,c) values('x',1),('y',2),(hex(zeroblob(900)),3); insert into k values(1,'one'),(2,'two'); commit; delete from a where id=1;\n.system cp db db-wal "+left+"/\n")
	main, _ := os.ReadFile(filepath.Join(left, "db"))
	wal, _ := os.ReadFile(filepath.Join(left, "db-wal"))
	f.Add(main, wal, []byte{})
	cli(f, dir, "pragma journal_mode=delete; pragma wal_checkpoint;")
	main, _ = os.ReadFile(filepath.Join(dir, "db"))
	f.Add(main, []byte{}, append(bytes.Clone(journalMagic), make([]byte, 700)...))
	f.Fuzz(func(t *testing.T, main, wal, journal []byte) {
		databasetest.ReadAll(t.Context(), Engine{}, databasetest.Mem(map[string][]byte{"/db": main, "/db-wal": wal, "/db-journal": journal}), "/db")
	})
}

func FuzzCreate(f *testing.F) {
	for s := range strings.SplitSeq(schemaSQL, ";") {
		f.Add(strings.TrimSpace(s))
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if c, ok := parseCreate(sql); ok && len(c.stored) > len(c.columns) {
			t.Error("more stored columns than columns")
		}
	})
}
