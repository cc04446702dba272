package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// htmlItems bounds the items shown of one disk; the rest is counted.
const htmlItems = 100

func (p *page) finding(f lenscap.Finding) {
	r, ref, x := p.in.rule(f), f.Asset.Ref, f.Exposure
	p.raw("<details class=\"f %s\" data-sev=\"%s\" id=\"f-%s\"><summary><span class=\"sev\">%s</span>", f.Severity, f.Severity, esc(f.ID), both(SeverityText(f.Severity)))
	p.raw("<span class=\"ttl\">%s<small>%s · %s %s %s</small></span>", both(r.Title), esc(ref.ID), esc(f.Asset.Name), esc(ref.Account), esc(ref.Region))
	p.raw("<span class=\"tag\">%s</span></summary>\n<div class=\"body\">", both(VerdictText(x.Verdict)))
	if f.Status != lenscap.StatusOpen {
		reason := ""
		if f.Mute != nil {
			reason = ": " + f.Mute.Reason
		}
		p.raw("<p><b>%s</b>%s</p>", both(statusText(f.Status)), esc(reason))
	}
	p.raw("<p>%s</p>", both(r.Text))
	p.reaches(x)
	p.residues(f)
	p.raw("<h3>%s</h3><p>%s (%s)</p>", both(lSince), esc(clock(x.Since)), both(agoText(x.Since, p.in.Now)))
	if f.Evidence != nil {
		p.disk(*f.Evidence)
	}
	p.raw("<h3>%s</h3><ul>", both(lWhy))
	for _, reason := range f.Reasons {
		p.raw("<li>%s</li>", both(reason))
	}
	p.raw("</ul><h3>%s</h3><p>%s</p><h3>%s</h3><p>%s</p>", both(lMatters), both(r.Reason), both(lClose), both(r.Remedy))
	if fs := frameworks(r.Mappings); len(fs) > 0 {
		p.raw("<h3>%s</h3><p class=\"why\">", both(lMappings))
		for i, fw := range fs {
			if i > 0 {
				p.raw(" · ")
			}
			p.raw("%s %s", esc(fw.name), esc(strings.Join(fw.controls, ", ")))
		}
		p.raw("</p>")
	}
	p.gapList(slices.Concat(x.Gaps, f.Unconfirmed))
	p.raw("<p class=\"why\"><code>lenscap findings show %s</code></p></div></details>\n", esc(short(f.ID)))
}

func (p *page) reaches(x lenscap.Exposure) {
	if len(x.Reaches) == 0 {
		return
	}
	p.raw("<h3>%s</h3><ul>", both(lWho))
	for _, r := range x.Reaches {
		p.raw("<li><b>%s</b> — %s — %s: %s", both(PrincipalText(r.Grant.Principal)), both(PathText(r.Grant.Path)), both(lReadable), both(TriText(r.Readable)))
		for _, why := range r.Why {
			p.raw("<div class=\"why\">%s</div>", both(why))
		}
		if proof := r.Grant.Proof; proof.Call != "" {
			p.raw("<div class=\"why\">%s: <code>%s %s = %s</code> %s</div>", both(lProof), esc(proof.Call), esc(proof.Field), esc(proof.Value), esc(clock(proof.At)))
		}
		p.raw("</li>")
	}
	p.raw("</ul>")
}

func (p *page) residues(f lenscap.Finding) {
	if len(f.Exposure.Residues) == 0 {
		return
	}
	p.raw("<h3>%s</h3><ul>", both(lLeftOver))
	for _, r := range f.Exposure.Residues {
		p.raw("<li>%s <code>%s</code></li>", both(ResidueText(r.Kind)), esc(r.Of.ID))
	}
	if c := f.Asset.Cost; c != nil {
		p.raw("<li>%.2f %s / %s — %s</li>", c.Monthly, esc(c.Currency), both(lMonth), esc(c.Basis))
	}
	p.raw("</ul>")
}

func (p *page) disk(ev lenscap.Evidence) {
	p.raw("<h3>%s</h3>", both(lOnDisk))
	if ev.ReadFrom != nil {
		p.raw("<p class=\"why\">%s: <code>%s</code></p>", both(lReadFrom), esc(ev.ReadFrom.ID))
	}
	if pr := ev.Profile; pr != nil {
		p.raw("<p class=\"why\">%s %s", esc(pr.OS), esc(pr.Hostname))
		for _, c := range pr.Class {
			p.raw(" <span class=\"tag\">%s</span>", both(contentClass(c)))
		}
		p.raw("</p>")
	}
	items := slices.Clone(ev.Items)
	slices.SortStableFunc(items, func(a, b lenscap.Item) int { return cmp.Compare(b.Severity, a.Severity) })
	if len(items) > 0 {
		p.raw("<table><tbody>")
		for _, it := range items[:min(len(items), htmlItems)] {
			where := it.Volume + ":" + it.Path
			if it.Line > 0 {
				where += fmt.Sprintf(":%d", it.Line)
			}
			p.raw("<tr class=\"%s\"><td class=\"sev\">%s</td><td>%s</td><td><code>%s</code></td><td class=\"why\">%s</td></tr>",
				it.Severity, both(SeverityText(it.Severity)), both(it.Title), esc(where), esc(strings.TrimSpace(hint(it))))
		}
		p.raw("</tbody></table>")
	} else if ev.Complete {
		p.raw("<p>%s</p>", both(lNoItems))
	}
	if more := len(items) - min(len(items), htmlItems) + ev.Truncated; more > 0 {
		p.raw("<p class=\"why\">%s</p>", both(lenscap.Text{En: fmt.Sprintf(lMore.En, more), Zh: fmt.Sprintf(lMore.Zh, more)}))
	}
	if ev.Files > 0 {
		p.raw("<p class=\"why\">%s</p>", both(lenscap.Text{
			En: fmt.Sprintf(lFiles.En, ev.Files, ev.FilesRead, size(ev.BytesRead), size(ev.Size)),
			Zh: fmt.Sprintf(lFiles.Zh, ev.Files, ev.FilesRead, size(ev.BytesRead), size(ev.Size)),
		}))
	}
	if !ev.Complete {
		p.raw("<p>%s</p>", both(lPartial))
		p.gapList(ev.Gaps)
	}
}

func (p *page) gapList(gaps []lenscap.Gap) {
	if len(gaps) == 0 {
		return
	}
	p.raw("<h3>%s</h3><ul>", both(lNotRead))
	for _, g := range gaps {
		p.raw("<li>%s: %s <code>%s</code> <span class=\"why\">%s</span></li>", both(AspectText(g.Aspect)), both(CauseText(g.Cause)), esc(g.Call), esc(g.Message))
	}
	p.raw("</ul>")
}
