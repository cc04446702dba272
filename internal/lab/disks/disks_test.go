package disks_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/lab/disks"
)

func open(t *testing.T, name string) *disks.Disk {
	t.Helper()
	d, err := disks.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBlocksAndBytesAgree(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"web", "data", "plain"} {
		d := open(t, name)
		if len(d.Indexes()) == 0 || d.Bytes() > 64<<20 {
			t.Errorf("%s: %d blocks", name, len(d.Indexes()))
		}
		buf := make([]byte, disks.BlockSize)
		for _, i := range d.Indexes() {
			data, sum, ok := d.Block(i)
			n, err := d.ReadAt(buf, int64(i)*disks.BlockSize)
			if !ok || err != nil || string(buf[:n]) != string(data) || sum != sha256.Sum256(data) {
				t.Fatalf("%s block %d: ok %v, read %d, %v", name, i, ok, n, err)
			}
		}
		if n, err := d.ReadAt(buf, d.Size()-10); n != 10 || !errors.Is(err, io.EOF) {
			t.Errorf("%s: read at the end: %d, %v, want 10, EOF", name, n, err)
		}
	}
}

func TestWithChangesOneBlock(t *testing.T) {
	t.Parallel()
	d := open(t, "data")
	later := d.With(d.Indexes()[1], []byte("changed"))
	if got := disks.Changed(d, later); len(got) != 1 || got[0] != d.Indexes()[1] {
		t.Errorf("changed blocks %v, want [%d]", got, d.Indexes()[1])
	}
	if got := disks.Changed(nil, d); len(got) != len(d.Indexes()) {
		t.Errorf("against nothing: %d, want %d", len(got), len(d.Indexes()))
	}
}

// TestGenuine holds the file systems against e2fsprogs, which nobody here wrote.
func TestGenuine(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"e2fsck", "debugfs"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %s is not installed", tool)
		}
	}
	for name, want := range map[string]struct {
		offset     int64
		path, text string
	}{
		"web":   {1 << 20, "/srv/shop/.env", "DATABASE_URL=postgres://"},
		"data":  {0, "/backup/customers-2026-03.csv", "id,name,email,phone"},
		"plain": {1 << 20, "/srv/hello/.env.example", "changeme"},
	} {
		d := open(t, name)
		image := filepath.Join(t.TempDir(), name)
		f, err := os.Create(image)
		if err != nil {
			t.Fatal(err)
		}
		size := d.Size() - 2*want.offset
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		for _, i := range d.Indexes() {
			data, _, _ := d.Block(i)
			if at := int64(i)*disks.BlockSize - want.offset; at >= 0 && at < size {
				if _, err := f.WriteAt(data, at); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "e2fsck", "-fn", image).CombinedOutput(); err != nil {
			t.Errorf("e2fsck %s: %v\n%s", name, err, out)
		}
		out, err := exec.CommandContext(t.Context(), "debugfs", "-R", "cat "+want.path, image).Output()
		if err != nil || !strings.Contains(string(out), want.text) {
			t.Errorf("%s %s: %v, %d bytes without %q", name, want.path, err, len(out), want.text)
		}
		if want.offset > 0 {
			head := make([]byte, 512)
			if _, err := d.ReadAt(head, 512); err != nil || string(head[:8]) != "EFI PART" || binary.LittleEndian.Uint32(head[80:]) != 128 {
				t.Errorf("%s: no GPT header: %v", name, err)
			}
		}
	}
}
