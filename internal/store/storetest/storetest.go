// Package storetest holds the suite that every store passes.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/inventory"
)

// Open opens the same empty store again each time it is called within a test.
type Open func(t testing.TB) finding.Store

// Run holds one implementation against every promise of [finding.Store]. open
// gives a new place for each test.
func Run(t *testing.T, open func(t testing.TB) Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"runs": testRuns, "assets": testAssets, "many assets": testMany, "contexts": testContexts,
		"intervals": testIntervals, "evidence": testEvidence, "ledgers": testLedgers, "findings": testFindings,
		"prefixes": testPrefixes, "at once": testAtOnce,
		"hostile names": testHostileNames, "exposures in batches": testExposureBatch,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

func ref(id string) lenscap.Ref {
	return lenscap.Ref{Provider: "aws", Account: "111122223333", Region: "eu-west-1", Kind: lenscap.KindDiskSnapshot, ID: id}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, finding.ErrNotFound) {
		t.Errorf("%s: error %v, want ErrNotFound", what, err)
	}
}

func testRuns(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	_, err := s.Run(ctx, "")
	notFound(t, "the newest of no runs", err)
	first := lenscap.Run{ID: "r1", Started: start, Status: lenscap.RunRunning}
	second := lenscap.Run{ID: "r2", Started: start.Add(time.Hour), Status: lenscap.RunRunning}
	must(t, s.BeginRun(ctx, first))
	must(t, s.BeginRun(ctx, second))
	if err := s.BeginRun(ctx, first); err == nil {
		t.Error("a run began twice")
	}
	first.Status, first.Finished = lenscap.RunPartial, start.Add(time.Minute)
	first.Gaps = []lenscap.Gap{{Provider: "aws", Aspect: lenscap.AspectAssets, Cause: lenscap.CauseDenied}}
	must(t, s.FinishRun(ctx, first))
	must(t, s.Close())

	s = open(t)
	defer s.Close()
	got, err := s.Run(ctx, "r1")
	must(t, err)
	equal(t, "a finished run after reopening", first, got)
	got, err = s.Run(ctx, "")
	must(t, err)
	equal(t, "the newest run", second, got)
	_, err = s.Run(ctx, "r3")
	notFound(t, "a run that never was", err)
}

func testAssets(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	must(t, s.BeginRun(ctx, lenscap.Run{ID: "r1", Started: start}))
	odd := lenscap.Asset{Ref: ref("odd:/'\"%_\\快照"), Name: "名字 ' \" ;--", Tags: map[string]string{"a'b": "c\"d"}, Created: start}
	a := lenscap.Asset{Ref: ref("a"), Size: 8 << 30}
	must(t, s.PutAssets(ctx, "r1", []lenscap.Asset{a, odd}))
	a.State = "archived"
	must(t, s.PutAssets(ctx, "r2", []lenscap.Asset{a}))
	must(t, s.PutAssets(ctx, "r2", nil))

	got, run, err := s.Asset(ctx, a.Ref)
	must(t, err)
	equal(t, "a replaced asset", a, got)
	equal(t, "its run", "r2", run)
	got, _, err = s.Asset(ctx, odd.Ref)
	must(t, err)
	equal(t, "an odd asset", odd, got)
	_, _, err = s.Asset(ctx, ref("none"))
	notFound(t, "an asset that never was", err)
	var seen []string
	must(t, s.EachAsset(ctx, "r2", func(a lenscap.Asset) error { seen = append(seen, a.Ref.ID); return nil }))
	equal(t, "the newer run's assets", []string{"a"}, seen)
	stop := errors.New("stop")
	if err := s.EachAsset(ctx, "r2", func(lenscap.Asset) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("EachAsset gives %v, want the error of fn", err)
	}
}

func testMany(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	const n = 5003
	assets := make([]lenscap.Asset, n)
	exposures := make([]lenscap.Exposure, n)
	for i := range assets {
		assets[i] = lenscap.Asset{Ref: ref(fmt.Sprintf("snap-%06d", n-i))}
		exposures[i] = lenscap.Exposure{Asset: assets[i].Ref, Verdict: lenscap.VerdictPrivate}
	}
	must(t, s.PutAssets(ctx, "r1", assets))
	must(t, s.PutExposures(ctx, "r1", start, exposures))
	last, count := "", 0
	must(t, s.EachAsset(ctx, "r1", func(a lenscap.Asset) error {
		if id := a.Ref.String(); id <= last {
			t.Fatalf("%s comes after %s", id, last)
		} else {
			last = id
		}
		count++
		return nil
	}))
	equal(t, "assets seen", n, count)
}

func testContexts(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	c := inventory.Context{
		Guards:   []lenscap.Guard{{Name: "g", Provider: "aws", Effect: lenscap.GuardUnknown}},
		Coverage: []lenscap.Coverage{{Provider: "aws", Kind: lenscap.KindVolume, State: lenscap.CoverageComplete, Assets: 3}},
	}
	must(t, s.PutContext(ctx, "r1", "aws/1/eu-west-1", c))
	must(t, s.PutContext(ctx, "r1", "aws/1/us-east-1", inventory.Context{}))
	must(t, s.PutContext(ctx, "r2", "aws/1/us-east-1", inventory.Context{}))
	must(t, s.Close())
	s = open(t)
	defer s.Close()
	got, err := s.Contexts(ctx, "r1")
	must(t, err)
	equal(t, "the finished scopes", map[string]inventory.Context{"aws/1/eu-west-1": c, "aws/1/us-east-1": {}}, got)
}

// stretch is an interval without its exposure.
type stretch struct {
	Verdict                lenscap.Verdict
	Since, LastSeen, Until time.Time
}

func testIntervals(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	at := func(h int) time.Time { return start.Add(time.Duration(h) * time.Hour) }
	for h, v := range []lenscap.Verdict{
		lenscap.VerdictPrivate, lenscap.VerdictUnknown, lenscap.VerdictLivePublic, lenscap.VerdictUnknown,
		lenscap.VerdictLivePublic, lenscap.VerdictLatentPublic, lenscap.VerdictPrivate, lenscap.VerdictPrivate,
		lenscap.VerdictLivePublic,
	} {
		must(t, s.PutExposures(ctx, fmt.Sprint("r", h), at(h), []lenscap.Exposure{
			{Asset: ref("a"), Verdict: v}, {Asset: ref("b"), Verdict: lenscap.VerdictPrivate},
		}))
	}
	got, err := s.History(ctx, ref("a"))
	must(t, err)
	var stretches []stretch
	for _, in := range got {
		stretches = append(stretches, stretch{in.Exposure.Verdict, in.Since, in.LastSeen, in.Until})
	}
	equal(t, "the history", []stretch{
		{lenscap.VerdictLivePublic, at(2), at(4), at(5)}, // what could not be told at 3 closes nothing
		{lenscap.VerdictLatentPublic, at(5), at(5), at(6)},
		{lenscap.VerdictLivePublic, at(8), at(8), time.Time{}},
	}, stretches)
	none, err := s.History(ctx, ref("b"))
	must(t, err)
	equal(t, "the history of what was always private", 0, len(none))
}

func testLedgers(t *testing.T, open Open) {
	s := open(t)
	ctx := t.Context()
	_, err := s.Ledger(ctx, ref("a"), lenscap.Ref{})
	if !errors.Is(err, finding.ErrNotFound) {
		t.Errorf("no ledger: %v", err)
	}
	vol := ref("vol")
	old := finding.Ledger{Ref: ref("a"), Volume: vol, At: start, Body: []byte{1}}
	newer := finding.Ledger{Ref: ref("b"), Volume: vol, At: start.Add(time.Hour), Body: []byte{2}}
	must(t, s.PutLedger(ctx, newer))
	must(t, s.PutLedger(ctx, finding.Ledger{Ref: ref("a"), Volume: vol, At: start, Body: []byte{9}}))
	must(t, s.PutLedger(ctx, old))
	must(t, s.PutLedger(ctx, finding.Ledger{Ref: ref("z"), At: start.Add(time.Hour * 2), Body: []byte{3}}))
	for _, c := range []struct {
		ref, volume lenscap.Ref
		want        finding.Ledger
	}{
		{ref("a"), vol, old}, {ref("c"), vol, newer}, {ref("z"), lenscap.Ref{}, finding.Ledger{Ref: ref("z"), At: start.Add(time.Hour * 2), Body: []byte{3}}},
	} {
		got, err := s.Ledger(ctx, c.ref, c.volume)
		must(t, err)
		equal(t, "ledger", c.want, got)
	}
	if _, err := s.Ledger(ctx, ref("c"), lenscap.Ref{}); !errors.Is(err, finding.ErrNotFound) {
		t.Errorf("a ledger of nobody's: %v", err)
	}
}

func testEvidence(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	_, err := s.Evidence(ctx, ref("a"))
	notFound(t, "evidence that never was", err)
	ev := lenscap.Evidence{Asset: ref("a"), At: start, Items: []lenscap.Item{{Type: "private_key", Path: "/root/.ssh/id_rsa", Severity: lenscap.SeverityHigh}}}
	must(t, s.PutEvidence(ctx, ev))
	ev.Complete = true
	must(t, s.PutEvidence(ctx, ev))
	got, err := s.Evidence(ctx, ref("a"))
	must(t, err)
	equal(t, "replaced evidence", ev, got)
}

func testFindings(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	mk := func(id string, sev lenscap.Severity, st lenscap.Status, region string) lenscap.Finding {
		r := ref(id)
		r.Region = region
		return lenscap.Finding{ID: id, Rule: "rule-" + id, Asset: lenscap.Asset{Ref: r}, Severity: sev, Status: st, FirstSeen: start, LastSeen: start}
	}
	low := mk("a1", lenscap.SeverityLow, lenscap.StatusOpen, "eu-west-1")
	critical := mk("b1", lenscap.SeverityCritical, lenscap.StatusOpen, "us-east-1")
	muted := mk("c1", lenscap.SeverityHigh, lenscap.StatusMuted, "us-east-1")
	must(t, s.PutFindings(ctx, []lenscap.Finding{low, critical, muted}))
	must(t, s.PutFindings(ctx, nil))
	for _, c := range []struct {
		name   string
		filter finding.Filter
		want   []lenscap.Finding
	}{
		{"all, worst first", finding.Filter{}, []lenscap.Finding{critical, muted, low}},
		{"open", finding.Filter{Status: []lenscap.Status{lenscap.StatusOpen}}, []lenscap.Finding{critical, low}},
		{"severe", finding.Filter{MinSeverity: lenscap.SeverityHigh}, []lenscap.Finding{critical, muted}},
		{"region", finding.Filter{Region: "eu-west-1"}, []lenscap.Finding{low}},
		{"rule", finding.Filter{Rule: "rule-c1"}, []lenscap.Finding{muted}},
		{"kind", finding.Filter{Kind: lenscap.KindVolume}, []lenscap.Finding{}},
		{"limit", finding.Filter{Limit: 1}, []lenscap.Finding{critical}},
		{"account", finding.Filter{Account: "' OR 1=1 --"}, []lenscap.Finding{}},
	} {
		got, err := s.Findings(ctx, c.filter)
		must(t, err)
		equal(t, c.name, c.want, got)
	}
	low.Status, low.Severity = lenscap.StatusResolved, lenscap.SeverityHigh
	must(t, s.PutFindings(ctx, []lenscap.Finding{low}))
	got, err := s.Findings(ctx, finding.Filter{Status: []lenscap.Status{lenscap.StatusResolved}, MinSeverity: lenscap.SeverityHigh})
	must(t, err)
	equal(t, "a replaced finding", []lenscap.Finding{low}, got)
}

func testPrefixes(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	var all []lenscap.Finding
	for _, id := range []string{"aa11", "aa22", "aa2233", "b%"} {
		all = append(all, lenscap.Finding{ID: id, Asset: lenscap.Asset{Ref: ref(id)}, Status: lenscap.StatusOpen})
	}
	must(t, s.PutFindings(ctx, all))
	for prefix, want := range map[string]string{"aa1": "aa11", "aa22": "aa22", "b": "b%"} {
		f, err := s.Finding(ctx, prefix)
		must(t, err)
		equal(t, prefix, want, f.ID)
	}
	if _, err := s.Finding(ctx, "aa"); err == nil || !strings.Contains(err.Error(), "3") {
		t.Errorf("an ambiguous prefix gives %v, want an error that counts 3", err)
	}
	for _, none := range []string{"", "%", "c", "aa111"} {
		_, err := s.Finding(ctx, none)
		notFound(t, fmt.Sprintf("prefix %q", none), err)
	}
}

// testAtOnce writes from one goroutine while another reads.
func testAtOnce(t *testing.T, open Open) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := open(t)
	defer s.Close()
	assets := make([]lenscap.Asset, 3000)
	for i := range assets {
		assets[i] = lenscap.Asset{Ref: ref(fmt.Sprintf("s%05d", i))}
	}
	must(t, s.PutAssets(ctx, "r1", assets))
	work := make(chan lenscap.Exposure)
	done := make(chan error, 1)
	go func() {
		var err error
		for x := range work {
			if err == nil {
				err = s.PutExposures(ctx, "r1", start, []lenscap.Exposure{x})
			}
		}
		done <- err
	}()
	n := 0
	must(t, s.EachAsset(ctx, "r1", func(a lenscap.Asset) error {
		if n++; n%30 == 0 {
			work <- lenscap.Exposure{Asset: a.Ref, Verdict: lenscap.VerdictLivePublic}
		}
		return nil
	}))
	close(work)
	must(t, <-done)
	equal(t, "assets read while others were written", len(assets), n)
}

// testHostileNames: whatever bytes a name has, it is kept, found and alone.
func testHostileNames(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	ids := []string{"zero\x00byte", "zero\x00", "\xff\xfe no text", "'; DROP TABLE assets; --", "?0 ?1 ??", "\\'\\", "快照\u202e", "a:b:c"}
	for i, id := range ids {
		a := lenscap.Asset{Ref: ref(id), Size: int64(i + 1)}
		must(t, s.PutAssets(ctx, "run\x00'", []lenscap.Asset{a}))
		must(t, s.PutExposures(ctx, id, start, []lenscap.Exposure{{Asset: a.Ref, Verdict: lenscap.VerdictLivePublic}}))
		must(t, s.PutEvidence(ctx, lenscap.Evidence{Asset: a.Ref, Size: a.Size}))
		must(t, s.PutFindings(ctx, []lenscap.Finding{{ID: finding.ID(id, a.Ref), Rule: id, Asset: lenscap.Asset{Ref: ref("x")}}}))
		must(t, s.PutContext(ctx, "run\x00'", id, inventory.Context{}))
	}
	for i, id := range ids {
		a, run, err := s.Asset(ctx, ref(id))
		must(t, err)
		equal(t, "asset "+id, lenscap.Asset{Ref: ref(id), Size: int64(i + 1)}, a)
		equal(t, "its run", "run\x00'", run)
		history, err := s.History(ctx, ref(id))
		must(t, err)
		if len(history) != 1 || history[0].Exposure.Asset != ref(id) || history[0].Run != id {
			t.Errorf("history of %q: %+v", id, history)
		}
		ev, err := s.Evidence(ctx, ref(id))
		must(t, err)
		equal(t, "evidence", lenscap.Evidence{Asset: ref(id), Size: int64(i + 1)}, ev)
		found, err := s.Findings(ctx, finding.Filter{Rule: id})
		must(t, err)
		equal(t, "findings of rule "+id, 1, len(found))
	}
	n := 0
	must(t, s.EachAsset(ctx, "run\x00'", func(lenscap.Asset) error { n++; return nil }))
	equal(t, "assets in all", len(ids), n)
	scopes, err := s.Contexts(ctx, "run\x00'")
	must(t, err)
	equal(t, "scopes in all", len(ids), len(scopes))
}

// testExposureBatch: many at once, one of them twice, and a clock that went back.
func testExposureBatch(t *testing.T, open Open) {
	ctx := t.Context()
	s := open(t)
	defer s.Close()
	batch := make([]lenscap.Exposure, 2500)
	for i := range batch {
		batch[i] = lenscap.Exposure{Asset: ref(fmt.Sprintf("s%05d", i)), Verdict: lenscap.VerdictTrusted}
	}
	batch[1] = lenscap.Exposure{Asset: batch[0].Asset, Verdict: lenscap.VerdictLivePublic}
	must(t, s.PutExposures(ctx, "r1", start, batch))
	must(t, s.PutExposures(ctx, "r2", start.Add(time.Hour), batch))
	if !batch[0].Since.IsZero() || !batch[1].Since.IsZero() {
		t.Error("PutExposures changed what it was given")
	}
	for i, want := range map[int]lenscap.Verdict{0: lenscap.VerdictLivePublic, 2499: lenscap.VerdictTrusted} {
		got, err := s.History(ctx, batch[i].Asset)
		must(t, err)
		if len(got) != 1 || got[0].Exposure.Verdict != want || got[0].Run != "r1" ||
			!got[0].Since.Equal(start) || !got[0].LastSeen.Equal(start.Add(time.Hour)) || !got[0].Until.IsZero() {
			t.Errorf("history of %s: %+v, want one %s, opened by r1 and lengthened", batch[i].Asset, got, want)
		}
	}
	batch[2499].Verdict = lenscap.VerdictPrivate
	must(t, s.PutExposures(ctx, "r3", start.Add(-time.Hour), batch[2499:]))
	got, err := s.History(ctx, batch[2499].Asset)
	must(t, err)
	if len(got) != 1 || got[0].Until.Before(got[0].LastSeen) {
		t.Errorf("history after the clock went back: %+v, want one that ends no earlier than it was last seen", got)
	}
}
