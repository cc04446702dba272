package detect

import (
	"bytes"
	"strconv"
)

// Limits of nested formats.
const (
	treeDepth = 128
	treePath  = 512 // bytes of a value's full name
)

// walk is the way from a file's root to where a reader is.
type walk struct {
	path   []byte
	frames []frame
	deep   int // levels beyond the limit
	next   int // the next group
	key    []byte
}

type frame struct {
	length int // of path, before this level's name
	group  int
	list   bool
	index  int
	indent int
	first  bool // of code: the brackets of define(
	name   [2]int
}

// group is of what is directly in the current level.
func (w *walk) group() int {
	if len(w.frames) == 0 {
		return 0
	}
	return w.frames[len(w.frames)-1].group
}

func (w *walk) top() *frame {
	if len(w.frames) == 0 || w.deep > 0 {
		return nil
	}
	return &w.frames[len(w.frames)-1]
}

func (w *walk) push(name []byte, f frame) {
	if len(w.frames) >= treeDepth {
		w.deep++
		return
	}
	w.next++
	f.length, f.group = len(w.path), w.next
	w.path = joinKey(w.path, name)
	w.frames = append(w.frames, f)
}

func (w *walk) pop() {
	switch {
	case w.deep > 0:
		w.deep--
	case len(w.frames) > 0:
		w.path = w.path[:w.frames[len(w.frames)-1].length]
		w.frames = w.frames[:len(w.frames)-1]
	}
}

// at gives the full name of a value in the current level.
func (w *walk) at(name []byte) []byte {
	w.key = joinKey(append(w.key[:0], w.path...), name)
	return w.key
}

func joinKey(path, name []byte) []byte {
	if len(name) == 0 || len(path)+len(name) > treePath {
		return path
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, name...)
}

// readJSON reads JSON, also with comments, without quotes and damaged.
func readJSON(data []byte, yield func(field) bool) {
	var w walk
	w.flow(data, 0, yield)
}

// flow reads braces and brackets from pos to the end of data.
func (w *walk) flow(data []byte, pos int, yield func(field) bool) {
	var key []byte
	name := func() []byte {
		if f := w.top(); f != nil && f.list {
			return strconv.AppendInt(nil, int64(f.index), 10)
		}
		return key
	}
	for pos < len(data) {
		c := data[pos]
		start, end := pos, pos
		switch {
		case isSpace(c), c == ':', c == '=':
			pos++
			continue
		case c == '{', c == '[':
			w.push(name(), frame{list: c == '['})
			key = nil
			pos++
			continue
		case c == '}', c == ']':
			w.pop()
			key = nil
			pos++
			continue
		case c == ',':
			if f := w.top(); f != nil {
				f.index++
			}
			key = nil
			pos++
			continue
		case c == '/' && pos+1 < len(data) && data[pos+1] == '/':
			pos = skipTo(data, pos, "\n")
			continue
		case c == '/' && pos+1 < len(data) && data[pos+1] == '*':
			pos = skipTo(data, pos+2, "*/")
			continue
		case c == '"', c == '\'':
			start++
			for end = start; end < len(data) && data[end] != c; end++ {
				if data[end] == '\\' {
					end++
				}
			}
			end = min(end, len(data))
			pos = min(end+1, len(data))
		default:
			for end < len(data) && bytes.IndexByte([]byte(",{}[]:\"'=\n\r"), data[end]) < 0 {
				end++
			}
			if end == start {
				end++
			}
			pos = end
			start, end = trim(data, start, end)
		}
		after := pos
		for after < len(data) && isSpace(data[after]) {
			after++
		}
		if f := w.top(); key == nil && after < len(data) && (data[after] == ':' || data[after] == '=') && (f == nil || !f.list) {
			key = data[start:min(end, start+200)]
			pos = after + 1
			continue
		}
		if w.deep == 0 && !yield(field{key: w.at(name()), start: start, end: end, group: w.group()}) {
			return
		}
	}
}

// skipTo gives where data goes on after a word.
func skipTo(data []byte, pos int, word string) int {
	if i := bytes.Index(data[min(pos, len(data)):], []byte(word)); i >= 0 {
		return pos + i + len(word)
	}
	return len(data)
}

// readYAML reads mappings and sequences by their indentation, which is enough
// for files of settings: plain, quoted and block scalars, flow in one line.
func readYAML(data []byte, yield func(field) bool) {
	var w walk
	pos := 0
	next := func() (start, end int, ok bool) {
		if pos >= len(data) {
			return 0, 0, false
		}
		start, end = pos, len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			end = pos + i
		}
		pos = end + 1
		return start, end, true
	}
	for {
		begin, end, ok := next()
		if !ok {
			return
		}
		start, end := trim(data, begin, end)
		if start == end || data[start] == '#' || data[start] == '%' {
			continue
		}
		if bytes.HasPrefix(data[start:end], []byte("---")) {
			for len(w.frames) > 0 {
				w.pop()
			}
			continue
		}
		// Each "- " opens an item in the sequence at its column.
		for start < end && data[start] == '-' && (start+1 == end || data[start+1] == ' ') {
			indent := start - begin
			index := 0
			for len(w.frames) > 0 {
				f := w.frames[len(w.frames)-1]
				if f.indent < indent || f.indent == indent && !f.list {
					break
				}
				if f.indent == indent {
					index = f.index + 1
				}
				w.pop()
			}
			if len(w.frames) >= treeDepth {
				break
			}
			w.push(strconv.AppendInt(nil, int64(index), 10), frame{list: true, index: index, indent: indent})
			for start++; start < end && data[start] == ' '; {
				start++
			}
		}
		if start == end {
			continue
		}
		indent := start - begin
		keyStart, keyEnd, value := yamlKey(data, start, end)
		var name []byte
		if value < 0 {
			// A plain item of a sequence, or a flow collection by itself.
			value = start
			if f := w.top(); f == nil || !f.list && data[start] != '{' && data[start] != '[' {
				continue
			}
		} else {
			for len(w.frames) > 0 && w.frames[len(w.frames)-1].indent >= indent {
				w.pop()
			}
			name = data[keyStart:min(keyEnd, keyStart+200)]
		}
		from, to := trim(data, value, end)
		// Anchors and tags stand before the value: &a !vault.
		for from < to && (data[from] == '!' || data[from] == '&') {
			for from < to && !isSpace(data[from]) {
				from++
			}
			from, to = trim(data, from, to)
		}
		switch {
		case from == to || data[from] == '#':
			if name != nil && len(w.frames) < treeDepth {
				w.push(name, frame{indent: indent})
			}
		case data[from] == '|' || data[from] == '>':
			first, last := -1, -1
			for pos < len(data) {
				save := pos
				b, e, _ := next()
				s, t := trim(data, b, e)
				if s < t && s-b <= indent {
					pos = save
					break
				}
				if s < t {
					if first < 0 {
						first = s
					}
					last = t
				}
			}
			if first >= 0 && !yield(field{key: w.at(name), start: first, end: last, group: w.group()}) {
				return
			}
		case (data[from] == '{' || data[from] == '[') && !bytes.HasPrefix(data[from:to], []byte("{{")):
			in := walk{path: bytes.Clone(w.at(name)), next: w.next}
			stop := false
			in.flow(data[:to], from, func(f field) bool { stop = !yield(f); return !stop })
			if w.next = in.next; stop {
				return
			}
		default:
			from, to = setting(data, from, to, "#")
			if from < to && data[from] != '*' && !yield(field{key: w.at(name), start: from, end: to, group: w.group()}) {
				return
			}
		}
	}
}

// yamlKey finds "key:" at the start of a line's content; value is -1 without.
func yamlKey(data []byte, start, end int) (keyStart, keyEnd, value int) {
	if q := data[start]; q == '"' || q == '\'' {
		i := bytes.IndexByte(data[start+1:end], q)
		if i < 0 || start+i+2 >= end || data[start+i+2] != ':' {
			return 0, 0, -1
		}
		return start + 1, start + 1 + i, start + i + 3
	}
	if data[start] == '{' || data[start] == '[' {
		return 0, 0, -1
	}
	for i := start; i < end; i++ {
		if data[i] == ':' && (i+1 == end || isSpace(data[i+1])) {
			return start, i, i + 1
		}
		if data[i] == '#' && i > start && isSpace(data[i-1]) {
			break
		}
	}
	return 0, 0, -1
}

// readXML reads elements and attributes by their names without prefixes. What
// an element's name or key attribute tells is a name too: add.Password for
// <add key="Password" value="…"/>.
func readXML(data []byte, yield func(field) bool) {
	var w walk
	for pos := 0; pos < len(data); {
		if data[pos] != '<' {
			end := len(data)
			if i := bytes.IndexByte(data[pos:], '<'); i >= 0 {
				end = pos + i
			}
			if !w.xmlText(data, pos, end, yield) {
				return
			}
			pos = end
			continue
		}
		rest := data[pos:]
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			pos = skipTo(data, pos+4, "-->")
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			end := skipTo(data, pos+9, "]]>")
			if !w.xmlText(data, pos+9, max(pos+9, min(len(data), end-3)), yield) {
				return
			}
			pos = end
		case bytes.HasPrefix(rest, []byte("<!")), bytes.HasPrefix(rest, []byte("<?")):
			pos = skipTo(data, pos+2, ">")
		case bytes.HasPrefix(rest, []byte("</")):
			w.pop()
			pos = skipTo(data, pos+2, ">")
		default:
			ok := false
			if pos, ok = w.xmlElement(data, pos+1, yield); !ok {
				return
			}
		}
	}
}

func (w *walk) xmlText(data []byte, start, end int, yield func(field) bool) bool {
	start, end = trim(data, start, end)
	if start == end || len(w.frames) == 0 || w.deep > 0 {
		return true
	}
	f := w.frames[len(w.frames)-1]
	group := 0
	if n := len(w.frames); n > 1 {
		group = w.frames[n-2].group
	}
	if f.name[1] > f.name[0] && !yield(field{key: w.at(data[f.name[0]:f.name[1]]), start: start, end: end, group: group}) {
		return false
	}
	return yield(field{key: w.at(nil), start: start, end: end, group: group})
}

// xmlElement reads a start tag, and gives where data goes on.
func (w *walk) xmlElement(data []byte, pos int, yield func(field) bool) (int, bool) {
	start := pos
	for pos < len(data) && !isSpace(data[pos]) && data[pos] != '>' && data[pos] != '/' && data[pos] != '<' {
		pos++
	}
	w.push(localName(data[start:pos]), frame{})
	var name, value [2]int
	for pos < len(data) {
		switch c := data[pos]; {
		case isSpace(c):
			pos++
			continue
		case c == '<': // the tag never ended
			w.pop()
			return pos, true
		case c == '>', c == '/' && pos+1 < len(data) && data[pos+1] == '>':
			if name[1] > name[0] && value[1] > value[0] && w.deep == 0 &&
				!yield(field{key: w.at(data[name[0]:name[1]]), start: value[0], end: value[1], group: w.group()}) {
				return pos, false
			}
			if f := w.top(); f != nil {
				f.name = name
			}
			if c == '/' {
				w.pop()
				pos++
			}
			return pos + 1, true
		}
		attr := pos
		for pos < len(data) && !isSpace(data[pos]) && bytes.IndexByte([]byte("=<>"), data[pos]) < 0 && (data[pos] != '/' || pos == attr) {
			pos++
		}
		attrEnd := pos
		for pos < len(data) && isSpace(data[pos]) {
			pos++
		}
		if pos >= len(data) || data[pos] != '=' {
			continue
		}
		for pos++; pos < len(data) && isSpace(data[pos]); {
			pos++
		}
		if pos >= len(data) || data[pos] != '"' && data[pos] != '\'' {
			continue
		}
		from := pos + 1
		i := bytes.IndexByte(data[from:], data[pos])
		if i < 0 {
			return len(data), true
		}
		pos = from + i + 1
		local := localName(data[attr:attrEnd])
		span := [2]int{from, from + i}
		switch string(bytes.ToLower(local[:min(len(local), 8)])) {
		case "name", "key":
			if span[1]-span[0] < 200 {
				name = span
			}
		case "value":
			value = span
		}
		if w.deep == 0 && span[0] < span[1] && !yield(field{key: w.at(local), start: span[0], end: span[1], group: w.group()}) {
			return pos, false
		}
	}
	return pos, true
}

func localName(name []byte) []byte {
	name = name[bytes.LastIndexByte(name, ':')+1:]
	return name[:min(len(name), 200)]
}
