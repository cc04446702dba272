package ext4_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys/ext4"
)

// TestLive copies file systems in use and holds the journal's replay against
// the kernel's own.
func TestLive(t *testing.T) {
	for name, args := range map[string]struct {
		mkfs  []string
		mount string
	}{
		"ordered":     {nil, "commit=300"},
		"journal":     {nil, "commit=300,data=journal"},
		"async":       {nil, "commit=300,data=writeback,journal_checksum,journal_async_commit"},
		"1k":          {[]string{"-b", "1024", "-J", "size=1"}, "commit=300"},
		"inline":      {[]string{"-O", "inline_data"}, "commit=300"},
		"bigalloc":    {[]string{"-O", "bigalloc", "-C", "16384"}, "commit=300"},
		"fast_commit": {[]string{"-O", "fast_commit"}, "commit=300"},
	} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s_%d", name, seed), func(t *testing.T) {
				path, copied := filepath.Join(t.TempDir(), "disk"), filepath.Join(t.TempDir(), "copy")
				disktest.Blank(t, path, 64<<20)
				disktest.Run(t, disktest.Tool(t, "mke2fs"), append([]string{"-q", "-F", "-t", "ext4", path}, args.mkfs...)...)
				at := disktest.Mount(t, "ext4", path, args.mount)
				disktest.Scramble(t, at, seed, 400)
				disktest.CopyLive(t, path, copied)
				f := disktest.Open(t, ext4.Driver{}, copied)
				if name == "fast_commit" && f.Info().Incomplete {
					return // said aloud
				}
				if f.Info().Incomplete {
					t.Errorf("not all is shown: %q", f.Info().Notes)
				}
				disktest.Compare(t, f, disktest.Truth(t, disktest.Mount(t, "ext4", copied, "")), nil)
			})
		}
	}
}
