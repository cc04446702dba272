package detect

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Checks are the offline checks that a [Rule] may name. Each gets the value and
// the window it stands in.
var checks = map[string]func(value []byte, w Window) bool{}

// compile makes a matcher of a rule with keywords, a detector of one with a
// format.
func (r Rule) compile() (Matcher, Detector, error) {
	if len(r.Keywords) == 0 {
		return nil, nil, errors.New("keywords: expected at least one")
	}
	for _, k := range r.Keywords {
		if len(k) < 3 {
			return nil, nil, fmt.Errorf("keywords: expected three bytes or more, found %q", k)
		}
	}
	re, err := regexp.Compile(r.Pattern)
	if err != nil {
		return nil, nil, fmt.Errorf("pattern: %w", err)
	}
	if r.Check != "" && checks[r.Check] == nil {
		return nil, nil, fmt.Errorf("check: no such check: %q", r.Check)
	}
	m := &ruleMatcher{rule: r, re: re, value: max(0, re.SubexpIndex("value")), public: re.SubexpIndex("public"), check: checks[r.Check]}
	for _, k := range r.Keywords {
		m.keywords = append(m.keywords, strings.ToLower(k))
	}
	return m, nil, nil
}

// ruleMatcher runs a rule of keywords and a pattern.
type ruleMatcher struct {
	rule          Rule
	re            *regexp.Regexp
	keywords      []string
	value, public int // groups
	check         func([]byte, Window) bool
}

func (m *ruleMatcher) Name() string       { return strings.ReplaceAll(m.rule.ID, "-", "_") }
func (m *ruleMatcher) Keywords() []string { return m.keywords }

func (m *ruleMatcher) Window() (before, after int) {
	before, after = m.rule.Before, m.rule.After
	if before == 0 {
		before = 64
	}
	if after == 0 {
		after = 256
	}
	return before, after
}

func (m *ruleMatcher) Match(w Window) []Hit {
	var out []Hit
	for _, at := range m.re.FindAllSubmatchIndex(w.Data, -1) {
		start, end := at[2*m.value], at[2*m.value+1]
		if start < 0 || at[0] > w.Start || at[1] < w.End {
			continue // not around this keyword
		}
		v := w.Data[start:end]
		if placeholder(v) || m.rule.Entropy > 0 && entropy(v) < m.rule.Entropy || m.check != nil && !m.check(v, w) {
			continue
		}
		h := Hit{
			Type: m.rule.Type, Class: m.rule.Class, Severity: m.rule.Severity, TitleEn: m.rule.Title.En, TitleZh: m.rule.Title.Zh,
			Start: start, End: end,
		}
		if m.check != nil {
			h.Checked = "yes"
		}
		if m.public > 0 && at[2*m.public] >= 0 {
			h.Public = public(w.Data[at[2*m.public]:at[2*m.public+1]])
		}
		out = append(out, h)
	}
	return out
}
