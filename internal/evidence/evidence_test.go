package evidence_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/evidence"
)

// marks are planted values; none may leave the package.
var marks = []string{
	"MARK1pQ8xT2zzLw", "q8Zt0c/Vx2Lr5pYk9NwEj3Hs7Dg1Fb4Mu6TaXo+C", "MARK3Kd93jfLs02mQzX", "MARK4hunter2", "MARK6same1",
	"$6$hK3vR2pQ$w8yNq0ZVdWcT1mFj5LxBu7sEaPiG9oXrYtHbC4nDk6U2JzMlS3eQfOgAvRhT8KpWyIjNxCdBu1LmZq7sEa5Fo.",
}

const keyID = "AKIATCH6YDSYVJW2CN44"

var ref = lenscap.Ref{Provider: "aws", Account: "1", Region: "r", Kind: lenscap.KindDiskSnapshot, ID: "snap-1"}

func plant(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{
		"etc/os-release":                "NAME=X\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n",
		"etc/hostname":                  "web-1\n",
		"etc/shadow":                    "root:" + marks[5] + ":1:0:9:7:::\nbin:*:1:0:9:7:::\n",
		"root/.aws/credentials":         "[default]\naws_access_key_id=" + keyID + "\naws_secret_access_key=" + marks[1] + "\n",
		"srv/app/.env":                  "A=1\nDB_PASSWORD=" + marks[0] + "\nAPI_TOKEN=" + marks[2] + "\n",
		"srv/app/again/.env":            "PASSWORD=" + marks[0] + "\n",
		"root/.pgpass":                  "h:1:d:u:" + marks[3] + "\n",
		"root/name-\xff/.env":           "PASSWORD=" + marks[0] + "\n",
		"root/.netrc":                   "machine h login MARK6same1 password MARK6same1\n",
		"usr/lib/x/harmless.env":        "PASSWORD=" + marks[0] + "\n",
		"var/lib/postgresql/PG_VERSION": "15\n",
	} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	img := filepath.Join(t.TempDir(), "disk.raw")
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-d", dir, img, "16M")
	return img
}

func file(t *testing.T, path string) *block.File {
	t.Helper()
	src, err := block.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

func options() evidence.Options {
	return evidence.Options{
		Detectors: detect.All(), Disk: all.Options(), Key: bytes.Repeat([]byte{5}, 32),
		Now: func() time.Time { return time.Unix(1e9, 0) },
	}
}

func clean(t *testing.T, what string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range marks {
		for _, part := range []string{m, m[:8], m[len(m)-8:]} {
			if strings.Contains(string(b), part) && !strings.HasPrefix(part, "$6$hK3") {
				t.Errorf("%s holds %q of a planted value", what, part)
			}
		}
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	src := file(t, plant(t))
	var done, total int64
	ev, err := evidence.New(options()).Inspect(t.Context(), ref, src, func(d, n int64) { done, total = d, n })
	if err != nil {
		t.Fatal(err)
	}
	clean(t, "the evidence", ev)
	if !ev.Complete || len(ev.Gaps) != 0 || done != total || total == 0 {
		t.Errorf("complete %v, gaps %+v, %d of %d", ev.Complete, ev.Gaps, done, total)
	}
	type short struct {
		Type, Path, Hint string
		Line             int
		Severity         string
	}
	var got []short
	prints := map[string]string{}
	for _, it := range ev.Items {
		got = append(got, short{it.Type, it.Path, it.Hint, it.Line, it.Severity.String()})
		prints[it.Path+it.Type] = it.Fingerprint
		if len(it.Fingerprint) != 64 || it.Volume != "whole" || it.Length == 0 {
			t.Errorf("%+v", it)
		}
	}
	want := []short{
		{"aws_access_key", "/root/.aws/credentials", keyID, 3, "critical"},
		{"password_hash", "/etc/shadow", "root", 1, "high"},
		{"netrc_password", "/root/.netrc", "MA", 1, "high"},
		{"postgres_password", "/root/.pgpass", "u@h:1:d", 1, "high"},
		{"password_assignment", `/root/name-\xff/.env`, "PASSWORD", 1, "medium"},
		{"password_assignment", "/srv/app/.env", "DB_PASSWORD", 2, "medium"},
		{"secret_assignment", "/srv/app/.env", "API_TOKEN", 3, "medium"},
		{"password_assignment", "/srv/app/again/.env", "PASSWORD", 1, "medium"},
	}
	for i := range got {
		if got[i].Path == "/root/.pgpass" {
			want[3].Hint = got[i].Hint // its form is the detector's
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if prints["/srv/app/.envpassword_assignment"] != prints["/srv/app/again/.envpassword_assignment"] {
		t.Error("the same value has two fingerprints")
	}
	wantProfile := &lenscap.Profile{
		OS: "Debian GNU/Linux 12", Hostname: "web-1", Class: []string{"application_image", "data_snapshot", "os_image"},
		Facts: []lenscap.Fact{
			{Class: "os_image", Path: "/etc/os-release"},
			{Class: "application_image", Path: "/srv"},
			{Class: "data_snapshot", Path: "/var/lib/postgresql"},
			{Class: "data_snapshot", Path: "/var/lib/postgresql/PG_VERSION"},
		},
	}
	if diff := cmp.Diff(wantProfile, ev.Profile); diff != "" {
		t.Error(diff)
	}
	if ev.FilesRead >= ev.Files || ev.BytesRead >= ev.Size {
		t.Errorf("read %d of %d files, %d of %d bytes", ev.FilesRead, ev.Files, ev.BytesRead, ev.Size)
	}
	other := options()
	other.Key = bytes.Repeat([]byte{6}, 32)
	ev2, err := evidence.New(other).Inspect(t.Context(), ref, src, nil)
	if err != nil || ev2.Items[0].Fingerprint == ev.Items[0].Fingerprint {
		t.Errorf("another key, the same fingerprint (%v)", err)
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	src := file(t, plant(t))
	for name, set := range map[string]func(*evidence.Options){
		"bytes": func(o *evidence.Options) { o.MaxBytes = 100 },
		"files": func(o *evidence.Options) { o.MaxFiles = 2 },
	} {
		o := options()
		set(&o)
		ev, err := evidence.New(o).Inspect(t.Context(), ref, src, nil)
		if err != nil || ev.Complete || len(ev.Gaps) == 0 || ev.Gaps[0].Cause != lenscap.CauseNotRead || !ev.Gaps[0].Covers(ref) {
			t.Errorf("%s: complete %v, gaps %+v, %v", name, ev.Complete, ev.Gaps, err)
		}
		clean(t, name, ev)
	}
	o := options()
	o.MaxItems = 3
	ev, err := evidence.New(o).Inspect(t.Context(), ref, src, nil)
	if err != nil || len(ev.Items) != 3 || ev.Truncated != 5 {
		t.Errorf("%d items, %d truncated, %v", len(ev.Items), ev.Truncated, err)
	}
}

// failing gives errors for reads in one range.
type failing struct {
	block.Source
	from, to int64
}

var errPlanted = errors.New("the source failed")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off < f.to && off+int64(len(p)) > f.from {
		return 0, errPlanted
	}
	return f.Source.ReadAt(p, off)
}

func TestUnreadIsAGap(t *testing.T) {
	t.Parallel()
	src := file(t, plant(t))
	o := options()
	full, err := evidence.New(o).Inspect(t.Context(), ref, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	gaps := 0
	for at := int64(0); at < src.Size(); at += 64 << 10 {
		ev, err := evidence.New(o).Inspect(t.Context(), ref, failing{src, at, at + 64<<10}, nil)
		if err != nil {
			clean(t, "the error", err.Error())
			gaps++
			continue
		}
		clean(t, "evidence with gaps", ev)
		if ev.Complete && len(ev.Items) != len(full.Items) {
			t.Errorf("failure at %d: complete with %d of %d items", at, len(ev.Items), len(full.Items))
		}
		if !ev.Complete {
			gaps++
		}
	}
	if gaps == 0 {
		t.Error("no failure was noticed")
	}
}

func TestUnsupportedIsAGap(t *testing.T) {
	t.Parallel()
	for name, disk := range map[string][]byte{
		"luks": append([]byte("LUKS\xba\xbe"), make([]byte, 1<<20)...), "xfs": append([]byte("XFSB"), make([]byte, 1<<20)...),
		"noise": bytes.Repeat([]byte{0xA5}, 1<<20),
	} {
		ev, err := evidence.New(options()).Inspect(t.Context(), ref, disktest.Memory(disk), nil)
		if err != nil || ev.Complete || len(ev.Gaps) != 1 || ev.Gaps[0].Cause != lenscap.CauseUnsupported {
			t.Errorf("%s: complete %v, gaps %+v, %v", name, ev.Complete, ev.Gaps, err)
		}
	}
	ev, err := evidence.New(options()).Inspect(t.Context(), ref, disktest.Memory(make([]byte, 1<<20)), nil)
	if err != nil || !ev.Complete || ev.Volumes[0].Type != "blank" {
		t.Errorf("zeros: %+v, %v", ev, err)
	}
}

func TestCancelAndNoKey(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := evidence.New(options()).Inspect(ctx, ref, disktest.Memory(make([]byte, 1<<20)), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := evidence.New(evidence.Options{}).Inspect(t.Context(), ref, disktest.Memory(nil), nil); !errors.Is(err, evidence.ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := evidence.New(options()).Inspect(t.Context(), ref, failing{disktest.Memory(make([]byte, 1<<20)), 0, 1 << 20}, nil); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("nothing readable: %v", err)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "key")
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			k, err := evidence.LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	for _, k := range keys {
		if len(k) != 32 || !bytes.Equal(k, keys[0]) {
			t.Errorf("keys differ: %x", k)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files left", len(left))
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.LoadOrCreateKey(path); err == nil {
		t.Error("a key of 5 bytes was taken")
	}
}
