package lab_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

var day = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func start(t *testing.T, seed uint64) (*aws.Lab, *lab.Story) {
	t.Helper()
	l, story, err := lab.StartAWS(t.Context(), lab.Options{Seed: seed, Now: func() time.Time { return day }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, story
}

func TestStoryHoldsEveryClass(t *testing.T) {
	t.Parallel()
	l, story := start(t, 1)
	verdicts, residues, kinds, disks := map[lenscap.Verdict]int{}, map[lenscap.ResidueKind]int{}, map[lenscap.Kind]int{}, map[string]int{}
	for _, e := range story.Expected() {
		verdicts[e.Verdict]++
		kinds[e.Ref.Kind]++
		if strings.HasPrefix(e.Ref.ID, "arn:aws:lightsail:") {
			kinds[e.Ref.Kind]-- // Lightsail keeps its own; EC2's are counted below
		}
		if e.Verdict.Exposed() {
			disks[e.Disk]++
		}
		for _, r := range e.Residues {
			residues[r]++
		}
	}
	for _, v := range []lenscap.Verdict{lenscap.VerdictLivePublic, lenscap.VerdictLatentPublic, lenscap.VerdictUntrustedShare, lenscap.VerdictOrgShare, lenscap.VerdictTrusted, lenscap.VerdictPrivate} {
		if verdicts[v] < 2 {
			t.Errorf("%s: %d assets", v, verdicts[v])
		}
	}
	for _, r := range []lenscap.ResidueKind{lenscap.ResidueVolumeGone, lenscap.ResidueInstanceGone, lenscap.ResidueImageGone, lenscap.ResidueNeverUsed, lenscap.ResidueCopyLeft} {
		if residues[r] == 0 {
			t.Errorf("residue %s: none", r)
		}
	}
	if disks["web"] == 0 || disks["data"] == 0 || disks["plain"] == 0 {
		t.Errorf("disks behind leaks: %v", disks)
	}
	n := len(story.Expected())
	t.Logf("%d assets %v, %v, residues %v", n, kinds, verdicts, residues)
	if n < 2000 || kinds[lenscap.KindDiskSnapshot] < 1500 {
		t.Errorf("%d assets, %d snapshots: want 2000 and 1500 at least", n, kinds[lenscap.KindDiskSnapshot])
	}
	l.Change(func(w *aws.World) {
		if c := w.Counts(); c["snapshots"] != kinds[lenscap.KindDiskSnapshot]+1 { // and the stranger's
			t.Errorf("the world has %d snapshots, the story knows %d", c["snapshots"], kinds[lenscap.KindDiskSnapshot])
		}
	})
	if ids := story.Expected(); !slices.IsSortedFunc(ids, func(a, b lab.Truth) int {
		if a.Ref.String() < b.Ref.String() {
			return -1
		}
		return 1
	}) {
		t.Error("an asset stands twice in the story, or out of order")
	}
}

func TestStoryIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	_, a := start(t, 7)
	_, b := start(t, 7)
	if d := cmp.Diff(a.Expected(), b.Expected()); d != "" {
		t.Errorf("the same seed tells two stories: %s", d)
	}
	if _, c := start(t, 8); cmp.Equal(a.Expected(), c.Expected()) {
		t.Error("another seed tells the same story")
	}
}

func BenchmarkStart(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		l, _, err := lab.StartAWS(b.Context(), lab.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
}
