package evidence_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	databases "github.com/lenscap/lenscap/internal/detect/database/all"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/evidence"
	"github.com/lenscap/lenscap/rules"
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
		Engine: engine(), Databases: databases.Engines(), Disk: all.Options(), Key: bytes.Repeat([]byte{5}, 32),
		Now: func() time.Time { return time.Unix(1e9, 0) },
	}
}

// engine is the one that the program has.
var engine = sync.OnceValue(func() *detect.Engine {
	rs, err := rules.Detect()
	if err != nil {
		panic(err)
	}
	e, err := detect.Everything(rs)
	if err != nil {
		panic(err)
	}
	return e
})

// inspect looks into a disk that was not looked into before.
func inspect(ctx context.Context, o evidence.Options, src block.Source, progress func(done, total int64)) (lenscap.Evidence, error) {
	got, err := evidence.New(o).Inspect(ctx, evidence.Request{Ref: ref, Source: src, Progress: progress})
	return got.Evidence, err
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
	ev, err := inspect(t.Context(), options(), src, func(d, n int64) { done, total = d, n })
	if err != nil {
		t.Fatal(err)
	}
	clean(t, "the evidence", ev)
	if !ev.Complete || len(ev.Gaps) != 0 || done != total || total == 0 {
		t.Errorf("complete %v, gaps %+v, %d of %d", ev.Complete, ev.Gaps, done, total)
	}
	type short struct {
		Path     string
		Line     int
		Severity string
	}
	var got []short
	prints := map[string]string{}
	for _, it := range ev.Items {
		if it.Class != lenscap.ItemSecret {
			continue
		}
		got = append(got, short{it.Path, it.Line, it.Severity.String()})
		prints[it.Path+fmt.Sprint(it.Line)] = it.Fingerprint
		if len(it.Fingerprint) != 64 || it.Volume != "whole" || it.Length == 0 || it.FirstSeen.IsZero() || it.Type == "" || it.Title.Zh == "" {
			t.Errorf("%+v", it)
		}
		if it.Path == "/root/.aws/credentials" && it.Hint != keyID {
			t.Errorf("the access key's hint is %q", it.Hint)
		}
	}
	want := []short{
		{"/root/.aws/credentials", 3, "critical"},
		{"/etc/shadow", 1, "high"},
		{"/root/.netrc", 1, "high"},
		{"/root/.pgpass", 1, "high"},
		{`/root/name-\xff/.env`, 1, "high"},
		{"/srv/app/.env", 2, "high"},
		{"/srv/app/.env", 3, "high"},
		{"/srv/app/again/.env", 1, "high"},
		{"/usr/lib/x/harmless.env", 1, "medium"}, // no package brought it
	}
	slices.SortFunc(want, func(a, b short) int { return cmp.Or(strings.Compare(a.Path, b.Path), a.Line-b.Line) })
	slices.SortFunc(got, func(a, b short) int { return cmp.Or(strings.Compare(a.Path, b.Path), a.Line-b.Line) })
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if prints["/srv/app/.env2"] != prints["/srv/app/again/.env1"] || prints["/srv/app/.env2"] == "" {
		t.Error("the same value has two fingerprints")
	}
	if p := ev.Profile; p == nil || p.OS != "Debian GNU/Linux 12" || p.Hostname != "web-1" || !slices.Equal(p.Class, []string{"application_image", "os_image"}) {
		t.Errorf("profile %+v", p)
	}
	if ev.BytesRead >= ev.Size {
		t.Errorf("read %d of %d bytes", ev.BytesRead, ev.Size)
	}
	other := options()
	other.Key = bytes.Repeat([]byte{6}, 32)
	ev2, err := inspect(t.Context(), other, src, nil)
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
		ev, err := inspect(t.Context(), o, src, nil)
		if err != nil || ev.Complete || len(ev.Gaps) == 0 || ev.Gaps[0].Cause != lenscap.CauseNotRead || !ev.Gaps[0].Covers(ref) {
			t.Errorf("%s: complete %v, gaps %+v, %v", name, ev.Complete, ev.Gaps, err)
		}
		clean(t, name, ev)
	}
	o := options()
	o.MaxItems = 3
	ev, err := inspect(t.Context(), o, src, nil)
	if err != nil || len(ev.Items) != 3 || ev.Truncated < 5 {
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
	full, err := inspect(t.Context(), o, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	gaps := 0
	for at := int64(0); at < src.Size(); at += 64 << 10 {
		ev, err := inspect(t.Context(), o, failing{src, at, at + 64<<10}, nil)
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
		ev, err := inspect(t.Context(), options(), disktest.Memory(disk), nil)
		if err != nil || ev.Complete || len(ev.Gaps) != 1 || ev.Gaps[0].Cause != lenscap.CauseUnsupported {
			t.Errorf("%s: complete %v, gaps %+v, %v", name, ev.Complete, ev.Gaps, err)
		}
	}
	ev, err := inspect(t.Context(), options(), disktest.Memory(make([]byte, 1<<20)), nil)
	if err != nil || !ev.Complete || ev.Volumes[0].Type != "blank" {
		t.Errorf("zeros: %+v, %v", ev, err)
	}
}

func TestCancelAndNoKey(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := inspect(ctx, options(), disktest.Memory(make([]byte, 1<<20)), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := inspect(t.Context(), evidence.Options{}, disktest.Memory(nil), nil); !errors.Is(err, evidence.ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := inspect(t.Context(), options(), failing{disktest.Memory(make([]byte, 1<<20)), 0, 1 << 20}, nil); err == nil || errors.Is(err, io.EOF) {
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
