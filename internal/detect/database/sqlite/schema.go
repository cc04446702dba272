package sqlite

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// affinity is what a column's declared type makes of its values.
type affinity byte

const (
	numeric affinity = iota
	integer
	real
	text
	blob
)

func affinityOf(typ string) affinity {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(strings.ToUpper(typ), w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return integer
	case has("CHAR", "CLOB", "TEXT"):
		return text
	case typ == "", has("BLOB"):
		return blob
	case has("REAL", "FLOA", "DOUB"): //nolint:misspell // the library looks for this part of a word
		return real
	}
	return numeric
}

type column struct {
	name, typ string
	affinity  affinity
	notNull   bool
	virtual   bool // computed, not stored
	fallback  database.Value
}

type table struct {
	public  database.Table
	root    uint32
	columns []column
	rowid   int // column that is the rowid, or -1
	keyed   bool
	// stored is the columns in the order of a record.
	stored []int
}

// schema reads the tables out of the first page's tree.
func (d *db) schema(ctx context.Context) error {
	master := &table{root: 1, rowid: -1, stored: []int{0, 1, 2, 3, 4}}
	for _, name := range []string{"type", "name", "tbl_name", "rootpage", "sql"} {
		master.columns = append(master.columns, column{name: name})
	}
	var bad []error
	held := 0
	err := d.walk(ctx, master, 0, nil, nil, func(r database.Row) bool {
		v := r.Values
		if string(v[0].Data) != "table" {
			return true
		}
		if held += len(v[4].Data); held > 32<<20 || len(d.tables) >= maxTables {
			bad = append(bad, fmt.Errorf("%w: more than %d tables or 32 MiB of schema", database.ErrUnsupported, maxTables))
			return false
		}
		root, _ := strconv.ParseUint(string(v[3].Data), 10, 32)
		t, ok := parseCreate(string(v[4].Data))
		if !ok {
			if len(bad) < 16 {
				bad = append(bad, fmt.Errorf("%w: %s: the text of a table in sqlite_schema at offset %d", database.ErrDamaged, r.File, r.Offset))
			}
			return true
		}
		t.public.Name, t.root = string(v[1].Data), uint32(root)
		t.public.System = strings.HasPrefix(strings.ToLower(t.public.Name), "sqlite_")
		t.public.Rows = -1
		if t.root == 0 {
			t.public.Note = "a virtual table: its data is in other tables or elsewhere"
			t.public.Rows = 0
		}
		d.tables = append(d.tables, t)
		return true
	})
	slices.SortStableFunc(d.tables, func(a, b *table) int { return strings.Compare(a.public.Name, b.public.Name) })
	d.tables = slices.CompactFunc(d.tables, func(a, b *table) bool { return a.public.Name == b.public.Name })
	d.byWidth = map[int][]*table{}
	for _, t := range d.tables {
		if t.root != 0 {
			d.byWidth[len(t.stored)] = append(d.byWidth[len(t.stored)], t)
		}
	}
	return errors.Join(append(bad, err)...)
}

// token is one word, name or mark of SQL.
type token struct {
	text   string
	quoted byte // the quote, or 0
}

func (t token) is(words ...string) bool {
	return t.quoted == 0 && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, t.text) })
}

func lex(s string) []token {
	var out []token
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			i++
		case strings.HasPrefix(s[i:], "--"):
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				return out
			}
			i += n + 1
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return out
			}
			i += n + 4
		case c == '"' || c == '\'' || c == '`' || c == '[':
			end := c
			if c == '[' {
				end = ']'
			}
			var b strings.Builder
			for i++; i < len(s); i++ {
				if s[i] == end {
					if end == ']' || i+1 >= len(s) || s[i+1] != end {
						break
					}
					i++
				}
				b.WriteByte(s[i])
			}
			i++
			out = append(out, token{b.String(), c})
		case wordByte(c):
			j := i
			for j < len(s) && wordByte(s[j]) {
				// 1e+5 is one number
				if (s[j] == 'e' || s[j] == 'E') && s[i] >= '0' && s[i] <= '9' && j+1 < len(s) && (s[j+1] == '+' || s[j+1] == '-') {
					j++
				}
				j++
			}
			out = append(out, token{s[i:j], 0})
			i = j
		default:
			out = append(out, token{s[i : i+1], 0})
			i++
		}
	}
	return out
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// parseCreate reads CREATE TABLE and CREATE VIRTUAL TABLE as sqlite_schema keeps
// them. A virtual table has no columns.
func parseCreate(sql string) (*table, bool) {
	tok := lex(sql)
	t := &table{rowid: -1}
	if len(tok) > 1 && tok[0].is("create") && tok[1].is("virtual") {
		return t, true
	}
	open := slices.IndexFunc(tok, func(t token) bool { return t.is("(") })
	if open < 2 || !tok[0].is("create") || !tok[1].is("table") {
		return nil, false
	}
	var parts [][]token
	depth, from, end := 0, open+1, -1
	for i := open; i < len(tok); i++ {
		switch {
		case tok[i].is("("):
			depth++
		case tok[i].is(")"):
			depth--
		}
		if depth == 0 || depth == 1 && tok[i].is(",") {
			parts = append(parts, tok[from:i])
			from = i + 1
		}
		if depth == 0 {
			end = i
			break
		}
	}
	if end < 0 {
		return nil, false
	}
	var key []string
	inline := false
	for _, p := range parts {
		if len(p) == 0 {
			return nil, false
		}
		if p[0].is("constraint", "primary", "unique", "check", "foreign") && len(t.columns) > 0 {
			if k := primary(p); k != nil {
				key = k
			}
			continue
		}
		c, pk, desc := parseColumn(p)
		if pk {
			key = []string{c.name}
			inline = desc
		}
		t.columns = append(t.columns, c)
	}
	if len(t.columns) == 0 || len(t.columns) > 32767 {
		return nil, false
	}
	strict := false
	for i := end + 1; i < len(tok); i++ {
		t.keyed = t.keyed || tok[i].is("without")
		strict = strict || tok[i].is("strict")
	}
	index := make(map[string]int, len(t.columns))
	for i, c := range t.columns {
		if strict && strings.EqualFold(c.typ, "any") {
			t.columns[i].affinity = blob
		}
		index[strings.ToLower(c.name)] = i
		t.public.Columns = append(t.public.Columns, database.Column{Name: c.name, Type: c.typ})
		if c.virtual {
			t.public.Note = "computed columns are not stored: their values are not shown"
		}
	}
	used := make([]bool, len(t.columns))
	if t.keyed {
		for _, k := range key {
			i, ok := index[strings.ToLower(k)]
			if !ok {
				return nil, false
			}
			if !used[i] {
				used[i] = true
				t.stored = append(t.stored, i)
			}
		}
		if len(t.stored) == 0 {
			return nil, false
		}
	} else if len(key) == 1 && !inline {
		if i, ok := index[strings.ToLower(key[0])]; ok && strings.EqualFold(t.columns[i].typ, "integer") {
			t.rowid = i
		}
	}
	for i, c := range t.columns {
		if !c.virtual && !used[i] {
			t.stored = append(t.stored, i)
		}
	}
	return t, true
}

// primary gives the columns of a table's PRIMARY KEY (…), nil for another
// constraint.
func primary(p []token) []string {
	if p[0].is("constraint") && len(p) > 2 {
		p = p[2:]
	}
	if len(p) < 4 || !p[0].is("primary") || !p[1].is("key") || !p[2].is("(") {
		return nil
	}
	var out []string
	first, depth := true, 0
	for _, t := range p[3:] {
		switch {
		case t.is(")") && depth == 0:
			return out
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0:
			first = true
		case first:
			out, first = append(out, t.text), false
		}
	}
	return out
}

func parseColumn(p []token) (c column, pk, desc bool) {
	c.name = p[0].text
	i := 1
	var typ strings.Builder
	for ; i < len(p) && !p[i].is("constraint", "primary", "not", "null", "unique", "check", "default", "collate", "references", "generated", "as"); i++ {
		if p[i].is("(", ")", ",") || strings.HasSuffix(typ.String(), "(") || typ.Len() == 0 || strings.HasSuffix(typ.String(), ",") {
			typ.WriteString(p[i].text)
		} else {
			typ.WriteString(" " + p[i].text)
		}
	}
	c.typ = typ.String()
	c.affinity = affinityOf(c.typ)
	depth := 0
	for ; i < len(p); i++ {
		next := func(n int) token {
			if i+n < len(p) {
				return p[i+n]
			}
			return token{}
		}
		switch {
		case p[i].is("("):
			depth++
		case p[i].is(")"):
			depth--
		case depth > 0:
		case p[i].is("primary"):
			pk = true
			desc = next(2).is("desc")
		case p[i].is("not"):
			c.notNull = next(1).is("null")
		case p[i].is("default"):
			c.fallback = literal(p[i+1:], c.affinity)
		case p[i].is("generated", "as"):
			c.virtual = true
		case p[i].is("stored"):
			c.virtual = false
		}
	}
	return c, pk, desc
}

// literal is a column's default, which must be a constant for a column that was
// added to rows that are there.
func literal(p []token, a affinity) database.Value {
	for len(p) > 0 && p[0].is("(") {
		p = p[1:]
	}
	sign := ""
	for len(p) > 0 && p[0].is("-", "+") {
		if p[0].is("-") {
			sign = "-"
		}
		p = p[1:]
	}
	if len(p) == 0 || p[0].is("null") {
		return database.Value{}
	}
	t := p[0]
	if t.is("x", "X") && len(p) > 1 && p[1].quoted == '\'' {
		if b, err := hex.DecodeString(p[1].text); err == nil {
			return database.Value{Kind: database.Bytes, Data: b}
		}
	}
	if t.is("true") {
		t.text = "1"
	} else if t.is("false") {
		t.text = "0"
	}
	if a == text || a == blob && t.quoted != 0 {
		return database.Value{Kind: database.Text, Data: []byte(sign + t.text)}
	}
	if n, err := strconv.ParseInt(sign+t.text, 0, 64); err == nil {
		if a == real {
			return database.Value{Kind: database.Number, Data: appendReal(nil, float64(n))}
		}
		return database.Value{Kind: database.Number, Data: strconv.AppendInt(nil, n, 10)}
	}
	if f, err := strconv.ParseFloat(sign+t.text, 64); err == nil && t.text != "" && !strings.ContainsAny(t.text, "xXiInN_") {
		if a != real && a != blob && f == math.Trunc(f) && math.Abs(f) < 1<<51 {
			return database.Value{Kind: database.Number, Data: strconv.AppendInt(nil, int64(f), 10)}
		}
		return database.Value{Kind: database.Number, Data: appendReal(nil, f)}
	}
	return database.Value{Kind: database.Text, Data: []byte(t.text)}
}

// appendReal writes a number as the library does: 15 digits, a point always.
func appendReal(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, "Inf"...)
	case math.IsInf(f, -1):
		return append(b, "-Inf"...)
	case f == 0:
		return append(b, "0.0"...)
	}
	e := strconv.FormatFloat(f, 'e', 14, 64)
	mant, exp, _ := strings.Cut(e, "e")
	n, _ := strconv.Atoi(exp)
	if n < -4 || n > 14 {
		mant = strings.TrimRight(mant, "0")
		if strings.HasSuffix(mant, ".") {
			mant += "0"
		}
		return fmt.Appendf(b, "%se%+03d", mant, n)
	}
	s := bytes.TrimRight(strconv.AppendFloat(nil, f, 'f', 14-n, 64), "0")
	if !bytes.Contains(s, []byte(".")) {
		s = strconv.AppendFloat(nil, f, 'f', 0, 64)
		s = append(s, '.')
	}
	if s[len(s)-1] == '.' {
		s = append(s, '0')
	}
	return append(b, s...)
}
