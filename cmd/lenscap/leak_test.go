package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// marks are values that lie on the test's disk and may be nowhere else.
var marks = []string{
	"MARK1pQ8xT2zzLw", "q8Zt0c/Vx2Lr5pYk9NwEj3Hs7Dg1Fb4Mu6TaXo+C", "MARK3Kd93jfLs02mQzX", "MARK4hq27unter2Zk",
	"13912345671", "11010519491231002X", "mark.person@example-mail.cn", "b3BlbnNzaC1rZXktdjEAAAAAMARK",
}

func markedDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	w, err := z.Create("app/.env")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("DB_PASSWORD=" + marks[3] + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var people, dump strings.Builder
	people.WriteString("name,id_card,mobile,email\n")
	dump.WriteString("CREATE TABLE users (id int, password varchar(40));\n")
	for i := range 200 {
		people.WriteString("王小明," + marks[5] + "," + marks[4] + "," + marks[6] + "\n")
		dump.WriteString("INSERT INTO users VALUES (" + strings.Repeat("1", 1+i%3) + ",'" + marks[0] + "');\n")
	}
	for path, text := range map[string]string{
		"etc/os-release":           "PRETTY_NAME=\"Debian GNU/Linux 12\"\n",
		"root/.aws/credentials":    "[default]\naws_access_key_id=AKIATCH6YDSYVJW2CN44\naws_secret_access_key=" + marks[1] + "\n",
		"srv/app/.env":             "DB_PASSWORD=" + marks[0] + "\nAPI_TOKEN=" + marks[2] + "\n",
		"root/.pgpass":             "h:1:d:u:" + marks[3] + "\n",
		"srv/people.csv":           people.String(),
		"srv/dump.sql":             dump.String(),
		"srv/backup.zip":           zipped.String(),
		"root/.bash_history":       "mysql -u root -p" + marks[3] + "\n",
		"root/.ssh/id_rsa":         "-----BEGIN OPENSSH PRIVATE KEY-----\n" + marks[7] + "\n-----END OPENSSH PRIVATE KEY-----\n",
		"srv/app/" + "config.json": `{"password": "` + marks[0] + `"}`,
	} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if sqlite, err := exec.LookPath("sqlite3"); err == nil {
		db := filepath.Join(dir, "srv", "app.db")
		cmd := exec.CommandContext(t.Context(), sqlite, db, "CREATE TABLE u (name text, mobile text, password text);"+
			strings.Repeat("INSERT INTO u VALUES ('王小明','"+marks[4]+"','"+marks[0]+"');", 50))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sqlite3: %v: %s", err, out)
		}
	} else {
		t.Error("sqlite3 is not installed: scripts/tools.sh does it")
	}
	img := filepath.Join(t.TempDir(), "disk.raw")
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-d", dir, img, "16M")
	return img
}

// leaked looks for the marks: as they are, their halves, base64 and hex of them
// would need more than a slip.
func leaked(t *testing.T, what string, b []byte) {
	t.Helper()
	for i, m := range marks {
		for _, part := range []string{m, m[:len(m)/2+2], m[len(m)/2-2:]} {
			if bytes.Contains(b, []byte(part)) {
				t.Errorf("%s holds a part of planted value %d", what, i)
			}
		}
	}
}

// TestNothingLeaks greps all that the program leaves behind for values that lie
// on a disk it looked into: what it prints in every format, its store and
// temporary files, what it prints when it is made to crash.
func TestNothingLeaks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("signals and folders of Linux")
	}
	img := markedDisk(t)
	exe := filepath.Join(t.TempDir(), "lenscap")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "grpcnotrace", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	home := t.TempDir()
	run := func(signal os.Signal, after time.Duration, args ...string) (out []byte, code int) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		cmd := exec.CommandContext(ctx, exe, args...)
		cmd.Dir = home
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home+"/data", "XDG_CONFIG_HOME="+home+"/config", "TMPDIR="+home, "GOTRACEBACK=all", "LENSCAP_LANG=en")
		var buf bytes.Buffer
		cmd.Stdout, cmd.Stderr = &buf, &buf
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if signal != nil {
			time.AfterFunc(after, func() { _ = cmd.Process.Signal(signal) })
		}
		err := cmd.Wait()
		if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(err)
		}
		return buf.Bytes(), cmd.ProcessState.ExitCode()
	}
	for _, args := range [][]string{
		{"inspect", img},
		{"inspect", img, "--format", "json", "--sample", "3"},
		{"inspect", img, "--format", "html"},
		{"inspect", img, "--tables", "--sample", "3"},
		{"inspect", img, "--all-files", "--deleted", "--log-level", "debug"},
		{"inspect", img, "--max-bytes", "300"},
		{"inspect", img, "--lang", "zh"},
	} {
		out, code := run(nil, 0, args...)
		if code != 0 && code != exitUnread {
			t.Errorf("%v: exit code %d\n%s", args, code, out)
		}
		if len(out) < 200 {
			t.Errorf("%v: %d bytes were printed", args, len(out))
		}
		leaked(t, strings.Join(args, " "), out)
	}
	for _, signal := range []os.Signal{syscall.SIGQUIT, syscall.SIGKILL, syscall.SIGABRT} {
		for after := 20 * time.Millisecond; after < 400*time.Millisecond; after *= 2 {
			out, _ := run(signal, after, "inspect", img, "--all-files")
			leaked(t, signal.String(), out)
		}
	}
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		leaked(t, path[len(home):], b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
