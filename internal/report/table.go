package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

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

func writeTable(w io.Writer, in Input) error {
	if len(in.Findings) > 0 {
		if err := findingsTable(w, in); err != nil {
			return err
		}
	}
	if gaps := in.gaps(); len(gaps) > 0 {
		if _, err := fmt.Fprintf(w, "\n%s\n", in.bold(in.say(lNotRead))); err != nil {
			return err
		}
		if err := gapsTable(w, in, gaps); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", in.summary())
	return err
}

func findingsTable(w io.Writer, in Input) error {
	wide := in.Width == 0 || in.Width >= narrow
	header := []lenscap.Text{lSeverity, lFinding, lAsset, lVerdict, lOnDisk}
	if wide {
		header = []lenscap.Text{lSeverity, lID, lFinding, lAsset, lAccount, lRegion, lVerdict, lSince, lOnDisk}
	}
	g := newGrid(in, header...)
	for _, f := range in.Findings {
		severity := in.paint(f.Severity)
		if f.Status != lenscap.StatusOpen {
			severity += " (" + in.say(statusText(f.Status)) + ")"
		}
		ref := f.Asset.Ref
		title, verdict, disk := clean(in.say(in.rule(f).Title)), in.say(verdictText(f)), clean(onDisk(f, in))
		if wide {
			g.add(severity, clean(short(f.ID)), title, clean(ref.ID), clean(ref.Account), clean(ref.Region), verdict, in.say(ageText(f.Exposure.Since, in.Now)), disk)
		} else {
			g.add(severity, title, clean(ref.ID), verdict, disk)
		}
	}
	return g.render(w)
}

// verdictText gives the verdict as it is shown beside a finding. An account's
// settings are no disk: "private" beside them would look like a clear.
func verdictText(f lenscap.Finding) lenscap.Text {
	if f.Asset.Ref.Kind == lenscap.KindAccount && !f.Exposure.Verdict.Exposed() {
		return lSetting
	}
	return VerdictText(f.Exposure.Verdict)
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
	if ev == nil {
		return ""
	}
	n := len(ev.Items) + ev.Truncated
	switch {
	case n == 0 && !ev.Complete:
		return in.say(lPartial)
	case n == 0:
		return in.say(tx("nothing known", "无已知敏感内容"))
	case len(ev.Items) == 0:
		return fmt.Sprintf(in.say(lMore), n)
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
	return fmt.Sprintf(in.say(lAndMore), in.say(worst.Title), n-1)
}

func gapsTable(w io.Writer, in Input, gaps []gapGroup) error {
	g := newGrid(in, lWhat, lCause, lCall, lWhere, lTimes)
	for _, gap := range gaps {
		g.add(in.say(AspectText(gap.Gap.Aspect)), in.say(CauseText(gap.Gap.Cause)), clean(gap.Gap.Call), clean(gap.place()), strconv.Itoa(gap.Count))
	}
	return g.render(w)
}

// summary is the last line: how much was judged, what was found, what was not read.
func (in Input) summary() string {
	comma, stop, blank := ", ", ".", " "
	if in.Lang == lenscap.Chinese {
		comma, stop, blank = "，", "。", ""
	}
	var b strings.Builder
	c := in.Run.Counts
	if c.Assets > 0 {
		fmt.Fprintf(&b, in.say(lNAssets), c.Assets)
		if c.Calls > 0 {
			b.WriteString(comma + fmt.Sprintf(in.say(lNCalls), c.Calls))
		}
		b.WriteString(stop + blank)
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
		b.WriteString(in.say(lOpenFindings) + strings.Join(parts, comma) + stop)
	}
	return b.String() + blank + in.say(in.coverageText())
}

// Calls prints the ledger of calls, in the order it is given.
func Calls(w io.Writer, in Input) error {
	g := newGrid(in, lCall, lAccount, lRegion, lCount, lFailed, lRetried)
	total := 0
	for _, c := range in.Calls {
		g.add(clean(c.Service+":"+c.Operation), clean(c.Account), clean(c.Region), strconv.Itoa(c.Count), strconv.Itoa(c.Failed), strconv.Itoa(c.Retried))
		total += c.Count
	}
	if err := g.render(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, in.say(lNCalls)+"\n", total)
	return err
}

// Brief prints the worst findings, at most rows of them, and the summary of all.
func Brief(w io.Writer, in Input, rows int) error {
	in.Findings = worstFirst(in.Findings)
	head := in
	head.Findings = in.Findings[:min(max(rows, 0), len(in.Findings))]
	if err := findingsTable(w, head); err != nil {
		return err
	}
	if more := len(in.Findings) - len(head.Findings); more > 0 {
		if _, err := fmt.Fprintf(w, " %s\n", fmt.Sprintf(in.say(lMore), more)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", in.summary())
	return err
}
