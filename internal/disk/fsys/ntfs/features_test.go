package ntfs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/ntfs"
)

// truth reads the hashes of the files in features.img, the deleted ones too.
func truth(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/features.truth")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		out[name] = hash
	}
	return out
}

func sum(t *testing.T, d fsys.Data) string {
	t.Helper()
	h := sha256.New()
	// An odd length: reads begin and end within units and chunks.
	n, err := io.CopyBuffer(h, struct{ io.Reader }{io.NewSectionReader(d, 0, d.Size())}, make([]byte, 1777))
	if err != nil || n != d.Size() {
		return err.Error()
	}
	odd := hex.EncodeToString(h.Sum(nil))
	whole := make([]byte, d.Size())
	if _, err := d.ReadAt(whole, 0); err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	if all := sha256.Sum256(whole); hex.EncodeToString(all[:]) != odd {
		t.Error("one large read gives other bytes than small ones")
	}
	return odd
}

func features(t *testing.T) *fsys.FS {
	t.Helper()
	return disktest.Open(t, ntfs.Driver{}, disktest.Golden(t, "features.img"))
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	f, want := features(t), truth(t)
	if info := f.Info(); info.Label != "features" || info.Incomplete || len(info.Notes) > 0 {
		t.Errorf("info %+v: want the label features and no note", info)
	}
	got := map[string]string{}
	err := f.Walk(t.Context(), func(n fsys.Node) error {
		if n.Err != nil {
			t.Errorf("%s: %v", n.Path, n.Err)
		}
		if n.Mode.IsRegular() {
			data, err := f.Tree().Open(n.ID)
			if err != nil {
				got[n.Path] = err.Error()
			} else {
				got[n.Path] = sum(t, data)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if strings.HasPrefix(name, "gone/") || name == "here/gone" {
			delete(want, name)
		}
	}
	for _, name := range []string{"wof/wim", "cloud/away", "cloud/part", "cloud/dedup"} {
		if h, ok := got[name]; !ok || !strings.Contains(h, block.ErrUnsupported.Error()) {
			t.Errorf("%s: %q, want an error that says it is not supported", name, h)
		}
		delete(got, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLinksAndSpecialFiles(t *testing.T) {
	t.Parallel()
	f := features(t)
	for path, want := range map[string]string{
		"links/relative": "../streams/file",
		"links/rooted":   "/streams/file",
		"links/drive":    `C:\Users\秘密`,
		"links/share":    `\\server\share\x`,
		"links/junction": `C:\ProgramData`,
		"links/volume":   `Volume{01234567-89ab-cdef-0123-456789abcdef}\`,
		"links/lx":       "/etc/ünix",
		"links/nfs":      "../nfs",
		"wsl/link":       "../target",
		"interix/link":   "../target",
	} {
		target, err := f.ReadLink(path)
		info, serr := f.Lstat(path)
		if err != nil || target != want || serr != nil || info.Size() != int64(len(want)) {
			t.Errorf("%s: target %q, %v, %v; want %q", path, target, err, serr, want)
		}
	}
	for path, want := range map[string]fs.FileMode{
		"links/nfs-fifo": fs.ModeNamedPipe, "links/exec": 0,
		"wsl/fifo": fs.ModeNamedPipe, "wsl/socket": fs.ModeSocket, "wsl/block": fs.ModeDevice, "wsl/char": fs.ModeDevice | fs.ModeCharDevice,
		"interix/fifo": fs.ModeNamedPipe, "interix/socket": fs.ModeSocket, "interix/block": fs.ModeDevice, "interix/char": fs.ModeDevice | fs.ModeCharDevice,
	} {
		info, err := f.Lstat(path)
		if err != nil || info.Mode().Type() != want {
			t.Errorf("%s: %v, %v; want %v", path, info, err, want)
		}
	}
	for _, path := range []string{"links/relative", "links/rooted"} {
		if b, err := fs.ReadFile(f, path); err != nil || string(b) != "main" {
			t.Errorf("through %s: %q, %v", path, b, err)
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	f := features(t)
	modes := map[string]fs.FileMode{
		"attributes/readonly": 0o555, "attributes/hidden": 0o777, "attributes/system": 0o777,
		"ea/lx": 0o750 | fs.ModeSetuid, "ea/user": 0o777, "Names": 0o777 | fs.ModeDir,
	}
	for path, want := range modes {
		if info, err := f.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info, err, want)
		}
	}
	info, err := f.Lstat("ea/lx")
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(fsys.Stat); st.UID != 1000 || st.GID != 100 {
		t.Errorf("ea/lx belongs to %d:%d, want 1000:100", st.UID, st.GID)
	}
	info, err = f.Lstat("ea/user")
	if err != nil {
		t.Fatal(err)
	}
	attrs, err := f.Tree().(fsys.Attributer).Attributes(info.Sys().(fsys.Stat).ID)
	if err != nil || len(attrs) != 2 || string(attrs["user.comment"]) != "hello" || len(attrs["user.long"]) != 1500 {
		t.Errorf("attributes of ea/user: %q, %v", attrs, err)
	}
	for _, path := range []string{"hard/one", "hard/two", "Names/longer than eight.and three"} {
		want := uint32(1)
		if strings.HasPrefix(path, "hard") {
			want = 2
		}
		if info, err := f.Lstat(path); err != nil || info.Sys().(fsys.Stat).Links != want {
			t.Errorf("%s: %+v, %v; want %d links", path, info, err, want)
		}
	}
}

func TestNamesIgnoreCase(t *testing.T) {
	t.Parallel()
	f := features(t)
	for _, path := range []string{"names/capital.txt", "NAMES/äöü STRAßE", "STREAMS/file:one", "Streams/FILE:zwei ä"} {
		if _, err := f.Open(path); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{"names/LONGER~1.AND", "names/äöü strasse", "streams/file:two", "$MFT", "$Extend"} {
		if _, err := f.Open(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %s: %v, want that it does not exist", path, err)
		}
	}
	same := f.Tree().(fsys.Matcher).SameName
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"a", "", false},
		{"abc", "ABC", true},
		{"abc", "ABCd", false},
		{"é", "É", true},
		{"e", "É", false},
		{"😀", "😀", true},
		{"😀", "😁", false},
		{"\xed\xa0\x80", "\xed\xa0\x80", true},
		{"\xed\xa0\x80", "\xed\xa0\x81", false},
		{"\xff", "\xff", true},
		{"\xff", "\xfe", false},
		{"\xff", "�", false},
	} {
		if got := same(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

func TestDeleted(t *testing.T) {
	t.Parallel()
	f, want := features(t), truth(t)
	for name := range want {
		if !strings.HasPrefix(name, "gone/") && name != "here/gone" {
			delete(want, name)
		}
	}
	got := map[string]string{}
	var dirs []string
	err := f.Tree().(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		switch {
		case r.Mode.IsDir():
			dirs = append(dirs, r.Path)
		case r.State != fsys.Whole:
			t.Errorf("%s: %s, want whole", r.Path, r.State)
		default:
			got[r.Path] = sum(t, r.Data)
			if r.Size != r.Data.Size() || r.Modified.IsZero() {
				t.Errorf("%s: %+v", r.Path, r)
			}
		}
		return true
	})
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"gone", "gone/dir"}, dirs); diff != "" {
		t.Errorf("directories: -want +got:\n%s", diff)
	}
	count := 0
	_ = f.Tree().(fsys.Undeleter).Deleted(t.Context(), func(fsys.Removed) bool { count++; return count < 2 })
	if count != 2 {
		t.Errorf("%d calls after the second said to end", count)
	}
}

func TestCloudFiles(t *testing.T) {
	t.Parallel()
	f := features(t)
	data, st, err := f.OpenData("cloud/part")
	if err != nil || st.Size != 50000 {
		t.Fatalf("%+v, %v", st, err)
	}
	buf := make([]byte, 4000)
	if _, err := data.ReadAt(buf, 0); err != nil {
		t.Errorf("read what is here: %v", err)
	}
	if _, err := data.ReadAt(buf, 30000); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("read what is not here: %v, want that it is not supported", err)
	}
}

func FuzzOpen(f *testing.F) {
	image, err := os.ReadFile(disktest.Golden(f, "features.img"))
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, image)
}
