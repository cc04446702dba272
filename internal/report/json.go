package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

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

// writeJSON writes the json format: one object, whose schema is
// docs/schema/report.schema.json, one finding at a time.
func writeJSON(w io.Writer, in Input) error {
	run := in.Run
	run.Gaps = nil // they stand once, at the top
	gaps := in.Run.Gaps
	if gaps == nil {
		gaps = []lenscap.Gap{}
	}
	b := bufio.NewWriter(w)
	sep := "{\n  "
	field := func(name string, v any) error {
		text, err := json.MarshalIndent(v, "  ", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(b, "%s%q: %s", sep, name, text)
		sep = ",\n  "
		return err
	}
	for _, f := range []struct {
		name  string
		value any
	}{
		{"schema_version", SchemaVersion},
		{"version", in.Version},
		{"generated", in.Now},
		{"run", run},
		{"summary", in.sum()},
		{"gaps", gaps},
	} {
		if err := field(f.name, f.value); err != nil {
			return err
		}
	}
	if len(in.Calls) > 0 {
		if err := field("calls", in.Calls); err != nil {
			return err
		}
	}
	if _, err := b.WriteString(",\n  \"findings\": "); err != nil {
		return err
	}
	if err := writeArray(b, "  ", each(in, func(in *Input, i int) told { return in.tell(in.Findings[i]) })); err != nil {
		return err
	}
	if _, err := b.WriteString("\n}\n"); err != nil {
		return err
	}
	return b.Flush()
}

func (in Input) sum() summary {
	s := summary{BySeverity: make(map[string]int), Unread: in.unread()}
	for i := range in.Findings {
		if in.Findings[i].Status == lenscap.StatusMuted {
			s.Muted++
		}
	}
	for severity, n := range in.counts() {
		s.BySeverity[severity.String()] = n
		s.Open += n
	}
	return s
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
