package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/report"
	"github.com/lenscap/lenscap/rules"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// hostile is a name that tries to leave every format.
const hostile = "=cmd|' /C calc'!A0</script><script>alert(1)</script>\"'|`*_[x](javascript:1)\x1b[31m\u202e\n名"

// sample is a report with one of everything.
func sample(t testing.TB) report.Input {
	t.Helper()
	rs, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	byID := make(map[string]*rules.Rule)
	for _, r := range rs {
		byID[r.ID] = r
	}
	ref := func(kind lenscap.Kind, id string) lenscap.Ref {
		return lenscap.Ref{Provider: "aws", Account: "111122223333", Region: "us-east-1", Kind: kind, ID: id}
	}
	seen := now.Add(-76 * time.Hour)
	denied := lenscap.Gap{
		Provider: "aws", Account: "444455556666", Region: "eu-west-1", Kinds: []lenscap.Kind{lenscap.KindDiskSnapshot},
		Aspect: lenscap.AspectAssets, Cause: lenscap.CauseDenied, Call: "ec2:DescribeSnapshots", Message: "AccessDenied: " + hostile,
	}
	find := func(id, rule string, ref lenscap.Ref, sev lenscap.Severity, v lenscap.Verdict) lenscap.Finding {
		return lenscap.Finding{
			ID: id, Rule: rule, Asset: lenscap.Asset{Ref: ref, Name: hostile}, Severity: sev, Status: lenscap.StatusOpen,
			Exposure:  lenscap.Exposure{Asset: ref, Verdict: v, Since: seen},
			Reasons:   []lenscap.Text{{En: "because", Zh: "因为"}},
			FirstSeen: seen, LastSeen: now,
		}
	}
	public := find("aaaaaaaaaaaaaaaa", "public-snapshot", ref(lenscap.KindDiskSnapshot, "snap-0aaa"), lenscap.SeverityCritical, lenscap.VerdictLivePublic)
	public.Exposure.Class, public.Exposure.Cause, public.Exposure.Readable = lenscap.ClassDirect, lenscap.RootPublicAccess, lenscap.Yes
	public.Exposure.Reaches = []lenscap.Reach{{
		Grant: lenscap.Grant{
			Principal: lenscap.Principal{Type: lenscap.AnyCustomer}, Allows: []lenscap.Access{lenscap.AccessRead}, Path: lenscap.PathACL,
			Proof: lenscap.Proof{Call: "ec2:DescribeSnapshotAttribute", Field: "CreateVolumePermissions[].Group", Value: "all", At: now},
		},
		Verdict: lenscap.VerdictLivePublic, Readable: lenscap.Yes, Why: []lenscap.Text{{En: "granted to every customer", Zh: "授予所有客户"}},
	}}
	twin := ref(lenscap.KindDiskSnapshot, "snap-0twin")
	public.Evidence = &lenscap.Evidence{
		Asset: public.Asset.Ref, At: now, Complete: true, ReadFrom: &twin, Size: 8 << 30, BytesRead: 3 << 20, Files: 1200, FilesRead: 40,
		Profile: &lenscap.Profile{OS: "Debian GNU/Linux 12", Hostname: "web-1", Class: []string{"os_image"}},
		Volumes: []lenscap.Volume{{Name: "p1", Type: "ext4", Size: 8 << 30, State: "read"}},
		Items: []lenscap.Item{{
			Type: "private_key", Class: lenscap.ItemSecret, Severity: lenscap.SeverityCritical, Title: lenscap.Text{En: "private key", Zh: "私钥"},
			Volume: "p1", Path: "/root/.ssh/id_rsa" + hostile, Line: 1, Offset: 0, Length: 1700, Fingerprint: strings.Repeat("ab", 32), Valid: lenscap.Yes,
		}},
	}
	residual := find("bbbbbbbbbbbbbbbb", "residual-volume-gone", ref(lenscap.KindDiskSnapshot, "snap-0bbb"), lenscap.SeverityLow, lenscap.VerdictUnknown)
	residual.Exposure.Residues = []lenscap.Residue{{Kind: lenscap.ResidueVolumeGone, Of: ref(lenscap.KindVolume, "vol-0bbb"), Proof: &lenscap.Proof{Call: "ec2:DescribeVolumes"}}}
	residual.Asset.Cost = &lenscap.Cost{Monthly: 4.2, Currency: "USD", Basis: "84 GiB at 0.05"}
	residual.Exposure.Gaps, residual.Unconfirmed = []lenscap.Gap{denied}, []lenscap.Gap{denied}
	muted := find("cccccccccccccccc", "shared-image", ref(lenscap.KindMachineImage, "ami-0ccc"), lenscap.SeverityHigh, lenscap.VerdictUntrustedShare)
	muted.Status, muted.Mute = lenscap.StatusMuted, &lenscap.Mute{Reason: "a partner " + hostile, By: "me", At: now}
	alien := find("dddddddddddddddd", "a-rule-that-is-gone", ref(lenscap.KindDatabaseSnapshot, "db/"+hostile), lenscap.SeverityMedium, lenscap.VerdictLivePublic)
	return report.Input{
		Run: lenscap.Run{
			ID: "r1", Started: now.Add(-time.Minute), Finished: now, Status: lenscap.RunPartial, Gaps: []lenscap.Gap{denied},
			Coverage: []lenscap.Coverage{{Provider: "aws", Account: "111122223333", Region: "us-east-1", Kind: lenscap.KindDiskSnapshot, State: lenscap.CoverageComplete, Assets: 3}},
			Counts:   lenscap.Counts{Assets: 2000, Unread: 1, Verdicts: map[lenscap.Verdict]int{lenscap.VerdictPrivate: 1990, lenscap.VerdictLivePublic: 10}},
		},
		Findings: []lenscap.Finding{residual, muted, alien, public}, Rules: byID,
		Calls: []report.Call{{Provider: "aws", Service: "ec2", Operation: "DescribeSnapshots", Count: 11}},
		Lang:  lenscap.English, Now: now, Version: "test",
	}
}

func render(t testing.TB, format string, in report.Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestEveryFormat holds what all formats promise: worst first where there is an
// order, the same twice, both languages, nothing raw from outside.
func TestEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range report.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			in := sample(t)
			en := render(t, format, in)
			if en != render(t, format, sample(t)) {
				t.Error("the same report differs from itself")
			}
			if !strings.Contains(en, "snap-0aaa") {
				t.Error("the public snapshot is missing")
			}
			in.Lang = lenscap.Chinese
			if zh := render(t, format, in); !regexp.MustCompile(`\p{Han}`).MatchString(strings.ReplaceAll(zh, "名", "")) {
				t.Error("the Chinese report holds no Chinese")
			}
			if strings.Contains(en, "\x1b[31m") {
				t.Error("an escape sequence from outside got through")
			}
			empty := report.Input{Lang: lenscap.English, Now: now, Run: lenscap.Run{Started: now, Status: lenscap.RunComplete}}
			render(t, format, empty)
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	t.Parallel()
	if err := report.Write(&bytes.Buffer{}, "pdf", report.Input{}); err == nil || !strings.Contains(err.Error(), "sarif") {
		t.Errorf("an unknown format gives %v, want an error that names the right ones", err)
	}
}

// TestIncompleteNeverLooksClean holds that gaps show though nothing was found.
func TestIncompleteNeverLooksClean(t *testing.T) {
	t.Parallel()
	in := sample(t)
	in.Findings = nil
	for format, want := range map[string]string{
		"table": "could not be read", "md": "could not be read", "html": "could not be read",
		"json": `"cause": "denied"`, "sarif": `"executionSuccessful": false`, "junit": "<error",
	} {
		if out := render(t, format, in); !strings.Contains(out, want) {
			t.Errorf("%s: an incomplete run without findings does not say %q", format, want)
		}
	}
}

func TestJSONSchema(t *testing.T) {
	t.Parallel()
	schema, err := os.ReadFile("../../docs/schema/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]report.Input{"full": sample(t), "rich": rich(t), "empty": {Now: now}} {
		in.Run.Started, in.Run.Status = now, lenscap.RunPartial
		res, err := gojsonschema.Validate(gojsonschema.NewBytesLoader(schema), gojsonschema.NewStringLoader(render(t, "json", in)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Errors() {
			t.Errorf("%s: %s", name, e)
		}
	}
}

func TestSARIFSchema(t *testing.T) {
	t.Parallel()
	out := render(t, "sarif", sample(t))
	rep, err := sarif.FromString(out)
	if err != nil {
		t.Fatal(err)
	}
	res, err := gojsonschema.Validate(gojsonschema.NewStringLoader(sarifSchema(t)), gojsonschema.NewStringLoader(out))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range res.Errors() {
		t.Errorf("not SARIF 2.1.0: %s", e)
	}
	if n := len(rep.Runs[0].Results); n != 4 {
		t.Errorf("%d results, want 4", n)
	}
}

// sarifSchema gives the published schema of SARIF 2.1.0, which the SARIF module
// carries as a constant in its source.
func sarifSchema(t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(src), "`")
	schema, _, ok2 := strings.Cut(rest, "`")
	if !ok || !ok2 {
		t.Fatal("no schema in the module's source")
	}
	return schema
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	var suites struct {
		Suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(render(t, "junit", sample(t))), &suites); err != nil {
		t.Fatal(err)
	}
	s := suites.Suite
	if s.Tests != 5 || s.Failures != 3 || s.Errors != 1 || s.Skipped != 1 || len(s.Cases) != s.Tests {
		t.Errorf("counts %+v", s)
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	rows, err := csv.NewReader(strings.NewReader(render(t, "csv", sample(t)))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 5 || rows[1][2] != "critical" {
		t.Errorf("rows %v", rows)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("the cell %q is a formula", cell)
			}
		}
	}
}

// TestOCSF holds the attributes that OCSF 1.3.0 requires of class 2003.
func TestOCSF(t *testing.T) {
	t.Parallel()
	var out []map[string]any
	if err := json.Unmarshal([]byte(render(t, "ocsf", sample(t))), &out); err != nil {
		t.Fatal(err)
	}
	for _, f := range out {
		for _, name := range []string{"activity_id", "category_uid", "class_uid", "compliance", "finding_info", "metadata", "severity_id", "time", "type_uid", "cloud"} {
			if _, ok := f[name]; !ok {
				t.Errorf("%s is missing", name)
			}
		}
		meta := f["metadata"].(map[string]any)
		if meta["version"] != "1.3.0" || meta["product"].(map[string]any)["vendor_name"] == nil {
			t.Errorf("metadata %v", meta)
		}
		info := f["finding_info"].(map[string]any)
		if info["uid"] == "" || info["title"] == "" {
			t.Errorf("finding_info %v", info)
		}
		if f["type_uid"].(float64) != f["class_uid"].(float64)*100+f["activity_id"].(float64) {
			t.Errorf("type_uid %v", f["type_uid"])
		}
		if f["cloud"].(map[string]any)["provider"] == "" {
			t.Error("cloud.provider is empty")
		}
	}
}

// TestASFF holds the attributes and limits that Security Hub requires.
func TestASFF(t *testing.T) {
	t.Parallel()
	var out []map[string]any
	if err := json.Unmarshal([]byte(render(t, "asff", sample(t))), &out); err != nil {
		t.Fatal(err)
	}
	for _, f := range out {
		for _, name := range []string{"AwsAccountId", "CreatedAt", "Description", "GeneratorId", "Id", "ProductArn", "Resources", "SchemaVersion", "Severity", "Title", "Types", "UpdatedAt"} {
			if f[name] == nil || f[name] == "" {
				t.Errorf("%s is missing", name)
			}
		}
		if n := len([]rune(f["Title"].(string))); n > 256 {
			t.Errorf("Title has %d characters", n)
		}
		if _, err := time.Parse(time.RFC3339, f["CreatedAt"].(string)); err != nil {
			t.Error(err)
		}
	}
}

func TestHTMLIsSelfContained(t *testing.T) {
	t.Parallel()
	page := render(t, "html", sample(t))
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts, want the page's own", n)
	}
	for _, bad := range []string{"<script>alert", "javascript:1\"", "src=\"http", "href=\"http", "url(http", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if en, zh := strings.Count(page, `lang="en">`), strings.Count(page, `lang="zh">`); en != zh+1 { // the root element has one
		t.Errorf("%d English and %d Chinese texts", en, zh)
	}
}

func TestMarkdownEscapes(t *testing.T) {
	t.Parallel()
	md := render(t, "md", sample(t))
	for l := range strings.Lines(md) {
		if strings.HasPrefix(l, "|") && strings.Count(strings.ReplaceAll(l, `\|`, ""), "|") != 7 && !strings.Contains(l, "DescribeSnapshots") && !strings.Contains(l, "---") && !strings.Contains(l, "Times") {
			t.Errorf("a row has another number of cells: %q", l)
		}
	}
	if strings.Contains(md, "<script>") {
		t.Error("HTML got through")
	}
}

func TestFindingIsTold(t *testing.T) {
	t.Parallel()
	in := sample(t)
	for _, lang := range []lenscap.Lang{lenscap.English, lenscap.Chinese} {
		in.Lang = lang
		for _, width := range []int{0, 40, 200} {
			in.Width = width
			var b bytes.Buffer
			i := slices.IndexFunc(in.Findings, func(f lenscap.Finding) bool { return f.Rule == "public-snapshot" })
			if err := report.Finding(&b, in.Findings[i], in); err != nil {
				t.Fatal(err)
			}
			flat := strings.Join(strings.Fields(b.String()), " ")
			for _, want := range []string{"snap-0aaa", "ec2:DescribeSnapshotAttribute", "/root/.ssh/id_rsa", "snap-0twin"} {
				if !strings.Contains(strings.ReplaceAll(flat, " ", ""), strings.ReplaceAll(want, " ", "")) {
					t.Errorf("%s, width %d: %q is not told", lang, width, want)
				}
			}
		}
	}
}

// TestTextsAreComplete holds that every word of the model has both languages.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	check := func(name string, x lenscap.Text) {
		if x.En == "" || x.Zh == "" || x.En == x.Zh {
			t.Errorf("%s: %+v", name, x)
		}
	}
	for _, v := range lenscap.Verdicts() {
		check(string(v), report.VerdictText(v))
	}
	for _, k := range lenscap.Kinds() {
		check(string(k), report.KindText(k))
	}
	for _, s := range lenscap.Severities() {
		check(s.String(), report.SeverityText(s))
	}
	for _, c := range []lenscap.Cause{
		lenscap.CauseDenied, lenscap.CauseThrottled, lenscap.CauseTimeout, lenscap.CauseTruncated, lenscap.CauseMalformed, lenscap.CauseUnsupported,
		lenscap.CauseDisabled, lenscap.CauseVanished, lenscap.CauseNetwork, lenscap.CauseStale, lenscap.CauseNotRead, lenscap.CauseError,
	} {
		check(string(c), report.CauseText(c))
	}
}

func FuzzEscaping(f *testing.F) {
	f.Add(hostile)
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, name string) {
		in := sample(t)
		for i := range in.Findings {
			in.Findings[i].Asset.Name = name
		}
		page := render(t, "html", in)
		if strings.Count(page, "<script") != 1 {
			t.Error("a script got into the page")
		}
		if _, err := csv.NewReader(strings.NewReader(render(t, "csv", in))).ReadAll(); err != nil {
			t.Errorf("csv: %v", err)
		}
		if err := xml.Unmarshal([]byte(render(t, "junit", in)), new(struct{})); err != nil {
			t.Errorf("junit: %v", err)
		}
	})
}

// TestHistory holds that what an exposure was before is told, oldest first, and
// that an endless history is cut at its old end.
func TestHistory(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	in := sample(t)
	f := in.Findings[0]
	tell := func(past ...report.Past) string {
		var b strings.Builder
		in.History = past
		if err := report.Finding(&b, f, in); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	alone := tell(report.Past{Verdict: lenscap.VerdictPrivate, Since: day(1)})
	if strings.Contains(alone, "2026-03-01") {
		t.Error("a single stretch is told twice")
	}
	got := tell(report.Past{Verdict: lenscap.VerdictPrivate, Since: day(1), Until: day(2)}, report.Past{Verdict: lenscap.VerdictLivePublic, Since: day(2)})
	first := strings.Index(got, "2026-03-01 00:00 UTC – 2026-03-02 00:00 UTC: private")
	second := strings.Index(got, "2026-03-02 00:00 UTC – today: public")
	if first < 0 || second < first {
		t.Errorf("the history is not told in order:\n%s", got)
	}
	var many []report.Past
	for n := 1; n < 28; n++ {
		many = append(many, report.Past{Verdict: lenscap.VerdictPrivate, Since: day(n), Until: day(n + 1)})
	}
	if got := tell(many...); !strings.Contains(got, "17 earlier changes") || strings.Contains(got, "2026-03-01 00:00") {
		t.Errorf("a long history is not cut:\n%s", got)
	}
}
