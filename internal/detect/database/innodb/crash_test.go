package innodb

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// TestKilled compares what the reader makes of a data directory whose server
// was killed with what the server makes of a copy of it.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, c := range []struct {
		name string
		args []string
		seed uint64
	}{
		{"16k", nil, 7},
		{"4k", []string{"--innodb-page-size=4k"}, 8},
		{"64k", []string{"--innodb-page-size=64k"}, 9},
		{"undo tablespaces, old checksums", []string{"--innodb-undo-tablespaces=3", "--innodb-checksum-algorithm=crc32"}, 10},
	} {
		t.Run(c.name, func(t *testing.T) { killed(t, c.seed, c.args) })
	}
}

func killed(t *testing.T, seed uint64, args []string) {
	dir := installWith(t, args...)
	s := start(t, dir, args...)
	r := rand.New(rand.NewPCG(seed, 2))
	tables := []string{"x.types", "x.shared", "x.sharedn", "x.red", "x.comp", "x.nopk", "x.twokey", "x.ukey", "x.pre", "x.ins", "x.drp", "x.mov", "x.pcomp", "x.empty", "d-中.t-表 1"}
	if strings.Contains(strings.Join(args, ""), "page-size") {
		buildFew(s)
		tables = []string{"x.red", "x.nopk", "x.twokey"}
	} else {
		build(s, r, 1500)
	}
	cols := map[string][]string{}
	for _, n := range tables {
		db, tab, _ := strings.Cut(n, ".")
		cols[n] = strings.Fields(s.sql(fmt.Sprintf("select column_name from information_schema.columns where table_schema='%s' and table_name='%s' and (is_generated='NEVER' or extra like 'STORED%%') order by ordinal_position", db, tab)))
	}
	// Transactions that stay open, then activity until the server is killed.
	s.leave("begin; insert into x.red values(900001, 'open', repeat('o', 20000), null); update x.red set v='opened', t=repeat('q', 9000) where id between 10 and 60; delete from x.red where id between 100 and 140; update x.red set v='again' where id between 20 and 30")
	s.leave("begin; delete from x.nopk where a between 500 and 700; update x.nopk set b=null where a < 100")
	if len(tables) > 3 {
		s.leave("begin; update x.types set a='open', f=f+1, tx=repeat('x', 30000) where id between 5 and 80; delete from x.types where id between 200 and 210; update x.pre set u=concat(u, 'open') where n between 5 and 20")
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for k := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_, err := s.try(fmt.Sprintf(`use x; insert into twokey select concat('w', seq), null, seq, 'w' from seq_%d_to_%d; delete from twokey where c %% 17 = %d;
					insert ignore into red select seq, 'busy', repeat('b', seq%%3000), null from seq_%d_to_%d; update red set v=concat('u', id) where id %% 13 = %d and id > 2000; delete from red where id %% 29 = %d and id > 1000;
					update nopk set c=repeat('n', a%%500) where a between 1000 and 1400;`, 2000+k*100000+i*300, 2300+k*100000+i*300-1, i%17, 3000+k*100000+i*200, 3200+k*100000+i*200, i%13, i%29))
				if err != nil && !strings.Contains(err.Error(), "eadlock") {
					return
				}
			}
		})
	}
	s.sql("use x; create table x.gone(id int primary key, name varchar(100), d date); insert into x.gone select seq, concat('erased ', seq, repeat('-', seq%60)), date_add('2001-01-01', interval seq day) from seq_1_to_3000")
	time.Sleep(1500 * time.Millisecond)
	before := s.dump("x.gone", []string{"id", "name", "d"})
	s.sql("delete from x.gone where id % 3 = 0")
	time.Sleep(1000 * time.Millisecond)
	s.kill()
	close(stop)
	wg.Wait()
	copyDir := filepath.Join(dir, "copy")
	if err := os.Mkdir(copyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(dir, "data"), copyDir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v %s", err, out)
	}
	s = start(t, dir, args...)
	d, got := openDir(t, copyDir)
	info := d.Info()
	if info.State != database.Recovered || info.Incomplete {
		t.Errorf("Info = %+v", info)
	}
	if len(d.(*db).open) == 0 {
		t.Error("no open transaction was seen")
	}
	total := 0
	want := map[string][]string{}
	for _, n := range tables {
		live, _ := rowsOf(t, d, got[n], false)
		want[n] = s.dump(quoted(n), cols[n])
		compare(t, n, live, want[n])
		total += len(live)
	}
	left, erased := rowsOf(t, d, got["x.gone"], true)
	compare(t, "x.gone", left, s.dump("x.gone", []string{"id", "name", "d"}))
	known, found := map[string]bool{}, map[string]bool{}
	for _, r := range before {
		known[r] = true
	}
	still := map[string]bool{}
	for _, r := range left {
		still[r] = true
	}
	wrong := 0
	for _, r := range erased {
		if known[r] && !still[r] {
			found[r] = true
		} else {
			wrong++
		}
	}
	t.Logf("deleted rows: %d of 1000 found, %d given that are none", len(found), wrong)
	if len(found) < 950 || wrong > 0 {
		t.Errorf("deleted rows: %d of 1000 found, %d wrong", len(found), wrong)
	}
	s.stop()
	after, got := openDir(t, dir)
	if i := after.Info(); i.State != database.Clean {
		t.Errorf("after recovery and shutdown: %+v", i)
	}
	for _, n := range tables {
		live, _ := rowsOf(t, after, got[n], false)
		compare(t, n+" after shutdown", live, want[n])
	}
	l := d.(*db).log
	t.Logf("%d rows equal the recovered server's; log of %d bytes after the checkpoint, %d changes of %d pages, %d open transactions", total, l.end-l.checkpoint, l.changes, len(l.heads), len(d.(*db).open))
}

func buildFew(s *server) {
	s.sql(`create database x; use x; create table red(id bigint primary key, v varchar(50), t text, d date) row_format=redundant;
	create table nopk(a int, b varchar(20), c text); create table twokey(b varchar(20), a int, c int not null, d char(5), primary key(b, c), unique(a));
	insert into red select seq, repeat(char(97+seq%26), seq%40), if(seq%5=0, null, repeat('r', if(seq%97=0, 30000, seq%700))), date_add('2000-01-01', interval seq day) from seq_1_to_3000;
	insert into nopk select seq, concat('n', seq), if(seq%3, null, repeat('c', seq%100)) from seq_1_to_2000;
	insert into twokey select concat('k', seq%50), seq, seq, 'd' from seq_1_to_1000;`)
}

// TestEncrypted tells what can't be read without a key, and what is of a form
// that isn't read, from what is empty.
func TestEncrypted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	dir := install(t)
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("1;"+strings.Repeat("0123456789abcdef", 4)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, "--plugin-load-add=file_key_management", "--file-key-management-filename="+keys)
	s.sql("create database x; use x; create table e(a int primary key, b text) encrypted=yes; insert into e select seq, 'hidden' from seq_1_to_500; create table p(a int primary key, b text); insert into p values(1, 'plain');" +
		"create table z(a int primary key, b text) row_format=compressed; insert into z values(1, 'z'); create table m(a int) engine=memory; insert into m values(1)")
	s.stop()
	d, got := openDir(t, dir)
	if !d.Info().Encrypted || !got["x.e"].Encrypted || got["x.p"].Encrypted {
		t.Errorf("encrypted: %v, x.e %v, x.p %v", d.Info().Encrypted, got["x.e"].Encrypted, got["x.p"].Encrypted)
	}
	all := func(database.Row) bool { return true }
	if err := d.Rows(t.Context(), got["x.e"], database.RowOptions{}, all); !errors.Is(err, database.ErrEncrypted) {
		t.Errorf("encrypted table: %v", err)
	}
	if err := d.Rows(t.Context(), got["x.z"], database.RowOptions{}, all); !errors.Is(err, database.ErrUnsupported) || got["x.z"].Note == "" {
		t.Errorf("compressed table: %v, note %q", err, got["x.z"].Note)
	}
	if err := d.Rows(t.Context(), got["x.m"], database.RowOptions{}, all); !errors.Is(err, database.ErrUnsupported) {
		t.Errorf("table in memory: %v", err)
	}
	if live, _ := rowsOf(t, d, got["x.p"], false); len(live) != 1 || len(got["x.e"].Columns) != 2 {
		t.Errorf("%d rows of a plain table, %d columns of an encrypted one", len(live), len(got["x.e"].Columns))
	}
}
