package personal

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read as tables.
const (
	headMax    = 8 << 10 // bytes from which the format is told
	maxTables  = 256
	maxColumns = 512 // of all tables
	maxFields  = 512 // of one row
	// Of a table's rows all are looked at up to fullRows, then one in someRows.
	fullRows = 16 << 10
	someRows = 8
)

// structure reads a file as tables when it is one of the known formats.
type structure struct {
	name    string
	head    []byte
	reader  reader // nil: not told yet, or none
	decided bool
	tables  map[string]*table
	columns int
	order   []*table
	rest    int // rows until the next look whether it is worth going on
	off     bool
}

// A reader is a format's: it takes the file in pieces and gives values to tables.
type reader interface {
	write(p []byte)
	close()
}

// table is one table and its columns by name.
type table struct {
	name    string
	columns map[string]*Column
	order   []*Column
	rows    int64
	real    bool // rows of a database, not values that only have names
}

func (s *structure) write(p []byte) {
	if s.off {
		return
	}
	if !s.decided {
		room := headMax - len(s.head)
		if len(s.head) == 0 && len(p) >= headMax {
			s.decide(p[:headMax])
		} else {
			s.head = append(s.head, p[:min(len(p), room)]...)
			if len(s.head) < headMax {
				return
			}
			s.decide(s.head)
			if s.reader != nil {
				s.reader.write(s.head)
			}
			p = p[min(len(p), room):]
			s.head = nil
		}
	}
	if s.reader != nil {
		s.reader.write(p)
	}
}

func (s *structure) close() {
	if s.off {
		return
	}
	if !s.decided {
		s.decide(s.head)
		if s.reader != nil {
			s.reader.write(s.head)
		}
		clear(s.head)
		s.head = nil
	}
	if s.reader != nil && !s.off {
		s.reader.close()
	}
}

func (s *structure) decide(head []byte) {
	s.decided = true
	s.tables = map[string]*table{}
	s.reader = s.tell(head)
	s.off = s.reader == nil
}

// tell gives the reader of the format that the file has.
func (s *structure) tell(head []byte) reader {
	if bytes.IndexByte(head[:min(len(head), 512)], 0) >= 0 {
		return nil
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
	if len(text) < 8 {
		return nil
	}
	ext := strings.ToLower(path.Ext(s.name))
	if ext == ".sql" || ext == ".dump" || sqlHead(text) {
		return newSQL(s, text)
	}
	if text[0] == '{' || text[0] == '[' {
		if t := bytes.TrimLeft(text[1:], " \t\r\n"); len(t) > 0 && (t[0] == '"' || t[0] == '{' || t[0] == '[') {
			return newJSON(s)
		}
		return nil
	}
	if text[0] == '<' {
		if text[1] == '?' || class[text[1]] != 0 {
			if low := bytes.ToLower(text[:min(len(text), 256)]); !bytes.Contains(low, []byte("<html")) && !bytes.Contains(low, []byte("<!doctype html")) {
				return newXML(s)
			}
		}
		return nil
	}
	return tellCSV(s, text, len(head) == headMax)
}

// sqlHead tells a dump by the statements that begin its lines, or by what a
// database's own tool writes first.
func sqlHead(text []byte) bool {
	for line := range bytes.Lines(text) {
		switch line[0] {
		case '-':
			if bytes.HasPrefix(line, []byte("-- PostgreSQL database dump")) || bytes.HasPrefix(line, []byte("-- MySQL dump")) || bytes.HasPrefix(line, []byte("-- MariaDB dump")) {
				return true
			}
		case 'i', 'I', 'c', 'C', 'r', 'R':
			var buf [20]byte
			low := lower(buf[:0], line[:min(len(line), 20)])
			for _, w := range []string{"insert into ", "insert [", "create table ", "insert ignore into ", "replace into "} {
				if bytes.HasPrefix(low, []byte(w)) {
					return true
				}
			}
			if bytes.HasPrefix(low, []byte("copy ")) && bytes.Contains(line, []byte(" FROM stdin;")) {
				return true
			}
		}
	}
	return false
}

// table gives the table of the name, nil when there are too many.
func (s *structure) table(name string) *table {
	if t := s.tables[name]; t != nil {
		return t
	}
	if len(s.order) >= maxTables {
		return nil
	}
	t := &table{name: strings.Clone(name), columns: map[string]*Column{}}
	s.tables[t.name] = t
	s.order = append(s.order, t)
	return t
}

// column gives the table's column of the name, nil when there are too many.
func (s *structure) column(t *table, name, typ string) *Column {
	if t == nil {
		return nil
	}
	if c := t.columns[name]; c != nil {
		return c
	}
	if s.columns >= maxColumns || len(name) > 256 {
		return nil
	}
	s.columns++
	name = strings.Clone(name)
	c := NewColumn(name, typ)
	c.whole = true // the file's running text is looked at anyway
	t.columns[name] = c
	t.order = append(t.order, c)
	return c
}

// add gives a value to a column, but of long tables of some rows only.
func (s *structure) add(t *table, c *Column, v []byte) {
	if c == nil || t.rows >= fullRows && t.rows%someRows != 0 {
		return
	}
	c.Add(v)
}

// scale is how many rows one that was looked at stands for.
func (t *table) scale() float64 {
	if t.rows <= fullRows {
		return 1
	}
	return float64(t.rows) / float64(fullRows+(t.rows-fullRows)/someRows)
}

// row counts a row, and ends the reading when no column of any table has anything.
func (s *structure) row(t *table) {
	if t != nil {
		t.rows++
	}
	if s.rest++; s.rest%4096 != 0 {
		return
	}
	for _, t := range s.order {
		for _, c := range t.order {
			if !c.Idle() {
				return
			}
		}
	}
	if _, dump := s.reader.(*sqlReader); !dump {
		s.off = true
	}
}

// found is what the columns hold of one kind.
type found struct {
	names    []string
	distinct int64
	about    bool // distinct is an estimate
	hinted   bool // a column's name says so
	real     bool // in a table of a database
}

// result gives what the columns hold by kind, and whether a table is one of people:
// two kinds of personal data or more, side by side.
func (s *structure) result() (by [kinds]*found, people bool) {
	for _, t := range s.order {
		var personal kindSet
		for _, c := range t.order {
			for _, h := range c.Result() {
				if by[h.Kind] == nil {
					by[h.Kind] = &found{}
				}
				f := by[h.Kind]
				if scale := t.scale(); scale > 1 && h.Distinct*2 > h.Count {
					f.distinct += int64(float64(h.Distinct) * scale)
					f.about = true
				} else {
					f.distinct += h.Distinct
					f.about = f.about || h.Distinct > columnSetMax
				}
				f.hinted = f.hinted || c.hints.has(h.Kind)
				f.real = f.real || t.real
				if !h.Kind.Secret() && h.Kind.Category() != Organisation {
					personal |= setOf(h.Kind)
				}
				if name := label(t.name, c.name); len(f.names) < maxNamed {
					f.names = append(f.names, name)
				}
			}
		}
		if personal&(personal-1) != 0 && t.rows >= 3 {
			people = true
		}
	}
	return by, people
}

// label is a column's name for people.
func label(table, column string) string {
	column = toUTF8([]byte(column))
	if column == "" {
		column = "?"
	}
	if table != "" {
		column = toUTF8([]byte(table)) + "." + column
	}
	if !printable(column) {
		return "?"
	}
	if len(column) > 100 {
		cut := 100
		for cut > 0 && !utf8.RuneStart(column[cut]) {
			cut--
		}
		column = column[:cut] + "…"
	}
	return column
}

// enough tells whether what columns hold is worth telling of a file, where names
// of values mean less than in a database.
func (f *found) enough(k Kind, people, authors bool) bool {
	n := f.distinct
	switch k {
	case Name: // of fonts and products too, when it stands alone
		return people && n >= 3
	case Email, Phone, Landline:
		if authors {
			return false
		}
		return n >= 50 || people && n >= 3
	case Mobile, Address, Plate, USCC, BirthDate, Origin, Health, Biometric:
		return n >= 20 || n >= 3 && (people || f.real)
	case Location, Income:
		return n >= 10 && people
	case PasswordHash:
		return f.real || n >= 3
	case Password, Token, OTPSecret:
		return f.real && n >= 2 || n >= 3 && people
	case PrivateKey:
		return f.real
	}
	return f.hinted || n >= 3
}
