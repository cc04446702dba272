package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// TestFloodIsAGap holds that a file in which the engine leaves words out, since
// there are so many, is not told to be clean.
func TestFloodIsAGap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "flood.txt"), []byte(strings.Repeat("secret=token=password=", 1_000_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	img := filepath.Join(t.TempDir(), "disk.raw")
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-d", dir, img, "40M")
	ev, err := inspect(t.Context(), options(), file(t, img), nil)
	if err != nil {
		t.Fatal(err)
	}
	if ev.Complete || len(ev.Gaps) != 1 || ev.Gaps[0].Cause != lenscap.CauseNotRead || !strings.Contains(ev.Gaps[0].Message, "flood.txt") {
		t.Errorf("complete %v, gaps %+v", ev.Complete, ev.Gaps)
	}
}
