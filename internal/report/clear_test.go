package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/report"
)

// TestOnlyCompleteIsClean holds that no format calls a run clean unless the run
// is complete and nothing was missed, whatever its own count says.
func TestOnlyCompleteIsClean(t *testing.T) {
	t.Parallel()
	gap := lenscap.Gap{Aspect: lenscap.AspectGrants, Cause: lenscap.CauseTimeout, Call: "ec2:DescribeSnapshots"}
	good := map[string]string{
		"table": "Everything asked for was read", "md": "Everything asked for was read", "html": "Everything asked for was read",
		"sarif": `"executionSuccessful": true`,
	}
	for name, c := range map[string]struct {
		run   lenscap.Run
		whole bool
	}{
		"complete":        {lenscap.Run{Status: lenscap.RunComplete}, true},
		"aborted":         {lenscap.Run{Status: lenscap.RunAborted}, false},
		"running":         {lenscap.Run{Status: lenscap.RunRunning}, false},
		"partial":         {lenscap.Run{Status: lenscap.RunPartial}, false},
		"no status":       {lenscap.Run{}, false},
		"uncounted gap":   {lenscap.Run{Status: lenscap.RunComplete, Gaps: []lenscap.Gap{gap}}, false},
		"gap of an asset": {lenscap.Run{Status: lenscap.RunComplete, Counts: lenscap.Counts{Unread: 1}}, false},
	} {
		in := report.Input{Run: c.run, Lang: lenscap.English, Now: now}
		for format, words := range good {
			if got := strings.Contains(render(t, format, in), words); got != c.whole {
				t.Errorf("%s, %s: told to be clean: %v, want %v", name, format, got, c.whole)
			}
		}
		if got := !strings.Contains(render(t, "junit", in), "<error"); got != c.whole {
			t.Errorf("%s, junit: without an error: %v, want %v", name, got, c.whole)
		}
	}
}

// TestDiskNotSeenIsNotEmpty holds that a disk which could not be looked at is
// not told to hold nothing, and that settings are not told to be private.
func TestDiskNotSeenIsNotEmpty(t *testing.T) {
	t.Parallel()
	in := rich(t)
	in.Findings = in.Findings[1:2]
	ev := &lenscap.Evidence{}
	in.Findings[0].Evidence = ev
	in.Findings[0].Asset.Ref.Kind, in.Findings[0].Exposure.Verdict = lenscap.KindAccount, lenscap.VerdictPrivate
	for _, format := range []string{"table", "md"} {
		if out := render(t, format, in); strings.Contains(out, "nothing known") || !strings.Contains(out, "the look was not complete") || strings.Contains(out, "private") {
			t.Errorf("%s: a failed look is told as:\n%s", format, out)
		}
	}
	ev.Complete = true
	if out := render(t, "table", in); !strings.Contains(out, "nothing known") {
		t.Errorf("a complete look is told as:\n%s", out)
	}
}

// TestGapsCountOnce holds that a gap told by run, asset, exposure and finding is
// one gap, and that gaps which only an exposure knows (a key's) are not lost.
func TestGapsCountOnce(t *testing.T) {
	t.Parallel()
	in := rich(t)
	in.Run.Counts.Unread = 0
	var doc struct {
		Summary struct {
			Unread int `json:"unread"`
		} `json:"summary"`
	}
	count := func() int {
		if err := json.Unmarshal([]byte(render(t, "json", in)), &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Summary.Unread
	}
	if n := count(); n != 3 {
		t.Errorf("%d gaps, want the run's, the snapshot's and the volume's", n)
	}
	key := lenscap.Gap{Aspect: lenscap.AspectKeys, Cause: lenscap.CauseDenied, Call: "kms:GetKeyPolicy"}
	in.Findings[0].Exposure.Gaps = append(in.Findings[0].Exposure.Gaps, key)
	if n := count(); n != 4 {
		t.Errorf("%d gaps with a key's, want 4", n)
	}
}

// TestColours holds that colours reach the terminal whole, and only when asked.
func TestColours(t *testing.T) {
	t.Parallel()
	for _, color := range []bool{true, false} {
		in := rich(t)
		in.Color = color
		for name, write := range map[string]func(io.Writer) error{
			"finding":  func(w io.Writer) error { return report.Finding(w, in.Findings[0], in) },
			"evidence": func(w io.Writer) error { return report.Evidence(w, *in.Findings[0].Evidence, in) },
			"table":    func(w io.Writer) error { return report.Write(w, "table", in) },
			"brief":    func(w io.Writer) error { return report.Brief(w, in, 3) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "\ufffd") {
				t.Errorf("%s, colour %v: an own colour was taken for a stranger's", name, color)
			}
			if got := strings.Contains(b.String(), "\x1b["); got != color && name != "evidence" {
				t.Errorf("%s: colours %v, want %v", name, got, color)
			}
		}
	}
}

// TestNarrowTable holds that a table fits its terminal and keeps every column.
func TestNarrowTable(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 80, 120} {
		in := rich(t)
		in.Width = width
		out := render(t, "table", in)
		for l := range strings.Lines(out) {
			if n := len([]rune(strings.TrimRight(l, "\n"))); n > width && strings.Contains(l, "│") {
				t.Errorf("width %d: a row of %d columns: %q", width, n, l)
			}
		}
		if strings.Contains(out, "≈") || !strings.Contains(out, "Verdict") {
			t.Errorf("width %d: the table is cut", width)
		}
	}
}

// TestSARIFMessages holds that a name is neither placeholder nor link (SARIF
// 2.1.0, 3.11.5 and 3.11.6).
func TestSARIFMessages(t *testing.T) {
	t.Parallel()
	in := rich(t)
	in.Findings = in.Findings[:1]
	in.Findings[0].Asset.Ref.ID = "{0} [here](https://example.org)"
	out := render(t, "sarif", in)
	if !strings.Contains(out, `{{0}} \\[here\\](https://example.org)`) {
		t.Errorf("the name is not escaped:\n%s", out)
	}
}

// TestASFFPartition holds that China and the government's regions have their own
// partition in every name.
func TestASFFPartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "eu-west-1": "aws", "": "aws"} {
		in := rich(t)
		in.Findings = in.Findings[:1]
		in.Findings[0].Asset.Ref.Region = region
		var out []struct {
			ProductArn string
			Resources  []struct{ Partition string }
		}
		if err := json.Unmarshal([]byte(render(t, "asff", in)), &out); err != nil {
			t.Fatal(err)
		}
		if got := out[0]; got.Resources[0].Partition != want || !strings.HasPrefix(got.ProductArn, "arn:"+want+":") {
			t.Errorf("%q: %+v, want the partition %s", region, got, want)
		}
	}
}

// TestLargePage holds that a page says what it leaves out, and that other
// formats leave out nothing.
func TestLargePage(t *testing.T) {
	t.Parallel()
	in := rich(t)
	one := in.Findings[5]
	in.Findings = nil
	for i := range 3005 {
		f := one
		f.ID = fmt.Sprintf("%016x", i)
		in.Findings = append(in.Findings, f)
	}
	if page := render(t, "html", in); strings.Count(page, "<details") != 3000 || !strings.Contains(page, "5 further findings") {
		t.Error("the page does not say that 5 findings are not told")
	}
	if n := strings.Count(render(t, "jsonl", in), "\n"); n != 3005 {
		t.Errorf("%d lines of jsonl, want 3005", n)
	}
}

// BenchmarkWrite measures each format per 10,000 findings.
func BenchmarkWrite(b *testing.B) {
	in := rich(b)
	base := in.Findings
	in.Findings = nil
	for i := range 10_000 {
		f := base[i%len(base)]
		f.ID = fmt.Sprintf("%016x", i)
		f.Asset.Ref.ID = fmt.Sprintf("snap-%017x", i)
		in.Findings = append(in.Findings, f)
	}
	for _, format := range report.Formats() {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if err := report.Write(io.Discard, format, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
