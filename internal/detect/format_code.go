package detect

import "bytes"

// codeString bounds a string in code, in bytes: a quote without an end nearby
// is an apostrophe in some text.
const codeString = 4096

// readCode reads what code assigns to names, enough for files of settings in
// PHP, Python, Ruby and JavaScript: a = 'b', a['b'] = 'c', 'a' => 'b',
// {'a': 'b'}, define('a', 'b'). What is no plain string has no value.
func readCode(data []byte, yield func(field) bool) {
	c := code{data: data, yield: yield}
	for c.pos < len(data) && c.step() {
	}
}

// code is a reader of code.
type code struct {
	walk
	data  []byte
	pos   int
	yield func(field) bool

	name  []byte // what may be given a value
	op    bool   // and was followed by an operator
	index bool   // within the brackets of name[
	chain bool   // the next word belongs to name
}

func (c *code) reset() { c.name, c.op, c.index, c.chain = c.name[:0], false, false, false }

func (c *code) step() bool {
	data, ch := c.data, c.data[c.pos]
	after := byte(0)
	if c.pos+1 < len(data) {
		after = data[c.pos+1]
	}
	switch {
	case ch == '\n':
		if !c.op {
			c.reset()
		}
	case isSpace(ch):
	case ch == '#', ch == '/' && after == '/':
		c.pos = skipTo(data, c.pos, "\n")
		if !c.op {
			c.reset()
		}
		return true
	case ch == '/' && after == '*':
		c.pos = skipTo(data, c.pos+2, "*/")
		return true
	case ch == '"', ch == '\'', ch == '`':
		return c.str(ch)
	case isWord(ch):
		c.word()
		return true
	case ch == '.', ch == '-' && after == '>', ch == ':' && after == ':':
		c.chain = len(c.name) > 0 && !c.op
		if ch != '.' {
			c.pos++
		}
	case bytes.IndexByte([]byte("=!<>"), ch) >= 0 && after == '=', ch == '=' && after == '~':
		c.reset()
		c.pos++
	case ch == '=', ch == ':':
		if ch == '=' && after == '>' {
			c.pos++
		}
		c.op = len(c.name) > 0 && !c.index
	case ch == '[' && len(c.name) > 0 && !c.op:
		c.index = true
	case ch == ']' && c.index:
		c.index = false
	case ch == '(', ch == '[', ch == '{':
		isDefine := ch == '(' && !c.op && bytes.EqualFold(c.name, []byte("define"))
		var name []byte
		if c.op || ch == '{' { // a block has its name too: acl { … }
			name = c.name
		}
		c.push(name, frame{first: isDefine})
		c.reset()
	case ch == ')', ch == ']', ch == '}':
		c.pop()
		c.reset()
	case ch == ',':
		if f := c.top(); f != nil && f.first && len(c.name) > 0 {
			c.op, f.first = true, false
			break
		}
		c.reset()
	default:
		c.reset()
	}
	c.pos++
	return true
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// word reads a name. As a value it is none that can be told, but for the words
// that stand before a list.
func (c *code) word() {
	start := c.pos
	for c.pos < len(c.data) && isWord(c.data[c.pos]) {
		c.pos++
	}
	w := bytes.TrimPrefix(c.data[start:c.pos], []byte("$"))
	w = w[:min(len(w), 200)]
	switch {
	case len(w) <= 2 && c.pos < len(c.data) && (c.data[c.pos] == '"' || c.data[c.pos] == '\''): // r"…"
	case c.op:
		switch string(w) {
		case "array", "dict", "new", "Array", "Object":
		default:
			c.reset()
		}
	case string(w) == "return": // what follows is no name's
		c.reset()
	case c.index, c.chain:
		c.name, c.chain = joinKey(c.name, w), false
	default:
		c.name = append(c.name[:0], w...)
	}
}

// str reads a string.
func (c *code) str(q byte) bool {
	data := c.data
	start, end, next := c.pos+1, -1, 0
	if triple := []byte{q, q, q}; q != '`' && bytes.HasPrefix(data[c.pos:], triple) {
		start += 2
		if i := bytes.Index(data[start:], triple); i >= 0 {
			end, next = start+i, start+i+3
		}
	} else {
		for i := start; i < min(len(data), start+codeString); i++ {
			if data[i] == '\\' {
				i++
			} else if data[i] == q {
				end, next = i, i+1
				break
			}
		}
	}
	if end < 0 {
		c.pos++
		c.reset()
		return true
	}
	c.pos = next
	switch {
	case c.op:
		ok := c.deep > 0 || start == end || c.yield(field{key: c.at(c.name), start: start, end: end, group: c.group()})
		c.reset()
		return ok
	case c.index:
		c.name = joinKey(c.name, data[start:min(end, start+200)])
	default:
		c.name = append(c.name[:0], data[start:min(end, start+200)]...)
	}
	return true
}
