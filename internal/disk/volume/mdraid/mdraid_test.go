package mdraid_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/mdraid"
)

// spares is how many members an array can do without, by its image's name.
func spares(name string, members int) int {
	switch {
	case strings.HasPrefix(name, "raid1-"), name == "090-raid1":
		return members - 1
	case strings.HasPrefix(name, "raid6-"), strings.HasPrefix(name, "raid10-") && strings.HasSuffix(name, "3"):
		return 2
	case strings.Contains(name, "raid4"), strings.Contains(name, "raid5"), strings.Contains(name, "raid10"), name == "running":
		return 1
	}
	return 0
}

func goldens(t testing.TB) (names []string) {
	t.Helper()
	list, err := filepath.Glob("testdata/*.truth")
	if err != nil || len(list) < 40 {
		t.Fatalf("%d images, %v", len(list), err)
	}
	for _, path := range list {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".truth"))
	}
	return names
}

// TestArrays reads what mdadm made, with all members and with each set of
// members missing that the level can do without.
func TestArrays(t *testing.T) {
	t.Parallel()
	for _, name := range goldens(t) {
		if name == "reshape" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := disktest.OpenSet(t, name)
			check(t, s)
			n := spares(name, len(s.Names))
			for i, one := range s.Names {
				if n > 0 {
					check(t, s, one)
				}
				for _, other := range s.Names[i+1:] {
					if n > 1 {
						check(t, s, one, other)
					}
				}
			}
			if !slices.Contains([]string{"stale", "spare", "stale-mirror", "rebuild", "journal", "running"}, name) {
				lacking(t, s, s.Names[:n+1])
			}
		})
	}
}

func check(t *testing.T, s *disktest.Set, without ...string) {
	t.Helper()
	for _, v := range s.Assemble(t, mdraid.Manager{}, without...) {
		s.Check(t, v)
		if len(without) > 0 && !strings.Contains(strings.Join(v.Notes, ";"), "degraded") {
			t.Errorf("without %v: notes are %q", without, v.Notes)
		}
	}
	if t.Failed() {
		t.Fatalf("without %v", without)
	}
}

// lacking looks that an array without too many members says so. Some RAID 10
// can do without more when they are the right ones.
func lacking(t *testing.T, s *disktest.Set, without []string) {
	t.Helper()
	if len(without) == len(s.Names) {
		return
	}
	for _, v := range s.Assemble(t, mdraid.Manager{}, without...) {
		if v.Source != nil && strings.Contains(t.Name(), "raid10") {
			s.Check(t, v)
		} else if !errors.Is(v.Err, block.ErrMissing) {
			t.Errorf("without %v: error %v, want ErrMissing", without, v.Err)
		}
	}
}

func notes(v volume.Volume) string { return strings.Join(v.Notes, "; ") }

func TestNotes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		volume, note string
		without      []string
		members      int
	}{
		"stale":          {"md/set", "b is left out: it failed before the others", nil, 2},
		"spare":          {"md/set", "c is a spare", nil, 2},
		"stale-mirror":   {"md0", "a is left out: it failed before the others", nil, 1},
		"rebuild":        {"md/set", "d is left out: it was being rebuilt", nil, 2},
		"running":        {"md/set", "not shut down cleanly", nil, 3},
		"raid5-ppl":      {"md/set", "degraded: 1 of 3 members are missing", []string{"b"}, 2},
		"raid0-zones":    {"md/set", "", nil, 4},
		"090-raid5":      {"md0", "", nil, 3},
		"raid1-10":       {"md/set", "", nil, 2},
		"raid0-original": {"md/set", "", nil, 4},
		"raid10-n2-4":    {"md/set", "degraded: 2 of 4", []string{"a", "c"}, 2},
	} {
		s := disktest.OpenSet(t, name)
		v := s.Assemble(t, mdraid.Manager{}, want.without...)[want.volume]
		if !strings.Contains(notes(v), want.note) || want.note == "" && len(v.Notes) > 0 {
			t.Errorf("%s: notes %q, want %q", name, v.Notes, want.note)
		}
		if len(v.Members) != want.members || v.Incomplete {
			t.Errorf("%s: members %q, incomplete %v", name, v.Members, v.Incomplete)
		}
	}
}

func TestReshapeIsNotRead(t *testing.T) {
	t.Parallel()
	s := disktest.OpenSet(t, "reshape")
	v := s.Assemble(t, mdraid.Manager{})["md/set"]
	if v.Source != nil || !errors.Is(v.Err, block.ErrUnsupported) || !v.Incomplete || !strings.Contains(notes(v), "reshape") {
		t.Errorf("error %v, notes %q", v.Err, v.Notes)
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{nil, {1}, make([]byte, 1<<20)} {
		if _, err := (mdraid.Manager{}).Probe(t.Context(), disktest.Memory(data)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%d bytes: error %v, want ErrNotThis", len(data), err)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"raid6-left-symmetric", "090-raid5", "raid0-zones", "raid10-o3", "journal"} {
		disktest.OpenSet(t, name).DamageSet(t, mdraid.Manager{}, 20)
	}
}
