package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lenscap/lenscap"
)

// narrow is the width in columns below which a table drops what it can.
const narrow = 110

var colors = map[lenscap.Severity]text.Colors{
	lenscap.SeverityCritical: {text.FgHiWhite, text.BgRed, text.Bold},
	lenscap.SeverityHigh:     {text.FgRed, text.Bold},
	lenscap.SeverityMedium:   {text.FgYellow},
	lenscap.SeverityLow:      {text.FgCyan},
	lenscap.SeverityInfo:     {text.FgHiBlack},
}

// paint colours a severity's name when the terminal takes colours.
func (in Input) paint(s lenscap.Severity) string {
	name := in.say(SeverityText(s))
	if in.Color {
		return colors[s].Sprint(name)
	}
	return name
}

// bold marks a heading when the terminal takes colours.
func (in Input) bold(s string) string {
	if in.Color {
		return text.Bold.Sprint(s)
	}
	return s
}

// clean keeps control characters of the outside world from the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f' || r == '\u061c' {
			return '\ufffd'
		}
		return r
	}, s)
}

func newTable(w io.Writer, in Input, header ...lenscap.Text) table.Writer {
	tw := table.NewWriter()
	tw.SetOutputMirror(w)
	tw.SetStyle(table.StyleLight)
	tw.Style().Options.SeparateRows = false
	tw.Style().Options.DrawBorder = false
	tw.Style().Format.Header = text.FormatDefault
	if in.Width > 0 {
		tw.Style().Size.WidthMax = in.Width
	}
	row := make(table.Row, len(header))
	for i, h := range header {
		row[i] = in.say(h)
	}
	tw.AppendHeader(row)
	return tw
}

func writeTable(w io.Writer, in Input) error {
	if len(in.Findings) > 0 {
		findingsTable(w, in)
	}
	if gaps := in.gaps(); len(gaps) > 0 {
		fmt.Fprintf(w, "\n%s\n", in.bold(in.say(lNotRead)))
		gapsTable(w, in, gaps)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", in.summary())
	return err
}

func findingsTable(w io.Writer, in Input) {
	wide := in.Width == 0 || in.Width >= narrow
	header := []lenscap.Text{lSeverity, lFinding, lAsset, lVerdict, lOnDisk}
	if wide {
		header = []lenscap.Text{lSeverity, tx("ID", "编号"), lFinding, lAsset, lAccount, lRegion, lVerdict, lSince, lOnDisk}
	}
	tw := newTable(w, in, header...)
	for _, f := range in.Findings {
		severity := in.paint(f.Severity)
		if f.Status != lenscap.StatusOpen {
			severity += " (" + in.say(statusText(f.Status)) + ")"
		}
		ref := f.Asset.Ref
		title, verdict, disk := clean(in.say(in.rule(f).Title)), in.say(VerdictText(f.Exposure.Verdict)), clean(onDisk(f, in))
		if wide {
			tw.AppendRow(table.Row{severity, short(f.ID), title, clean(ref.ID), clean(ref.Account), clean(ref.Region), verdict, age(f.Exposure.Since, in.Now), disk})
		} else {
			tw.AppendRow(table.Row{severity, title, clean(ref.ID), verdict, disk})
		}
	}
	tw.Render()
}

func short(id string) string { return id[:min(8, len(id))] }

func statusText(s lenscap.Status) lenscap.Text {
	switch s {
	case lenscap.StatusMuted:
		return lMuted
	case lenscap.StatusResolved:
		return lResolved
	}
	return tx("open", "未解决")
}

// onDisk sums up in a few words what a look found.
func onDisk(f lenscap.Finding, in Input) string {
	ev := f.Evidence
	if ev == nil || len(ev.Volumes) == 0 && len(ev.Items) == 0 {
		return ""
	}
	n := len(ev.Items) + ev.Truncated
	if n == 0 {
		return in.say(tx("nothing known", "无已知敏感内容"))
	}
	worst := ev.Items[0]
	for _, it := range ev.Items {
		if it.Severity > worst.Severity {
			worst = it
		}
	}
	if n == 1 {
		return in.say(worst.Title)
	}
	return in.say(worst.Title) + ", " + fmt.Sprintf(in.say(lMore), n-1)
}

func gapsTable(w io.Writer, in Input, gaps []gapGroup) {
	tw := newTable(w, in, lWhat, lCause, lCall, lWhere, lTimes)
	for _, g := range gaps {
		tw.AppendRow(table.Row{in.say(AspectText(g.Gap.Aspect)), in.say(CauseText(g.Gap.Cause)), clean(g.Gap.Call), clean(g.place()), g.Count})
	}
	tw.Render()
}

// summary is the last line: how much was judged, what was found, what was not read.
func (in Input) summary() string {
	var b strings.Builder
	c := in.Run.Counts
	if c.Assets > 0 {
		fmt.Fprintf(&b, "%d %s", c.Assets, in.say(lAssets))
		if c.Calls > 0 {
			fmt.Fprintf(&b, ", %d %s", c.Calls, in.say(lCalls))
		}
		b.WriteString(". ")
	}
	counts := in.counts()
	var parts []string
	for _, s := range lenscap.Severities() {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], in.paint(s)))
		}
	}
	if len(parts) == 0 {
		b.WriteString(in.say(in.emptyText()))
	} else {
		b.WriteString(strings.Join(parts, ", ") + ".")
	}
	b.WriteByte(' ')
	b.WriteString(in.say(in.coverageText()))
	return b.String()
}

// Calls prints the ledger of calls, the most frequent first.
func Calls(w io.Writer, in Input) error {
	tw := newTable(w, in, lCall, lAccount, lRegion, tx("Calls", "次数"), tx("Failed", "失败"), tx("Retried", "重试"))
	total := 0
	for _, c := range in.Calls {
		tw.AppendRow(table.Row{clean(c.Service + ":" + c.Operation), clean(c.Account), clean(c.Region), c.Count, c.Failed, c.Retried})
		total += c.Count
	}
	tw.Render()
	_, err := fmt.Fprintf(w, "%d %s\n", total, in.say(lCalls))
	return err
}

// Brief prints the worst findings, at most rows of them, and the summary of all.
func Brief(w io.Writer, in Input, rows int) error {
	all := in.Findings
	in.Findings = all[:min(rows, len(all))]
	findingsTable(w, in)
	in.Findings = all
	if more := len(all) - rows; more > 0 {
		fmt.Fprintf(w, " %s\n", fmt.Sprintf(in.say(lMore), more))
	}
	_, err := fmt.Fprintf(w, "\n%s\n", in.summary())
	return err
}
