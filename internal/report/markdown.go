package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/lenscap/lenscap"
)

func writeMarkdown(w io.Writer, in Input) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "# %s\n\n%s\n", in.say(lTitle), escapeMD(in.plain().summary()))
	if len(in.Findings) > 0 {
		fmt.Fprintf(b, "\n| %s | %s | %s | %s | %s | %s |\n|---|---|---|---|---|---|\n",
			in.say(lSeverity), in.say(lFinding), in.say(lAsset), in.say(lAccount), in.say(lVerdict), in.say(lOnDisk))
		for _, f := range in.Findings {
			ref := f.Asset.Ref
			severity := in.say(SeverityText(f.Severity))
			if f.Status != lenscap.StatusOpen {
				severity += " (" + in.say(statusText(f.Status)) + ")"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", escapeMD(severity), escapeMD(in.say(in.rule(f).Title)),
				codeMD(ref.ID), escapeMD(strings.Trim(ref.Account+" "+ref.Region, " ")),
				escapeMD(in.say(verdictText(f))), escapeMD(onDisk(f, in)))
		}
	}
	in.toldMD(b)
	if gaps := in.gaps(); len(gaps) > 0 {
		fmt.Fprintf(b, "\n## %s\n\n| %s | %s | %s | %s | %s |\n|---|---|---|---|---|\n", in.say(lNotRead),
			in.say(lWhat), in.say(lCause), in.say(lCall), in.say(lWhere), in.say(lTimes))
		for _, g := range gaps {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %d |\n", in.say(AspectText(g.Gap.Aspect)), in.say(CauseText(g.Gap.Cause)),
				codeMD(g.Gap.Call), escapeMD(g.place()), g.Count)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mdFindings bounds the findings told in full: a wiki page is read by people.
const mdFindings = 20

// toldMD tells the worst open findings: who can read them, the proof, the remedy.
func (in Input) toldMD(b *strings.Builder) {
	n := 0
	for f := range in.open() {
		if n++; n > mdFindings || f.Severity < lenscap.SeverityHigh {
			return
		}
		r := in.rule(*f)
		fmt.Fprintf(b, "\n## %s: %s\n\n%s\n", escapeMD(in.say(r.Title)), codeMD(f.Asset.Ref.ID), escapeMD(in.say(r.Text)))
		if len(f.Exposure.Reaches) > 0 {
			fmt.Fprintf(b, "\n**%s**\n\n", in.say(lWho))
		}
		for _, x := range f.Exposure.Reaches {
			fmt.Fprintf(b, "- %s — %s — %s: %s", escapeMD(in.say(PrincipalText(x.Grant.Principal))), escapeMD(in.say(PathText(x.Grant.Path))), in.say(lReadable), in.say(TriText(x.Readable)))
			if x.Grant.Proof.Call != "" {
				fmt.Fprintf(b, " — %s: %s", in.say(lProof), codeMD(proofText(x.Grant.Proof)))
			}
			b.WriteByte('\n')
		}
		if s := in.say(r.Remedy); s != "" {
			fmt.Fprintf(b, "\n**%s**\n\n%s\n", in.say(lClose), escapeMD(s))
		}
	}
}

// codeMD writes a code span, in which nothing is markup, a link or a mention.
// Text with a character that ends a span or a cell, or that a renderer laxer
// than CommonMark might take for HTML, is escaped instead.
func codeMD(s string) string {
	s = clean(s)
	if s == "" || strings.ContainsAny(s, "`|<>&\\") {
		return escapeMD(s)
	}
	return "`" + s + "`"
}

// plain is the input without colours.
func (in Input) plain() Input {
	in.Color = false
	return in
}

// escapeMD keeps text of the outside world from being taken for Markdown or
// HTML: every ASCII punctuation mark may be escaped by a backslash (CommonMark
// 0.31, section 2.4).
func escapeMD(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#+!|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
