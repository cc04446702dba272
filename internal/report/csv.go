package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lenscap/lenscap"
)

// csvHeader is the contract of the csv format: new columns come at the end.
var csvHeader = []string{
	"id", "rule", "severity", "status", "provider", "account", "region", "kind", "asset", "name",
	"verdict", "class", "cause", "readable", "principals", "since", "first_seen", "last_seen",
	"items_on_disk", "title", "remedy", "unconfirmed",
}

func writeCSV(w io.Writer, in Input) error {
	cw := csv.NewWriter(w)
	cw.UseCRLF = true // RFC 4180, section 2
	if err := cw.Write(csvHeader); err != nil {
		return err
	}
	for _, f := range in.Findings {
		row := csvRow(in, f)
		for i := range row {
			row[i] = harmless(clean(row[i]))
		}
		if err := cw.Write(row); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

func csvRow(in Input, f lenscap.Finding) []string {
	ref, x, r := f.Asset.Ref, f.Exposure, in.rule(f)
	var who []string
	for _, reach := range x.Reaches {
		name := string(reach.Grant.Principal.Type)
		if reach.Grant.Principal.ID != "" {
			name = reach.Grant.Principal.ID
		}
		who = append(who, name)
	}
	items := ""
	if f.Evidence != nil {
		items = strconv.Itoa(len(f.Evidence.Items) + f.Evidence.Truncated)
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	readable := string(x.Readable)
	if readable == "" && len(x.Reaches) > 0 {
		readable = "unknown"
	}
	return []string{
		f.ID, f.Rule, f.Severity.String(), string(f.Status), ref.Provider, ref.Account, ref.Region, string(ref.Kind), ref.ID,
		f.Asset.Name, string(x.Verdict), string(x.Class), string(x.Cause), readable, strings.Join(who, " "),
		stamp(x.Since), stamp(f.FirstSeen), stamp(f.LastSeen), items, in.say(r.Title), in.say(r.Remedy),
		strconv.FormatBool(len(f.Unconfirmed) > 0),
	}
}

// harmless keeps a spreadsheet from taking a cell for a formula; spreadsheets in
// East Asian locales take the full-width signs as well.
func harmless(cell string) string {
	if first, _ := utf8.DecodeRuneInString(cell); cell != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}
