package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lenscap/lenscap"
)

// bar is one bar of a chart.
type bar struct {
	label lenscap.Text
	n     int
	color string // a variable of the style
}

// charts draws what people would rather look at than read.
func (p *page) charts() {
	if p.in.Run.Counts.Assets == 0 && len(p.in.Findings) == 0 {
		return
	}
	p.raw("<div class=\"charts\">")
	p.donut(tx("Open findings by severity", "未解决的发现：按级别"), p.bySeverity())
	p.bars("half", tx("Who can reach the assets", "资产向谁开放"), p.byVerdict())
	p.bars("", tx("Findings by cause", "发现：按原因"), p.byCause())
	p.bars("", tx("Open for how long", "已持续多久"), p.byAge())
	p.bars("", tx("Findings by account", "发现：按账号"), p.byAccount())
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

// byAge counts open findings by how long the state that they tell has stood.
func (p *page) byAge() []bar {
	const day = 24 * time.Hour
	steps := []struct {
		under time.Duration
		label lenscap.Text
	}{
		{day, tx("under a day", "不足 1 天")},
		{7 * day, tx("1–7 days", "1–7 天")},
		{30 * day, tx("7–30 days", "7–30 天")},
		{90 * day, tx("30–90 days", "30–90 天")},
		{365 * day, tx("90–365 days", "90–365 天")},
		{math.MaxInt64, tx("over a year", "1 年以上")},
	}
	out := make([]bar, len(steps))
	for i, s := range steps {
		out[i] = bar{s.label, 0, "--accent"}
	}
	total := 0
	for f := range p.in.open() {
		since := f.Exposure.Since
		if since.IsZero() {
			since = f.FirstSeen
		}
		if since.IsZero() {
			continue
		}
		age := p.in.Now.Sub(since)
		i := slices.IndexFunc(steps, func(s struct {
			under time.Duration
			label lenscap.Text
		},
		) bool {
			return age < s.under
		})
		if i >= 0 {
			out[i].n++
			total++
		}
	}
	if total == 0 {
		return nil
	}
	return out
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
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.label.En, b.label.En))
	})
	return bars[:min(8, len(bars))]
}

// bars draws horizontal bars, each between its label and its number.
func (p *page) bars(class string, title lenscap.Text, bars []bar) {
	if len(bars) == 0 {
		return
	}
	top := 1
	for _, b := range bars {
		top = max(top, b.n)
	}
	p.raw("<div class=\"card %s\"><h3>%s</h3><div class=\"bars\">", class, both(title))
	for _, b := range bars {
		share := 0.0
		if b.n > 0 {
			share = max(1, 100*float64(b.n)/float64(top))
		}
		p.raw("<span class=\"l\">%s</span><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">", both(b.label))
		p.raw("<rect width=\"100\" height=\"10\" style=\"fill:var(--track)\"/><rect width=\"%.2f\" height=\"10\" style=\"fill:var(%s)\"/></svg>", share, b.color)
		p.raw("<span class=\"v\">%d</span>", b.n)
	}
	p.raw("</div></div>")
}

// donut draws a ring of shares with their legend.
func (p *page) donut(title lenscap.Text, bars []bar) {
	total := 0
	for _, b := range bars {
		total += b.n
	}
	const r = 54
	round := 2 * math.Pi * r
	p.raw("<div class=\"card half\"><h3>%s</h3><div class=\"duo\"><svg viewBox=\"0 0 140 140\" role=\"img\" aria-label=\"%s\">", both(title), esc(title.En+" "+title.Zh))
	p.raw("<circle cx=\"70\" cy=\"70\" r=\"%d\" fill=\"none\" stroke-width=\"18\" style=\"stroke:var(--track)\"/>", r)
	at := 0.0
	for _, b := range bars {
		if b.n == 0 {
			continue
		}
		length := round * float64(b.n) / float64(total)
		gap := 2.0
		if b.n == total {
			gap = 0
		}
		p.raw("<circle cx=\"70\" cy=\"70\" r=\"%d\" fill=\"none\" stroke-width=\"18\" stroke-dasharray=\"%.2f %.2f\" stroke-dashoffset=\"%.2f\" transform=\"rotate(-90 70 70)\" style=\"stroke:var(%s)\"/>",
			r, max(length-gap, 1), round, -at, b.color)
		at += length
	}
	p.raw("<text class=\"big\" x=\"70\" y=\"76\" text-anchor=\"middle\">%d</text>", total)
	p.raw("<text class=\"cap\" x=\"70\" y=\"95\" text-anchor=\"middle\" lang=\"en\">open</text><text class=\"cap\" x=\"70\" y=\"95\" text-anchor=\"middle\" lang=\"zh\">未解决</text></svg><ul class=\"legend\">")
	for _, b := range bars {
		p.raw("<li class=\"%s\"><span class=\"dot\"></span>%s<b>%s</b></li>", b.color[2:], both(b.label), fmt.Sprint(b.n))
	}
	p.raw("</ul></div></div>")
}
