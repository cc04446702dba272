package mdraid_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/mdraid"
)

// TestLive has the kernel make arrays of random geometry and reads them.
func TestLive(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("boots a kernel")
	}
	for _, tool := range []string{"linux.uml", "mdadm", "python3"} {
		disktest.Tool(t, tool)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	var images []string
	var script strings.Builder
	pattern, err := filepath.Abs("../../disktest/pattern.py")
	if err != nil {
		t.Fatal(err)
	}
	for i, level := range []string{"0", "5", "6", "10"} {
		n := map[string]int{"0": 2, "5": 3, "6": 4, "10": 2}[level] + r.IntN(2)
		layout := map[string][]string{
			"0": {"alternate", "original"}, "5": {"la", "ra", "ls", "rs", "parity-first", "parity-last"},
			"6":  {"la", "ra", "ls", "rs", "ddf-zero-restart", "ddf-N-restart", "ddf-N-continue", "left-symmetric-6", "right-asymmetric-6", "parity-first-6"},
			"10": {"n2", "f2", "o2"},
		}[level]
		devices := ""
		for range n {
			path := filepath.Join(dir, fmt.Sprint("member", len(images)))
			size := int64(5 << 20)
			if level == "0" {
				size += r.Int64N(24) * 100 << 10
			}
			disktest.Blank(t, path, size/512*512)
			devices += fmt.Sprintf(" /dev/ubd%c", 'a'+len(images))
			images = append(images, path)
		}
		fmt.Fprintf(&script, "mdadm --create /dev/md%d --run --assume-clean --homehost=lab --name=lab:%d --level=%s --metadata=%s --chunk=%d --layout=%s --raid-devices=%d%s\n",
			i, i, level, []string{"1.0", "1.1", "1.2"}[r.IntN(3)], 4<<r.IntN(6), layout[r.IntN(len(layout))], n, devices)
		fmt.Fprintf(&script, "python3 %s /dev/md%d %d\n", pattern, i, i+1)
		fmt.Fprintf(&script, "echo TRUTH md%d $(blockdev --getsize64 /dev/md%d) $(sha256sum </dev/md%d | cut -d' ' -f1)\nmdadm --stop /dev/md%d\n", i, i, i, i)
	}
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out := disktest.Run(t, "sh", append([]string{"../../disktest/uml.sh", path}, images...)...)
	s := disktest.Set{Truth: map[string]disktest.Content{}}
	for line := range strings.Lines(out) {
		var name string
		var c disktest.Content
		if n, _ := fmt.Sscanf(line, "TRUTH %s %d %s", &name, &c.Size, &c.SHA256); n == 3 {
			s.Truth[name] = c
		}
	}
	for _, path := range images {
		s.Names, s.Members = append(s.Names, filepath.Base(path)), append(s.Members, disktest.File(t, path))
	}
	if len(s.Truth) != 4 {
		t.Fatalf("%d arrays in: %s", len(s.Truth), out)
	}
	whole := s.Assemble(t, mdraid.Manager{})
	for name := range s.Truth {
		checkBytes(t, &s, whole[name])
	}
	// Without a member of each of those that can do without.
	for _, v := range s.Assemble(t, mdraid.Manager{}, whole["md1"].Members[r.IntN(3)], whole["md2"].Members[0], whole["md2"].Members[2], whole["md3"].Members[1]) {
		if v.Name != "md0" {
			checkBytes(t, &s, v)
		}
	}
	if t.Failed() {
		t.Log(script.String())
	}
}

// checkBytes leaves out places: they are of different files.
func checkBytes(t *testing.T, s *disktest.Set, v volume.Volume) {
	t.Helper()
	if v.Source != nil {
		v.Source = struct{ block.Source }{v.Source}
	}
	s.Check(t, v)
}
