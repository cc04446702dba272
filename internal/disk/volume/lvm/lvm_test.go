package lvm_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume/lvm"
)

func goldens(t testing.TB) (names []string) {
	t.Helper()
	list, err := filepath.Glob("testdata/*.truth")
	if err != nil {
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
		if name == "on-raid" || name == "cache-x" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := disktest.OpenSet(t, name)
			got := s.Assemble(t, lvm.Manager{})
			for name := range s.Truth {
				if _, ok := got[name]; !ok {
					t.Errorf("volume %s was not found", name)
				}
			}
			for _, v := range got {
				if _, known := s.Truth[v.Name]; known {
					s.Check(t, v)
					t.Log(v.Name, v.Type, v.Members, v.Notes, v.Incomplete)
				} else if v.Err == nil {
					t.Errorf("volume %s: notes %q, not in the truth", v.Name, v.Notes)
				}
			}
		})
	}
}
