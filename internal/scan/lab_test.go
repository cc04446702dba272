package scan_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/aws"
	"github.com/lenscap/lenscap/internal/detect"
	databases "github.com/lenscap/lenscap/internal/detect/database/all"
	drivers "github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/evidence"
	"github.com/lenscap/lenscap/internal/exposure"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/lab"
	labaws "github.com/lenscap/lenscap/internal/lab/aws"
	"github.com/lenscap/lenscap/internal/scan"
	"github.com/lenscap/lenscap/internal/store/sqlite"
	"github.com/lenscap/lenscap/rules"
)

// watched is a store that remembers what was judged.
type watched struct {
	finding.Store

	mu        sync.Mutex
	exposures map[lenscap.Ref]lenscap.Exposure
}

func (w *watched) PutExposures(ctx context.Context, run string, at time.Time, xs []lenscap.Exposure) error {
	w.mu.Lock()
	for _, x := range xs {
		w.exposures[x.Asset] = x
	}
	w.mu.Unlock()
	return w.Store.PutExposures(ctx, run, at, xs)
}

// bench is the lab, a store and everything that a run needs.
type bench struct {
	sim   *labaws.Lab
	story *lab.Story
	store *watched
}

// setUp starts the lab and points the SDK at it.
func setUp(t *testing.T) *bench {
	t.Helper()
	sim, story, err := lab.StartAWS(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	for _, kv := range sim.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &bench{sim, story, &watched{Store: db, exposures: make(map[lenscap.Ref]lenscap.Exposure)}}
}

func (b *bench) config(t *testing.T, opts cloud.Options) scan.Config {
	t.Helper()
	rs, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := exposure.NewEngine(rs)
	if err != nil {
		t.Fatal(err)
	}
	records, err := rules.Detect()
	if err != nil {
		t.Fatal(err)
	}
	detector, err := detect.Everything(records)
	if err != nil {
		t.Fatal(err)
	}
	opts.Organization, opts.AssumeRole, opts.Rate, opts.Shares = true, lab.AuditRole, 100_000, cloud.SharesAll
	collector, err := aws.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return scan.Config{
		Collectors: []cloud.Collector{collector}, Store: b.store, Engine: engine,
		Trust: exposure.Trust{Accounts: lab.Trusted()}, Ledger: opts.Ledger, Version: "test",
		Content: scan.ContentExposed, Inspector: evidence.New(evidence.Options{
			Disk: drivers.Options(), Engine: detector, Databases: databases.Engines(), Key: make([]byte, 32),
		}),
	}
}

// TestStory holds a scan of the whole lab against what the lab knows to be true.
func TestStory(t *testing.T) {
	b := setUp(t)
	run, err := scan.Run(t.Context(), b.config(t, cloud.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Gaps) > 0 {
		t.Errorf("the run has gaps: %+v", run.Gaps)
	}
	for _, truth := range b.story.Expected() {
		x, ok := b.store.exposures[truth.Ref]
		if !ok {
			t.Errorf("%s was not found: %s", truth.Ref, truth.Why)
			continue
		}
		if x.Verdict != truth.Verdict {
			t.Errorf("%s: verdict %s, want %s: %s", truth.Ref, x.Verdict, truth.Verdict, truth.Why)
		}
		if x.Verdict.Exposed() && x.Readable != truth.Readable {
			t.Errorf("%s: readable %q, want %q: %s", truth.Ref, x.Readable, truth.Readable, truth.Why)
		}
		var residues []lenscap.ResidueKind
		for _, r := range x.Residues {
			residues = append(residues, r.Kind)
		}
		slices.Sort(residues)
		want := slices.Sorted(slices.Values(truth.Residues))
		if diff := cmp.Diff(want, residues); diff != "" {
			t.Errorf("%s: residues (-want +got):\n%s%s", truth.Ref, diff, truth.Why)
		}
	}
	b.content(t)
}

// content holds what was found on disks against which disk is behind each asset.
func (b *bench) content(t *testing.T) {
	t.Helper()
	found, err := b.store.Findings(t.Context(), finding.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	byRef := make(map[lenscap.Ref]*lenscap.Evidence)
	for _, f := range found {
		if f.Evidence != nil {
			byRef[f.Asset.Ref] = f.Evidence
		}
	}
	rich := 0
	for _, truth := range b.story.Leaks() {
		ev := byRef[truth.Ref]
		if ev == nil || truth.Disk == "" || !ev.Complete {
			continue
		}
		secrets := 0
		for _, it := range ev.Items {
			if it.Severity >= lenscap.SeverityHigh {
				secrets++
			}
		}
		switch {
		case truth.Disk == "plain" && secrets > 0:
			t.Errorf("%s: %d serious items on the innocent disk", truth.Ref, secrets)
		case truth.Disk == "web" && secrets == 0:
			t.Errorf("%s: nothing serious on the disk full of secrets", truth.Ref)
		}
		rich += secrets
	}
	if rich == 0 {
		t.Error("no disk was looked into")
	}
}

// TestSecondRun holds the life cycle over two runs: nothing is new, nothing is
// resolved, times grow; then a leak is closed and its finding with it.
func TestSecondRun(t *testing.T) {
	b := setUp(t)
	first, err := scan.Run(t.Context(), b.config(t, cloud.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if first.Counts.New == 0 || first.Counts.Resolved != 0 {
		t.Errorf("first run: %+v", first.Counts)
	}
	second, err := scan.Run(t.Context(), b.config(t, cloud.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if second.Counts.New != 0 || second.Counts.Resolved != 0 {
		t.Errorf("second run of an unchanged account: %d new, %d resolved", second.Counts.New, second.Counts.Resolved)
	}
	if diff := cmp.Diff(first.Counts.Open, second.Counts.Open); diff != "" {
		t.Errorf("open findings (-first +second):\n%s", diff)
	}
}

// TestDeniedClosesNothing holds that a run which may not look resolves nothing
// and calls nothing private.
func TestDeniedClosesNothing(t *testing.T) {
	b := setUp(t)
	first, err := scan.Run(t.Context(), b.config(t, cloud.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	b.sim.Inject(func(c labaws.Call) *labaws.Fault {
		if c.Service == "ec2" && (c.Operation == "DescribeSnapshots" || c.Operation == "DescribeSnapshotAttribute") {
			return &labaws.Fault{Kind: labaws.FaultDeny}
		}
		return nil
	})
	b.store.exposures = make(map[lenscap.Ref]lenscap.Exposure)
	second, err := scan.Run(t.Context(), b.config(t, cloud.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if second.Status != lenscap.RunPartial || second.Counts.Unread == 0 {
		t.Errorf("status %s, %d unread", second.Status, second.Counts.Unread)
	}
	if second.Counts.Resolved != 0 {
		t.Errorf("%d findings were resolved by a run that was denied", second.Counts.Resolved)
	}
	if diff := cmp.Diff(first.Counts.Open, second.Counts.Open); diff != "" {
		t.Errorf("open findings (-before +after):\n%s", diff)
	}
	for ref, x := range b.store.exposures {
		if a, _, err := b.store.Asset(t.Context(), ref); err != nil || a.State == "recycled" || a.Attrs["service"] == "lightsail" {
			continue // neither was denied: nobody reads what lies in the bin, and Lightsail's can't be shared
		}
		if ref.Kind == lenscap.KindDiskSnapshot && x.Verdict == lenscap.VerdictPrivate {
			t.Errorf("%s is called private though nothing was read", ref)
		}
	}
}

// TestResume holds that an interrupted run goes on behind its finished scopes.
func TestResume(t *testing.T) {
	b := setUp(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.sim.Inject(func(c labaws.Call) *labaws.Fault {
		if c.Region == lab.WestRegion && c.Operation == "DescribeSnapshots" {
			cancel() // the plug is pulled in the middle
		}
		return nil
	})
	cut, err := scan.Run(ctx, b.config(t, cloud.Options{}))
	if err == nil || cut.Status != lenscap.RunAborted {
		t.Fatalf("the run that was cut: status %s, error %v", cut.Status, err)
	}
	b.sim.Inject(nil)
	done, err := b.store.Contexts(t.Context(), cut.ID)
	if err != nil {
		t.Fatal(err)
	}
	calls := make(map[string]int)
	b.sim.Inject(func(c labaws.Call) *labaws.Fault {
		if c.Operation == "DescribeVolumes" {
			calls["aws/"+c.Account+"/"+c.Region]++
		}
		return nil
	})
	cfg := b.config(t, cloud.Options{})
	cfg.Resume = true
	whole, err := scan.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if whole.ID != cut.ID {
		t.Errorf("run %s was begun instead of going on with %s", whole.ID, cut.ID)
	}
	for _, scope := range slices.Sorted(maps.Keys(done)) {
		if calls[scope] > 0 {
			t.Errorf("%s was finished, and was read again", scope)
		}
	}
	// The result is that of a run that was never cut.
	fresh := setUp(t)
	want, err := scan.Run(t.Context(), fresh.config(t, cloud.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Counts.Open, whole.Counts.Open); diff != "" {
		t.Errorf("open findings (-whole +resumed):\n%s", diff)
	}
}
