package innodb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// tree is a folder as the reader sees it: its own root is /.
type tree string

type osFile struct {
	*os.File
	size int64
}

func (f osFile) Size() int64 { return f.size }

func (t tree) Open(p string) (detect.Reader, error) {
	f, err := os.Open(filepath.Join(string(t), p))
	if err != nil {
		return nil, err
	}
	s, err := f.Stat()
	if err != nil || !s.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	return osFile{f, s.Size()}, nil
}

func (t tree) List(dir string, yield func(detect.File) bool) error {
	es, err := os.ReadDir(filepath.Join(string(t), dir))
	if err != nil {
		return err
	}
	for _, e := range es {
		s, err := e.Info()
		if err != nil {
			return err
		}
		if !yield(detect.File{Path: filepath.Join(dir, e.Name()), Size: s.Size(), Mode: s.Mode(), Modified: s.ModTime()}) {
			return nil
		}
	}
	return nil
}

// server is a MariaDB that listens on a socket only.
type server struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	done chan error
}

func install(t *testing.T) string { return installWith(t) }

func installWith(t *testing.T, extra ...string) string {
	t.Helper()
	for _, tool := range []string{"mariadbd", "mariadb-install-db", "mariadb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: scripts/tools.sh installs it", tool)
		}
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	args := []string{"--no-defaults", "--datadir=" + data, "--auth-root-authentication-method=normal", "--skip-test-db"}
	args = append(args, extra...)
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	if out, err := exec.CommandContext(t.Context(), "mariadb-install-db", args...).CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	return dir
}

func start(t *testing.T, dir string, extra ...string) *server {
	t.Helper()
	s := &server{t: t, dir: dir, done: make(chan error, 1)}
	args := append([]string{
		"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--socket=" + filepath.Join(dir, "s"),
		"--pid-file=" + filepath.Join(dir, "pid"), "--skip-networking", "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M",
		"--default-time-zone=+00:00", "--log-error=" + filepath.Join(dir, "log"), "--max-allowed-packet=64M",
	}, extra...)
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	s.cmd = exec.Command("mariadbd", args...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(s.kill)
	for range 600 {
		if _, err := s.try("select 1"); err == nil {
			return s
		}
		select {
		case err := <-s.done:
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("mariadbd ended: %v\n%s", err, log)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("mariadbd does not start")
	return nil
}

func (s *server) command(args ...string) *exec.Cmd {
	return exec.Command("mariadb", append([]string{
		"--no-defaults", "-uroot", "--socket=" + filepath.Join(s.dir, "s"), "--default-character-set=utf8mb4",
		"--batch", "--skip-column-names", "--max-allowed-packet=64M",
	}, args...)...)
}

func (s *server) try(sql string) (string, error) {
	c := s.command()
	c.Stdin = strings.NewReader(sql)
	out, err := c.Output()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		err = fmt.Errorf("%w: %s", err, e.Stderr)
	}
	return string(out), err
}

func (s *server) sql(sql string) string {
	s.t.Helper()
	out, err := s.try(sql)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// leave opens a client that does something in a transaction and stays there.
func (s *server) leave(sql string) {
	s.t.Helper()
	c := s.command("--unbuffered")
	in, err := c.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	fmt.Fprintln(in, sql+"; select 'ready';")
	b := make([]byte, 64)
	if n, err := out.Read(b); err != nil || !strings.Contains(string(b[:n]), "ready") {
		s.t.Fatalf("open transaction: %v %q", err, b[:n])
	}
}

func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Kill()
		<-s.done
	}
}

func (s *server) stop() {
	s.t.Helper()
	s.sql("shutdown")
	if err := <-s.done; err != nil {
		s.t.Fatal(err)
	}
}

// dump gives a table's rows as the server tells them, sorted.
func (s *server) dump(table string, cols []string) []string {
	s.t.Helper()
	quoted := make([]string, len(cols))
	for i, c := range cols {
		quoted[i] = "`" + c + "`"
	}
	out := s.sql("select " + strings.Join(quoted, ",") + " from " + table)
	rows := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if out == "" {
		rows = nil
	}
	sort.Strings(rows)
	return rows
}

var escape = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\t", "\\t", "\x00", "\\0")

func line(r database.Row) string {
	out := make([]string, len(r.Values))
	for i, v := range r.Values {
		switch v.Kind {
		case database.Null:
			out[i] = "NULL"
		case database.Lost:
			out[i] = "LOST"
		default:
			out[i] = escape.Replace(string(v.Data))
		}
	}
	return strings.Join(out, "\t")
}

func names(t database.Table) []string {
	var out []string
	for _, c := range t.Columns {
		out = append(out, c.Name)
	}
	return out
}

func rowsOf(t *testing.T, d database.Database, tab database.Table, deleted bool) (live, gone []string) {
	t.Helper()
	err := d.Rows(context.Background(), tab, database.RowOptions{Deleted: deleted}, func(r database.Row) bool {
		if r.Deleted {
			gone = append(gone, line(r))
		} else {
			live = append(live, line(r))
		}
		return true
	})
	if err != nil {
		t.Errorf("%s.%s: %v", tab.Database, tab.Name, err)
	}
	sort.Strings(live)
	return live, gone
}

func openDir(t *testing.T, dir string) (database.Database, map[string]database.Table) {
	t.Helper()
	root, ok := Engine.Claims(detect.File{Path: "/data/ibdata1"}, nil)
	if !ok || root != "/data" {
		t.Fatalf("Claims = %q %v", root, ok)
	}
	d, err := Engine.Open(context.Background(), tree(dir), root)
	if err != nil {
		t.Fatal(err)
	}
	ts, err := d.Tables(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]database.Table{}
	for _, tab := range ts {
		m[tab.Database+"."+tab.Name] = tab
	}
	return d, m
}

// compare tells how the reader's rows differ from the server's.
func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, the server has %d", what, len(got), len(want))
	}
	shown := 0
	for i := 0; i < len(got) && i < len(want) && shown < 3; i++ {
		if got[i] != want[i] {
			g, w := strings.Split(got[i], "\t"), strings.Split(want[i], "\t")
			for k := range min(len(g), len(w)) {
				if g[k] != w[k] {
					t.Errorf("%s: row %d value %d: %.80q, the server has %.80q", what, i, k, g[k], w[k])
				}
			}
			shown++
		}
	}
}

const allTypes = `create table x.types(id int unsigned not null primary key, a varchar(40) character set utf8mb4,
 b varchar(300) character set latin1 not null default 'q', d decimal(20,6), d2 decimal(5,0) unsigned, d3 decimal(65,30), dt datetime(3), dt0 datetime, ts timestamp null,
 ts6 timestamp(6) null, ti time(6), ti0 time, ti3 time(3), y year, f float, g double, f2 float(7,2), e enum('a','b','ccc'), s set('x','y','z'), bt bit(11), j json, bl blob, tx longtext character set utf8mb4,
 c char(10) character set utf8mb4, cl char(10) character set latin1, dd date, big bigint, ub bigint unsigned, zf int(8) zerofill, sm smallint, ti1 tinyint, tu tinyint unsigned, med mediumint, mu mediumint unsigned,
 gc char(6) character set gbk, gv2 varchar(30) character set gbk, u2 varchar(20) character set ucs2, bi binary(5), vb varbinary(20), u uuid, i6 inet6, i4 inet4, vv int as (sm+1) virtual, vs int as (sm+2) stored,
 mt mediumtext character set latin1, tt tinytext, cb blob compressed, index(a), unique(big))`

var words = []string{"你好", "Ünï", "a\\tb", "", "O''Reilly", "😀 smile", "plain", "line\\nbreak", "工商银行"}

func value(r *rand.Rand, i int) string {
	q := func(s string) string { return "'" + s + "'" }
	null := func(s string) string {
		if r.IntN(7) == 0 {
			return "null"
		}
		return s
	}
	w := func() string { return words[r.IntN(len(words))] }
	date := fmt.Sprintf("%04d-%02d-%02d", 1000+r.IntN(8999), 1+r.IntN(12), 1+r.IntN(28))
	clock := fmt.Sprintf("%02d:%02d:%02d.%06d", r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000000))
	stamp := fmt.Sprintf("%04d-%02d-%02d", 1971+r.IntN(60), 1+r.IntN(12), 1+r.IntN(28))
	span := []string{"", "-"}[r.IntN(2)] + fmt.Sprintf("%03d:%02d:%02d.%06d", r.IntN(800), r.IntN(60), r.IntN(60), r.IntN(1000000))
	long := func(n int) string {
		if r.IntN(20) == 0 {
			n *= 40
		}
		return fmt.Sprintf("concat(%s, repeat(%s, %d))", q(w()), q([]string{"x", "é", "中"}[r.IntN(3)]), r.IntN(n+1))
	}
	latin := []string{"abc", "é€", "", "Straße"}[r.IntN(4)]
	gbk := []string{"中文", "", "ab", "工商"}[r.IntN(4)]
	big := int64(r.Uint64())
	vals := []string{
		fmt.Sprint(i), null(q(w())), q(latin), null(fmt.Sprintf("%d.%06d", r.Int64N(1e13)-5e12, r.IntN(1000000))), null(fmt.Sprint(r.IntN(100000))),
		null(fmt.Sprintf("-%d.%d", r.Int64(), r.Int64())), null(q(date + " " + clock)), null(q(date + " " + clock)), null(q(stamp + " " + clock)), null(q(stamp + " " + clock)),
		null(q(span)), null(q(span)), null(q(span)), null(fmt.Sprint(1901 + r.IntN(250))), null(fmt.Sprintf("%g", r.NormFloat64()*1000)), null(fmt.Sprintf("%g", r.NormFloat64()*1e20)), null(fmt.Sprintf("%.2f", r.NormFloat64()*100)),
		null(q([]string{"a", "b", "ccc"}[r.IntN(3)])), null(q([]string{"", "x", "y,z", "x,y,z"}[r.IntN(4)])), null(fmt.Sprint(r.IntN(2048))), null(q(`{"a": [1, 2, "` + "中" + `"]}`)),
		null(long(500)), null(long(1000)), null(q("cé中")), null(q(latin)), null(q(date)), null(fmt.Sprint(big)), null(fmt.Sprint(r.Uint64())), null(fmt.Sprint(r.IntN(1e6))), null(fmt.Sprint(r.IntN(60000) - 30000)), null(fmt.Sprint(r.IntN(256) - 128)),
		null(fmt.Sprint(r.IntN(256))), null(fmt.Sprint(r.IntN(1<<24) - 1<<23)), null(fmt.Sprint(r.IntN(1 << 24))), null(q(gbk)), null(q(gbk)), null(q("u中")), null("'b'"), null("x'00ff41'"), null("uuid()"), null("'2001:db8::17'"), null("'10.1.2.3'"),
		null(long(300)), null(q(w())), null(long(200)),
	}
	return "(" + strings.Join(vals, ",") + ")"
}

const typeColumns = "(id,a,b,d,d2,d3,dt,dt0,ts,ts6,ti,ti0,ti3,y,f,g,f2,e,s,bt,j,bl,tx,c,cl,dd,big,ub,zf,sm,ti1,tu,med,mu,gc,gv2,u2,bi,vb,u,i6,i4,mt,tt,cb)"

func fill(s *server, r *rand.Rand, table string, from, n int) {
	s.t.Helper()
	for i := from; i < from+n; {
		var vals []string
		for k := 0; k < 100 && i < from+n; k++ {
			vals = append(vals, value(r, i))
			i++
		}
		s.sql("set names utf8mb4; insert ignore into " + table + typeColumns + " values " + strings.Join(vals, ","))
	}
}

// build makes tables of all kinds.
func build(s *server, r *rand.Rand, rows int) []string {
	s.t.Helper()
	s.sql("create database x character set utf8mb4; create database `d-中` character set utf8mb4;" + allTypes)
	fill(s, r, "x.types", 1, rows)
	s.sql(`use x; create table x.red(id bigint primary key, v varchar(50), t text, d date) row_format=redundant;
	create table x.comp like x.types; alter table x.comp row_format=compact;
	create table x.nopk(a int, b varchar(20), c text);
	create table x.twokey(b varchar(20), a int, c int not null, d char(5), primary key(b, c), unique(a));
	create table x.ukey(a int not null, b varchar(30) not null, n int, unique key(b), key(n));
	create table x.pre(t varchar(200), u text, n int, primary key(t(5), u(10)));
	create table x.ins(a int primary key, b varchar(20), z varchar(300) default 'zz');
	create table x.drp(a int primary key, b varchar(20), n int not null, f char(4) character set latin1, t text);
	create table x.mov(a int primary key, b varchar(20));
	create table x.pcomp(a int primary key, b text) page_compressed=1;
	create table x.empty(a int primary key);
	set global innodb_file_per_table=0; create table x.shared(a int primary key, b text); create table x.sharedn(b varchar(20), c int); set global innodb_file_per_table=1;
	insert into x.shared select seq, repeat('s', seq*3) from seq_1_to_1000; insert into x.sharedn select seq, if(seq%4, null, seq) from seq_1_to_1000;
	create table ` + "`d-中`.`t-表 1`" + `(a int primary key, b text);
	create table x.my(a int) engine=myisam; insert into x.my values(1),(2),(3);
	create table x.ar(a int) engine=aria; insert into x.ar values(1);
	insert into x.comp` + typeColumns + ` select ` + strings.Trim(typeColumns, "()") + ` from x.types limit 500;
	insert into x.red select seq, repeat(char(97+seq%26), seq%40), if(seq%5=0, null, repeat('r', if(seq%97=0, 30000, seq%700))), date_add('2000-01-01', interval seq day) from seq_1_to_3000;
	insert into x.nopk select seq, concat('n', seq), if(seq%3, null, repeat('c', seq%100)) from seq_1_to_2000;
	insert into x.twokey select concat('k', seq%50), seq, seq, 'd' from seq_1_to_1000;
	insert into x.ukey select seq, concat('u', seq), seq%7 from seq_1_to_500;
	insert into x.pre select concat('p', seq, 'tail'), concat(seq, repeat('u', seq%9000)), seq from seq_1_to_300;
	insert into x.ins select seq, concat('i', seq), null from seq_1_to_1500; alter table x.ins add column c int not null default 7, add column d varchar(10) default 'dd', add column e text, algorithm=instant;
	insert into x.ins select seq, 'later', 'z', seq, null, 'e' from seq_2001_to_2500;
	insert into x.drp select seq, concat('d', seq), seq, 'ffff', if(seq%3, null, 't') from seq_1_to_1200; alter table x.drp drop column b, algorithm=instant; insert into x.drp select seq, seq, 'gg', 'u' from seq_3001_to_3100;
	alter table x.drp drop column n, add column q int default 5 first, algorithm=instant; insert into x.drp values(1,9999,'h','v');
	insert into x.mov select seq, concat('m', seq) from seq_1_to_800; alter table x.mov add column c int not null default 7 after a, algorithm=instant; insert into x.mov values(5000, 1, 'x');
	insert into x.pcomp select seq, repeat(concat('p', seq), 200) from seq_1_to_500;
	insert into ` + "`d-中`.`t-表 1`" + ` values(1, 'ä'), (2, repeat('b', 60000));`)
	return []string{"x.types", "x.shared", "x.sharedn", "x.red", "x.comp", "x.nopk", "x.twokey", "x.ukey", "x.pre", "x.ins", "x.drp", "x.mov", "x.pcomp", "x.empty", "d-中.t-表 1"}
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, ".", "`.`") + "`" }

func TestCleanShutdown(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	dir := install(t)
	s := start(t, dir)
	r := rand.New(rand.NewPCG(1, 2))
	tables := build(s, r, 2000)
	s.sql("delete from x.types where id % 10 = 3; update x.types set a = concat(a, 'longer'), big = null where id % 10 = 4; delete from x.red where id % 4 = 1; update x.nopk set c = repeat('z', 3000) where a % 10 = 0;")
	want := map[string][]string{}
	for _, n := range tables {
		want[n] = nil
	}
	cols := map[string][]string{}
	for n := range want {
		db, tab, _ := strings.Cut(n, ".")
		cols[n] = strings.Fields(s.sql(fmt.Sprintf("select column_name from information_schema.columns where table_schema='%s' and table_name='%s' and is_generated='NEVER' or table_schema='%s' and table_name='%s' and extra like 'STORED%%' order by ordinal_position", db, tab, db, tab)))
		want[n] = s.dump(quoted(n), cols[n])
	}
	s.stop()
	d, got := openDir(t, dir)
	if i := d.Info(); i.State != database.Clean || !strings.HasPrefix(i.Version, "MariaDB 1") || i.Engine != "mysql" {
		t.Errorf("Info = %+v", i)
	}
	total := 0
	for n, rows := range want {
		tab, ok := got[n]
		if !ok {
			t.Errorf("%s: not listed", n)
			continue
		}
		if g, w := strings.Join(names(tab), " "), strings.Join(cols[n], " "); g != w {
			t.Errorf("%s: columns %s, the server has %s", n, g, w)
		}
		live, _ := rowsOf(t, d, tab, false)
		compare(t, n, live, rows)
		total += len(live)
	}
	if got["x.my"].Rows != 3 || !strings.Contains(got["x.ar"].Note, "Aria") {
		t.Errorf("MyISAM rows %d, Aria note %q", got["x.my"].Rows, got["x.ar"].Note)
	}
	t.Logf("%d tables, %d rows equal the server's", len(want), total)

	// The file of one table alone.
	head := make([]byte, 4096)
	f, _ := tree(dir).Open("/data/x/types.ibd")
	f.ReadAt(head, 0)
	root, ok := Engine.Claims(detect.File{Path: "/data/x/types.ibd"}, head)
	if !ok {
		t.Fatal("a lone table is not claimed")
	}
	if _, err := Engine.Open(t.Context(), tree(dir), root); !errors.Is(err, database.ErrUnsupported) {
		t.Errorf("a table in a data directory by itself: %v", err)
	}
	one, err := Engine.Open(t.Context(), tree(filepath.Join(dir, "data", "x")), "/types.ibd")
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := one.Tables(t.Context())
	live, _ := rowsOf(t, one, ts[0], false)
	compare(t, "lone x.types", live, want["x.types"])
}
