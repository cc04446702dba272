package personal

import (
	"bytes"
	"path"
	"strconv"
	"strings"
)

// csvReader reads rows of values with one byte between them, RFC 4180 with any
// delimiter.
type csvReader struct {
	s         *structure
	t         *table
	delimiter byte
	columns   []*Column
	header    bool // the first row has names
	first     bool
	names     []string

	field   []byte
	index   int
	quoted  bool // within quotes
	closing bool // after a quote within quotes
	empty   bool // the row has no byte yet
}

// tellCSV gives a reader when the first lines have the same number of fields, two
// or more. cut is set when head is not all of the file.
func tellCSV(s *structure, head []byte, cut bool) reader {
	if cut {
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	ext := strings.ToLower(path.Ext(s.name))
	declared := ext == ".csv" || ext == ".tsv" || ext == ".tab"
	best, bestFields := byte(0), 0
	for _, d := range []byte{'\t', ',', ';', '|'} {
		if n := evenFields(head, d, declared); n > bestFields {
			best, bestFields = d, n
		}
	}
	if bestFields < 2 || bestFields > maxFields {
		return nil
	}
	r := &csvReader{s: s, delimiter: best, first: true, empty: true}
	r.t = s.table("")
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	r.header = headerRow(line, best)
	return r
}

// evenFields gives how many fields the lines have, 0 when they differ.
func evenFields(head []byte, d byte, declared bool) int {
	fields, lines, odd := 0, 0, 0
	for line := range bytes.Lines(head) {
		if lines == 40 {
			break
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		n, quoted := 1, false
		for _, c := range line {
			switch {
			case c == '"':
				quoted = !quoted
			case c == d && !quoted:
				n++
			}
		}
		switch {
		case lines == 0:
			if fields = n; n < 2 {
				return 0
			}
		case n != fields || quoted:
			if odd++; odd > 4 && !declared {
				return 0
			}
		}
		lines++
	}
	if fields < 2 || lines < 2 || odd*10 > lines && !declared || odd*2 > lines || !declared && lines < 3 {
		return 0
	}
	return fields
}

// headerRow tells a row of names from one of values.
func headerRow(line []byte, d byte) bool {
	for f := range bytes.SplitSeq(bytes.TrimRight(line, "\r"), []byte{d}) {
		f = bytes.Trim(f, "\" ")
		digits := 0
		for _, c := range f {
			if class[c] == isDigit {
				digits++
			}
		}
		if len(f) > 80 || digits >= 4 || digits == len(f) && digits > 0 || bytes.IndexByte(f, '@') >= 0 {
			return false
		}
	}
	return true
}

func (r *csvReader) write(p []byte) {
	for i := 0; i < len(p); i++ {
		if r.s.off {
			return
		}
		c := p[i]
		if r.quoted {
			switch {
			case r.closing && c == '"':
				r.closing = false
				r.put(c)
				continue
			case r.closing:
				r.closing, r.quoted = false, false
			case c == '"':
				r.closing = true
				continue
			default:
				r.put(c)
				continue
			}
		}
		switch c {
		case r.delimiter:
			r.end()
			r.empty = false
		case '\n':
			if !r.empty || len(r.field) > 0 {
				r.end()
				r.endRow()
			}
			r.empty, r.index = true, 0
		case '"':
			if len(r.field) == 0 {
				r.quoted, r.empty = true, false
				continue
			}
			r.put(c)
		case '\r':
		default:
			// Take what needs no look at once.
			j := i + 1
			for j < len(p) && p[j] != r.delimiter && p[j] != '\n' && p[j] != '\r' && p[j] != '"' {
				j++
			}
			if room := cellMax - len(r.field); room > 0 {
				r.field = append(r.field, p[i:min(j, i+room)]...)
			}
			i = j - 1
		}
	}
}

func (r *csvReader) put(c byte) {
	if len(r.field) < cellMax {
		r.field = append(r.field, c)
	}
}

func (r *csvReader) end() {
	switch {
	case r.index >= maxFields:
	case r.first && r.header:
		name := strings.TrimSpace(string(bytes.TrimPrefix(r.field, []byte("\xEF\xBB\xBF"))))
		r.names = append(r.names, name)
	default:
		for len(r.columns) <= r.index {
			name := "#" + strconv.Itoa(len(r.columns)+1)
			if len(r.columns) < len(r.names) {
				name = r.names[len(r.columns)]
			}
			r.columns = append(r.columns, r.s.column(r.t, name, ""))
		}
		r.s.add(r.t, r.columns[r.index], r.field)
	}
	r.index++
	r.field = r.field[:0]
}

func (r *csvReader) endRow() {
	if r.first && r.header {
		r.first = false
		return
	}
	r.first = false
	r.s.row(r.t)
}

func (r *csvReader) close() {
	if !r.empty || len(r.field) > 0 {
		r.end()
		r.endRow()
	}
	clear(r.field[:cap(r.field)])
}
