package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page's style and script
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/lenscap/lenscap"
)

//go:embed assets/report.css
var css string

//go:embed assets/report.js
var script string

// page writes one self-contained page: style, script and charts are inside, and
// its content security policy lets nothing else in. Everything that is not
// written here goes through esc.
type page struct {
	w  *bufio.Writer
	in Input
}

func esc(s string) string { return html.EscapeString(clean(s)) }

// raw writes markup of this file.
func (p *page) raw(format string, args ...any) { fmt.Fprintf(p.w, format, args...) }

// both gives a text in both languages; the page shows one.
func both(t lenscap.Text) string {
	return `<span lang="en">` + esc(t.In(lenscap.English)) + `</span><span lang="zh">` + esc(t.In(lenscap.Chinese)) + `</span>`
}

func writeHTML(w io.Writer, in Input) error {
	p := &page{bufio.NewWriter(w), in.plain()}
	p.open(lTitle)
	p.header()
	p.raw("<main>\n")
	p.verdictOnRun()
	p.charts()
	p.findings()
	p.coverage()
	p.raw("</main>\n")
	p.close()
	return p.w.Flush()
}

// open writes all that comes before a page's own content.
func (p *page) open(title lenscap.Text) {
	sum := sha256.Sum256([]byte(script))
	lang, tag := "en", "en"
	if p.in.Lang == lenscap.Chinese {
		lang, tag = "zh", "zh-CN"
	}
	p.raw("<!doctype html>\n<html lang=%q data-lang=%q>\n<head>\n<meta charset=\"utf-8\">\n", tag, lang)
	p.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	p.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n", esc(p.in.say(title)), css)
}

// close writes all that comes after it.
func (p *page) close() {
	p.raw("<footer>%s</footer>\n<script>%s</script>\n</body>\n</html>\n", both(lenscap.Text{
		En: fmt.Sprintf(lGenerated.En, p.in.Version, clock(p.in.Now)), Zh: fmt.Sprintf(lGenerated.Zh, p.in.Version, clock(p.in.Now)),
	}), script)
}

func (p *page) header() {
	run := p.in.Run
	p.raw("<header><div><p class=\"eyebrow\">%s</p><h1>%s</h1>", both(lTitle), both(p.headline()))
	p.raw("<p class=\"sub\">%s · %s · %s</p></div>", esc(clock(run.Started)), esc(strings.Join(p.accounts(), ", ")), both(number(lNAssets, run.Counts.Assets)))
	p.buttons()
}

// buttons ends a page's head.
func (p *page) buttons() {
	p.raw("<div class=\"tools\"><button id=\"lang\" type=\"button\"><span lang=\"en\">中文</span><span lang=\"zh\">English</span></button>")
	p.raw("<button id=\"theme\" type=\"button\">%s</button></div></header>\n", both(tx("Light / dark", "明 / 暗")))
}

// number puts a number into a text of both languages.
func number(t lenscap.Text, n int) lenscap.Text {
	return lenscap.Text{En: fmt.Sprintf(t.En, n), Zh: fmt.Sprintf(t.Zh, n)}
}

// headline says the worst in one sentence.
func (p *page) headline() lenscap.Text {
	exposed := make(map[string]lenscap.Verdict)
	for f := range p.in.open() {
		if f.Exposure.Verdict.Exposed() {
			exposed[f.Asset.Ref.String()] = f.Exposure.Verdict
		}
	}
	public := 0
	for _, v := range exposed {
		if v == lenscap.VerdictLivePublic {
			public++
		}
	}
	switch {
	case public == 1:
		return tx("One asset is open to everyone", "有 1 个资产对所有人开放")
	case public > 1:
		return number(tx("%d assets are open to everyone", "有 %d 个资产对所有人开放"), public)
	case len(exposed) == 1:
		return tx("One asset is exposed to outsiders", "有 1 个资产暴露给外部")
	case len(exposed) > 1:
		return number(tx("%d assets are exposed to outsiders", "有 %d 个资产暴露给外部"), len(exposed))
	case p.in.whole():
		return tx("No asset is open to outsiders", "没有资产向外部开放")
	}
	return tx("Nothing exposed in what could be read", "在能读取的范围内未见暴露")
}

// accounts lists the accounts that the run covered.
func (p *page) accounts() []string {
	var out []string
	seen := make(map[string]bool)
	for _, c := range p.in.Run.Coverage {
		name := c.Provider + " " + c.Account
		if !seen[name] && len(out) < 12 {
			out = append(out, name)
		}
		seen[name] = true
	}
	if more := len(seen) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("+%d", more))
	}
	return out
}

// verdictOnRun says how far the run got, before anything else is read.
func (p *page) verdictOnRun() {
	class := "warn"
	if p.in.whole() {
		class = "ok"
	}
	p.raw("<p class=\"%s\" role=\"note\">%s</p>\n", class, both(p.in.coverageText()))
}

// htmlFindings bounds the findings told in a page that a browser can still
// hold; the worst come first and the page says how many are left out.
const htmlFindings = 3000

func (p *page) findings() {
	p.raw("<h2>%s<span class=\"n\">%d</span></h2>\n", both(tx("Findings", "发现")), len(p.in.Findings))
	if len(p.in.Findings) == 0 {
		p.raw("<div class=\"card empty\">%s</div>\n", both(p.in.emptyText()))
		return
	}
	p.raw("<div class=\"filter\"><input id=\"q\" type=\"search\" aria-label=\"filter 筛选\" placeholder=\"filter 筛选 …\">")
	for _, s := range lenscap.Severities() {
		p.raw("<button type=\"button\" class=\"%s\" data-toggle=\"%s\" aria-pressed=\"true\">%s</button>", s, s, both(SeverityText(s)))
	}
	p.raw("</div>\n")
	for _, f := range p.in.Findings[:min(len(p.in.Findings), htmlFindings)] {
		p.finding(f)
	}
	if more := len(p.in.Findings) - htmlFindings; more > 0 {
		p.raw("<p class=\"warn\" role=\"note\">%s</p>\n", both(number(lNotShown, more)))
	}
}

func (p *page) coverage() {
	gaps := p.in.gaps()
	p.raw("<h2>%s</h2>\n", both(lNotRead))
	if len(gaps) == 0 {
		p.raw("<div class=\"card empty\">%s</div>\n", both(p.in.coverageText()))
		return
	}
	p.raw("<div class=\"scroll\"><table><thead><tr><th>%s</th><th>%s</th><th>%s</th><th>%s</th><th class=\"num\">%s</th><th>%s</th></tr></thead><tbody>\n",
		both(lWhat), both(lCause), both(lCall), both(lWhere), both(lTimes), both(lMessage))
	for _, g := range gaps {
		p.raw("<tr><td class=\"nw\">%s</td><td class=\"nw\">%s</td><td class=\"nw\"><code>%s</code></td><td>%s</td><td class=\"num\">%d</td><td>%s</td></tr>\n",
			both(AspectText(g.Gap.Aspect)), both(CauseText(g.Gap.Cause)), esc(g.Gap.Call),
			esc(g.place()), g.Count, esc(g.Gap.Message))
	}
	p.raw("</tbody></table></div>\n")
}
