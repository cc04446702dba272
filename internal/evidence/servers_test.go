package evidence_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/evidence"
)

// residentID completes a resident identity number with its check character, GB
// 11643.
func residentID(n int) string {
	id := fmt.Sprintf("110105199%d%02d%02d%03d", n%10, 1+n%12, 1+n%28, n%1000)
	weights := []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += w * int(id[i]-'0')
	}
	return id + string("10X98765432"[sum%11])
}

// customers are rows of made-up people as SQL inserts them.
const (
	customers = 600
	removed   = 45
)

func customerRows() string {
	rows := make([]string, customers)
	for i := range rows {
		rows[i] = fmt.Sprintf("(%d,'张伟%d','138%08d','%s','user%d@shop-mail.cn')", i+1, i, 10000000+i*7919%89999999, residentID(i), i)
	}
	return "INSERT INTO customers VALUES " + strings.Join(rows, ",") + ";"
}

const customerTable = "CREATE TABLE customers (id int primary key, name varchar(40), mobile varchar(20), id_card varchar(18), email varchar(80));"

// process runs a server until it is killed.
type process struct {
	cmd  *exec.Cmd
	done chan error
}

func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd, make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		select {
		case <-p.done:
		case <-time.After(20 * time.Second):
		}
	}
}

// until runs a client until it succeeds: the server is up then.
func until(t *testing.T, make func() *exec.Cmd) {
	t.Helper()
	var out []byte
	var err error
	for range 300 {
		if out, err = make().CombinedOutput(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the server does not come up: %v\n%s", err, out)
}

func client(t *testing.T, cmd *exec.Cmd, input string) string {
	t.Helper()
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, ee.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// tool finds a server's program. Tests in CI leave nothing out.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, n := range names {
		if found, _ := filepath.Glob(n); len(found) > 0 {
			return found[len(found)-1]
		}
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%v: not installed", names)
	}
	t.Skipf("%v: not installed; make tools does it", names)
	return ""
}

// serverFolder makes a short folder, for sockets, that an unprivileged server may
// write to.
func serverFolder(t *testing.T) (dir string, as *syscall.SysProcAttr) {
	t.Helper()
	dir, err := os.MkdirTemp("", "srv") //nolint:usetesting // the test's own is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	return dir, as
}

// image puts a folder at a place of a disk, as it lies there.
func image(t *testing.T, from, at string) string {
	t.Helper()
	root := t.TempDir()
	to := filepath.Join(root, at)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	disktest.Run(t, "cp", "-a", from, to)
	img := filepath.Join(t.TempDir(), "disk.raw")
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-d", root, img, "400M")
	return img
}

// TestPostgreSQL fills a real server, kills it, and finds on a disk what the
// server would show.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	initdb := tool(t, "/usr/lib/postgresql/*/bin/initdb")
	bin := filepath.Dir(initdb)
	dir, as := serverFolder(t)
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, name), args...)
		cmd.SysProcAttr, cmd.Dir = as, dir
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + dir}
		return cmd
	}
	client(t, run("initdb", "-D", dir+"/main", "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C"), "")
	p := launch(t, run("postgres", "-D", dir+"/main", "-k", dir, "-c", "listen_addresses=", "-c", "autovacuum=off"))
	psql := func() *exec.Cmd {
		return run("psql", "-h", dir, "-U", "admin", "-AtqX", "-v", "ON_ERROR_STOP=1", "postgres")
	}
	until(t, func() *exec.Cmd { return run("psql", "-h", dir, "-U", "admin", "-Atc", "select 1", "postgres") })
	client(t, psql(), customerTable+customerRows())
	// Any look at a page after the commit may clear it up.
	count := client(t, psql(), fmt.Sprintf("BEGIN; DELETE FROM customers WHERE id <= %d; SELECT count(*) FROM customers; COMMIT;", removed))
	p.kill()
	ev := lookInto(t, image(t, dir+"/main", "var/lib/postgresql/15/main"))
	held(t, ev, "postgresql", "customers", count, removed, removed)
}

// TestMariaDB does the same with MariaDB. Its purge may have taken up rows that
// were deleted.
func TestMariaDB(t *testing.T) {
	t.Parallel()
	install, daemon, sql := tool(t, "mariadb-install-db"), tool(t, "mariadbd", "/usr/sbin/mariadbd"), tool(t, "mariadb")
	dir, as := serverFolder(t)
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), name, append([]string{"--no-defaults"}, args...)...)
		cmd.SysProcAttr, cmd.Dir = as, dir
		return cmd
	}
	client(t, run(install, "--datadir="+dir+"/mysql", "--auth-root-authentication-method=normal", "--skip-test-db"), "")
	p := launch(t, run(daemon, "--datadir="+dir+"/mysql", "--socket="+dir+"/s", "--pid-file="+dir+"/pid", "--skip-networking", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M"))
	maria := func(args ...string) *exec.Cmd {
		return run(sql, append([]string{"-uroot", "--socket=" + dir + "/s", "--default-character-set=utf8mb4", "-BN"}, args...)...)
	}
	until(t, func() *exec.Cmd { return maria("-e", "select 1") })
	client(t, maria(), "CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;"+customerTable+customerRows())
	client(t, maria("shop"), fmt.Sprintf("DELETE FROM customers WHERE id <= %d;", removed))
	count := client(t, maria("shop"), "SELECT count(*) FROM customers;")
	p.kill()
	ev := lookInto(t, image(t, dir+"/mysql", "var/lib/mysql"))
	held(t, ev, "mysql", "customers", count, removed*8/10, removed)
}

// TestRedis kills a server that keeps a log, between a snapshot and further
// changes.
func TestRedis(t *testing.T) {
	t.Parallel()
	daemon, cli := tool(t, "redis-server"), tool(t, "redis-cli")
	dir, as := serverFolder(t)
	if err := os.MkdirAll(dir+"/redis", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/redis", 0o777); err != nil { //nolint:gosec // for the server's own user
		t.Fatal(err)
	}
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.SysProcAttr, cmd.Dir = as, dir
		return cmd
	}
	p := launch(t, run(daemon, "--port", "0", "--unixsocket", dir+"/s", "--dir", dir+"/redis", "--appendonly", "yes", "--appendfsync", "always"))
	redis := func(args ...string) *exec.Cmd { return run(cli, append([]string{"-s", dir + "/s"}, args...)...) }
	until(t, func() *exec.Cmd { return redis("ping") })
	var commands strings.Builder
	for i := range 100 {
		fmt.Fprintf(&commands, "SET user:%d 138%08d\n", i, 10000000+i*7919)
	}
	client(t, redis(), commands.String())
	client(t, redis("del", "user:1", "user:2", "user:3"), "")
	count := client(t, redis("dbsize"), "")
	p.kill()
	ev := lookInto(t, image(t, dir+"/redis", "var/lib/redis"))
	for _, db := range ev.Databases {
		if db.Engine == "redis" && fmt.Sprint(db.Rows) == count {
			return
		}
	}
	t.Errorf("the server has %s keys, found %+v", count, ev.Databases)
}

func lookInto(t *testing.T, img string) lenscap.Evidence {
	t.Helper()
	got, err := evidence.New(options()).Inspect(t.Context(), evidence.Request{Ref: ref, Source: file(t, img)})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got.Evidence.Gaps {
		t.Errorf("gap: %s", g.Message)
	}
	return got.Evidence
}

// held holds what is known of one table against the server's own count.
func held(t *testing.T, ev lenscap.Evidence, engine, table, rows string, deletedLeast, deletedMost int64) {
	t.Helper()
	for _, db := range ev.Databases {
		if db.Engine != engine {
			continue
		}
		if db.State != "recovered" || db.Version == "" || db.Incomplete {
			t.Errorf("%s %s is %s, incomplete %v: %v", db.Engine, db.Version, db.State, db.Incomplete, db.Notes)
		}
		for _, tab := range db.Tables {
			if tab.Name != table {
				continue
			}
			if fmt.Sprint(tab.Rows) != rows || tab.Deleted < deletedLeast || tab.Deleted > deletedMost || len(tab.Columns) != 5 {
				t.Errorf("%d rows and %d deleted ones in %d columns, the server has %s", tab.Rows, tab.Deleted, len(tab.Columns), rows)
			}
			holds := map[string]string{}
			for _, c := range tab.Columns {
				for _, h := range c.Holds {
					holds[c.Name] += h.Kind + " "
					if h.Count < tab.Rows*8/10 {
						t.Errorf("%s: %d of %d values are %s", c.Name, h.Count, h.Looked, h.Kind)
					}
				}
			}
			for column, kind := range map[string]string{"mobile": "mobile ", "id_card": "resident_id ", "email": "email "} {
				if holds[column] != kind {
					t.Errorf("column %s holds %q, want %q", column, holds[column], kind)
				}
			}
			return
		}
	}
	t.Errorf("no table %s of %s in %+v", table, engine, ev.Databases)
}
