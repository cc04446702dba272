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
	sum := sha256.Sum256([]byte(script))
	lang, tag := "en", "en"
	if in.Lang == lenscap.Chinese {
		lang, tag = "zh", "zh-CN"
	}
	p.raw("<!doctype html>\n<html lang=%q data-lang=%q>\n<head>\n<meta charset=\"utf-8\">\n", tag, lang)
	p.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	p.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n", esc(in.say(lTitle)), css)
	p.header()
	p.raw("<main>\n")
	p.cards()
	p.charts()
	p.findings()
	p.coverage()
	p.raw("</main>\n<footer>")
	p.raw("%s", both(lenscap.Text{
		En: fmt.Sprintf(lGenerated.En, in.Version, clock(in.Now)), Zh: fmt.Sprintf(lGenerated.Zh, in.Version, clock(in.Now)),
	}))
	p.raw("</footer>\n<script>%s</script>\n</body>\n</html>\n", script)
	return p.w.Flush()
}

func (p *page) header() {
	run := p.in.Run
	p.raw("<header><div><h1>%s</h1>", both(tx("Who can read your disks", "谁能读取你的磁盘")))
	p.raw("<p class=\"sub\">%s · %s · %s</p></div>", esc(clock(run.Started)), esc(strings.Join(p.accounts(), ", ")),
		both(lenscap.Text{En: fmt.Sprintf(lNAssets.En, run.Counts.Assets), Zh: fmt.Sprintf(lNAssets.Zh, run.Counts.Assets)}))
	p.raw("<div class=\"tools\"><button id=\"lang\" type=\"button\"><span lang=\"en\">中文</span><span lang=\"zh\">English</span></button>")
	p.raw("<button id=\"theme\" type=\"button\">%s</button></div></header>\n", both(tx("Light / dark", "明 / 暗")))
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

func (p *page) cards() {
	counts := p.in.counts()
	p.raw("<div class=\"cards\">")
	for _, s := range lenscap.Severities() {
		p.raw("<div class=\"card %s\"><div class=\"num\">%d</div><div class=\"cap\">%s</div></div>", s, counts[s], both(SeverityText(s)))
	}
	unread := p.in.unread()
	p.raw("<div class=\"card\"><div class=\"num\">%d</div><div class=\"cap\">%s</div></div></div>\n", unread, both(tx("could not be read", "未能读取")))
	if !p.in.whole() {
		p.raw("<p class=\"warn\" role=\"note\">%s</p>\n", both(p.in.coverageText()))
	}
}

func (p *page) findings() {
	p.raw("<h2>%s</h2>\n", both(tx("Findings", "发现")))
	if len(p.in.Findings) == 0 {
		p.raw("<div class=\"card none\">%s</div>\n", both(p.in.emptyText()))
		return
	}
	p.raw("<div class=\"filter\"><input id=\"q\" type=\"search\" aria-label=\"filter 筛选\" placeholder=\"filter 筛选 …\">")
	for _, s := range lenscap.Severities() {
		p.raw("<button type=\"button\" class=\"%s\" data-toggle=\"%s\" aria-pressed=\"true\">%s</button>", s, s, both(SeverityText(s)))
	}
	p.raw("</div>\n")
	for _, f := range p.in.Findings {
		p.finding(f)
	}
}

func (p *page) coverage() {
	gaps := p.in.gaps()
	p.raw("<h2>%s</h2>\n", both(lNotRead))
	if len(gaps) == 0 {
		p.raw("<div class=\"card none\">%s</div>\n", both(p.in.coverageText()))
		return
	}
	p.raw("<table><thead><tr><th>%s</th><th>%s</th><th>%s</th><th>%s</th><th>%s</th><th>%s</th></tr></thead><tbody>\n",
		both(lWhat), both(lCause), both(lCall), both(lWhere), both(lTimes), both(lMessage))
	for _, g := range gaps {
		p.raw("<tr><td>%s</td><td>%s</td><td><code>%s</code></td><td>%s</td><td>%d</td><td>%s</td></tr>\n",
			both(AspectText(g.Gap.Aspect)), both(CauseText(g.Gap.Cause)), esc(g.Gap.Call),
			esc(g.place()), g.Count, esc(g.Gap.Message))
	}
	p.raw("</tbody></table>\n")
}
