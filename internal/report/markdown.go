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
			if f.Status == lenscap.StatusMuted {
				severity += " (" + in.say(lMuted) + ")"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", escapeMD(severity), escapeMD(in.say(in.rule(f).Title)),
				escapeMD(ref.ID), escapeMD(strings.Trim(ref.Account+" "+ref.Region, " ")),
				escapeMD(in.say(VerdictText(f.Exposure.Verdict))), escapeMD(onDisk(f, in)))
		}
	}
	if gaps := in.gaps(); len(gaps) > 0 {
		fmt.Fprintf(b, "\n## %s\n\n| %s | %s | %s | %s | %s |\n|---|---|---|---|---|\n", in.say(lNotRead),
			in.say(lWhat), in.say(lCause), in.say(lCall), in.say(lWhere), in.say(lTimes))
		for _, g := range gaps {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %d |\n", in.say(AspectText(g.Gap.Aspect)), in.say(CauseText(g.Gap.Cause)),
				escapeMD(g.Gap.Call), escapeMD(g.place()), g.Count)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
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
