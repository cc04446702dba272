package lenscap

import (
	"os"
	"strings"
)

// Lang is a language that lenscap speaks to people: [English] or [Chinese].
type Lang string

// The languages of everything a person reads.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// ParseLang reads "en", "zh" or a locale such as "zh_CN.UTF-8"; ok is false
// when the language is neither.
func ParseLang(s string) (lang Lang, ok bool) {
	s = strings.ToLower(s)
	for _, l := range []Lang{English, Chinese} {
		rest, found := strings.CutPrefix(s, string(l))
		if found && (rest == "" || strings.ContainsAny(rest[:1], "_-.@")) {
			return l, true
		}
	}
	return English, false
}

// LocaleLang is the language of the process's locale (LC_ALL, LC_MESSAGES,
// LANG, in that order), English when it names no other.
func LocaleLang() Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			lang, _ := ParseLang(v)
			return lang
		}
	}
	return English
}

// Text is one thing said in both languages.
type Text struct {
	En string `json:"en" yaml:"en"`
	Zh string `json:"zh" yaml:"zh"`
}

// In returns the text in lang, the other language when that one is empty.
func (t Text) In(lang Lang) string {
	if lang == Chinese && t.Zh != "" || t.En == "" {
		return t.Zh
	}
	return t.En
}

// Nearest gives the word of known that is most like word, empty when none is
// like it: what an error suggests in place of a word that is wrong.
func Nearest(word string, known []string) string {
	best, bestAt := "", 1+len(word)/2
	for _, k := range known {
		if d := distance(word, k); d < bestAt {
			best, bestAt = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two short words, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, diag+1, row[j]+1)
		}
	}
	return row[len(b)]
}
