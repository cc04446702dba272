//go:build unix

package personal

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDumps reads what the tools of three databases write of the same table, with
// values that a reader may take for the statement's end.
func TestDumps(t *testing.T) {
	p := newPeople(70)
	var b strings.Builder
	b.WriteString("CREATE TABLE members (id int PRIMARY KEY, xm varchar(20), sfzh varchar(18), remark text, mima varchar(80), bool_col int DEFAULT 1);\n")
	for i := range 40 {
		fmt.Fprintf(&b, "INSERT INTO members (id, xm, sfzh, remark, mima) VALUES (%d, '%s', '%s', %s, '%s');\n", i, p.name(), p.residentID(),
			p.pick("NULL", "'it''s; (so), he said'", "'a\nb\tc -- d'", "'/* x'", "'$$ and $a$'", "'), ('"), "$2b$12$"+p.hex(53))
	}
	b.WriteString("CREATE TABLE empty_one (a int, b varchar(9));\n")
	script := filepath.Join(t.TempDir(), "script.sql")
	if err := os.WriteFile(script, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, name string, dump []byte) {
		t.Helper()
		var got []string
		for _, f := range scan("/backup/"+name, string(dump)) {
			n := f.Distinct
			if f.Kind == Name {
				n = 40 // some are the same
			}
			for i, c := range f.Columns {
				f.Columns[i] = c[max(0, strings.LastIndex(c, "members.")):]
			}
			got = append(got, fmt.Sprintf("%s %d %v", f.Kind, n, f.Columns))
		}
		want := []string{"resident_id 40 [members.sfzh]", "person_name 40 [members.xm]", "password_hash 40 [members.mima]"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		need(t, "sqlite3")
		db := filepath.Join(t.TempDir(), "x.db")
		run(t, nil, script, "sqlite3", db)
		check(t, "dump", run(t, nil, "", "sqlite3", db, ".dump"))
		check(t, "x.csv", run(t, nil, "", "sqlite3", "-csv", "-header", db, "SELECT id, xm AS \"members.xm\", sfzh AS \"members.sfzh\", remark, mima AS \"members.mima\" FROM members"))
	})
	t.Run("mariadb", func(t *testing.T) {
		need(t, "mariadbd")
		dir := t.TempDir()
		data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "s")
		run(t, nil, "", "mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--auth-root-authentication-method=normal")
		serve(t, nil, "mariadbd", "--no-defaults", "--user=root", "--datadir="+data, "--skip-networking", "--socket="+socket)
		client := []string{"--no-defaults", "-uroot", "--default-character-set=utf8mb4", "-S", socket}
		wait(t, func() error {
			return exec.CommandContext(t.Context(), "mariadb-admin", append(client, "ping")...).Run()
		})
		run(t, nil, "", "mariadb", append(client, "-e", "CREATE DATABASE app CHARACTER SET utf8mb4")...)
		run(t, nil, script, "mariadb", append(client, "app")...)
		check(t, "plain", run(t, nil, "", "mariadb-dump", append(client, "app")...))
		check(t, "names.sql", run(t, nil, "", "mariadb-dump", append(client, "--complete-insert", "--skip-extended-insert", "app")...))
	})
	t.Run("postgresql", func(t *testing.T) {
		need(t, "pg_dump")
		bin := ""
		if found, err := filepath.Glob("/usr/lib/postgresql/*/bin"); err == nil && len(found) > 0 {
			bin = found[len(found)-1] + "/"
		}
		dir := t.TempDir()
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // for another user
			t.Fatal(err)
		}
		var as *syscall.SysProcAttr
		if os.Getuid() == 0 { // the server refuses root
			u, err := user.Lookup("postgres")
			if err != nil {
				t.Fatal(err)
			}
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
			if err := os.Chown(dir, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		data := filepath.Join(dir, "data")
		run(t, as, "", bin+"initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust")
		serve(t, as, bin+"postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
		client := []string{"-h", dir, "-U", "postgres", "postgres"}
		wait(t, func() error {
			return exec.CommandContext(t.Context(), bin+"psql", append(client, "-c", "SELECT 1")...).Run()
		})
		run(t, nil, script, bin+"psql", append(client, "-v", "ON_ERROR_STOP=1")...)
		check(t, "plain", run(t, nil, "", bin+"pg_dump", client...))
		check(t, "inserts", run(t, nil, "", bin+"pg_dump", append(client, "--inserts")...))
		check(t, "rows.sql", run(t, nil, "", bin+"pg_dump", append(client, "--rows-per-insert=7", "--column-inserts")...))
	})
}

// need skips the test where a program is missing, and fails it in CI.
func need(t *testing.T, name string) {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if _, err := exec.LookPath(candidate); err == nil {
			return
		}
	}
	why := name + " is missing: make tools installs it"
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func run(t *testing.T, as *syscall.SysProcAttr, input, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.SysProcAttr, cmd.Dir = as, "/"
	if input != "" {
		f, err := os.Open(input)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdin = f
	}
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, errors.String())
	}
	return out
}

// serve runs a server until the test ends.
func serve(t *testing.T, as *syscall.SysProcAttr, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr, cmd.Dir = as, "/"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		if strings.Contains(name, "maria") {
			cmd.Process.Kill() // it does not mind
		}
		cmd.Wait()
	})
}

func wait(t *testing.T, ready func() error) {
	t.Helper()
	var err error
	for range 300 {
		if err = ready(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal(err)
}
