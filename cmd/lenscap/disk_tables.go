package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect/database"
	databases "github.com/lenscap/lenscap/internal/detect/database/all"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/evidence"
)

// extractedRow is one line of an extracted table.
type extractedRow struct {
	Deleted bool `json:"deleted,omitempty"`
	// Values are by column: a text, null, or {"base64": …} for bytes; a value that
	// is lost is left out.
	Values map[string]any `json:"values"`
}

// extractTables writes the rows of the tables of one database, a file of JSON
// lines for each. only is one table's name, empty for all that are not the
// engine's own.
func (a *app) extractTables(ctx context.Context, d *disk.Disk, volume, path, only, into string, deleted bool) error {
	v, err := d.Volume(volume)
	if err != nil {
		return err
	}
	db, err := evidence.OpenDatabase(ctx, v, path, databases.Engines())
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	tables, lost := db.Tables(ctx)
	found := false
	taken := map[string]int{}
	for _, tab := range tables {
		name := tableOf(tab)
		if only == "" && tab.System || only != "" && only != name {
			continue
		}
		found = true
		file := fileName(name)
		if taken[file]++; taken[file] > 1 {
			file += fmt.Sprintf("~%d", taken[file])
		}
		n, err := extractTable(ctx, db, tab, filepath.Join(into, file+".jsonl"), deleted)
		if err != nil && ctx.Err() != nil {
			return err
		}
		lost = errors.Join(lost, err)
		a.hint(t("%s: %d rows", "%s：%d 行"), disk.Visible(name), n)
	}
	if !found && lost == nil {
		return usageError{fmt.Errorf("no table %q in %s: lenscap inspect --tables lists them", only, path)}
	}
	if lost != nil {
		a.hint(t("left out: %s", "已跳过：%s"), disk.Visible(lost.Error()))
	}
	return unread(boolInt(lost != nil || db.Info().Incomplete))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func tableOf(t database.Table) string {
	var parts []string
	for _, p := range []string{t.Database, t.Schema, t.Name} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ".")
}

// fileName makes a name that stays in its folder.
func fileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, s)
	if s = strings.TrimLeft(s, "."); s == "" {
		s = "table"
	}
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}

// extractTable writes one table. What damage hides is the error; the rest is
// written.
func extractTable(ctx context.Context, db database.Database, t database.Table, file string, deleted bool) (n int, err error) {
	var lost error
	err = writeFile(file, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		var failed error
		lost = db.Rows(ctx, t, database.RowOptions{Deleted: deleted}, func(r database.Row) bool {
			failed = enc.Encode(extractedRow{r.Deleted, valuesOf(t, r)})
			n++
			return failed == nil && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	return n, errors.Join(err, lost)
}

func valuesOf(t database.Table, r database.Row) map[string]any {
	out := make(map[string]any, len(r.Values))
	for i, v := range r.Values {
		if i >= len(t.Columns) {
			break
		}
		switch {
		case v.Kind == database.Lost:
		case v.Kind == database.Null:
			out[t.Columns[i].Name] = nil
		case v.Kind == database.Bytes, !utf8.Valid(v.Data):
			out[t.Columns[i].Name] = map[string]string{"base64": base64.StdEncoding.EncodeToString(v.Data)}
		default:
			out[t.Columns[i].Name] = string(v.Data)
		}
	}
	return out
}
