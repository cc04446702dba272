package personal

import "bytes"

// xmlReader reads elements without children as values of columns named by the
// element, or by its attribute name as dumps in XML have it, and attributes as
// values of columns named by themselves.
type xmlReader struct {
	s *structure
	t *table

	in    xmlState
	tag   []byte // what stands between < and >
	text  []byte
	name  string // of the column that text goes to
	quote byte
	dash  int
	fresh bool // text belongs to the element that was opened last
}

type xmlState uint8

const (
	xmlText xmlState = iota
	xmlTag
	xmlComment
)

// tagMax is how much of a tag is read.
const tagMax = 4096

func newXML(s *structure) *xmlReader { return &xmlReader{s: s, t: s.table("")} }

func (r *xmlReader) write(p []byte) {
	for i := 0; i < len(p); i++ {
		if r.s.off {
			return
		}
		c := p[i]
		switch r.in {
		case xmlText:
			if c == '<' {
				r.in, r.quote, r.tag = xmlTag, 0, r.tag[:0]
				continue
			}
			j := bytes.IndexByte(p[i:], '<')
			if j < 0 {
				j = len(p) - i
			}
			if room := cellMax - len(r.text); r.fresh && room > 0 {
				r.text = append(r.text, p[i:i+min(j, room)]...)
			}
			i += j - 1
		case xmlTag:
			switch {
			case r.quote != 0:
				if c == r.quote {
					r.quote = 0
				}
			case c == '>':
				r.in = xmlText
				r.endTag()
				continue
			case (c == '"' || c == '\'') && len(r.tag) > 0 && r.tag[0] != '!':
				r.quote = c
			}
			if len(r.tag) < tagMax {
				r.tag = append(r.tag, c)
			} else {
				r.quote = 0 // a quote that never ends must not take all
			}
			if len(r.tag) == 3 && string(r.tag) == "!--" {
				r.in, r.dash = xmlComment, 0
			}
		case xmlComment:
			switch {
			case c == '-':
				r.dash++
			case c == '>' && r.dash >= 2:
				r.in = xmlText
			default:
				r.dash = 0
			}
		}
	}
}

func (r *xmlReader) endTag() {
	tag := r.tag
	if len(tag) == 0 || tag[0] == '?' || tag[0] == '!' {
		if bytes.HasPrefix(tag, []byte("![CDATA[")) && r.fresh {
			v := bytes.TrimSuffix(tag[8:], []byte("]]"))
			r.text = append(r.text, v[:min(len(v), max(0, cellMax-len(r.text)))]...)
		}
		return
	}
	if tag[0] == '/' {
		if r.fresh && len(r.text) > 0 && r.name != "" {
			r.s.add(r.t, r.s.column(r.t, r.name, ""), r.text)
		}
		r.fresh, r.text = false, r.text[:0]
		r.s.row(r.t)
		return
	}
	r.fresh, r.text = tag[len(tag)-1] != '/', r.text[:0]
	if !r.fresh {
		r.s.row(r.t)
	}
	name, rest := nameOf(tag)
	r.name = string(name)
	for range 64 {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		var attr []byte
		attr, rest = nameOf(rest)
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if len(attr) == 0 || len(rest) < 2 || rest[0] != '=' {
			return
		}
		rest = bytes.TrimLeft(rest[1:], " \t\r\n")
		if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
			return
		}
		value, after, ok := bytes.Cut(rest[1:], rest[:1])
		if !ok {
			return
		}
		if (string(attr) == "name" || string(attr) == "column") && r.fresh && len(value) <= 128 {
			r.name = string(value)
		} else {
			r.s.add(r.t, r.s.column(r.t, string(attr), ""), value)
		}
		rest = after
	}
}

// nameOf cuts a name from the front, without its namespace.
func nameOf(b []byte) (name, rest []byte) {
	i := 0
	for i < len(b) && i < 128 && (class[b[i]] != 0 || b[i] >= 0x80 || b[i] == '_' || b[i] == '-' || b[i] == '.' || b[i] == ':') {
		i++
	}
	name = b[:i]
	if j := bytes.LastIndexByte(name, ':'); j >= 0 {
		name = name[j+1:]
	}
	return name, b[i:]
}

func (r *xmlReader) close() {
	clear(r.text[:cap(r.text)])
	clear(r.tag[:cap(r.tag)])
}
