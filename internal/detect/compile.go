package detect

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// compile makes a matcher of a rule with keywords, a detector of one with a
// format.
func (r Rule) compile() (Matcher, Detector, error) {
	if r.Format != "" {
		d, err := r.place()
		return nil, d, err
	}
	if len(r.Keywords) == 0 {
		return nil, nil, errors.New("keywords: expected at least one")
	}
	for _, k := range r.Keywords {
		if len(k) < 3 {
			return nil, nil, fmt.Errorf("keywords: expected three bytes or more, found %q", k)
		}
	}
	tree, err := syntax.Parse(r.Pattern, syntax.Perl)
	if err != nil {
		return nil, nil, fmt.Errorf("pattern: %w", err)
	}
	groups := tree.CapNames()
	if r.Check != "" && checks[r.Check] == nil {
		return nil, nil, fmt.Errorf("check: no such check: %q", r.Check)
	}
	m := &ruleMatcher{rule: r, value: max(0, slices.Index(groups, "value")), public: slices.Index(groups, "public"), check: checks[r.Check]}
	for _, k := range r.Keywords {
		m.keywords = append(m.keywords, lowerASCII(k))
	}
	for _, n := range r.Near {
		if n != "" {
			m.nears = append(m.nears, []byte(lowerASCII(n)))
		}
	}
	m.shape = shapeOf(tree, m.keywords)
	m.places = flatten(tree, 0, nil)
	m.reach = longest(tree, 0)
	search := r.Pattern
	switch m.anchored = m.shape.anchored && !startsEmpty(tree, 0); {
	case m.anchored && m.shape.behind:
		search = `\A(?:` + r.Pattern + `)`
	case m.anchored:
		// A match starts at the keyword: one byte before it is all that \b asks for.
		search = `\A(?s:.)(?:` + r.Pattern + `)`
	}
	if _, err := syntax.Parse(search, syntax.Perl); err != nil {
		return nil, nil, fmt.Errorf("pattern: %w", err)
	}
	// Compiled when it is needed first: hardly any file needs more than a few.
	m.re = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(search) })
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, nil, fmt.Errorf("pattern: %w", err)
	}
	m.cost = int64(max(costPattern, len(prog.Inst)/2))
	return m, nil, nil
}

// ruleMatcher runs a rule of keywords and a pattern.
type ruleMatcher struct {
	rule          Rule
	re            func() *regexp.Regexp
	anchored      bool // re is for one byte before the keyword on, not for windows
	keywords      []string
	nears         [][]byte
	value, public int // groups
	check         func([]byte, Window) bool
	shape         shape
	places        []*set // of a match's bytes; nil is any number of any bytes
	cost          int64  // to run the expression over one byte, at worst
	reach         int    // bytes of the longest match, at most
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

// possible tells cheaply whether the expression can match around the keyword.
func (m *ruleMatcher) possible(w Window) bool {
	return m.shape.fits(w.Data, w.Start) && (len(m.nears) == 0 || m.near(w.Data))
}

func (m *ruleMatcher) near(data []byte) bool {
	for _, n := range m.nears {
		if containsFold(data, n) {
			return true
		}
	}
	return false
}

func (m *ruleMatcher) Match(w Window) []Hit {
	if !m.possible(w) {
		return nil
	}
	hits, _ := m.match(w)
	return hits
}

// runes reads a window's runes, and knows how far it was read.
type runes struct {
	data []byte
	n    int
}

func (r *runes) ReadRune() (c rune, size int, err error) {
	if r.n >= len(r.data) {
		return 0, 0, io.EOF
	}
	c, size = utf8.DecodeRune(r.data[r.n:])
	r.n += size
	return c, size, nil
}

// find gives the groups of each match in a window, and how many bytes were
// looked at for that.
func (m *ruleMatcher) find(w Window) (groups [][]int, bytes int) {
	if !m.anchored {
		return m.re().FindAllSubmatchIndex(w.Data, -1), len(w.Data)
	}
	data := w.Data
	switch {
	case w.Start > 0:
		data = data[w.Start-1:]
	case m.shape.behind:
		return nil, 0
	default:
		data = append([]byte{'\n'}, data[:min(len(data), m.reach+utf8.UTFMax)]...)
		defer clear(data)
	}
	// Most windows are done with after a few bytes, and only a reader tells so.
	r := runes{data: data}
	if !m.re().MatchReader(&r) {
		return nil, r.n
	}
	at := m.re().FindSubmatchIndex(data)
	if at == nil {
		return nil, len(data)
	}
	for i := range at {
		if at[i] >= 0 {
			at[i] += w.Start - 1
		}
	}
	if !m.shape.behind {
		at[0]++
	}
	return [][]int{at}, r.n + at[1] - at[0]
}

// match gives the hits in a window, and how much work that was, in about
// nanoseconds.
func (m *ruleMatcher) match(w Window) (out []Hit, work int64) {
	groups, n := m.find(w)
	for _, at := range groups {
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
	return out, m.cost * int64(n)
}

// needle tells what stands beside a keyword in every match.
func (m *ruleMatcher) needle(keyword string) needle {
	w := needle{text: keyword}
	if !m.shape.anchored {
		if o := m.keywordPlace(); o >= 0 {
			if o > 0 {
				w.before = clonePlace(m.places[o-1])
			}
			for _, p := range m.places[o+len(keyword):] {
				if p == nil || len(w.after) == maxBeside {
					break
				}
				w.after = append(w.after, *p)
			}
		}
		return w
	}
	if m.shape.behind {
		w.before = &m.shape.before
	}
	if m.shape.bounded {
		var others set
		for c := range 256 {
			if !wordBytes.has(byte(c)) {
				others.add(byte(c))
			}
		}
		w.before = &others
	}
	if lead := m.shape.lead; len(lead) > len(keyword) {
		w.after = slices.Clone(lead[len(keyword):min(len(lead), len(keyword)+maxBeside)])
	}
	return w
}

func clonePlace(s *set) *set {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

// keywordPlace gives where in each match one of the keywords stands, or -1: they
// are all as long, and all that these places can hold.
func (m *ruleMatcher) keywordPlace() int {
	k := m.keywords[0]
	for o := 0; o+len(k) <= len(m.places); o++ {
		holds := 1
		for _, p := range m.places[o : o+len(k)] {
			holds *= p.folded()
		}
		if holds == len(m.keywords) && !slices.ContainsFunc(m.keywords, func(k2 string) bool { return len(k2) != len(k) || !fitsPlaces(m.places[o:], k2) }) {
			return o
		}
	}
	return -1
}

func fitsPlaces(places []*set, word string) bool {
	for i := range len(word) {
		if c := word[i]; !places[i].has(c) && (c < 'a' || c > 'z' || !places[i].has(c-0x20)) {
			return false
		}
	}
	return true
}

// folded counts the bytes of a set, letters of either case as one; a place that
// holds anything counts as many.
func (s *set) folded() int {
	n := 0
	for c := range 256 {
		if s == nil || s.has(byte(c)) && (lowerByte(byte(c)) == byte(c) || !s.has(lowerByte(byte(c)))) {
			n++
		}
	}
	return n
}

// flatten gives the places of the bytes of each match in order, nil where their
// number or kind isn't told.
func flatten(re *syntax.Regexp, depth int, places []*set) []*set {
	const most = 64 // of one repetition
	many := func(s set, n int) {
		for range n {
			places = append(places, &s)
		}
	}
	switch {
	case depth > maxNesting:
	case empty(re):
		return places
	case re.Op == syntax.OpCapture, re.Op == syntax.OpConcat:
		for _, sub := range re.Sub {
			places = flatten(sub, depth+1, places)
		}
		return places
	case re.Op == syntax.OpLiteral:
		for _, r := range re.Rune {
			if s, one := runeSet(re, []rune{r, r}); one {
				places = append(places, &s)
			} else {
				places = append(places, nil)
			}
		}
		return places
	case re.Op == syntax.OpCharClass:
		if s, one := runeSet(re, re.Rune); one {
			return append(places, &s)
		}
	case re.Op == syntax.OpRepeat && re.Sub[0].Op == syntax.OpCharClass:
		s, one := runeSet(re.Sub[0], re.Sub[0].Rune)
		if one && re.Min == re.Max && re.Min <= most {
			many(s, re.Min)
			return places
		}
		if one {
			// As many at least, half of them before what is not told.
			half := min(re.Min/2, most)
			many(s, half)
			places = append(places, nil)
			many(s, half)
			return places
		}
	}
	return append(places, nil)
}

// wordBytes are what \b tells from others.
var wordBytes = func() (s set) {
	for c := range 256 {
		if b := lowerByte(byte(c)); b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_' {
			s.add(byte(c))
		}
	}
	return s
}()

// bounded tells whether an expression begins with \b.
func bounded(re *syntax.Regexp, depth int) bool {
	switch re.Op {
	case syntax.OpWordBoundary:
		return true
	case syntax.OpConcat, syntax.OpCapture:
		return depth < maxNesting && len(re.Sub) > 0 && bounded(re.Sub[0], depth+1)
	}
	return false
}

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *set) join(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// shape is what a window must hold for an expression to match: bytes at the
// keyword when each match starts with one, and somewhere a run of bytes of one
// class. It leaves out windows, it never decides that one matches.
type shape struct {
	anchored bool
	behind   bool // each match starts one byte before, with one of the set before
	before   set
	bounded  bool  // no byte of a word stands before a match
	lead     []set // of the bytes from a match's start
	run      set   // of length bytes in a row
	length   int   // 0 when there is no such run
}

func (s *shape) fits(data []byte, at int) bool {
	if s.anchored {
		if len(data)-at < len(s.lead) {
			return false
		}
		for i := range s.lead {
			if !s.lead[i].has(data[at+i]) {
				return false
			}
		}
	}
	if s.length == 0 {
		return true
	}
	if s.anchored {
		data = data[at:]
	}
	for end := s.length - 1; end < len(data); {
		i := 0
		for i < s.length && s.run.has(data[end-i]) {
			i++
		}
		if i == s.length {
			return true
		}
		end += s.length - i
	}
	return false
}

// The bounds of a shape.
const (
	maxLead    = 40
	maxLeaders = 128
	leastRun   = 8
)

func shapeOf(re *syntax.Regexp, keywords []string) shape {
	var s shape
	s.run, s.length = longestRun(re, 0)
	if s.length < leastRun {
		s.length = 0
	}
	if re.Op == syntax.OpConcat && len(re.Sub) > 1 && re.Sub[0].Op == syntax.OpCharClass {
		// One byte, and then the keyword? A byte that is the end of a longer rune is
		// read as the rune for errors.
		if before, one := runeSet(re.Sub[0], re.Sub[0].Rune); one || hasRune(re.Sub[0], utf8.RuneError) {
			rest := *re
			rest.Sub = re.Sub[1:]
			if t := shapeOf(&rest, keywords); t.anchored && !t.behind && !startsEmpty(&rest, 0) {
				t.behind, t.before, t.run, t.length = true, before, s.run, s.length
				return t
			}
		}
	}
	if lead, _ := leading(re, 0); len(lead) > 0 {
		s.lead = lead
		if words, _ := starts(re, 0); len(words) > 0 {
			s.anchored = true
			for _, w := range words {
				s.anchored = s.anchored && startsWithAny(w, keywords)
			}
			s.bounded = bounded(re, 0)
			for c := range 256 {
				s.bounded = s.bounded && (!lead[0].has(byte(c)) || wordBytes.has(byte(c)))
			}
		}
	}
	return s
}

func hasRune(class *syntax.Regexp, r rune) bool {
	for i := 0; i+1 < len(class.Rune); i += 2 {
		if class.Rune[i] <= r && r <= class.Rune[i+1] {
			return true
		}
	}
	return false
}

func startsWithAny(w string, keywords []string) bool {
	for _, k := range keywords {
		if strings.HasPrefix(w, k) {
			return true
		}
	}
	return false
}

// empty tells whether an expression takes no bytes.
func empty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return false
}

// startsEmpty tells whether an expression may begin with the start of a text or
// line.
func startsEmpty(re *syntax.Regexp, depth int) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpBeginText:
		return true
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpEmptyMatch:
		return false
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if startsEmpty(sub, depth+1) {
				return true
			}
			if !empty(sub) {
				return false
			}
		}
		return false
	}
	return depth > maxNesting || slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return startsEmpty(sub, depth+1) })
}

// unbounded stands for matches of any length. It leaves room to add.
const unbounded = 1 << 24

// longest gives how many bytes a match has at most, or unbounded.
func longest(re *syntax.Regexp, depth int) int {
	if depth > maxNesting {
		return unbounded
	}
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune) * utf8.UTFMax
	case syntax.OpCharClass:
		if n := len(re.Rune); n == 0 || re.Rune[n-1] < utf8.RuneSelf {
			return 1
		}
		return utf8.UTFMax
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpStar, syntax.OpPlus:
		return unbounded
	case syntax.OpRepeat:
		if re.Max < 0 {
			return unbounded
		}
		n = re.Max * longest(re.Sub[0], depth+1)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			n = max(n, longest(sub, depth+1))
		}
	case syntax.OpConcat, syntax.OpCapture, syntax.OpQuest:
		for _, sub := range re.Sub {
			n = min(unbounded, n+longest(sub, depth+1))
		}
	}
	return min(unbounded, n)
}

// maxNesting bounds how deep expressions are looked into.
const maxNesting = 50

// leading gives the sets of the bytes that each match starts with, as far as
// they are told; all is set when that is the whole of the match.
func leading(re *syntax.Regexp, depth int) (sets []set, all bool) {
	if depth > maxNesting {
		return nil, false
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			s, one := runeSet(re, []rune{r, r})
			sets = append(sets, s)
			if !one {
				return sets, false
			}
		}
		return sets, true
	case syntax.OpCharClass:
		s, one := runeSet(re, re.Rune)
		return []set{s}, one
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return nil, false
	case syntax.OpCapture:
		return leading(re.Sub[0], depth+1)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			more, whole := leading(sub, depth+1)
			sets = append(sets, more...)
			if !whole || len(sets) >= maxLead {
				return sets, false
			}
		}
		return sets, true
	case syntax.OpPlus:
		sets, _ = leading(re.Sub[0], depth+1)
		return sets, false
	case syntax.OpRepeat:
		sub, whole := leading(re.Sub[0], depth+1)
		for n := 0; n < re.Min && len(sets) < maxLead; n++ {
			sets = append(sets, sub...)
			if !whole {
				return sets, false
			}
		}
		return sets, whole && re.Max == re.Min && len(sets) < maxLead
	case syntax.OpAlternate:
		return joined(re.Sub, depth)
	}
	return nil, empty(re)
}

func joined(subs []*syntax.Regexp, depth int) (sets []set, all bool) {
	for i, sub := range subs {
		more, whole := leading(sub, depth+1)
		if i == 0 {
			sets, all = more, whole
			continue
		}
		all = all && whole && len(more) == len(sets)
		sets = append([]set{}, sets[:min(len(sets), len(more))]...)
		for j := range sets {
			sets[j].join(more[j])
		}
	}
	return sets, all
}

// runeSet gives the first bytes of a class's runes; one is set when each rune
// is a single byte. The long s and the sign of the Kelvin, which (?i) takes for s
// and k, are left out: no name has them.
func runeSet(re *syntax.Regexp, ranges []rune) (s set, one bool) {
	one = true
	strange := func(r rune) bool { return r == 'ſ' || r == '\u212A' }
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] == ranges[i+1] && strange(ranges[i]) {
			continue
		}
		for r := ranges[i]; r <= min(ranges[i+1], 0x7F); r++ {
			s.add(byte(r))
			if re.Flags&syntax.FoldCase != 0 && re.Op == syntax.OpLiteral {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					if f <= 0x7F {
						s.add(byte(f))
					} else if !strange(f) {
						one = false
					}
				}
			}
		}
		if ranges[i+1] > 0x7F {
			one = false
		}
	}
	if !one {
		// Runes of several bytes, or a byte that is no UTF-8.
		for c := 0x80; c < 0x100; c++ {
			s.add(byte(c))
		}
	}
	return s, one
}

// starts gives the folded texts that matches start with, none when they can't be
// told; all is set when they are the whole of the match.
func starts(re *syntax.Regexp, depth int) (words []string, all bool) {
	if depth > maxNesting {
		return nil, false
	}
	switch re.Op {
	case syntax.OpLiteral:
		return []string{lowerASCII(string(re.Rune))}, true
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if len(words) >= maxLeaders {
					return nil, false
				}
				words = append(words, lowerASCII(string(r)))
			}
		}
		return words, true
	case syntax.OpCapture:
		return starts(re.Sub[0], depth+1)
	case syntax.OpConcat:
		words = []string{""}
		for _, sub := range re.Sub {
			more, whole := starts(sub, depth+1)
			if len(more) == 0 || len(words)*len(more) > maxLeaders {
				return words, false
			}
			var next []string
			for _, w := range words {
				for _, m := range more {
					next = append(next, w+m)
				}
			}
			words = next
			if !whole {
				return words, false
			}
		}
		return words, true
	case syntax.OpRepeat, syntax.OpPlus:
		if re.Op == syntax.OpPlus || re.Min > 0 {
			words, _ = starts(re.Sub[0], depth+1)
			return words, false
		}
	case syntax.OpQuest:
		if words, all = starts(re.Sub[0], depth+1); len(words) > 0 {
			return append(words, ""), all
		}
	case syntax.OpAlternate:
		all = true
		for _, sub := range re.Sub {
			more, whole := starts(sub, depth+1)
			if len(more) == 0 || len(words)+len(more) > maxLeaders {
				return nil, false
			}
			words, all = append(words, more...), all && whole
		}
		return words, all
	}
	if empty(re) {
		return []string{""}, true
	}
	return nil, false
}

// longestRun finds the most bytes in a row of one class that each match has.
func longestRun(re *syntax.Regexp, depth int) (s set, n int) {
	if depth > maxNesting {
		return s, 0
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return longestRun(re.Sub[0], depth+1)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if t, m := longestRun(sub, depth+1); m > n {
				s, n = t, m
			}
		}
	case syntax.OpRepeat:
		if re.Min < 1 {
			return s, 0
		}
		if sub := re.Sub[0]; sub.Op == syntax.OpCharClass {
			// A rune has at least one byte.
			t, _ := runeSet(sub, sub.Rune)
			return t, re.Min
		}
		return longestRun(re.Sub[0], depth+1)
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			t, m := longestRun(sub, depth+1)
			if i == 0 {
				s, n = t, m
				continue
			}
			s.join(t)
			n = min(n, m)
		}
	}
	return s, n
}
