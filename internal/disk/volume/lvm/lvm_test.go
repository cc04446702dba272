package lvm_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/lvm"
	"github.com/lenscap/lenscap/internal/disk/volume/mdraid"
)

func goldens(t testing.TB) (names []string) {
	t.Helper()
	list, err := filepath.Glob("testdata/*.truth")
	if err != nil || len(list) < 12 {
		t.Fatalf("%d images, %v", len(list), err)
	}
	for _, path := range list {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".truth"))
	}
	return names
}

// TestGroups reads what LVM made.
func TestGroups(t *testing.T) {
	t.Parallel()
	for _, name := range goldens(t) {
		if name == "on-raid" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := disktest.OpenSet(t, name)
			got := s.Assemble(t, lvm.Manager{})
			for name := range s.Truth {
				s.Check(t, got[name])
			}
			for _, v := range got {
				if _, known := s.Truth[v.Name]; !known && v.Name != "vg/full" {
					t.Errorf("volume %s is not in the truth", v.Name)
				}
				if v.Incomplete && v.Name != "vg/journal" {
					t.Errorf("volume %s is incomplete: %q", v.Name, v.Notes)
				}
			}
		})
	}
}

func TestOnRAID(t *testing.T) {
	t.Parallel()
	s := disktest.OpenSet(t, "on-raid")
	for _, without := range [][]string{nil, {"a"}, {"c"}} {
		md := s.Assemble(t, mdraid.Manager{}, without...)["md0"]
		if md.Source == nil {
			t.Fatal(md.Err)
		}
		on := &disktest.Set{Names: []string{"md0"}, Base: s.Base, Members: []block.Source{md.Source}, Truth: s.Truth}
		got := on.Assemble(t, lvm.Manager{})
		for name, want := range s.Truth {
			if v := got[name]; v.Source == nil || v.Size != want.Size {
				t.Errorf("volume %s: %d bytes, %v", name, v.Size, v.Err)
				continue
			}
			s.Check(t, got[name])
		}
	}
}

// spare is how many physical volumes each type can do without.
var spare = map[string]int{"raid0": 0, "raid0_meta": 0, "raid6": 2, "raid1": 2, "mirror_3": 2}

// TestDegraded takes one and two physical volumes away from RAIDs.
func TestDegraded(t *testing.T) {
	t.Parallel()
	s := disktest.OpenSet(t, "raid")
	whole := s.Assemble(t, lvm.Manager{})
	for i, one := range s.Names {
		degraded(t, s, whole, one)
		for _, other := range s.Names[i+1:] {
			degraded(t, s, whole, one, other)
		}
	}
}

func degraded(t *testing.T, s *disktest.Set, whole map[string]volume.Volume, without ...string) {
	t.Helper()
	for name, v := range s.Assemble(t, lvm.Manager{}, without...) {
		gone := 0
		for _, m := range without {
			if slices.Contains(whole[name].Members, m) {
				gone++
			}
		}
		name = strings.TrimPrefix(name, "vg/")
		can, ok := spare[name]
		if !ok {
			can, ok = spare[strings.SplitN(name, "_", 2)[0]]
		}
		if !ok {
			can = 1
		}
		switch {
		case gone <= can:
			s.Check(t, v)
			if v.Incomplete && !strings.HasPrefix(name, "mirror") {
				t.Errorf("without %v: volume %s is incomplete: %q", without, v.Name, v.Notes)
			}
			if gone > 0 && !strings.Contains(strings.Join(v.Notes, ";"), "degraded") {
				t.Errorf("without %v: volume %s has notes %q", without, v.Name, v.Notes)
			}
		case v.Source != nil && name == "raid10":
			s.Check(t, v) // the right two are gone
		case v.Source != nil:
			t.Errorf("without %v: volume %s can be read", without, v.Name)
		case !errors.Is(v.Err, block.ErrMissing):
			t.Errorf("without %v: volume %s: error %v, want ErrMissing", without, v.Name, v.Err)
		}
	}
}

// TestPartly reads what is left of linear volumes.
func TestPartly(t *testing.T) {
	t.Parallel()
	s := disktest.OpenSet(t, "plain")
	whole, less := s.Assemble(t, lvm.Manager{})["vg/one"], s.Assemble(t, lvm.Manager{}, "b")
	one := less["vg/one"]
	if one.Source == nil || !one.Incomplete || one.Size != whole.Size || !strings.Contains(strings.Join(one.Notes, ";"), "lost with physical volume") {
		t.Fatalf("volume one: %+v", one)
	}
	const extent = 128 << 10
	for i, want := range []error{0: nil, 7: nil, 8: block.ErrMissing, 19: block.ErrMissing, 20: nil, 29: nil} {
		got, exp := make([]byte, extent), make([]byte, extent)
		_, err := one.Source.ReadAt(got, int64(i)*extent)
		if i > 8 && i < 19 {
			want = block.ErrMissing
		}
		if !errors.Is(err, want) {
			t.Errorf("extent %d: error %v, want %v", i, err, want)
		}
		if _, err := whole.Source.ReadAt(exp, int64(i)*extent); err != nil || want == nil && string(got) != string(exp) {
			t.Errorf("extent %d: other bytes, %v", i, err)
		}
	}
	s.Check(t, less["vg/two"])
	if v := s.Assemble(t, lvm.Manager{}, "a")["vg/two"]; !errors.Is(v.Err, block.ErrMissing) || !strings.Contains(v.Err.Error(), "physical volume ") {
		t.Errorf("volume two: error %v", v.Err)
	}
}

// TestTwoOfAName assembles two groups named vg.
func TestTwoOfAName(t *testing.T) {
	t.Parallel()
	a, b := disktest.OpenSet(t, "plain"), disktest.OpenSet(t, "stale")
	both := &disktest.Set{Names: append(a.Names, "x", "y", "z"), Members: append(a.Members, b.Members...)}
	got := both.Assemble(t, lvm.Manager{})
	if len(got) != len(a.Truth)+len(b.Truth) {
		t.Errorf("%d volumes", len(got))
	}
	for name := range got {
		if !strings.HasPrefix(name, "vg@") {
			t.Errorf("volume %s", name)
		}
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	for _, want := range []struct{ set, volume, note string }{
		{"stale", "vg/raid1", "image 0 is left out: it failed before the others"},
		{"merging", "vg/origin", "being merged"},
		{"integrity", "vg/journal", "which is not replayed"},
		{"thin-running", "vg/base", ""},
		{"plain", "vg/one", ""},
	} {
		v := disktest.OpenSet(t, want.set).Assemble(t, lvm.Manager{})[want.volume]
		if notes := strings.Join(v.Notes, "; "); !strings.Contains(notes, want.note) || want.note == "" && notes != "" {
			t.Errorf("%s: notes %q", want.volume, v.Notes)
		}
	}
	full := disktest.OpenSet(t, "snapshots").Assemble(t, lvm.Manager{})["vg/full"]
	if !errors.Is(full.Err, block.ErrDamaged) || !strings.Contains(full.Err.Error(), "ran full") {
		t.Errorf("the snapshot that ran full: %v", full.Err)
	}
}

// TestNoMetadata looks that a physical volume without metadata is not silently
// nothing.
func TestNoMetadata(t *testing.T) {
	t.Parallel()
	s := disktest.OpenSet(t, "labels")
	got := s.Assemble(t, lvm.Manager{}, "a", "c")
	if len(got) != 1 {
		t.Fatalf("%d volumes", len(got))
	}
	for name, v := range got {
		if !strings.HasPrefix(name, "pv/") || !errors.Is(v.Err, block.ErrMissing) {
			t.Errorf("volume %s: error %v, want ErrMissing", name, v.Err)
		}
	}
	if v := s.Assemble(t, lvm.Manager{}, "a")["vg/all"]; v.Source == nil || !v.Incomplete {
		t.Errorf("without the first: %v, notes %q", v.Err, v.Notes)
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{nil, {1}, make([]byte, 1<<20)} {
		if _, err := (lvm.Manager{}).Probe(t.Context(), disktest.Memory(data)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%d bytes: error %v, want ErrNotThis", len(data), err)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"raid", "thin", "snapshots", "cache", "writecache"} {
		disktest.OpenSet(t, name).DamageSet(t, lvm.Manager{}, 15)
	}
}
