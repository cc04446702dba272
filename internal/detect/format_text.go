package detect

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// mapping tells where each byte of a text that was decoded stood before.
type mapping struct {
	skip int     // bytes left out at the start
	at   []int32 // one for each byte and for the end; nil: only skip counts
}

func (m *mapping) original(i int) int {
	switch {
	case m == nil:
		return i
	case m.at == nil:
		return i + m.skip
	}
	return int(m.at[i])
}

// plainText takes off a byte order mark and turns UTF-16 into UTF-8.
func plainText(data []byte) ([]byte, *mapping) {
	little, skip := false, 2
	switch {
	case bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")):
		return data[3:], &mapping{skip: 3}
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		little = true
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
	case len(data) >= 4 && data[0] != 0 && data[1] == 0 && data[2] != 0 && data[3] == 0:
		little, skip = true, 0
	default:
		return data, nil
	}
	unit := func(i int) rune {
		if little {
			return rune(data[i]) | rune(data[i+1])<<8
		}
		return rune(data[i])<<8 | rune(data[i+1])
	}
	out := make([]byte, 0, len(data)/2+4)
	at := make([]int32, 0, len(data)/2+4)
	end := skip
	for i := skip; i+1 < len(data); {
		r, n := unit(i), 2
		if utf16.IsSurrogate(r) && i+3 < len(data) {
			if full := utf16.DecodeRune(r, unit(i+2)); full != utf8.RuneError {
				r, n = full, 4
			}
		}
		before := len(out)
		out = utf8.AppendRune(out, r)
		for range len(out) - before {
			at = append(at, int32(i))
		}
		i += n
		end = i
	}
	return out, &mapping{at: append(at, int32(end))}
}

// trim takes white space off both ends of a span.
func trim(data []byte, start, end int) (from, to int) {
	for start < end && isSpace(data[start]) {
		start++
	}
	for start < end && isSpace(data[end-1]) {
		end--
	}
	return start, end
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// readText gives the file as one value without a name.
func readText(data []byte, yield func(field) bool) { yield(field{end: len(data)}) }

// readLines gives each line as a value without a name, but for comments.
func readLines(data []byte, yield func(field) bool) {
	n := 0
	for at, line := range lines(data) {
		n++
		start, end := trim(data, at, at+len(line))
		if start == end || data[start] == '#' {
			continue
		}
		if !yield(field{start: start, end: end, group: n}) {
			return
		}
	}
}

// setting finds the value after a separator: without its quotes, and without
// what follows them or a comment.
func setting(data []byte, start, end int, comments string) (from, to int) {
	start, end = trim(data, start, end)
	if start == end {
		return start, end
	}
	if q := data[start]; q == '"' || q == '\'' {
		for i := start + 1; i < end; i++ {
			if data[i] == '\\' && q == '"' {
				i++
			} else if data[i] == q {
				return start + 1, i
			}
		}
		return start, end
	}
	for i := start; i < end; i++ {
		if bytes.IndexByte([]byte(comments), data[i]) >= 0 && (i == start || isSpace(data[i-1])) {
			return trim(data, start, i)
		}
	}
	return start, end
}

// assignments gives name = value lines under their sections.
func assignments(data []byte, yield func(field) bool, separators, comments string) {
	var section, key []byte
	group := 0
	for at, line := range lines(data) {
		start, end := trim(data, at, at+len(line))
		if start == end || data[start] == '#' || data[start] == ';' || data[start] == '!' {
			continue
		}
		if data[start] == '[' {
			if i := bytes.LastIndexByte(data[start:end], ']'); i > 0 {
				section, group = bytes.Trim(data[start:start+i], "[] \t"), group+1
				section = section[:min(len(section), 200)]
			}
			continue
		}
		i := bytes.IndexAny(data[start:end], separators)
		if i <= 0 || i > 200 {
			continue
		}
		name := bytes.Trim(data[start:start+i], " \t\"'")
		for _, word := range []string{"export ", "set ", "declare -x ", "setenv "} {
			name = bytes.TrimPrefix(name, []byte(word))
		}
		value := start + i
		for value < end && (data[value] == ' ' || data[value] == '\t') {
			value++
		}
		if value < end && (data[value] == '=' || data[value] == ':') {
			value++
		}
		from, to := setting(data, value, end, comments)
		key = key[:0]
		if len(section) > 0 {
			key = append(append(key, section...), '.')
		}
		key = append(key, name...)
		if from < to && !yield(field{key: key, start: from, end: to, group: group}) {
			return
		}
	}
}

// readINI reads [section] and name = value; a colon serves too.
func readINI(data []byte, yield func(field) bool) { assignments(data, yield, "=:", "#;") }

// readEnv reads NAME=value as shells and env files have it.
func readEnv(data []byte, yield func(field) bool) { assignments(data, yield, "=", "#") }

// readProperties reads Java's name=value, name: value and name value.
func readProperties(data []byte, yield func(field) bool) { assignments(data, yield, "=: \t", "") }

// readTOML reads [table] and name = "value", with tables in a line.
func readTOML(data []byte, yield func(field) bool) {
	assignments(data, func(f field) bool {
		if c := data[f.start]; c != '{' && c != '[' {
			return yield(f)
		}
		w := walk{path: bytes.Clone(f.key), next: f.start + 1}
		ok := true
		w.flow(data[:f.end], f.start, func(f field) bool { ok = yield(f); return ok })
		return ok
	}, "=", "#")
}

// readDirectives reads a name and what follows it in its line, as web servers
// and many daemons have it.
func readDirectives(data []byte, yield func(field) bool) {
	var key []byte
	for at, line := range lines(data) {
		start, end := trim(data, at, at+len(line))
		if start == end || data[start] == '#' || data[start] == ';' {
			continue
		}
		i := bytes.IndexAny(data[start:end], " \t=")
		if i <= 0 || i > 200 {
			continue
		}
		from, to := start+i, end
		for from < to && (isSpace(data[from]) || data[from] == '=') {
			from++
		}
		key = append(key[:0], data[start:start+i]...)
		if string(key) == "set" { // set name = value, as mail readers have it
			n := bytes.IndexAny(data[from:to], " \t=")
			if n <= 0 {
				continue
			}
			key = append(key[:0], data[from:from+n]...)
			for from += n; from < to && (isSpace(data[from]) || data[from] == '='); {
				from++
			}
		}
		for from < to && data[to-1] == ';' {
			to--
		}
		from, to = setting(data, from, to, "#")
		if from < to && !yield(field{key: key, start: from, end: to}) {
			return
		}
	}
}

// split gives the parts of each line, named by their numbers from 1.
func split(data []byte, yield func(field) bool, next func(line []byte) (start, end, rest int)) {
	n := 0
	for at, line := range lines(data) {
		n++
		if s, e := trim(data, at, at+len(line)); s == e || data[s] == '#' || data[s] == ';' {
			continue
		}
		for i, pos := 1, 0; pos <= len(line) && i <= 32; i++ {
			start, end, rest := next(line[pos:])
			if start < end && !yield(field{key: strconv.AppendInt(nil, int64(i), 10), start: at + pos + start, end: at + pos + end, group: n}) {
				return
			}
			if rest < 0 {
				break
			}
			pos += rest
		}
	}
}

// readColon reads fields between colons.
func readColon(data []byte, yield func(field) bool) {
	split(data, yield, func(line []byte) (start, end, rest int) {
		if i := bytes.IndexByte(line, ':'); i >= 0 {
			return 0, i, i + 1
		}
		return 0, len(line), -1
	})
}

// readColumns reads fields between white space; quotes hold one together.
func readColumns(data []byte, yield func(field) bool) {
	split(data, yield, func(line []byte) (start, end, rest int) {
		for start < len(line) && isSpace(line[start]) {
			start++
		}
		if start < len(line) && line[start] == '"' {
			if i := bytes.IndexByte(line[start+1:], '"'); i >= 0 {
				return start + 1, start + 1 + i, start + i + 2
			}
		}
		for end = start; end < len(line) && !isSpace(line[end]); {
			end++
		}
		if end == len(line) {
			return start, end, -1
		}
		return start, end, end
	})
}

// readPgpass reads host:port:database:user:password; a backslash escapes.
func readPgpass(data []byte, yield func(field) bool) {
	names := [...]string{"host", "port", "database", "user", "password"}
	n := 0
	for at, line := range lines(data) {
		n++
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		at5 := [6]int{}
		parts := 1
		for i := 0; i < len(line) && parts < 5; i++ {
			switch line[i] {
			case '\\':
				i++
			case ':':
				at5[parts] = i + 1
				parts++
			}
		}
		if parts < 5 {
			continue
		}
		at5[5] = len(line) + 1
		for i, name := range names {
			if at5[i+1]-1 > at5[i] && !yield(field{key: []byte(name), start: at + at5[i], end: at + at5[i+1] - 1, group: n}) {
				return
			}
		}
	}
}

// readNetrc reads words: machine NAME login NAME password VALUE.
func readNetrc(data []byte, yield func(field) bool) {
	group := 0
	var last []byte
	for pos := 0; pos < len(data); {
		if isSpace(data[pos]) {
			pos++
			continue
		}
		if data[pos] == '#' && last == nil {
			for pos < len(data) && data[pos] != '\n' {
				pos++
			}
			continue
		}
		start, end := pos, pos
		if data[pos] == '"' {
			start++
			for end = start; end < len(data) && data[end] != '"' && data[end] != '\n'; {
				end++
			}
			pos = end + 1
		} else {
			for end < len(data) && !isSpace(data[end]) {
				end++
			}
			pos = end
		}
		switch word := string(data[start:min(end, start+16)]); {
		case last != nil:
			if string(last) == "machine" {
				group++
			}
			if start < end && !yield(field{key: last, start: start, end: end, group: group}) {
				return
			}
			last = nil
		case word == "default":
			group++
		case word == "machine", word == "login", word == "password", word == "account":
			last = []byte(word)
		}
	}
}
