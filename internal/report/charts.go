package report

import (
	"cmp"
	"slices"

	"github.com/lenscap/lenscap"
)

// bar is one bar of a chart.
type bar struct {
	label lenscap.Text
	n     int
	color string // a style's variable
}

// charts draws what people would rather look at than read.
func (p *page) charts() {
	if p.in.Run.Counts.Assets == 0 && len(p.in.Findings) == 0 {
		return
	}
	p.raw("<div class=\"charts\">")
	p.bars(tx("Findings by severity", "按级别统计发现"), p.bySeverity())
	p.bars(tx("Who can reach the assets", "谁能触及这些资产"), p.byVerdict())
	p.bars(tx("Findings by cause", "按原因统计发现"), p.byCause())
	p.bars(tx("Findings by account", "按账号统计发现"), p.byAccount())
	p.raw("</div>\n")
}

func (p *page) bySeverity() []bar {
	var out []bar
	counts := p.in.counts()
	for _, s := range lenscap.Severities() {
		out = append(out, bar{SeverityText(s), counts[s], "--" + s.String()})
	}
	return out
}

var verdictColors = map[lenscap.Verdict]string{
	lenscap.VerdictLivePublic: "--critical", lenscap.VerdictLinkExposed: "--high", lenscap.VerdictUntrustedShare: "--high",
	lenscap.VerdictLatentPublic: "--medium", lenscap.VerdictUnknown: "--medium", lenscap.VerdictOrgShare: "--low",
	lenscap.VerdictTrusted: "--low", lenscap.VerdictPrivate: "--info",
}

func (p *page) byVerdict() []bar {
	var out []bar
	for _, v := range lenscap.Verdicts() {
		if n := p.in.Run.Counts.Verdicts[v]; n > 0 {
			out = append(out, bar{VerdictText(v), n, verdictColors[v]})
		}
	}
	return out
}

func (p *page) byCause() []bar {
	counts := make(map[lenscap.RootCause]int)
	for f := range p.in.open() {
		cause := f.Exposure.Cause
		if r := p.in.rule(*f); r.Cause != "" {
			cause = r.Cause
		}
		counts[cause]++
	}
	var out []bar
	for cause, n := range counts {
		label := RootCauseText(cause)
		if cause == "" {
			label = tx("settings and encryption", "设置与加密")
		}
		out = append(out, bar{label, n, "--accent"})
	}
	return most(out)
}

func (p *page) byAccount() []bar {
	counts := make(map[string]int)
	for f := range p.in.open() {
		counts[f.Asset.Ref.Account]++
	}
	var out []bar
	for account, n := range counts {
		out = append(out, bar{tx(account, account), n, "--accent"})
	}
	return most(out)
}

// most gives the eight longest bars, longest first.
func most(bars []bar) []bar {
	slices.SortFunc(bars, func(a, b bar) int {
		if d := cmp.Compare(b.n, a.n); d != 0 {
			return d
		}
		return cmp.Compare(a.label.En, b.label.En)
	})
	return bars[:min(8, len(bars))]
}

// bars draws horizontal bars, each with its label above and its number beside.
func (p *page) bars(title lenscap.Text, bars []bar) {
	if len(bars) == 0 {
		return
	}
	const width, row, full = 320, 34, 262
	top := 1
	for _, b := range bars {
		top = max(top, b.n)
	}
	p.raw("<div class=\"card\"><h3>%s</h3><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", both(title), width, row*len(bars), esc(title.En+" "+title.Zh))
	for i, b := range bars {
		y := i * row
		length := 0
		if b.n > 0 {
			length = max(3, b.n*full/top)
		}
		p.raw("<text x=\"0\" y=\"%d\" lang=\"en\">%s</text><text x=\"0\" y=\"%d\" lang=\"zh\">%s</text>", y+13, esc(b.label.En), y+13, esc(b.label.Zh))
		p.raw("<rect x=\"0\" y=\"%d\" width=\"%d\" height=\"8\" rx=\"4\" style=\"fill:var(--track)\"/>", y+19, full)
		p.raw("<rect x=\"0\" y=\"%d\" width=\"%d\" height=\"8\" rx=\"4\" style=\"fill:var(%s)\"/>", y+19, length, b.color)
		p.raw("<text class=\"n\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text>", width, y+28, b.n)
	}
	p.raw("</svg></div>")
}
