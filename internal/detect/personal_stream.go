package detect

import (
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/detect/personal"
)

// personalData counts personal data in one text file as it goes by: a stream of
// an [Engine].
type personalData struct {
	scanner *personal.Scanner
}

// personalStream begins a file. It wants all of its bytes, in order.
func personalStream(f File) *personalData {
	return &personalData{personal.NewScanner(f.Path)}
}

// Write takes the chunk at off.
func (p *personalData) Write(off int64, chunk []byte) { p.scanner.Write(off, chunk) }

// Close gives one hit for each kind that is worth telling. It stands for many
// values and points at none.
func (p *personalData) Close() []Hit {
	found := p.scanner.Close()
	hits := make([]Hit, 0, len(found))
	for _, f := range found {
		en, zh := f.Kind.Title()
		h := Hit{
			Type: "personal_" + f.Kind.String(), Class: Personal, Severity: Severity(f.Severity),
			TitleEn: en, TitleZh: zh, Count: int(f.Distinct), Detail: personalDetail(f),
		}
		if f.Kind.Secret() {
			h.Type, h.Class = f.Kind.String(), Secret
		}
		if f.Kind.Checked() {
			h.Checked = "yes"
		}
		hits = append(hits, h)
	}
	return hits
}

func personalDetail(f personal.Finding) string {
	var parts []string
	if !f.Exact {
		parts = append(parts, fmt.Sprintf("about %d different values", f.Distinct))
	}
	switch len(f.Columns) {
	case 0:
	case 1:
		parts = append(parts, "column "+f.Columns[0])
	default:
		parts = append(parts, "columns "+strings.Join(f.Columns, ", "))
	}
	return strings.Join(parts, "; ")
}
