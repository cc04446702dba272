package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

// document is the json format.
type document struct {
	SchemaVersion string        `json:"schema_version"`
	Version       string        `json:"version"`
	Generated     time.Time     `json:"generated"`
	Run           lenscap.Run   `json:"run"`
	Summary       summary       `json:"summary"`
	Findings      []told        `json:"findings"`
	Gaps          []lenscap.Gap `json:"gaps"`
	Calls         []Call        `json:"calls,omitempty"`
}

// summary counts open findings.
type summary struct {
	Open       int            `json:"open"`
	Muted      int            `json:"muted"`
	BySeverity map[string]int `json:"by_severity"`
	Unread     int            `json:"unread"`
}

// told is a finding with the texts of its rule.
type told struct {
	lenscap.Finding

	Title    lenscap.Text    `json:"title"`
	Text     lenscap.Text    `json:"text"`
	Remedy   lenscap.Text    `json:"remedy"`
	Mappings *rules.Mappings `json:"mappings,omitempty"`
}

func (in Input) tell(f lenscap.Finding) told {
	r := in.rule(f)
	return told{f, r.Title, r.Text, r.Remedy, &r.Mappings}
}

func writeJSON(w io.Writer, in Input) error {
	doc := document{
		SchemaVersion: SchemaVersion, Version: in.Version, Generated: in.Now, Run: in.Run,
		Findings: make([]told, 0, len(in.Findings)), Gaps: in.Run.Gaps, Calls: in.Calls,
		Summary: summary{BySeverity: make(map[string]int), Unread: in.unread()},
	}
	if doc.Gaps == nil {
		doc.Gaps = []lenscap.Gap{}
	}
	doc.Run.Gaps = nil // they stand once, at the top
	for _, f := range in.Findings {
		doc.Findings = append(doc.Findings, in.tell(f))
		if f.Status == lenscap.StatusMuted {
			doc.Summary.Muted++
		}
	}
	for s, n := range in.counts() {
		doc.Summary.BySeverity[s.String()] = n
		doc.Summary.Open += n
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func writeJSONL(w io.Writer, in Input) error {
	enc := json.NewEncoder(w)
	for _, f := range in.Findings {
		if err := enc.Encode(in.tell(f)); err != nil {
			return err
		}
	}
	return nil
}
