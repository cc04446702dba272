package evidence_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/evidence"
)

// history is a disk that lives on: each step changes files on it.
type history struct {
	t     *testing.T
	r     *rand.Rand
	img   string
	files map[string]bool
	step  int
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{t: t, r: rand.New(rand.NewPCG(seed, 7)), img: filepath.Join(t.TempDir(), "disk.raw"), files: map[string]bool{}}
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-O", "^has_journal", h.img, "24M")
	h.commands("mkdir /srv", "mkdir /srv/app", "mkdir /root")
	for range 60 {
		h.write()
	}
	return h
}

// commands changes the file system without a mount.
func (h *history) commands(lines ...string) {
	script := filepath.Join(h.t.TempDir(), "commands")
	if err := os.WriteFile(script, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	disktest.Run(h.t, disktest.Tool(h.t, "debugfs"), "-w", "-f", script, h.img)
}

// content is a file with or without something to find.
func (h *history) content() []byte {
	h.step++
	var b bytes.Buffer
	for b.Len() < 5000+h.r.IntN(60_000) {
		fmt.Fprintf(&b, "line %d of nothing in particular\n", h.r.Uint32())
	}
	for range h.r.IntN(3) {
		fmt.Fprintf(&b, "DB_PASSWORD=Vq7%dLx%08x\n", h.step, h.r.Uint32())
	}
	return b.Bytes()
}

func (h *history) pick() string {
	if len(h.files) == 0 {
		return ""
	}
	names := make([]string, 0, len(h.files))
	for n := range h.files {
		names = append(names, n)
	}
	return names[h.r.IntN(len(names))]
}

func (h *history) write() {
	name := fmt.Sprintf("/srv/app/f%d.env", h.r.IntN(200))
	src := filepath.Join(h.t.TempDir(), "src")
	if err := os.WriteFile(src, h.content(), 0o600); err != nil {
		h.t.Fatal(err)
	}
	var lines []string
	if h.files[name] {
		lines = append(lines, "rm "+name)
	}
	h.files[name] = true
	h.commands(append(lines, "write "+src+" "+name)...)
}

// live makes a few changes.
func (h *history) live() {
	for range 1 + h.r.IntN(4) {
		switch name := h.pick(); h.r.IntN(5) {
		case 0:
			h.commands("rm " + name)
			delete(h.files, name)
		case 1:
			to := fmt.Sprintf("/root/moved%d.env", h.r.IntN(1000))
			h.commands("ln "+name+" "+to, "unlink "+name)
			delete(h.files, name)
		case 2:
			h.commands("set_inode_field "+name+" mtime @"+fmt.Sprint(1_700_000_000+h.step), "set_inode_field "+name+" ctime @"+fmt.Sprint(1_700_000_000+h.step))
		default:
			h.write()
		}
	}
}

// overwrite changes bytes of one file in place, and no time of it: only the
// blocks tell.
func (h *history) overwrite() {
	b, err := os.ReadFile(h.img)
	if err != nil {
		h.t.Fatal(err)
	}
	marks := [][]byte{[]byte("DB_PASSWORD=Vq7"), []byte("DB_NOTHING_=Vq7")}
	if h.r.IntN(2) == 0 {
		marks[0], marks[1] = marks[1], marks[0]
	}
	if at := bytes.LastIndex(b, marks[0]); at >= 0 {
		copy(b[at:], marks[1])
		if err := os.WriteFile(h.img, b, 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
}

// differs lists the blocks of 64 KiB in which two versions differ.
func differs(a, b []byte) (out []block.Extent) {
	const size = 64 << 10
	for off := 0; off < len(b); off += size {
		end := min(off+size, len(b))
		if end > len(a) || !bytes.Equal(a[off:end], b[off:end]) {
			out = append(out, block.Extent{Offset: int64(off), Length: int64(end - off)})
		}
	}
	return out
}

// TestIncremental holds a look that carries over what did not change against a
// look at everything, over random histories.
func TestIncremental(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d/%v", seed, known), func(t *testing.T) {
				t.Parallel()
				testHistory(t, seed, known)
			})
		}
	}
}

func testHistory(t *testing.T, seed uint64, known bool) {
	h := newHistory(t, seed)
	insp := evidence.New(options())
	var before *evidence.Before
	var old []byte
	carried := 0
	for step := range 8 {
		now, err := os.ReadFile(h.img)
		if err != nil {
			t.Fatal(err)
		}
		src := disktest.Memory(now)
		full, err := insp.Inspect(t.Context(), evidence.Request{Ref: ref, Source: src})
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && known {
			before.Changed, before.ChangesKnown = differs(old, now), true
		}
		got, err := insp.Inspect(t.Context(), evidence.Request{Ref: ref, Source: src, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(full.Evidence), plain(got.Evidence)); diff != "" {
			t.Fatalf("step %d: what was carried over differs from a full look (-full +got):\n%s", step, diff)
		}
		if diff := cmp.Diff(full.Ledger, got.Ledger); diff != "" {
			t.Fatalf("step %d: the ledgers differ", step)
		}
		if step > 0 && got.Carried == 0 {
			t.Errorf("step %d: nothing was carried over", step)
		}
		carried += got.Carried
		if len(full.Evidence.Items) == 0 {
			t.Fatal("nothing is on the disk")
		}
		before, old = &evidence.Before{Evidence: got.Evidence, Ledger: got.Ledger}, now
		h.live()
		if known {
			h.overwrite()
		}
	}
	t.Logf("%d files carried over", carried)
}

// plain leaves out what a look that reads less tells of itself.
func plain(ev lenscap.Evidence) lenscap.Evidence {
	ev.BytesRead, ev.FilesRead = 0, 0
	for i := range ev.Items {
		ev.Items[i].FirstSeen = time.Time{}
	}
	return ev
}

// TestLedger holds ledgers that are damaged, foreign or of another version: the
// look reads everything.
func TestLedger(t *testing.T) {
	t.Parallel()
	src := file(t, plant(t))
	insp := evidence.New(options())
	first, err := insp.Inspect(t.Context(), evidence.Request{Ref: ref, Source: src})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Ledger) < 100 {
		t.Fatalf("a ledger of %d bytes", len(first.Ledger))
	}
	clean(t, "the ledger", string(first.Ledger))
	swapped := bytes.Clone(first.Ledger)
	copy(swapped[32:48], first.Ledger[48:64])
	copy(swapped[48:64], first.Ledger[32:48])
	other := options()
	other.Key = bytes.Repeat([]byte{6}, 32)
	for name, c := range map[string]struct {
		insp    *evidence.Inspector
		ledger  evidence.Ledger
		carries bool
	}{
		"whole": {insp, first.Ledger, true}, "empty": {insp, nil, false}, "cut": {insp, first.Ledger[:len(first.Ledger)-3], false},
		"another head": {insp, append(bytes.Repeat([]byte{1}, 32), first.Ledger[32:]...), false}, "out of order": {insp, swapped, false},
		"another key": {evidence.New(other), first.Ledger, false},
	} {
		got, err := c.insp.Inspect(t.Context(), evidence.Request{Ref: ref, Source: src, Before: &evidence.Before{Evidence: first.Evidence, Ledger: c.ledger}})
		if err != nil || got.Carried > 0 != c.carries || len(got.Evidence.Items) != len(first.Evidence.Items) {
			t.Errorf("%s: %d carried, %d of %d items, %v", name, got.Carried, len(got.Evidence.Items), len(first.Evidence.Items), err)
		}
	}
}
