package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

// htmlItems bounds the items shown of one disk; the rest is counted.
const htmlItems = 100

func (p *page) finding(f lenscap.Finding) {
	r := p.in.rule(f)
	p.head(f)
	p.raw("<div class=\"body\"><p class=\"lede\">%s</p>", both(r.Text))
	if f.Mute != nil {
		p.raw("<p class=\"why\">%s: %s</p>", both(lMuted), esc(f.Mute.Reason))
	}
	p.facts(f)
	p.reaches(f.Exposure)
	p.residues(f)
	if f.Evidence != nil {
		p.disk(*f.Evidence)
	}
	p.raw("<div class=\"cols\"><div><h3>%s</h3><ul>", both(lWhy))
	for _, reason := range f.Reasons {
		p.raw("<li>%s</li>", both(reason))
	}
	p.raw("</ul></div>")
	if r.Reason.En != "" {
		p.raw("<div><h3>%s</h3><p>%s</p></div>", both(lMatters), both(r.Reason))
	}
	p.raw("</div>")
	if r.Remedy.En != "" {
		p.raw("<div class=\"fix\"><h3>%s</h3><p>%s</p></div>", both(lClose), both(r.Remedy))
	}
	if len(f.Unconfirmed) > 0 {
		p.raw("<p class=\"warn\">%s</p>", both(lUnconf))
	}
	p.gapList(Input{Findings: []lenscap.Finding{{Asset: lenscap.Asset{Ref: f.Asset.Ref, Gaps: f.Asset.Gaps}, Exposure: f.Exposure, Unconfirmed: f.Unconfirmed}}}.distinct())
	p.controls(r.Mappings)
	p.raw("</div></details>\n")
}

// head is the line of a finding that is always seen.
func (p *page) head(f lenscap.Finding) {
	ref := f.Asset.Ref
	p.raw("<details class=\"f %s\" data-sev=\"%s\" id=\"f-%s\"><summary><span class=\"sev\">%s</span>", f.Severity, f.Severity, esc(f.ID), both(SeverityText(f.Severity)))
	p.raw("<span class=\"ttl\"><b>%s</b><small>%s</small></span><span class=\"tags\">", both(p.in.rule(f).Title), joined(ref.ID, f.Asset.Name, ref.Account, ref.Region))
	if f.Status != lenscap.StatusOpen {
		p.raw("<span class=\"tag\">%s</span>", both(statusText(f.Status)))
	}
	p.raw("<span class=\"tag v\">%s</span></span></summary>\n", both(verdictText(f)))
}

// joined puts a dot between what is not empty.
func joined(parts ...string) string {
	return esc(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · "))
}

// facts are the few that one looks for first.
func (p *page) facts(f lenscap.Finding) {
	fact := func(name lenscap.Text, value string) {
		p.raw("<div><dt>%s</dt><dd>%s</dd></div>", both(name), value)
	}
	p.raw("<dl class=\"facts\">")
	fact(lKindOf, both(KindText(f.Asset.Ref.Kind)))
	if since := f.Exposure.Since; !since.IsZero() {
		fact(lSince, esc(clock(since))+" ("+both(agoText(since, p.in.Now))+")")
	}
	if !f.Asset.Created.IsZero() {
		fact(lCreated, esc(clock(f.Asset.Created)))
	}
	if f.Asset.Size > 0 {
		fact(lSize, esc(size(f.Asset.Size)))
	}
	fact(lEncrypted, both(TriText(f.Asset.Encryption.Encrypted)))
	fact(lSeenLast, esc(clock(f.LastSeen)))
	fact(lID, "<code>"+esc(f.ID)+"</code>")
	p.raw("</dl>")
}

func (p *page) controls(m rules.Mappings) {
	fs := frameworks(m)
	if len(fs) == 0 {
		return
	}
	p.raw("<h3>%s</h3><p class=\"why\">", both(lMappings))
	for i, fw := range fs {
		if i > 0 {
			p.raw(" · ")
		}
		p.raw("%s %s", esc(fw.name), esc(strings.Join(fw.controls, ", ")))
	}
	p.raw("</p>")
}

func (p *page) reaches(x lenscap.Exposure) {
	if len(x.Reaches) == 0 {
		return
	}
	p.raw("<h3>%s</h3>", both(lWho))
	for _, r := range x.Reaches {
		p.reach(r)
	}
}

func (p *page) reach(r lenscap.Reach) {
	g := r.Grant
	p.raw("<div class=\"reach\"><b>%s</b> — %s — %s: %s", both(PrincipalText(g.Principal)), both(PathText(g.Path)), both(lReadable), both(TriText(r.Readable)))
	under := func(format string, args ...any) { p.raw("<div class=\"why\">"+format+"</div>", args...) }
	for _, why := range r.Why {
		under("%s", both(why))
	}
	for _, name := range r.HeldBy {
		under("%s: %s", both(lHeldBy), both(GuardText(name)))
	}
	if g.Via != nil {
		under("%s %s <code>%s</code>", both(lVia), both(KindText(g.Via.Kind)), esc(g.Via.ID))
	}
	if !g.Expires.IsZero() {
		under("%s %s", both(lExpires), esc(clock(g.Expires)))
	}
	for _, c := range g.Conditions {
		under("%s: <code>%s</code>", both(lCondition), esc(conditionText(c)))
	}
	if g.Proof.Call != "" {
		under("%s: <code>%s</code>", both(lProof), esc(proofText(g.Proof)))
	}
	p.raw("</div>")
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
		p.raw("<p class=\"why\">%s", joined(pr.OS, pr.Hostname))
		for _, c := range pr.Class {
			p.raw(" <span class=\"tag\">%s</span>", both(contentClass(c)))
		}
		p.raw("</p>")
	}
	items := slices.Clone(ev.Items)
	slices.SortStableFunc(items, func(a, b lenscap.Item) int { return cmp.Compare(b.Severity, a.Severity) })
	if len(items) > 0 {
		p.raw("<div class=\"scroll\"><table><tbody>")
		for _, it := range items[:min(len(items), htmlItems)] {
			p.raw("<tr class=\"%s\"><td class=\"sev\">%s</td><td>%s</td><td><code>%s</code></td><td class=\"why\">%s</td></tr>",
				it.Severity, both(SeverityText(it.Severity)), both(it.Title), esc(itemPlace(it)), esc(strings.TrimSpace(hint(it))))
		}
		p.raw("</tbody></table></div>")
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
		p.raw("<p class=\"why\"><b>%s</b>", both(lPartial))
		for _, g := range ev.Gaps {
			p.raw(" · %s: %s · %s", both(AspectText(g.Aspect)), both(CauseText(g.Cause)), joined(g.Call, g.Message))
		}
		p.raw("</p>")
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
