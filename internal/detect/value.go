package detect

import (
	"bytes"
	"iter"
	"math"
	"strings"
)

// placeholders are values, or parts of values, that stand for none.
var placeholders = []string{
	"example", "changeme", "change_me", "change-me", "placeholder", "yourpassword", "your_", "your-", "yoursecret",
	"redacted", "dummy", "insert", "replace", "todo", "xxxx", "****", "....", "<", "${", "{{", "%(", "$(", "%s", "notreal", "fake",
}

// words are values that are no secret because everybody would write them.
var words = map[string]bool{
	"password": true, "passwd": true, "secret": true, "token": true, "none": true, "null": true, "nil": true,
	"true": true, "false": true, "yes": true, "no": true, "string": true, "required": true, "optional": true,
	"default": true, "prompt": true, "ask": true, "file": true, "undefined": true, "empty": true, "hidden": true,
	"enabled": true, "disabled": true, "disable": true, "enable": true,
}

// placeholder tells whether a value plainly stands for none: a template, a
// sample, one character over and over, a run of the alphabet.
func placeholder(v []byte) bool {
	low := strings.ToLower(string(v))
	if len(low) == 0 || words[low] || published[string(v)] {
		return true
	}
	if len(low) < 40 { // inside long random values such letters are chance
		for _, p := range placeholders {
			if strings.Contains(low, p) {
				return true
			}
		}
	} else if strings.Contains(low, "example") {
		return true
	}
	if low[0] == '$' && !strings.Contains(low[1:], "$") || low[0] == '%' && strings.HasSuffix(low, "%") || low[0] == '@' {
		return true
	}
	return distinct(v) < 3 || sequential(v)
}

func distinct(v []byte) int {
	var seen [256]bool
	n := 0
	for _, c := range v {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// sequential tells whether each byte follows the one before it.
func sequential(v []byte) bool {
	for i := 1; i < len(v); i++ {
		if v[i] != v[i-1]+1 {
			return false
		}
	}
	return len(v) > 2
}

// entropy is Shannon's, in bits a byte.
func entropy(v []byte) float64 {
	var count [256]int
	for _, c := range v {
		count[c]++
	}
	sum := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(v))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// containsAny tells whether data holds one of the words: the cheap test before
// an expression.
func containsAny(data []byte, words ...string) bool {
	for _, w := range words {
		if bytes.Contains(data, []byte(w)) {
			return true
		}
	}
	return false
}

// lines gives each line, without its end, and where it starts.
func lines(data []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for start := 0; start < len(data); {
			end := len(data)
			if i := bytes.IndexByte(data[start:], '\n'); i >= 0 {
				end = start + i
			}
			if !yield(start, bytes.TrimSuffix(data[start:end], []byte("\r"))) {
				return
			}
			start = end + 1
		}
	}
}

// public bounds a part that is no secret, for people: printable, short.
func public(b []byte) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80])
	}
	return s
}
