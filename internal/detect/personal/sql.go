package personal

import (
	"bytes"
	"strconv"
	"strings"
)

// sqlReader reads dumps in SQL as mysqldump, pg_dump, sqlite3 and SQL Server write
// them: CREATE TABLE names columns, INSERT and COPY … FROM stdin bring rows. Of
// everything else only the strings and comments are understood, so as to pass it.
type sqlReader struct {
	s    *structure
	defs map[string][]sqlColumn
	all  int // columns in defs

	// The lexer.
	in      sqlState
	token   []byte
	quote   byte // that ends the string or name
	last    byte // the byte before, where two mean something
	line    bool // nothing but space has come in this line
	escapes bool // a backslash in a string takes the next byte
	tag     []byte

	// The parser.
	phase   sqlPhase
	begins  bool // the token that is being read is the first of its line
	depth   int
	dot     bool
	name    string
	names   []string
	item    int // tokens of one column's definition
	typ     string
	t       *table
	columns []*Column
	index   int
	value   []byte
	text    bool // value is a string
	some    bool // there is a value
	stdin   bool
}

type sqlColumn struct{ name, typ string }

type sqlState uint8

const (
	sqlBetween sqlState = iota
	sqlWord
	sqlString // in quote
	sqlEscape
	sqlQuote   // a quote within or after a string
	sqlLine    // a comment to the line's end
	sqlBlock   // a comment in /* */
	sqlDollar  // $tag
	sqlBody    // $tag$ …
	sqlRows    // of COPY
	sqlRowsEsc // after a backslash there
)

type sqlPhase uint8

const (
	sqlStart sqlPhase = iota
	sqlSkip
	sqlInsertName
	sqlInsertColumns
	sqlInsertValues // the word is to come
	sqlValues
	sqlCreate
	sqlCreateName
	sqlCreateColumns
	sqlCopyName
	sqlCopyColumns
	sqlCopyFrom
)

// sqlTokenMax is how much of a string is kept; of a name 128 bytes.
const sqlTokenMax = 4096

func newSQL(s *structure, head []byte) *sqlReader {
	r := &sqlReader{s: s, defs: map[string][]sqlColumn{}, line: true, escapes: true}
	for _, w := range []string{"PostgreSQL database dump", "PRAGMA ", "standard_conforming_strings", "[dbo]", "SET ANSI_"} {
		if bytes.Contains(head, []byte(w)) {
			r.escapes = false
		}
	}
	return r
}

func (r *sqlReader) write(p []byte) {
	for i := 0; i < len(p); i++ {
		if r.s.off {
			return
		}
		c := p[i]
		switch r.in {
		case sqlWord:
			if class[c] != 0 || c == '_' || c >= 0x80 || c == '$' || c == '.' && class[r.token[0]] == isDigit {
				r.put(c)
				continue
			}
			r.in = sqlBetween
			r.emit('w')
		case sqlString:
			switch {
			case c == r.quote:
				r.in = sqlQuote
			case c == '\\' && r.escapes && r.quote == '\'':
				r.in = sqlEscape
			default:
				j := i + 1
				for j < len(p) && p[j] != r.quote && p[j] != '\\' {
					j++
				}
				if room := sqlTokenMax - len(r.token); room > 0 {
					r.token = append(r.token, p[i:min(j, i+room)]...)
				}
				i = j - 1
			}
			continue
		case sqlEscape:
			r.in = sqlString
			switch c {
			case 'n', 'r', 't':
				c = ' '
			case '0':
				c = 0
			}
			r.put(c)
			continue
		case sqlQuote:
			if c == r.quote {
				r.put(c)
				r.in = sqlString
				continue
			}
			r.in = sqlBetween
			if r.quote == '\'' {
				r.emit('s')
			} else {
				r.emit('i')
			}
		case sqlLine:
			if c == '\n' {
				r.in, r.line = sqlBetween, true
			}
			continue
		case sqlBlock:
			if c == '/' && r.last == '*' {
				r.in, c = sqlBetween, 0
			}
			r.last = c
			continue
		case sqlDollar:
			if c == '$' {
				r.in = sqlBody
				r.tag = append(append(r.tag[:0], '$'), r.token...)
				r.tag = append(r.tag, '$')
				r.token = r.token[:0]
				continue
			}
			if (class[c] != 0 || c == '_') && len(r.token) < 64 {
				r.put(c)
				continue
			}
			r.in = sqlBetween
		case sqlBody:
			if len(r.token) == len(r.tag) {
				r.token = r.token[:copy(r.token, r.token[1:])]
			}
			if r.token = append(r.token, c); bytes.Equal(r.token, r.tag) {
				r.in = sqlBetween
			}
			continue
		case sqlRows, sqlRowsEsc:
			r.rowByte(c)
			continue
		}
		r.between(c)
	}
}

func (r *sqlReader) put(c byte) {
	if len(r.token) < sqlTokenMax {
		r.token = append(r.token, c)
	}
}

// open begins a token.
func (r *sqlReader) open(in sqlState, quote byte) {
	r.in, r.quote, r.begins, r.line = in, quote, r.line, false
	r.token = r.token[:0]
}

func (r *sqlReader) between(c byte) {
	last := r.last
	r.last = c
	switch {
	case c == '\n':
		r.line = true
		if r.stdin && r.phase == sqlStart {
			r.in, r.stdin = sqlRows, false
			r.index, r.token, r.line, r.some = 0, r.token[:0], true, true
			r.begin()
		}
	case c == ' ' || c == '\t' || c == '\r':
	case c == '\'' || c == '`' || c == '"':
		r.open(sqlString, c)
	case c == '[' && r.phase != sqlValues:
		r.open(sqlString, ']')
	case c == '-' && last == '-' || c == '#' && r.line:
		r.in, r.last = sqlLine, 0
	case c == '*' && last == '/':
		r.in, r.last = sqlBlock, 0
	case c == '$':
		r.open(sqlDollar, 0)
	case class[c] != 0 || c == '_' || c >= 0x80:
		r.open(sqlWord, 0)
		r.put(c)
	default:
		r.line = false
		r.sign(c)
	}
}

// sqlModifiers are words between a statement's verb and its table's name.
var sqlModifiers = map[string]bool{
	"into": true, "ignore": true, "low_priority": true, "delayed": true, "high_priority": true, "or": true, "abort": true, "fail": true,
	"rollback": true, "overwrite": true, "table": true, "only": true, "if": true, "not": true, "exists": true, "temporary": true,
	"temp": true, "unlogged": true, "global": true, "local": true, "foreign": true, "replace": true,
}

// sqlKeys are words that begin something other than a column in CREATE TABLE.
var sqlKeys = map[string]bool{
	"primary": true, "key": true, "unique": true, "constraint": true, "index": true, "foreign": true, "check": true,
	"fulltext": true, "spatial": true, "like": true, "exclude": true, "period": true,
}

// emit takes a token: w a bare word or number, i a quoted name, s a string.
func (r *sqlReader) emit(kind byte) {
	if r.phase == sqlValues && r.depth > 0 {
		r.take(kind)
		return
	}
	word := ""
	if kind != 's' && len(r.token) <= 128 {
		word = string(r.token)
	}
	low := ""
	if kind == 'w' {
		low = strings.ToLower(word)
	}
	// Where no semicolon ends a statement, the next one's verb does.
	if kind == 'w' && r.begins && r.depth == 0 || r.phase == sqlStart || r.phase == sqlSkip && r.begins {
		switch low {
		case "insert", "replace":
			r.statement(sqlInsertName)
			return
		case "create":
			r.statement(sqlCreate)
			return
		case "copy":
			r.statement(sqlCopyName)
			return
		}
		if r.phase == sqlStart {
			r.phase = sqlSkip
			return
		}
	}
	switch r.phase {
	case sqlCreate:
		switch {
		case low == "table":
			r.phase = sqlCreateName
		case !sqlModifiers[low]:
			r.phase = sqlSkip
		}
	case sqlInsertName, sqlCreateName, sqlCopyName:
		switch {
		case kind == 's':
			r.phase = sqlSkip
		case low == "values" || low == "value":
			r.rows()
		case low == "select" || low == "set" || low == "default" || low == "as":
			r.phase = sqlSkip
		case low == "from" && r.phase == sqlCopyName:
			r.phase = sqlCopyFrom
		case r.dot:
			r.name, r.dot = r.name+"."+word, false
		case !sqlModifiers[low]:
			r.name = word
		}
	case sqlInsertColumns, sqlCopyColumns:
		if len(r.names) < maxFields && kind != 's' {
			r.names = append(r.names, word)
		}
	case sqlInsertValues:
		switch low {
		case "values", "value":
			r.rows()
		case "select":
			r.phase = sqlSkip
		}
	case sqlCreateColumns:
		r.definition(low, word)
	case sqlCopyFrom:
		switch low {
		case "from":
		case "stdin":
			r.stdin = true
		}
	}
}

func (r *sqlReader) definition(low, word string) {
	if r.depth != 1 {
		return
	}
	r.item++
	switch {
	case r.item == 1 && !sqlKeys[low]:
		r.typ = ""
		r.names = append(r.names, word)
	case r.item == 2 && len(r.names) > 0 && r.typ == "":
		if defs := r.defs[r.name]; len(defs) < maxFields && r.all < 16*maxColumns {
			r.all++
			r.defs[r.name] = append(defs, sqlColumn{r.names[len(r.names)-1], word})
		}
		r.names = r.names[:0]
	}
}

// statement begins one.
func (r *sqlReader) statement(p sqlPhase) {
	r.phase, r.depth, r.dot, r.name, r.names, r.item, r.stdin = p, 0, false, "", r.names[:0], 0, false
}

// sign takes what is neither a word nor a string.
func (r *sqlReader) sign(c byte) {
	switch c {
	case '.':
		r.dot = r.phase != sqlValues
	case ';':
		if r.phase != sqlValues || r.depth == 0 {
			r.phase, r.depth = sqlStart, 0
		}
	case '(':
		switch r.phase {
		case sqlInsertName:
			r.phase = sqlInsertColumns
		case sqlCopyName:
			r.phase = sqlCopyColumns
		case sqlCreateName:
			r.phase, r.depth, r.item, r.names = sqlCreateColumns, 1, 0, r.names[:0]
			if _, ok := r.defs[r.name]; ok || len(r.defs) >= maxTables {
				r.phase = sqlSkip
			}
		case sqlCreateColumns:
			r.depth++
		case sqlValues:
			if r.depth++; r.depth == 1 {
				r.index, r.some, r.text = 0, false, false
			}
		}
	case ')':
		switch r.phase {
		case sqlInsertColumns:
			r.phase = sqlInsertValues
		case sqlCopyColumns:
			r.phase = sqlCopyFrom
		case sqlCreateColumns:
			if r.depth--; r.depth == 0 {
				r.phase = sqlSkip
			}
		case sqlValues:
			if r.depth == 1 {
				r.endValue(r.value)
				r.s.row(r.t)
			}
			r.depth = max(0, r.depth-1)
		}
	case ',':
		switch {
		case r.phase == sqlCreateColumns && r.depth == 1:
			r.item = 0
		case r.phase == sqlValues && r.depth == 1:
			r.endValue(r.value)
		}
	}
}

// rows makes ready for the rows of the table.
func (r *sqlReader) rows() {
	r.phase, r.depth = sqlValues, 0
	r.begin()
}

func (r *sqlReader) begin() {
	r.t = r.s.table(r.name)
	if r.t != nil {
		r.t.real = true
	}
	defs := r.defs[r.name]
	r.columns = r.columns[:0]
	if len(r.names) == 0 {
		for _, d := range defs {
			r.columns = append(r.columns, r.s.column(r.t, d.name, d.typ))
		}
		return
	}
	for _, n := range r.names {
		typ := ""
		for _, d := range defs {
			if d.name == n {
				typ = d.typ
				break
			}
		}
		r.columns = append(r.columns, r.s.column(r.t, n, typ))
	}
}

// take keeps a token of a value: a string before a word, the first before others.
func (r *sqlReader) take(kind byte) {
	if r.some && (r.text || kind == 'w') {
		return
	}
	r.some, r.text = true, kind != 'w'
	r.value = append(r.value[:0], r.token...)
}

func (r *sqlReader) endValue(v []byte) {
	if r.some && r.index < maxFields {
		for len(r.columns) <= r.index {
			r.columns = append(r.columns, r.s.column(r.t, "#"+strconv.Itoa(len(r.columns)+1), ""))
		}
		r.s.add(r.t, r.columns[r.index], v)
	}
	r.index++
	r.some, r.text, r.value = false, false, r.value[:0]
}

// rowByte takes a byte of the rows of COPY.
func (r *sqlReader) rowByte(c byte) {
	if r.in == sqlRowsEsc {
		r.in = sqlRows
		switch c {
		case 'N':
			r.some = false
			return
		case '.':
			if r.index == 0 && len(r.token) == 0 {
				r.in, r.phase, r.line = sqlBetween, sqlStart, false
				return
			}
		case 'n', 't', 'r', 'b', 'f', 'v':
			c = ' '
		}
		r.some = true
		r.put(c)
		return
	}
	switch c {
	case '\\':
		r.in = sqlRowsEsc
	case '\t', '\n':
		r.endValue(r.token)
		r.token = r.token[:0]
		r.some = true
		if c == '\n' {
			r.s.row(r.t)
			r.index = 0
		}
	default:
		r.put(c)
	}
}

func (r *sqlReader) close() {
	clear(r.token[:cap(r.token)])
	clear(r.value[:cap(r.value)])
}
