package detect

import (
	"bytes"
	"path"
	"strings"
)

// assignment finds PASSWORD=value, secret: value, <token>value</token> and the
// like: values without quotes in files of settings, quoted ones anywhere.
type assignment struct{}

func (assignment) Name() string   { return "assignment" }
func (assignment) TextOnly() bool { return true }

func (assignment) Keywords() []string {
	return []string{"passw", "secret", "token", "api_key", "apikey", "api-key", "access_key", "accesskey", "access-key", "private_key", "privatekey", "private-key", "credential"}
}

func (assignment) Window() (before, after int) { return 256, 640 }

// settings are name endings of files that hold settings.
var settings = map[string]bool{
	".env": true, ".properties": true, ".ini": true, ".conf": true, ".cfg": true, ".cnf": true, ".yml": true, ".yaml": true, ".config": true,
	".toml": true, ".tfvars": true, ".json": true, ".sh": true, ".bashrc": true, ".profile": true, ".xml": true, ".service": true,
}

// noSettings are name endings of files where what looks like a value is none:
// texts for people, lists of hashes, tests' tables.
var noSettings = map[string]bool{
	".lock": true, ".md": true, ".rst": true, ".html": true, ".htm": true, ".css": true, ".svg": true, ".po": true, ".pot": true, ".map": true,
	".list": true, ".md5sums": true, ".h": true, ".pod": true, ".3": true, ".1": true, ".5": true, ".8": true,
}

func (assignment) Match(w Window) []Hit {
	base := strings.ToLower(path.Base(w.File.Path))
	ext := path.Ext(base)
	if noSettings[ext] || base == "package-lock.json" {
		return nil
	}
	bare := strings.HasPrefix(base, ".env") || base == "environment" || strings.HasPrefix(base, "env.") || settings[ext]
	data := w.Data
	start, end := w.Start, w.End
	for start > 0 && w.Start-start < 60 && nameByte(data[start-1]) {
		start--
	}
	for end < len(data) && end-w.End < 30 && nameByte(data[end]) {
		end++
	}
	if commented(data[:start]) {
		return nil
	}
	from, to, ok := assignedValue(data, start, end, bare)
	if !ok {
		return nil
	}
	name, v := lowerASCII(string(data[start:end])), data[from:to]
	if !secretValue(name, v) || !bare && codeWord(v) || bytes.IndexByte(v, 0) >= 0 {
		return nil
	}
	h := Hit{
		Type: "secret_assignment", Class: Secret, Severity: Medium, Start: from, End: to, Public: public(data[start:end]),
		TitleEn: "secret in a file of settings", TitleZh: "配置文件中的密钥",
	}
	if strings.Contains(name, "passw") {
		h.Type, h.TitleEn, h.TitleZh = "password_assignment", "password in a file of settings", "配置文件中的密码"
	}
	return []Hit{h}
}

func nameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func blankByte(c byte) bool { return c == ' ' || c == '\t' }

// commented tells whether what stands before a name on its line makes it a
// comment.
func commented(before []byte) bool {
	line := bytes.TrimLeft(before[bytes.LastIndexByte(before, '\n')+1:], " \t")
	return len(line) > 0 && (line[0] == '#' || line[0] == ';' || line[0] == '*' || line[0] == '%') ||
		bytes.HasPrefix(line, []byte("//")) || bytes.HasPrefix(line, []byte("<!--")) || bytes.HasPrefix(line, []byte("/*"))
}

// assignedValue finds the value that a name at data[start:end] is given.
func assignedValue(data []byte, start, end int, bare bool) (from, to int, ok bool) {
	at := func(i int) byte {
		if i < len(data) {
			return data[i]
		}
		return 0
	}
	i := end
	if start > 0 && data[start-1] == '<' && at(i) == '>' && bare { // an element
		n := bytes.IndexByte(data[i+1:], '<')
		return i + 1, i + 1 + n, n > 0 && at(i+2+n) == '/'
	}
	quoted := false
	for at(i) == '\\' || at(i) == '"' || at(i) == '\'' || at(i) == ']' {
		quoted = quoted || at(i) == '"' || at(i) == '\''
		i++
	}
	blanks := i
	for blankByte(at(i)) {
		i++
	}
	switch {
	case at(i) == '=' && at(i+1) == '>', at(i) == ':' && at(i+1) == '=':
		i += 2
	case at(i) == '=' && at(i+1) != '=' && at(i+1) != '~', at(i) == ':' && at(i+1) != ':':
		i++
	case quoted && at(i) == ',': // define('DB_PASSWORD', 'value')
		i++
	case quoted && i > blanks && bytes.HasPrefix(data[i:], []byte("value=")): // name="password" value="…"
		i += len("value=")
	default:
		return 0, 0, false
	}
	operator := data[i-1]
	for blankByte(at(i)) {
		i++
	}
	if at(i) == '\\' {
		i++ // JSON within a text
	}
	if q := at(i); q == '"' || q == '\'' || q == '`' {
		return quotedValue(data, i, q)
	}
	if !bare || operator == '>' || operator == ',' || quoted && operator == ':' {
		return 0, 0, false
	}
	from = i
	for i < len(data) && data[i] > ' ' && !bytes.ContainsRune([]byte("\"'#;,"), rune(data[i])) {
		i++
	}
	to = i
	for blankByte(at(i)) {
		i++
	}
	rest := at(i)
	return from, to, to > from && (i == len(data) || rest == '\r' || rest == '\n' || rest == '#' || rest == ';' || rest == ',')
}

// quotedValue reads up to the same quote on the same line.
func quotedValue(data []byte, i int, quote byte) (from, to int, ok bool) {
	for from, to = i+1, i+1; to < len(data); to++ {
		switch data[to] {
		case quote:
			if to > from && data[to-1] == '\\' {
				return from, to - 1, to-1 > from
			}
			// What goes on is put together from parts.
			rest := bytes.TrimLeft(data[to+1:], " \t")
			return from, to, to > from && (len(rest) == 0 || rest[0] != '+' && rest[0] != '.' && rest[0] != '%')
		case '\\':
			if to+1 < len(data) && data[to+1] != quote {
				to++
			} else if to+1 < len(data) && i > 0 && data[i-1] != '\\' {
				to++ // an escaped quote belongs to the value
			}
		case '\n', '\r':
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// codeWord tells whether a value in a program is a name of something: a key, a
// field, words.
func codeWord(v []byte) bool {
	digits, upper, lower, other := 0, 0, 0, 0
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= 'a' && c <= 'z', c == '_', c == '-', c == '.', c == ':', c == '/':
			lower++
		case c == ' ', c == '\\', c == '$', c == '{', c == '<', c == '[', c >= 0x80:
			return true
		default:
			other++
		}
	}
	return digits == 0 && other == 0 || digits+upper+lower == 0
}
