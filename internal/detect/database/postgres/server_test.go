package postgres

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// folder is a tree of files below a directory.
type folder string

type openFile struct {
	*os.File
	size int64
}

func (f openFile) Size() int64 { return f.size }

func (d folder) Open(path string) (detect.Reader, error) {
	f, err := os.Open(filepath.Join(string(d), path))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return openFile{f, info.Size()}, nil
}

func (d folder) List(dir string, yield func(detect.File) bool) error {
	entries, err := os.ReadDir(filepath.Join(string(d), dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(string(d), dir, e.Name()))
		if err != nil {
			continue
		}
		if !yield(detect.File{Path: dir + "/" + e.Name(), Size: info.Size(), Mode: info.Mode()}) {
			break
		}
	}
	return nil
}

// server is a real one.
type server struct {
	t     *testing.T
	bin   string
	major int
	dir   string // holds data, run
	cmd   *exec.Cmd
	as    *syscall.Credential
}

// programs gives the directories of servers' programs: Debian's, and others that
// LENSCAP_POSTGRES lists, with colons between.
func programs(t *testing.T) []string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	var list []string
	for _, f := range found {
		list = append(list, filepath.Dir(f))
	}
	list = append(list, filepath.SplitList(os.Getenv("LENSCAP_POSTGRES"))...)
	if len(list) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("no PostgreSQL server here; tests in CI leave nothing out")
		}
		t.Skip("no PostgreSQL server here: make tools installs one")
	}
	return list
}

// everyServer runs a test with each server.
func everyServer(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	for _, bin := range programs(t) {
		out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
		if err != nil {
			t.Fatalf("%s: %v", bin, err)
		}
		version := strings.Fields(string(out))[2]
		major, _ := strconv.Atoi(strings.Split(version, ".")[0])
		t.Run(version, func(t *testing.T) { test(t, newServer(t, bin, major)) })
	}
}

func newServer(t *testing.T, bin string, major int) *server {
	t.Helper()
	s := &server{t: t, bin: bin, major: major}
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // sockets have short names only, and the server is another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.dir = dir
	if os.Getuid() == 0 {
		s.as = &syscall.Credential{Uid: 65534, Gid: 65534}
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir+"/space", 0o700); err != nil {
		t.Fatal(err)
	}
	if s.as != nil {
		if err := os.Chown(dir+"/space", 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	s.run("initdb", "-D", dir+"/data", "-U", "admin", "-E", "UTF8", "--locale=C", "-A", "trust", "-N", "--data-checksums")
	return s
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	program := filepath.Join(s.bin, name)
	if _, err := os.Stat(program); err != nil {
		program = name // a client of another version serves as well
	}
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "PGTZ=UTC", "HOME=" + s.dir}
	cmd.Dir = s.dir
	if s.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	}
	return cmd
}

func (s *server) run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func (s *server) start(data string, options ...string) {
	s.t.Helper()
	args := append([]string{"-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "max_prepared_transactions=10", "-c", "autovacuum=off"}, options...)
	s.cmd = s.command("postgres", args...)
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.cmd
	s.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 300 {
		if s.command("pg_isready", "-h", s.dir).Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	s.t.Fatalf("the server doesn't start: %s", b)
}

func (s *server) stop(sig os.Signal) {
	s.t.Helper()
	s.cmd.Process.Signal(sig)
	s.cmd.Wait()
}

func (s *server) psql(db, sql string) string {
	s.t.Helper()
	cmd := s.command("psql", "-h", s.dir, "-U", "admin", "-d", db, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
	cmd.Stdin = strings.NewReader(sql)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("psql: %v\n%s", err, errs.String())
	}
	return out.String()
}

// dump is what the server says: for each table the sorted lines of COPY.
func (s *server) dump() map[string][]string {
	s.t.Helper()
	all := map[string][]string{}
	for db := range strings.Lines(s.psql("postgres", "select datname from pg_database where datallowconn order by 1")) {
		db = strings.TrimSpace(db)
		tables := s.psql(db, `select quote_ident(n.nspname)||'.'||quote_ident(c.relname)||E'\t'||c.relkind::text||E'\t'||n.nspname||'.'||c.relname
			from pg_class c join pg_namespace n on n.oid = relnamespace
			where relkind in ('r','m','p') and nspname not in ('pg_catalog', 'information_schema')`)
		for line := range strings.Lines(tables) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			all[db+"."+f[2]] = nil
			if f[1] == "p" {
				continue
			}
			copied := s.psql(db, "copy (select * from only "+f[0]+") to stdout")
			if copied != "" {
				all[db+"."+f[2]] = strings.Split(strings.TrimSuffix(copied, "\n"), "\n")
			}
			sort.Strings(all[db+"."+f[2]])
		}
	}
	return all
}

// copyLine writes a row as COPY does.
func copyLine(r database.Row) string {
	var b strings.Builder
	for i, v := range r.Values {
		if i > 0 {
			b.WriteByte('\t')
		}
		switch v.Kind {
		case database.Null:
			b.WriteString(`\N`)
		case database.Lost:
			b.WriteString("LOST")
		case database.Bytes:
			fmt.Fprintf(&b, `\\x%x`, v.Data)
		default:
			for _, c := range v.Data {
				switch c {
				case '\\':
					b.WriteString(`\\`)
				case '\n':
					b.WriteString(`\n`)
				case '\r':
					b.WriteString(`\r`)
				case '\t':
					b.WriteString(`\t`)
				case '\b':
					b.WriteString(`\b`)
				case '\f':
					b.WriteString(`\f`)
				case '\v':
					b.WriteString(`\v`)
				default:
					b.WriteByte(c)
				}
			}
		}
	}
	return b.String()
}

// read is what the reader says, in the same form, and the deleted rows.
func read(t *testing.T, files detect.Files, root string) (live, deleted map[string][]string, info database.Info) {
	t.Helper()
	db, err := Engine{}.Open(t.Context(), files, root)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := db.Tables(t.Context())
	if err != nil {
		t.Errorf("tables: %v", err)
	}
	live, deleted = map[string][]string{}, map[string][]string{}
	for _, table := range tables {
		if table.Database == "template0" {
			continue
		}
		if table.System {
			// They are only read: their rows change as the server starts.
			if err := db.Rows(t.Context(), table, database.RowOptions{}, func(database.Row) bool { return true }); err != nil {
				t.Errorf("%s.%s: %v", table.Schema, table.Name, err)
			}
			continue
		}
		name := table.Database + "." + table.Schema + "." + table.Name
		live[name] = nil
		err := db.Rows(t.Context(), table, database.RowOptions{Deleted: true}, func(r database.Row) bool {
			if len(r.Values) != len(table.Columns) {
				t.Fatalf("%s: %d values for %d columns", name, len(r.Values), len(table.Columns))
			}
			if line := copyLine(r); r.Deleted {
				deleted[name] = append(deleted[name], line)
			} else {
				live[name] = append(live[name], line)
			}
			return true
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		sort.Strings(live[name])
	}
	return live, deleted, db.Info()
}

// same compares what the reader says with the server's word.
func same(t *testing.T, got, want map[string][]string) {
	t.Helper()
	rows := 0
	for name, lines := range want {
		have, ok := got[name]
		if !ok {
			t.Errorf("%s: the table is not told", name)
			continue
		}
		rows += len(lines)
		if len(have) != len(lines) {
			t.Errorf("%s: %d rows, want %d", name, len(have), len(lines))
		}
		bad := 0
		for i := range min(len(have), len(lines)) {
			if have[i] != lines[i] {
				if bad++; bad <= 3 {
					t.Errorf("%s row %d:\n got %.500q\nwant %.500q", name, i, have[i], lines[i])
				}
			}
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: the server has no such table", name)
		}
	}
	t.Logf("%d tables, %d rows are as the server's", len(want), rows)
}

// mirror copies a data directory; files that vanish meanwhile are left out.
func mirror(t *testing.T, from, to string, as *syscall.Credential) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			err = os.Mkdir(target, 0o700)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case d.Type().IsRegular():
			var in, out *os.File
			if in, err = os.Open(path); err != nil {
				return err
			}
			defer in.Close()
			if out, err = os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
				return err
			}
			defer out.Close()
			_, err = io.Copy(out, in)
		}
		if err == nil && as != nil {
			err = os.Chown(target, int(as.Uid), int(as.Gid))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// adapt takes out of a script what a server doesn't know.
func (s *server) adapt(sql string) string {
	var pairs []string
	known := func(sql string) bool {
		return s.command("psql", "-h", s.dir, "-U", "admin", "-d", "postgres", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql).Run() == nil
	}
	if !known("create extension hstore; create extension citext; drop extension hstore; drop extension citext") {
		pairs = append(pairs, "create extension hstore; create extension citext;", "", "h hstore, ct citext", "h text, ct text", "hstore(array['k','v'||i,'n',null])", "'h'")
	}
	if !known("select '<a/>'::xml") {
		pairs = append(pairs, "x xml", "x text")
	}
	if known("set default_toast_compression = lz4") {
		pairs = append(pairs, "create table big", "set default_toast_compression = lz4; create table big",
			"insert into big select i, 'lz'", "reset default_toast_compression; insert into big select i, 'lz'")
	}
	if s.major < 14 {
		pairs = append(pairs, "'NaN', 'Infinity', '::1'", "'NaN', 'NaN', '::1'", "1e15, '-Infinity')", "1e15, 0)")
	}
	if s.major < 12 { // it prints 15 digits, not as many as are needed
		pairs = append(pairs, "(i*1.1)::float4*power(10,(i%60)-30)::float4", "i*0.5", "i*1.1*power(10::float8,(i%200)-100)", "i*0.25",
			"-i/3.0", "-i/4.0", "123456789012345, 999999", "1, 2", "'fe80::', null, 1e15, 1234567", "'fe80::', null, 3, 4",
			"b int generated always as (a*2) stored", "b int default 3")
	}
	pairs = append(pairs, "SPACE", s.dir+"/space")
	return strings.NewReplacer(pairs...).Replace(sql)
}

const schema = `
set check_function_bodies = off;
create extension hstore; create extension citext;
create type mood as enum ('sad', 'ok', 'very happy');
create domain plz as varchar(12) check (value <> '');
create type pair as (a int, b text, c numeric);
create table every_type (id int primary key, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(20,5),
 t text, v varchar(40), c char(10), nm name, by bytea, d date, ti time, tz timetz, ts timestamp, tsz timestamptz, iv interval,
 u uuid, j json, jb jsonb, ip inet, ci cidr, ma macaddr, m8 macaddr8, mo money, bi bit(11), vb varbit, pt point, ls lseg, bx box,
 pa path, po polygon, li line, cr circle, tv tsvector, m mood, pl plz, pr pair, ia int[], ta text[], na numeric[], jba jsonb[], ma2 mood[],
 pra pair[], r4 int4range, rn numrange, rt tsrange, h hstore, ct citext, ch "char", o oid, ln pg_lsn, x xml, bxa box[], ua uuid[], ta2 timestamptz[], bya bytea[]);
insert into every_type (id) values (0);
insert into every_type select i, i%2=0, i-2000, i::int8*1234567890123*(case when i%3=0 then -1 else 1 end), (i*1.1)::float4*power(10,(i%60)-30)::float4, i*1.1*power(10::float8,(i%200)-100),
 case i%7 when 0 then 'NaN' when 1 then 0 when 2 then (i*1.0/7) when 3 then -i*1e20 when 4 then (i*1e-20)::numeric when 5 then 1e300::numeric*i else i*10000 end,
 i*1.00001, 'text '||i||E' \\ \t\n\r "''" ü 中文', repeat('v', i%40), 'c'||i, 'name'||i, decode(md5(i::text),'hex'),
 date '0044-03-15 BC' + i*300, time '00:00' + i*interval '17.123456 s', timetz '10:00+05:30' + i*interval '1 s', timestamp '2000-01-01' + (i-1000)*interval '1 year 3 days 1.5 s',
 timestamptz '2024-02-29 12:00+08' - i*interval '31 days 0.000001 s', (i-1000)*interval '1 month -3 days' + i*interval '-1.25 s' * (case when i%2=0 then 1 else -1 end),
 md5(i::text)::uuid, ('{"a": '||i||', "b" : [1,2]}')::json,
 jsonb_build_object('id', i, 'name', 'n'||i, 'list', jsonb_build_array(1, null, true, 'x', i*1.50, jsonb_build_object('k','v"\'||i)), 'neg', -i, 'e', '{}'::jsonb, 'ea', '[]'::jsonb, 'long', repeat('z', i%100), 'u', E'\u00fc\t'),
 ('10.'||i%256||'.0.1/'||(case when i%2=0 then 32 else 24 end))::inet, ('2001:db8:'||to_hex(i)||'::/48')::cidr, '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', (i*1234.56)::numeric::money,
 (i%2048)::bit(11), (i%16)::bit(4)::varbit||B'101', point(i,-i/3.0), lseg(point(i,1),point(2,i)), box(point(i,1),point(-2,-i)), case when i%2=0 then '[(1,2),(3,4.5)]'::path else '((1,2),(3,4),(5,6))'::path end,
 '((0,0),(1,1.25),(2,0))'::polygon, line(point(0,i),point(1,i+2)), circle(point(i,2),i+0.5), to_tsvector('simple', 'the quick brown fox''s '||i||' the end'), (array['sad','ok','very happy'])[i%3+1]::mood,
 'D-'||i, row(i, case when i%2=0 then 'x, "y" \ ('||i else null end, i*1.5)::pair, array[i,null,-i], array['a b','null','',null,'{x}','q"\'||i], array[i*1.5, null, 'NaN'],
 array[jsonb_build_object('a',i)], array['sad','very happy']::mood[], array[row(i,'a b',1)::pair,null], int4range(i,i+10), numrange(i*1.5,null), tsrange(timestamp '2020-01-01', timestamp '2020-01-01' + i*interval '1 h', '[]'),
 hstore(array['k','v'||i,'n',null]), 'CiText'||i, 'x', i, '16/B374D848', '<a>x</a>', array[box(point(1,2),point(3,4)),box(point(1,2),point(3,i))], array[md5('x')::uuid], array[[timestamptz '2020-01-01+00',null],[timestamptz '2021-01-01+00', timestamptz '2022-05-05 05:05:05.5+00']], array['\x00ff'::bytea]
 from generate_series(1,2000) i;
insert into every_type (id, d, ts, tsz, f4, f8, n, ip, ia, r4, iv, by, t) values (100001, 'infinity', '-infinity', 'infinity', 'Infinity', 'NaN', 'Infinity', '::1', '{}', 'empty', '0', '', '');
insert into every_type (id, ip, ia, f8, f4, n) values (100002, '::ffff:1.2.3.4', '[2:4]={1,2,3}', -0.0, 1e15, '-Infinity'), (100003, '::1.2.3.4/100', '{{1,2},{3,4}}', 123456789012345, 999999, 0.00001), (100004, 'fe80::', null, 1e15, 1234567, 10000);
create table big (id int, body text, comp text, bin bytea, j jsonb);
alter table big alter body set storage external;
insert into big select i, repeat(md5(i::text), 50+i*3), repeat('compress me '||i, 300+i), decode(repeat(md5(i::text),100+i),'hex'), jsonb_build_object('a', repeat(md5(i::text)||'x', 200), 'b', (select jsonb_agg(g) from generate_series(1,500) g)) from generate_series(1,200) i;
insert into big select i, 'lz', (select string_agg(md5(g::text),'') from generate_series(1,i) g), null, null from generate_series(1,300) i;
create table part (k int, s text) partition by range (k);
create table part_a partition of part for values from (0) to (1000);
create table part_b partition of part for values from (1000) to (2000);
insert into part select i, 'p'||i from generate_series(0,1999) i;
update part set k = k + 1000 where k between 10 and 20;
create table parent (a int, b text); create table child (c int) inherits (parent);
insert into parent values (1,'p'); insert into child values (2,'c',3);
create table altered (a int, gone text, b text);
insert into altered select i, 'gone'||i, 'b'||i from generate_series(1,1000) i;
alter table altered drop column gone;
alter table altered add column added text default 'the default' , add column n numeric default 12.50 , add column arr int[] default '{1,2}', add column nothing int;
insert into altered (a, b, added) select i, 'b'||i, 'new' from generate_series(1001,1500) i;
create table gen (a int, b int generated always as (a*2) stored, c serial); insert into gen (a) select generate_series(1,100);
create materialized view mat as select a, b from gen where a < 50;
create unlogged table unlog (a int, t text); insert into unlog select i, 'u'||i from generate_series(1,500) i;
create schema "Odd Schema"; create table "Odd Schema"."Table ""x""" ("Col 1" int); insert into "Odd Schema"."Table ""x""" values (7);
create table churn (id int primary key, t text, n int) with (autovacuum_enabled=off, fillfactor=70);
insert into churn select i, 'row '||i, 0 from generate_series(1,5000) i;
create table victims (id int, secret text) with (autovacuum_enabled=off);
insert into victims select i, 'victim-'||i||'-'||md5(i::text) from generate_series(1,1000) i;
create table subx (id int, what text);
begin; insert into subx values (1,'top'); savepoint a; insert into subx values (2,'sub'); savepoint b; insert into subx values (3,'rolled back'); rollback to b; insert into subx values (4,'sub again'); release a; commit;
begin; insert into subx select i, 'aborted' from generate_series(100,200) i; rollback;
create table multi (id int primary key, t text); insert into multi select i, 'm'||i from generate_series(1,200) i;
create table empty_one (a int); create table no_columns (); insert into no_columns default values;
create table truncated (a int); insert into truncated select generate_series(1,3000); truncate truncated; insert into truncated values (42);
create table shrunk (a int, t text); insert into shrunk select i, repeat('s',100) from generate_series(1,3000) i; delete from shrunk where a > 100; vacuum shrunk;
create tablespace elsewhere location 'SPACE'; create table in_space (a int, t text) tablespace elsewhere;
insert into in_space select i, repeat('s', i) from generate_series(1,3000) i; create database spacious tablespace elsewhere;
create temp table tmp (a int); insert into tmp values (1);
`

// change is what goes on after a checkpoint: all kinds of record in the log.
const change = `
update churn set n = n + 1 where id % 2 = 0; update churn set n = n + 1, t = t || ' longer' where id % 4 = 0; delete from churn where id % 10 = 3; vacuum churn;
insert into churn select i, 'later '||i, 0 from generate_series(6001,7000) i; update churn set t = 'hot' where id % 7 = 0; vacuum freeze churn; update churn set n = 99 where id < 100;
delete from victims where id <= 300;
update victims set secret = 'changed' where id > 950;
update big set id = id + 1000 where id < 50; delete from big where id between 60 and 80; vacuum big; insert into big select i, repeat(md5(i::text||'z'), 500), null, null, null from generate_series(2000,2100) i;
update every_type set t = t || '!' where id < 1000; delete from every_type where id between 1500 and 1600;
do $$ begin for i in 1..200 loop begin update multi set t = t || 'x' where id = i; if i % 3 = 0 then raise exception 'no'; end if; exception when raise_exception then null; end; end loop; end $$;
begin; select 1 from multi where id < 50 for key share; savepoint a; update multi set t = 'after lock' where id < 25; savepoint b; delete from multi where id = 30; rollback to b; commit;
begin; select 1 from multi where id = 100 for share; savepoint a; select 1 from multi where id = 100 for update; commit;
create table later (id int, t text); insert into later select i, 'l'||i from generate_series(1,2000) i; create index on later (id);
truncate truncated; insert into truncated select generate_series(1,777);
delete from shrunk where a > 50; vacuum shrunk; insert into shrunk select i, 'again' from generate_series(1,1500) i;
alter table altered add column more int default 5; update altered set more = 6 where a % 100 = 0;
alter type mood add value 'new mood'; 
update in_space set a = a + 1 where a % 3 = 0; create database made_later; create database spacious_later tablespace elsewhere; vacuum full gen; alter table later alter id type bigint; cluster churn using churn_pkey; vacuum full pg_class; vacuum full pg_attribute;
insert into unlog values (-1, 'late'); drop table empty_one; refresh materialized view mat;
insert into every_type (id, m) values (-5, 'new mood');
begin; insert into subx select i, 'prepared' from generate_series(300,310) i; prepare transaction 'p1';
begin; insert into subx select i, 'prepared, committed' from generate_series(400,410) i; savepoint s; insert into subx values (411,'sub'); prepare transaction 'p2'; commit prepared 'p2';
begin; delete from subx where id = 1; prepare transaction 'p3'; rollback prepared 'p3';
insert into multi values (1, 'x') on conflict (id) do update set t = 'upserted'; insert into multi values (900, 'speculative') on conflict do nothing;
`

func TestClaims(t *testing.T) {
	for path, want := range map[string]string{
		"/var/lib/postgresql/15/main/PG_VERSION":                              "/var/lib/postgresql/15/main",
		"/PG_VERSION":                                                         "/",
		"/var/lib/postgresql/15/main/base/5/PG_VERSION":                       "",
		"/srv/space/PG_15_202209061/5/PG_VERSION":                             "",
		"/var/lib/postgresql/15/main/base/5/1259":                             "",
		"/var/lib/postgresql/15/main/pg_tblspc/9/PG_15_2022/16384/PG_VERSION": "",
	} {
		root, ok := Engine{}.Claims(detect.File{Path: path, Size: 3}, []byte("15\n"))
		if root != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", path, root, ok)
		}
	}
	if _, ok := (Engine{}).Claims(detect.File{Path: "/x/PG_VERSION", Size: 6}, []byte("hello\n")); ok {
		t.Error("a file of another kind is claimed")
	}
}

func TestCleanShutdown(t *testing.T) { everyServer(t, cleanShutdown) }

func cleanShutdown(t *testing.T, s *server) {
	s.start(s.dir + "/data")
	s.psql("postgres", s.adapt(schema))
	s.psql("postgres", change)
	s.psql("postgres", "create database other")
	s.psql("other", "create table t (a int, b text); insert into t values (1, 'one'), (2, null)")
	if s.major >= 14 {
		s.psql("other", `create table multi (a int4multirange, b nummultirange, c tstzmultirange);
			insert into multi select int4multirange(int4range(i,i+2), int4range(i+5,null)), nummultirange(numrange(i*1.5,i*2.5,'[]'), numrange(i*3.25,i*4)),
			tstzmultirange(tstzrange('2020-01-01+00', '2021-01-01+00'), tstzrange('2022-01-01+00', null)) from generate_series(1,100) i; insert into multi values ('{}', '{}', null)`)
	}
	want := s.dump()
	s.stop(os.Interrupt)
	live, deleted, info := read(t, folder(s.dir), "/data")
	if info.State != database.Clean || info.Incomplete {
		t.Errorf("info: %+v", info)
	}
	same(t, live, want)
	recall(t, deleted["postgres.public.victims"])
}

// recall tells how many of the rows that the script deleted are found.
func recall(t *testing.T, deleted []string) {
	t.Helper()
	found := map[string]bool{}
	for _, line := range deleted {
		id, secret, _ := strings.Cut(line, "\t")
		if strings.HasPrefix(secret, "victim-"+id+"-") {
			found[id] = true
		}
	}
	t.Logf("deleted and overwritten rows found: %d of 350, with %d rows told", len(found), len(deleted))
	// Pruning moves what lives over a part of what does not.
	if len(found) < 315 || len(deleted) != len(found) {
		t.Errorf("deleted rows: %d found, %d told, want at least 315 of 350 and no others", len(found), len(deleted))
	}
}

func TestCrash(t *testing.T) { everyServer(t, crash) }

func crash(t *testing.T, s *server) {
	s.start(s.dir+"/data", "-c", "checkpoint_timeout=1h", "-c", "max_wal_size=4GB")
	s.psql("postgres", s.adapt(schema))
	s.psql("postgres", "checkpoint")
	s.psql("postgres", change)
	// One is open when the server dies, and its rows are on disk.
	open := s.command("psql", "-h", s.dir, "-U", "admin", "-d", "postgres", "-X", "-q", "-c",
		"begin; insert into subx select i, 'open' from generate_series(1000,3000) i; delete from churn where id < 50; select pg_sleep(100)")
	if err := open.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	s.psql("made_later", "create table t (a int, b text); insert into t select i, md5(i::text) from generate_series(1,1000) i")
	s.psql("postgres", "insert into subx values (5000, 'last')")
	s.stop(syscall.SIGQUIT)
	open.Wait()
	mirror(t, s.dir+"/data", s.dir+"/copy", s.as)
	live, deleted, info := read(t, folder(s.dir), "/copy")
	if info.State != database.Recovered || info.Incomplete {
		t.Errorf("info: %+v", info)
	}
	withoutLog(t, s.dir)
	s.start(s.dir + "/data")
	want := s.dump()
	same(t, live, want)
	recall(t, deleted["postgres.public.victims"])
}

// withoutLog cuts the copy's log off, then takes it away: the reader must say so.
func withoutLog(t *testing.T, dir string) {
	t.Helper()
	logs, _ := filepath.Glob(dir + "/copy/pg_wal/0*")
	if len(logs) == 0 {
		t.Fatal("no log in the copy")
	}
	for _, change := range []func(string) error{func(p string) error { return os.Truncate(p, 8192) }, os.Remove} {
		for _, path := range logs {
			if err := change(path); err != nil {
				t.Fatal(err)
			}
		}
		db, err := Engine{}.Open(t.Context(), folder(dir), "/copy")
		if err != nil {
			t.Fatal(err)
		}
		if info := db.Info(); info.State != database.Crashed || !info.Incomplete || len(info.Notes) == 0 {
			t.Errorf("without its log: %+v", info)
		}
		if tables, _ := db.Tables(t.Context()); len(tables) < 100 {
			t.Errorf("without its log: %d tables", len(tables))
		}
	}
}

// die kills the server and all that it started, at once.
func (s *server) die() {
	s.t.Helper()
	parent := strconv.Itoa(s.cmd.Process.Pid)
	children := func() (pids []int) {
		all, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, path := range all {
			b, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			_, rest, _ := bytes.Cut(b, []byte(") "))
			if f := strings.Fields(string(rest)); len(f) > 1 && f[1] == parent {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
				pids = append(pids, pid)
			}
		}
		return pids
	}
	s.cmd.Process.Signal(syscall.SIGSTOP) // no new ones
	for _, pid := range children() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	os.Remove(s.dir + "/data/postmaster.pid")
}

// worker is one client that is busy until the server dies.
const worker = `
do $$ declare i int; begin for i in 1..100000 loop
 begin
  insert into w%[1]d select g, md5(g::text||i), repeat(md5(i::text), (random()*20)::int) from generate_series(i*10, i*10+(random()*20)::int) g;
  update w%[1]d set t = t || i where k %% 17 = i %% 17 and random() < 0.3;
  update shared_one set n = n + 1, t = 'by %[1]d ' || i where k = (random()*200)::int;
  delete from w%[1]d where k %% 23 = i %% 23 and random() < 0.3;
  if random() < 0.1 then insert into toasted select i, (select string_agg(md5(random()::text),'') from generate_series(1, (random()*400)::int)); end if;
  if random() < 0.1 then delete from toasted where k < i - 50; end if;
  if random() < 0.15 then raise exception 'no' using errcode = '22000'; end if;
 exception when data_exception then null; end;
 if random() < 0.8 then commit; elsif random() < 0.3 then rollback; end if;
end loop; end $$;`

func TestCrashAmidWork(t *testing.T) { everyServer(t, crashAmidWork) }

func crashAmidWork(t *testing.T, s *server) {
	ways := [][]string{
		{"-c", "wal_compression=on", "-c", "autovacuum=on", "-c", "autovacuum_naptime=1s", "-c", "max_wal_size=32MB", "-c", "min_wal_size=32MB"},
		{"-c", "full_page_writes=off", "-c", "shared_buffers=1MB", "-c", "synchronous_commit=off", "-c", "fsync=off"},
	}
	if s.command("postgres", "-D", s.dir+"/data", "-C", "wal_compression", "-c", "wal_compression=lz4").Run() == nil {
		ways = append(ways, []string{"-c", "wal_compression=lz4"}, []string{"-c", "wal_compression=zstd", "-c", "wal_level=logical"})
	}
	if s.major >= 13 {
		ways = append(ways, []string{"-c", "wal_level=minimal", "-c", "max_wal_senders=0"})
	}
	for i, way := range ways {
		s.start(s.dir+"/data", way...)
		if i == 0 {
			s.psql("postgres", "create table shared_one (k int primary key, n int, t text); insert into shared_one select g, 0, '' from generate_series(0,200) g; create table toasted (k int, body text)")
			for w := range 3 {
				s.psql("postgres", fmt.Sprintf("create table w%d (k int, t text, more text) with (fillfactor=80, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=50); create index on w%[1]d (k)", w))
			}
		}
		s.psql("postgres", fmt.Sprintf("vacuum; checkpoint; create table new%d as select * from shared_one", i))
		var workers []*exec.Cmd
		for w := range 3 {
			cmd := s.command("psql", "-h", s.dir, "-U", "admin", "-d", "postgres", "-X", "-q", "-c", fmt.Sprintf(worker, w))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			workers = append(workers, cmd)
		}
		time.Sleep(time.Second)
		s.psql("postgres", fmt.Sprintf("checkpoint; create index on shared_one (t); vacuum shared_one; create table newer%d as select * from w1; alter table toasted alter k type bigint using k; truncate new%d", i, i))
		time.Sleep(time.Second)
		s.die()
		for _, w := range workers {
			w.Wait()
		}
		copied := fmt.Sprintf("/copy%d", i)
		mirror(t, s.dir+"/data", s.dir+copied, s.as)
		live, _, info := read(t, folder(s.dir), copied)
		if info.State != database.Recovered || info.Incomplete {
			t.Errorf("info: %+v", info)
		}
		s.start(s.dir + "/data")
		same(t, live, s.dump())
		s.stop(os.Interrupt)
		if t.Failed() {
			t.Fatalf("with %v", way)
		}
	}
}
