package report

import (
	"encoding/json"
	"io"
	"net/url"
	"strings"

	"github.com/lenscap/lenscap"
)

// The SARIF format follows OASIS SARIF 2.1.0 (errata 01); the sections are
// named beside the fields. The few types that are needed are written here: the
// whole of the standard's object model would be a dependency for nothing.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct { // 3.14
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct { // 3.19
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct { // 3.49
	ID               string          `json:"id"`
	ShortDescription sarifText       `json:"shortDescription"`
	FullDescription  sarifText       `json:"fullDescription"`
	Help             sarifText       `json:"help"`
	Properties       sarifProperties `json:"properties"`
}

type sarifProperties struct {
	Tags             []string `json:"tags,omitempty"`
	SecuritySeverity string   `json:"security-severity,omitempty"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct { // 3.20
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct { // 3.58
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct { // 3.27
	RuleID              string             `json:"ruleId"`
	RuleIndex           int                `json:"ruleIndex"`
	Level               string             `json:"level"`
	Message             sarifText          `json:"message"`
	Locations           []sarifLocation    `json:"locations"`
	PartialFingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
	Properties          map[string]string  `json:"properties,omitempty"`
}

type sarifLocation struct { // 3.28
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact struct {
		URI string `json:"uri"`
	} `json:"artifactLocation"`
}

type sarifLogical struct { // 3.33
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

type sarifSuppression struct { // 3.35
	Kind          string `json:"kind"`
	Justification string `json:"justification,omitempty"`
}

// scores are GitHub's bands of security-severity for each severity.
var scores = map[lenscap.Severity]string{
	lenscap.SeverityCritical: "9.5", lenscap.SeverityHigh: "8.0", lenscap.SeverityMedium: "5.5",
	lenscap.SeverityLow: "3.0", lenscap.SeverityInfo: "0.5",
}

func sarifLevel(s lenscap.Severity) string {
	switch s {
	case lenscap.SeverityCritical, lenscap.SeverityHigh:
		return "error"
	case lenscap.SeverityMedium:
		return "warning"
	}
	return "note"
}

func writeSARIF(w io.Writer, in Input) error {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "lenscap", Version: in.Version, InformationURI: "https://github.com/lenscap/lenscap", Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	index := make(map[string]int)
	for _, f := range in.Findings {
		i, ok := index[f.Rule]
		if !ok {
			i = len(run.Tool.Driver.Rules)
			index[f.Rule] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, in.sarifRule(f))
		}
		run.Results = append(run.Results, in.sarifResult(f, i))
	}
	run.Invocations = []sarifInvocation{in.sarifInvocation()}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func (in Input) sarifRule(f lenscap.Finding) sarifRule {
	r := in.rule(f)
	s := sarifRule{
		ID: r.ID, ShortDescription: sarifText{in.say(r.Title)}, FullDescription: sarifText{in.say(r.Text)},
		Help:       sarifText{strings.TrimSpace(in.say(r.Reason) + "\n\n" + in.say(r.Remedy))},
		Properties: sarifProperties{Tags: []string{"security"}, SecuritySeverity: scores[r.Severity.Base]},
	}
	if s.Help.Text == "" {
		s.Help.Text = r.ID
	}
	if s.Properties.SecuritySeverity == "" {
		s.Properties.SecuritySeverity = scores[f.Severity]
	}
	for _, fw := range frameworks(r.Mappings) {
		for _, c := range fw.controls {
			s.Properties.Tags = append(s.Properties.Tags, fw.name+" "+c)
		}
	}
	return s
}

func (in Input) sarifResult(f lenscap.Finding, rule int) sarifResult {
	ref := f.Asset.Ref
	r := sarifResult{
		RuleID: f.Rule, RuleIndex: rule, Level: sarifLevel(f.Severity),
		Message:             sarifText{plainMessage(in.say(in.rule(f).Title) + ": " + ref.ID)},
		PartialFingerprints: map[string]string{"lenscapFinding/v1": f.ID},
		Properties:          map[string]string{"severity": f.Severity.String(), "verdict": string(f.Exposure.Verdict)},
	}
	loc := sarifLocation{Logical: []sarifLogical{{FullyQualifiedName: ref.String(), Kind: "resource"}}}
	// A relative reference whose every segment is escaped is a valid URI
	// whatever the asset's name holds.
	parts := []string{ref.Provider, ref.Account, ref.Region, string(ref.Kind), ref.ID}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
		if parts[i] == "" {
			parts[i] = "-"
		}
	}
	loc.Physical.Artifact.URI = strings.Join(parts, "/")
	r.Locations = []sarifLocation{loc}
	switch f.Status {
	case lenscap.StatusMuted:
		s := sarifSuppression{Kind: "external"}
		if f.Mute != nil {
			s.Justification = f.Mute.Reason
		}
		r.Suppressions = []sarifSuppression{s}
	case lenscap.StatusResolved:
		r.Suppressions = []sarifSuppression{{Kind: "external", Justification: in.say(lResolved)}}
	case lenscap.StatusOpen:
	}
	return r
}

// sarifEscaper doubles braces, which are placeholders (3.11.5), and marks
// brackets, which are links (3.11.6).
var sarifEscaper = strings.NewReplacer("{", "{{", "}", "}}", `\`, `\\`, "[", `\[`, "]", `\]`)

// plainMessage keeps text of the outside world from being taken for markup of a
// SARIF message.
func plainMessage(s string) string { return sarifEscaper.Replace(clean(s)) }

func (in Input) sarifInvocation() sarifInvocation {
	inv := sarifInvocation{ExecutionSuccessful: in.whole()}
	if !inv.ExecutionSuccessful {
		inv.Notifications = []sarifNotification{{"warning", sarifText{in.say(in.coverageText())}}}
	}
	for _, g := range in.gaps() {
		text := strings.TrimSpace(strings.Join([]string{
			in.say(lNotRead) + ":", in.say(AspectText(g.Gap.Aspect)), in.say(CauseText(g.Gap.Cause)), g.Gap.Call, g.place(), g.Gap.Message,
		}, " "))
		inv.Notifications = append(inv.Notifications, sarifNotification{"warning", sarifText{plainMessage(text)}})
	}
	return inv
}
