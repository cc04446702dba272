package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/report"
	"github.com/lenscap/lenscap/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden holds the formats people read, and the contract of csv, to the
// letter: go test ./internal/report -update writes them anew.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format string
		lang   lenscap.Lang
		width  int
	}{
		"table.en.txt":        {"table", lenscap.English, 160},
		"table.zh.txt":        {"table", lenscap.Chinese, 160},
		"table.narrow.en.txt": {"table", lenscap.English, 80},
		"report.en.md":        {"md", lenscap.English, 0},
		"report.en.csv":       {"csv", lenscap.English, 0},
		"report.junit.xml":    {"junit", lenscap.English, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := rich(t)
			in.Lang, in.Width = c.lang, c.width
			golden(t, name, render(t, c.format, in))
		})
	}
	for _, lang := range []lenscap.Lang{lenscap.English, lenscap.Chinese} {
		in := rich(t)
		in.Lang, in.Width = lang, 100
		var b bytes.Buffer
		if err := report.Finding(&b, in.Findings[0], in); err != nil {
			t.Fatal(err)
		}
		golden(t, "finding."+string(lang)+".txt", b.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s is another one (-want +got):\n%s", name, d)
	}
}

// rich is a report as a small account gives it. Its rules are written here, so
// that a change of a rule's words changes no golden file.
func rich(t testing.TB) report.Input {
	t.Helper()
	b := world{now: now, rules: make(map[string]*rules.Rule)}
	found := []lenscap.Finding{b.publicSnapshot(), b.sharedImage(), b.publicDatabase(), b.residual(), b.unknown(), b.muted()}
	denied := b.denied()
	return report.Input{
		Run: lenscap.Run{
			ID: "run-1", Started: now.Add(-42 * time.Second), Finished: now, Status: lenscap.RunPartial, Gaps: []lenscap.Gap{denied},
			Coverage: []lenscap.Coverage{
				{Provider: "aws", Account: prod, Region: "us-east-1", Kind: lenscap.KindDiskSnapshot, State: lenscap.CoverageComplete, Assets: 1810},
				{Provider: "aws", Account: sandbox, Region: "eu-west-1", Kind: lenscap.KindDiskSnapshot, State: lenscap.CoverageFailed},
			},
			Counts: lenscap.Counts{Assets: 2134, Unread: 2, Calls: 96, Verdicts: map[lenscap.Verdict]int{
				lenscap.VerdictLivePublic: 2, lenscap.VerdictUntrustedShare: 2, lenscap.VerdictUnknown: 12,
				lenscap.VerdictOrgShare: 31, lenscap.VerdictTrusted: 8, lenscap.VerdictPrivate: 2079,
			}},
		},
		Findings: found, Rules: b.rules, Lang: lenscap.English, Now: now, Version: "0.1.0",
		Calls: []report.Call{{Provider: "aws", Account: prod, Region: "us-east-1", Service: "ec2", Operation: "DescribeSnapshots", Count: 11}},
	}
}
