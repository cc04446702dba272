package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

// teller writes one story to a terminal and remembers the first error.
type teller struct {
	w   io.Writer
	in  Input
	err error
}

func (t *teller) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *teller) head(h lenscap.Text) { t.line("\n%s", t.in.bold(t.in.say(h))) }

// para writes text wrapped to the width, indented.
func (t *teller) para(s string) { t.lead("", s) }

// lead writes text like para after a mark that is written here and may hold
// colours; further lines stand under the first.
func (t *teller) lead(mark, s string) {
	width := t.in.Width
	if width <= 0 || width > 100 {
		width = 100
	}
	pad := text.StringWidthWithoutEscSequences(mark)
	indent := strings.Repeat(" ", pad)
	for i, l := range wrap(clean(s), max(20, width-2-pad)) {
		if i > 0 {
			mark = indent
		}
		t.line("  %s%s", mark, l)
	}
}

// point writes one point of a list.
func (t *teller) point(s string) { t.lead("· ", s) }

// under writes what belongs to the point before it.
func (t *teller) under(s string) { t.lead("  ", s) }

// wrap breaks text into lines of at most width columns, between words or, where
// there are none, between wide characters.
func wrap(s string, width int) []string {
	var lines []string
	var b strings.Builder
	col := 0
	flush := func() {
		lines = append(lines, strings.TrimRight(b.String(), " "))
		b.Reset()
		col = 0
	}
	for _, word := range pieces(s) {
		n := columns(word)
		if col > 0 && col+n > width {
			flush()
			word = strings.TrimLeft(word, " ")
			n = columns(word)
		}
		b.WriteString(word)
		col += n
	}
	if col > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

// pieces cuts text where a line may break.
func pieces(s string) []string {
	var out []string
	start := 0
	for i, r := range s {
		if i > start && (r == ' ' || wide(r)) {
			out = append(out, s[start:i])
			start = i
		}
	}
	return append(out, s[start:])
}

func wide(r rune) bool {
	return r >= 0x2e80 && r < 0xa4d0 || r >= 0xac00 && r < 0xd7a4 || r >= 0xf900 && r < 0xfb00 || r >= 0xff00 && r < 0xff61
}

func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

// Finding tells one finding in full.
func Finding(w io.Writer, f lenscap.Finding, in Input) error {
	t := &teller{w: w, in: in}
	r := in.rule(f)
	ref := f.Asset.Ref
	t.line("%s  %s", in.paint(f.Severity), in.bold(clean(in.say(r.Title))))
	t.line("%s", clean(strings.Join(strings.Fields(strings.Join([]string{f.ID, "·", in.say(KindText(ref.Kind)), ref.ID, "·", ref.Provider, ref.Account, ref.Region}, " ")), " ")))
	if f.Asset.Name != "" {
		t.line("%s", clean(f.Asset.Name))
	}
	if f.Status != lenscap.StatusOpen {
		t.line("%s", t.status(f))
	}
	t.line("")
	t.para(in.say(r.Text))
	t.who(f.Exposure)
	t.since(f)
	t.left(f)
	if f.Evidence != nil || f.Exposure.Verdict.Exposed() {
		t.head(lOnDisk)
		t.disk(f.Evidence)
	}
	t.head(lWhy)
	for _, reason := range f.Reasons {
		t.point(in.say(reason))
	}
	t.section(lMatters, r.Reason)
	t.section(lClose, r.Remedy)
	t.mappings(r.Mappings)
	t.gaps(f)
	return t.err
}

// status says what became of a finding that is not open.
func (t *teller) status(f lenscap.Finding) string {
	s := t.in.say(statusText(f.Status))
	if f.Mute != nil {
		s += ": " + f.Mute.Reason
		if !f.Mute.Until.IsZero() {
			s += " (" + t.in.say(lExpires) + " " + clock(f.Mute.Until) + ")"
		}
	}
	return clean(s)
}

// section writes a heading and its text, nothing when there is no text.
func (t *teller) section(head, body lenscap.Text) {
	if s := t.in.say(body); s != "" {
		t.head(head)
		t.para(s)
	}
}

func (t *teller) gaps(f lenscap.Finding) {
	gaps := Input{Findings: []lenscap.Finding{{Asset: lenscap.Asset{Gaps: f.Asset.Gaps}, Exposure: f.Exposure, Unconfirmed: f.Unconfirmed}}}.distinct()
	if len(gaps) == 0 {
		return
	}
	t.head(lNotRead)
	if len(f.Unconfirmed) > 0 {
		t.para(t.in.say(lUnconf))
	}
	for _, g := range gaps {
		t.gap(g)
	}
}

func (t *teller) gap(g lenscap.Gap) {
	var s strings.Builder
	s.WriteString(t.in.say(AspectText(g.Aspect)) + ": " + t.in.say(CauseText(g.Cause)))
	for _, more := range []string{g.Call, g.Message} {
		if more != "" {
			s.WriteString(" — " + more)
		}
	}
	t.point(s.String())
}

func (t *teller) who(x lenscap.Exposure) {
	if len(x.Reaches) == 0 {
		return
	}
	t.head(lWho)
	for _, r := range x.Reaches {
		t.reach(r)
	}
}

func (t *teller) reach(r lenscap.Reach) {
	g, in := r.Grant, t.in
	t.point(fmt.Sprintf("%s — %s — %s: %s", in.say(PrincipalText(g.Principal)), in.say(PathText(g.Path)), in.say(lReadable), in.say(TriText(r.Readable))))
	for _, why := range r.Why {
		t.under(in.say(why))
	}
	if len(r.HeldBy) > 0 {
		t.under(in.say(lHeldBy) + ": " + strings.Join(heldBy(r.HeldBy, in.Lang), ", "))
	}
	if g.Via != nil {
		t.under(in.say(lVia) + " " + in.say(KindText(g.Via.Kind)) + " " + g.Via.ID)
	}
	if !g.Expires.IsZero() {
		t.under(in.say(lExpires) + " " + clock(g.Expires))
	}
	for _, c := range g.Conditions {
		t.under(in.say(lCondition) + ": " + conditionText(c))
	}
	if g.Proof.Call != "" {
		t.under(in.say(lProof) + ": " + proofText(g.Proof))
	}
}

// proofText says which call, field and value show a fact, and when.
func proofText(p lenscap.Proof) string {
	s := p.Call
	if p.Field != "" {
		s += " " + p.Field
	}
	if p.Value != "" {
		s += " = " + p.Value
	}
	if !p.At.IsZero() {
		s += ", " + clock(p.At)
	}
	return s
}

func conditionText(c lenscap.Condition) string {
	return c.Operator + " " + c.Key + " " + strings.Join(c.Values, ", ")
}

// heldBy names what holds a reach back.
func heldBy(names []string, lang lenscap.Lang) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = GuardText(n).In(lang)
	}
	return out
}

func (t *teller) since(f lenscap.Finding) {
	if f.Exposure.Since.IsZero() && f.FirstSeen.IsZero() {
		return
	}
	t.head(lSince)
	if since := f.Exposure.Since; !since.IsZero() {
		t.para(fmt.Sprintf("%s (%s)", clock(since), t.in.say(agoText(since, t.in.Now))))
	}
	if !f.FirstSeen.IsZero() {
		t.para(fmt.Sprintf(t.in.say(lSeen), clock(f.FirstSeen), clock(f.LastSeen)))
	}
	t.history()
}

// maxPast bounds the stretches told: the latest ones.
const maxPast = 10

// history tells what the exposure was before; a single stretch is told already.
func (t *teller) history() {
	past := t.in.History
	if len(past) < 2 {
		return
	}
	if more := len(past) - maxPast; more > 0 {
		t.point(fmt.Sprintf(t.in.say(lEarlier), more))
		past = past[more:]
	}
	for _, p := range past {
		until := t.in.say(lToday)
		if !p.Until.IsZero() {
			until = clock(p.Until)
		}
		t.point(clock(p.Since) + " – " + until + ": " + t.in.say(VerdictText(p.Verdict)))
	}
}

// left tells what an asset outlived and what it costs.
func (t *teller) left(f lenscap.Finding) {
	if len(f.Exposure.Residues) == 0 && f.Asset.Cost == nil {
		return
	}
	t.head(lLeftOver)
	for _, r := range f.Exposure.Residues {
		t.point(strings.TrimSuffix(t.in.say(ResidueText(r.Kind))+": "+r.Of.ID, ": "))
		if r.Proof != nil && r.Proof.Call != "" {
			t.under(t.in.say(lProof) + ": " + proofText(*r.Proof))
		}
	}
	if c := f.Asset.Cost; c != nil {
		t.point(fmt.Sprintf("%.2f %s / %s (%s)", c.Monthly, c.Currency, t.in.say(lMonth), c.Basis))
	}
}

// disk tells what is on a disk, the worst first.
func (t *teller) disk(ev *lenscap.Evidence) {
	if ev == nil {
		t.para(t.in.say(lNoLook))
		return
	}
	if ev.ReadFrom != nil {
		t.para(t.in.say(lReadFrom) + ": " + ev.ReadFrom.ID)
	}
	items := slices.Clone(ev.Items)
	slices.SortStableFunc(items, func(a, b lenscap.Item) int { return cmp.Compare(b.Severity, a.Severity) })
	const most = 25
	for i, it := range items {
		if i == most {
			break
		}
		t.lead(t.in.paint(it.Severity)+"  ", t.in.say(it.Title)+"  "+itemPlace(it)+hint(it))
	}
	if more := len(items) + ev.Truncated - min(len(items), most); more > 0 {
		t.para("  " + fmt.Sprintf(t.in.say(lMore), more))
	}
	if len(items) == 0 && ev.Complete {
		t.para(t.in.say(lNoItems))
	}
	if ev.Files > 0 {
		t.para(fmt.Sprintf(t.in.say(lFiles), ev.Files, ev.FilesRead, size(ev.BytesRead), size(ev.Size)))
	}
	if !ev.Complete {
		t.para(t.in.say(lPartial) + ":")
		for _, g := range ev.Gaps {
			t.gap(g)
		}
	}
}

// itemPlace tells where an item is: volume, path, the place within an archive or
// a database, line.
func itemPlace(it lenscap.Item) string {
	s := it.Volume + ":" + it.Path
	if it.Inside != "" {
		s += "!/" + it.Inside
	}
	if it.Line > 0 {
		s += fmt.Sprintf(":%d", it.Line)
	}
	return s
}

func hint(it lenscap.Item) string {
	s := ""
	if it.Count > 1 {
		s += fmt.Sprintf("  ×%d", it.Count)
	}
	if it.Hint != "" {
		s += "  " + it.Hint
	}
	if it.Detail != "" {
		s += "  (" + it.Detail + ")"
	}
	if it.Deleted {
		s += "  [deleted]"
	}
	if o := it.Owner; o != nil && o.Name != "" {
		s += "  → " + o.Account + "/" + o.Name
		switch o.Active {
		case lenscap.Yes:
			s += " [active]"
		case lenscap.No:
			s += " [inactive]"
		}
	}
	return s
}

// framework is one published framework's controls.
type framework struct {
	name     string
	controls []string
}

func frameworks(m rules.Mappings) []framework {
	all := []framework{
		{"CIS AWS", m.CISAWS},
		{"NIST 800-53r5", m.NIST},
		{"PCI DSS 4", m.PCI},
		{"ISO 27001:2022", m.ISO27001},
		{"SOC 2", m.SOC2},
		{"MLPS 2.0 等保", m.MLPS},
		{"ATT&CK", m.ATTACK},
	}
	return slices.DeleteFunc(all, func(f framework) bool { return len(f.controls) == 0 })
}

func (t *teller) mappings(m rules.Mappings) {
	fs := frameworks(m)
	if len(fs) == 0 {
		return
	}
	t.head(lMappings)
	for _, f := range fs {
		t.para(f.name + ": " + strings.Join(f.controls, ", "))
	}
}
