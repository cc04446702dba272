package sqlite_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/store/sqlite"
	"github.com/lenscap/lenscap/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Open {
		file := filepath.Join(t.TempDir(), "a folder?", "st%ore#.db")
		return func(t testing.TB) finding.Store {
			s, err := sqlite.Open(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}

func TestOpenIsPrivate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data", "s.db")
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the store's mode is %v, want 0600", info.Mode().Perm())
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	newer := filepath.Join(t.TempDir(), "newer.db")
	s, err := sqlite.Open(t.Context(), newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{newer: "newer lenscap", garbage: "is it a lenscap store?"} {
		if _, err := sqlite.Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, want an error that says %q", err, want)
		}
	}
}

const crashFile = "STORE_CRASH_TEST_FILE"

// TestCrash kills a writer with SIGKILL: all that it acknowledged is there.
func TestCrash(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "s.db")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashWriter$")
	cmd.Env = append(os.Environ(), crashFile+"="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "wrote %d", &acknowledged); err == nil && acknowledged == 7 {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if acknowledged == 0 {
		t.Fatal("the writer acknowledged nothing")
	}
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	if err := s.EachAsset(t.Context(), "r1", func(lenscap.Asset) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	if n < acknowledged*100 || n%100 != 0 {
		t.Errorf("%d assets after the crash; %d were acknowledged, in hundreds", n, acknowledged*100)
	}
}

// TestCrashWriter is the process that TestCrash kills.
func TestCrashWriter(t *testing.T) {
	file := os.Getenv(crashFile)
	if file == "" {
		t.Skip("it is run by TestCrash")
	}
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 100_000; i++ {
		assets := make([]lenscap.Asset, 100)
		for j := range assets {
			assets[j] = lenscap.Asset{Created: time.Now(), Ref: lenscap.Ref{Provider: "aws", Kind: lenscap.KindVolume, ID: fmt.Sprintf("%06d-%03d", i, j)}}
		}
		if err := s.PutAssets(t.Context(), "r1", assets); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("wrote %d\n", i)
	}
}
