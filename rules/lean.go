package rules

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect"
)

// lean reads a record in the plain part of YAML that most are written in: one
// field a line, strings in quotes or plain words, lists on one line or one item
// a line, texts in two lines. It is ten times as fast as reading all of YAML,
// which is most of the program's start. ok is false for anything else, right or
// wrong: then the reader of all YAML decides.
func lean(text string, r *detect.Rule) (ok bool) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, odd) {
		return false
	}
	lines := strings.Split(text, "\n")
	seen := map[string]bool{}
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		if line == "" {
			continue
		}
		key, value, found := strings.Cut(line, ":")
		if !found || seen[key] || strings.TrimLeft(key, lowerWord) != "" {
			return false
		}
		seen[key] = true
		value = strings.TrimPrefix(value, " ")
		// What belongs to the field stands below it, two spaces in.
		var below []string
		for ; value == "" && i < len(lines) && strings.HasPrefix(lines[i], "  "); i++ {
			below = append(below, lines[i][2:])
		}
		if !field(r, key, value, below) {
			return false
		}
	}
	return true
}

// odd tells signs that YAML forbids or treats in ways of its own.
func odd(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }

const lowerWord = "abcdefghijklmnopqrstuvwxyz_"

// field sets one field of a record.
func field(r *detect.Rule, key, value string, below []string) (ok bool) {
	var err error
	switch key {
	case "title":
		return both(below, &r.Title)
	case "reason":
		return both(below, &r.Reason)
	case "remedy":
		return both(below, &r.Remedy)
	case "keywords":
		return list(value, below, &r.Keywords)
	case "near":
		return list(value, below, &r.Near)
	case "paths":
		return list(value, below, &r.Paths)
	case "magic":
		return list(value, below, &r.Magic)
	case "keys":
		return list(value, below, &r.Keys)
	case "public_keys":
		return list(value, below, &r.PublicKeys)
	}
	if len(below) > 0 {
		return false
	}
	switch key {
	case "id":
		return scalar(value, &r.ID)
	case "type":
		return scalar(value, &r.Type)
	case "class":
		return scalar(value, (*string)(&r.Class))
	case "severity":
		return scalar(value, (*string)(&r.Severity))
	case "pattern":
		return scalar(value, &r.Pattern)
	case "check":
		return scalar(value, &r.Check)
	case "format":
		return scalar(value, &r.Format)
	case "before":
		r.Before, err = strconv.Atoi(value)
	case "after":
		r.After, err = strconv.Atoi(value)
	case "entropy":
		r.Entropy, err = strconv.ParseFloat(value, 64)
	default:
		return false
	}
	return err == nil
}

// both reads a text in its two languages.
func both(below []string, t *detect.Text) bool {
	if len(below) != 2 {
		return false
	}
	en, okEn := strings.CutPrefix(below[0], "en: ")
	zh, okZh := strings.CutPrefix(below[1], "zh: ")
	return okEn && okZh && scalar(en, &t.En) && scalar(zh, &t.Zh)
}

// scalar reads a whole string in quotes, or a word that can be nothing else.
func scalar(s string, to *string) bool {
	rest, ok := token(s, to)
	return ok && rest == ""
}

// token reads one string from the start of s.
func token(s string, to *string) (rest string, ok bool) {
	switch {
	case strings.HasPrefix(s, "'"):
		var b strings.Builder
		for s = s[1:]; ; {
			part, after, closed := strings.Cut(s, "'")
			if !closed {
				return "", false
			}
			b.WriteString(part)
			if !strings.HasPrefix(after, "'") {
				*to = b.String()
				return after, true
			}
			b.WriteByte('\'')
			s = after[1:]
		}
	case strings.HasPrefix(s, `"`):
		for end := 1; end < len(s); end++ {
			switch s[end] {
			case '\\':
				if end++; end < len(s) && s[end] == 'u' {
					return "", false // halves of signs
				}
			case '"':
				// The other escapes of JSON mean the same in YAML.
				return s[end+1:], json.Unmarshal([]byte(s[:end+1]), to) == nil
			}
		}
		return "", false
	}
	word := s[:len(s)-len(strings.TrimLeft(s, lowerWord+"-0123456789"))]
	if word == "" || strings.IndexByte(lowerWord, word[0]) < 0 {
		return "", false
	}
	switch word {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return "", false
	}
	*to = word
	return s[len(word):], true
}

// list reads the items of a list on one line, or of one below the field.
func list(value string, below []string, to *[]string) bool {
	for _, line := range below {
		var item string
		s, ok := strings.CutPrefix(line, "- ")
		if !ok || !scalar(s, &item) {
			return false
		}
		*to = append(*to, item)
	}
	if len(below) > 0 {
		return true
	}
	s, ok := strings.CutPrefix(value, "[")
	for ok {
		var item string
		if s, ok = token(s, &item); !ok {
			return false
		}
		*to = append(*to, item)
		if s == "]" {
			return true
		}
		s, ok = strings.CutPrefix(s, ", ")
	}
	return false
}
