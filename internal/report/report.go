// Package report prints what a run found, one file a format. It prints what it
// is given and judges nothing; what could not be read is shown wherever
// findings are, so that an incomplete run never looks clean.
package report

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

// SchemaVersion is the version of the json and jsonl formats, documented by
// docs/schema/report.schema.json.
const SchemaVersion = "1"

// Input is what a report prints.
type Input struct {
	Run      lenscap.Run
	Findings []lenscap.Finding
	Rules    map[string]*rules.Rule // by ID; a finding whose rule is missing still prints
	Calls    []Call
	Lang     lenscap.Lang
	Color    bool
	Width    int // of a terminal, in columns; 0 when it is none
	Now      time.Time
	Version  string // of lenscap
	// History is what the asset's exposure was, oldest first; [Finding] tells it.
	History []Past
}

// Past is one stretch of time in which an asset's verdict was the same.
type Past struct {
	Verdict      lenscap.Verdict
	Since, Until time.Time // a zero until: it still is
}

// Call is one line of the ledger of calls.
type Call struct {
	Provider  string `json:"provider"`
	Account   string `json:"account,omitempty"`
	Region    string `json:"region,omitempty"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
	Count     int    `json:"count"`
	Failed    int    `json:"failed"`
	Retried   int    `json:"retried"`
}

// writers is the explicit list of formats.
var writers = map[string]func(io.Writer, Input) error{
	"table": writeTable,
	"json":  writeJSON,
	"jsonl": writeJSONL,
	"csv":   writeCSV,
	"sarif": writeSARIF,
	"ocsf":  writeOCSF,
	"asff":  writeASFF,
	"junit": writeJUnit,
	"html":  writeHTML,
	"md":    writeMarkdown,
}

// Formats lists the formats by name.
func Formats() []string { return slices.Sorted(maps.Keys(writers)) }

// Write prints in the given format.
func Write(w io.Writer, format string, in Input) error {
	write, ok := writers[format]
	if !ok {
		return fmt.Errorf("format %q: want one of %s", format, strings.Join(Formats(), ", "))
	}
	in.Findings = worstFirst(in.Findings)
	if err := write(w, in); err != nil {
		return fmt.Errorf("write %s: %w", format, err)
	}
	return nil
}

// rule gives a finding's rule; a missing one is told by its name alone.
func (in Input) rule(f lenscap.Finding) *rules.Rule {
	if r := in.Rules[f.Rule]; r != nil {
		return r
	}
	name := lenscap.Text{En: f.Rule, Zh: f.Rule}
	return &rules.Rule{ID: f.Rule, Title: name, Text: name}
}

// worstFirst orders findings by severity, then by ID; the caller's own stay as
// they are.
func worstFirst(fs []lenscap.Finding) []lenscap.Finding {
	order := func(a, b lenscap.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID))
	}
	if slices.IsSortedFunc(fs, order) {
		return fs
	}
	fs = slices.Clone(fs)
	slices.SortStableFunc(fs, order)
	return fs
}

// open gives the findings that are open.
func (in Input) open() iter.Seq[*lenscap.Finding] {
	return func(yield func(*lenscap.Finding) bool) {
		for i := range in.Findings {
			if in.Findings[i].Status == lenscap.StatusOpen && !yield(&in.Findings[i]) {
				return
			}
		}
	}
}

// counts gives the open findings by severity.
func (in Input) counts() map[lenscap.Severity]int {
	n := make(map[lenscap.Severity]int)
	for f := range in.open() {
		n[f.Severity]++
	}
	return n
}

// say gives a text in the report's language.
func (in Input) say(t lenscap.Text) string { return t.In(in.Lang) }

// clock prints a time for people, in UTC.
func clock(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// ageText says shortly how long ago t was.
func ageText(t, now time.Time) lenscap.Text {
	d := now.Sub(t)
	switch {
	case t.IsZero() || d < 0:
		return tx("—", "—")
	case d < time.Hour:
		return tx(fmt.Sprintf("%dm", int(d.Minutes())), fmt.Sprintf("%d 分钟", int(d.Minutes())))
	case d < 48*time.Hour:
		return tx(fmt.Sprintf("%dh", int(d.Hours())), fmt.Sprintf("%d 小时", int(d.Hours())))
	}
	return tx(fmt.Sprintf("%dd", int(d.Hours()/24)), fmt.Sprintf("%d 天", int(d.Hours()/24)))
}

// size prints bytes for people, in binary units (IEC 80000-13).
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/unit, 0
	for v >= unit && i < 4 {
		v /= unit
		i++
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[i])
}

// agoText says in both languages how long before now t was.
func agoText(t, now time.Time) lenscap.Text {
	d := now.Sub(t)
	say := func(n int, one, many, zh string) lenscap.Text {
		unit := many
		if n == 1 {
			unit = one
		}
		return lenscap.Text{En: fmt.Sprintf("%d %s ago", n, unit), Zh: fmt.Sprintf("%d %s前", n, zh)}
	}
	switch {
	case t.IsZero() || d < 0:
		return tx("—", "—")
	case d < time.Hour:
		return say(int(d.Minutes()), "minute", "minutes", "分钟")
	case d < 48*time.Hour:
		return say(int(d.Hours()), "hour", "hours", "小时")
	}
	return say(int(d.Hours()/24), "day", "days", "天")
}
