package lvm

import (
	"math"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Bounds of a text, far above what LVM writes.
const (
	maxNesting = 12
	maxEntries = 400_000
)

// section is a named group of entries: name { … }.
type section struct {
	entries []entry
}

// entry is one key with its value: *section, string, int64 or []any of the
// latter two.
type entry struct {
	key   string
	value any
}

func (s *section) get(key string) any {
	for i := range s.entries {
		if s.entries[i].key == key {
			return s.entries[i].value
		}
	}
	return nil
}

// sub gives a section within s, an empty one when there is none.
func (s *section) sub(key string) *section {
	if v, ok := s.get(key).(*section); ok {
		return v
	}
	return &section{}
}

func (s *section) text(key string) string {
	v, _ := s.get(key).(string)
	return v
}

// number gives a number, -1 when there is none.
func (s *section) number(key string) int64 {
	if v, ok := s.get(key).(int64); ok {
		return v
	}
	return -1
}

// list gives an array, also of one value written without brackets.
func (s *section) list(key string) []any {
	switch v := s.get(key).(type) {
	case []any:
		return v
	case string, int64:
		return []any{v}
	}
	return nil
}

// has tells whether an array holds a word.
func (s *section) has(key, word string) bool {
	for _, v := range s.list(key) {
		if v == word {
			return true
		}
	}
	return false
}

// parser reads the text of metadata: key = value, name { … }, # comments.
type parser struct {
	in      string
	at      int
	entries int
}

func parse(in string) (*section, error) {
	p := &parser{in: strings.TrimRight(in, "\x00")}
	return p.section(0)
}

func (p *parser) fail(want string) error {
	return block.Damaged("text, byte %d: want %s", p.at, want)
}

// space skips blanks and comments.
func (p *parser) space() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case '#':
			if i := strings.IndexByte(p.in[p.at:], '\n'); i >= 0 {
				p.at += i
			} else {
				p.at = len(p.in)
			}
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next tells whether c comes next, and takes it.
func (p *parser) next(c byte) bool {
	p.space()
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) section(depth int) (*section, error) {
	s := &section{}
	for {
		p.space()
		if p.at == len(p.in) {
			if depth > 0 {
				return nil, p.fail("a closing brace")
			}
			return s, nil
		}
		if depth > 0 && p.next('}') {
			return s, nil
		}
		if p.entries++; p.entries > maxEntries || depth > maxNesting {
			return nil, p.fail("fewer or flatter entries")
		}
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		var value any
		switch {
		case p.next('{'):
			value, err = p.section(depth + 1)
		case p.next('='):
			value, err = p.value()
		default:
			err = p.fail("a value or a section")
		}
		if err != nil {
			return nil, err
		}
		s.entries = append(s.entries, entry{key, value})
	}
}

func (p *parser) key() (string, error) {
	if p.at < len(p.in) && p.in[p.at] == '"' {
		return p.quoted()
	}
	start := p.at
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n{}=#[],\"", p.in[p.at]) < 0 {
		p.at++
	}
	if p.at == start {
		return "", p.fail("a name")
	}
	return p.in[start:p.at], nil
}

func (p *parser) value() (any, error) {
	if !p.next('[') {
		return p.scalar()
	}
	list := []any{}
	for !p.next(']') {
		if len(list) > 0 && !p.next(',') {
			return nil, p.fail("a comma or a closing bracket")
		}
		if p.next(']') {
			break
		}
		v, err := p.scalar()
		if err != nil {
			return nil, err
		}
		if p.entries++; p.entries > maxEntries {
			return nil, p.fail("fewer entries")
		}
		list = append(list, v)
	}
	return list, nil
}

// scalar reads a string or a number; fractions are cut off.
func (p *parser) scalar() (any, error) {
	p.space()
	if p.at < len(p.in) && p.in[p.at] == '"' {
		return p.quoted()
	}
	start := p.at
	word, err := p.key()
	if err != nil {
		return nil, err
	}
	if n, err := strconv.ParseInt(word, 0, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n, nil
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil && math.Abs(f) < 1<<62 {
		return int64(f), nil
	}
	p.at = start
	return nil, p.fail("a string or a number")
}

// quoted reads a string, in which a backslash stands before what is meant as
// it is.
func (p *parser) quoted() (string, error) {
	p.at++
	start := p.at
	for i := start; i < len(p.in); i++ {
		switch p.in[i] {
		case '\\':
			i++
		case '"':
			p.at = i + 1
			return unescape(p.in[start:i]), nil
		}
	}
	return "", p.fail("a closing quote")
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
