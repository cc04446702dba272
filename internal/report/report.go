// Package report prints what a run found, one file a format. It prints what it
// is given and judges nothing; what could not be read is shown wherever
// findings are, so that an incomplete run never looks clean.
package report

import (
	"fmt"
	"io"
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
	in.Findings = slices.Clone(in.Findings)
	slices.SortStableFunc(in.Findings, func(a, b lenscap.Finding) int {
		if d := int(b.Severity) - int(a.Severity); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
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

// open gives the findings that are open.
func (in Input) open() []lenscap.Finding {
	return slices.DeleteFunc(slices.Clone(in.Findings), func(f lenscap.Finding) bool { return f.Status != lenscap.StatusOpen })
}

// counts gives the open findings by severity.
func (in Input) counts() map[lenscap.Severity]int {
	n := make(map[lenscap.Severity]int)
	for _, f := range in.open() {
		n[f.Severity]++
	}
	return n
}

// say gives a text in the report's language.
func (in Input) say(t lenscap.Text) string { return t.In(in.Lang) }

// gapGroup is gaps of one cause and call, counted.
type gapGroup struct {
	Gap   lenscap.Gap
	Count int
}

// gaps groups what could not be read: the run's gaps and those of findings.
func (in Input) gaps() []gapGroup {
	type key struct {
		aspect          lenscap.Aspect
		cause           lenscap.Cause
		call            string
		account, region string
	}
	groups := make(map[key]*gapGroup)
	var order []*gapGroup
	add := func(g lenscap.Gap) {
		k := key{g.Aspect, g.Cause, g.Call, g.Account, g.Region}
		if groups[k] == nil {
			groups[k] = &gapGroup{Gap: g}
			order = append(order, groups[k])
		}
		groups[k].Count++
	}
	for _, g := range in.Run.Gaps {
		add(g)
	}
	for _, f := range in.Findings {
		for _, g := range f.Asset.Gaps {
			add(g)
		}
		if f.Evidence != nil {
			for _, g := range f.Evidence.Gaps {
				add(g)
			}
		}
	}
	out := make([]gapGroup, 0, len(order))
	for _, g := range order {
		out = append(out, *g)
	}
	slices.SortStableFunc(out, func(a, b gapGroup) int { return b.Count - a.Count })
	return out
}

// clock prints a time for people, in UTC.
func clock(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// age prints how long ago t was.
func age(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero() || d < 0:
		return "—"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
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
