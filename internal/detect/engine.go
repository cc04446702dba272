package detect

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// Options are what an engine looks for.
type Options struct {
	Rules     []Rule
	Matchers  []Matcher
	Detectors []Detector
	// Personal counts personal data in text.
	Personal bool
	// Streams begin, for a file of text, what is not led by keywords. Each may
	// give nil for a file that it doesn't want.
	Streams []func(f File) Stream
}

// Stream looks at all bytes of a text file as they go by.
type Stream interface {
	// Write takes the next bytes, at off in the file. UTF-16 comes as UTF-8. It
	// must not keep chunk.
	Write(off int64, chunk []byte)
	// Close gives what was found. Start and End count from the file's start.
	Close() []Hit
}

// TextOnly is a [Matcher] that a file of bytes would fool: passwords, settings.
type TextOnly interface {
	// TextOnly tells that binary files are not looked at.
	TextOnly() bool
}

// Engine looks at files in one pass each. It is safe for use by several
// goroutines.
type Engine struct {
	detectors    []Detector
	streams      []func(f File) Stream
	matchers     []matcher
	text, binary keywordSet
	// before and after are how much of a file lies around what is looked at.
	before, after int
	buffers       sync.Pool // of *[]byte
	version       string
}

// matcher is a [Matcher] as the engine runs it.
type matcher struct {
	Matcher
	rule          *ruleMatcher // the same, when it is one
	before, after int
	textOnly      bool
}

// keywordSet is the keywords of some matchers.
type keywordSet struct {
	filter *prefilter
	length []int   // of each word
	users  [][]int // the matchers of each word
}

// The bounds of an engine.
const (
	blockSize  = 128 << 10
	maxWindow  = 32 << 10 // before or after a keyword
	headSize   = 8 << 10  // tells text from bytes
	headLimit  = 16 << 20 // for detectors
	maxKeyword = 256
)

// NewEngine compiles rules. The errors name the rule and its field.
func NewEngine(o Options) (*Engine, error) {
	var errs []error
	e := &Engine{detectors: slices.Clone(o.Detectors), streams: slices.Clone(o.Streams)}
	all := slices.Clone(o.Matchers)
	for _, r := range o.Rules {
		m, d, err := r.compile()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Source, err))
			continue
		}
		if m != nil {
			all = append(all, m)
		}
		if d != nil {
			e.detectors = append(e.detectors, d)
		}
	}
	e.detectors = indexPlaces(e.detectors)
	e.version = o.digest()
	if o.Personal {
		e.streams = append(e.streams, func(f File) Stream { return personalStream(f) })
	}
	longest := 0
	for _, m := range all {
		before, after := m.Window()
		c := matcher{Matcher: m, before: min(max(before, 0), maxWindow), after: min(max(after, 0), maxWindow)}
		c.rule, _ = m.(*ruleMatcher)
		if t, ok := m.(TextOnly); ok {
			c.textOnly = t.TextOnly()
		}
		for _, k := range m.Keywords() {
			if len(k) < 3 || len(k) > maxKeyword {
				errs = append(errs, fmt.Errorf("%s: keywords: expected 3 to %d bytes, found %q", m.Name(), maxKeyword, k))
			}
			longest = max(longest, len(k))
		}
		e.matchers = append(e.matchers, c)
		e.before, e.after = max(e.before, c.before), max(e.after, c.after)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	e.after += longest
	e.text, e.binary = e.keywords(false), e.keywords(true)
	size := e.before + blockSize + e.after + slack
	e.buffers.New = func() any {
		b := make([]byte, size)
		return &b
	}
	return e, nil
}

func (e *Engine) keywords(binary bool) keywordSet {
	var w keywordSet
	index := map[string]int{}
	var texts []needle
	for i, m := range e.matchers {
		if binary && m.textOnly {
			continue
		}
		for _, k := range m.Keywords() {
			k = lowerASCII(k)
			text := needle{text: k}
			if m.rule != nil {
				text = m.rule.needle(k)
			}
			at, ok := index[k]
			if !ok {
				at = len(texts)
				index[k] = at
				texts, w.length, w.users = append(texts, text), append(w.length, len(k)), append(w.users, nil)
			}
			texts[at].join(text)
			if !slices.Contains(w.users[at], i) {
				w.users[at] = append(w.users[at], i)
			}
		}
	}
	w.filter = newPrefilter(texts)
	return w
}

// worthless are name endings of files that hold pictures, sound, letters,
// translations or packed bytes, where no word stands as it is.
var worthless = map[string]bool{
	".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".ico": true, ".webp": true, ".svgz": true, ".bmp": true, ".tif": true, ".tiff": true,
	".mp3": true, ".mp4": true, ".mkv": true, ".avi": true, ".mov": true, ".ogg": true, ".oga": true, ".flac": true, ".wav": true, ".webm": true,
	".woff": true, ".woff2": true, ".ttf": true, ".otf": true, ".ttc": true, ".eot": true, ".pfb": true, ".pcf": true,
	".gz": true, ".tgz": true, ".xz": true, ".txz": true, ".bz2": true, ".zst": true, ".lz4": true, ".zip": true, ".7z": true, ".rar": true,
	".jar": true, ".war": true, ".deb": true, ".rpm": true, ".whl": true,
	".mo": true, ".gmo": true, ".pyc": true, ".pyo": true,
}

// Wants tells how many of a file's first bytes are worth reading: 0 is none of
// them, its size all. Whether vendors' files are worth it, see [Harmless], is
// the caller's to decide.
func (e *Engine) Wants(f File) int64 {
	n := int64(0)
	if (len(e.matchers) > 0 || len(e.streams) > 0) && f.Mode&fs.ModeType == 0 && f.Size > 0 && !worthless[strings.ToLower(path.Ext(f.Path))] {
		return f.Size
	}
	for _, d := range e.detectors {
		n = max(n, min(d.Wants(f), headLimit))
	}
	return n
}

// Found is one thing found in a file. Value is good until the call that brought
// it returns.
type Found struct {
	Hit
	Offset int64 // of the value, in bytes from the file's start
	Line   int   // from 1; 0 in binary files
	Value  []byte
	// Encoded is set when the value stands within base64, and Offset is where
	// that starts.
	Encoded bool
}

// Scan is one file on its way through an engine. Bytes are written in order,
// then it is closed. What is found does not depend on how they were cut. It
// holds a block of them, as large as the longest window and 128 KiB, and for
// detectors at most the first 4 MiB.
type Scan struct {
	engine *Engine
	file   File
	found  func(Found)

	pooled  *[]byte
	buf     []byte // the block
	used    int    // bytes of the block that were ever written
	first   bool   // the block starts at the file's start
	from    int    // where in the block the next keyword may start
	fed     int    // what streams and detectors have seen of the block
	base    mark   // the block's start
	decided bool
	binary  bool
	words   *keywordSet
	wide    decoder
	streams []Stream
	wants   []int64 // of the detectors
	want    int
	head    []byte
	seen    map[span]bool

	credit  int64
	skipped int
}

// mark is a place in a file.
type mark struct {
	offset int64
	line   int
}

// span is what tells hits of one block apart.
type span struct {
	offset     int64
	length     int
	kind, name string
}

// located is a hit in a block.
type located struct {
	Hit
	value   []byte
	at      int // in the block
	matcher int
	encoded bool
}

// Scan begins a file. found is called within Write and Close.
func (e *Engine) Scan(f File, found func(Found)) *Scan {
	s := &Scan{engine: e, file: f, found: found, first: true, base: mark{line: 1}, credit: burst}
	s.pooled, _ = e.buffers.Get().(*[]byte)
	s.buf = (*s.pooled)[:0]
	s.wants = make([]int64, len(e.detectors))
	for i, d := range e.detectors {
		s.wants[i] = max(0, min(d.Wants(f), headLimit))
		s.want = max(s.want, int(s.wants[i]))
	}
	return s
}

// Skipped tells how many keywords were left out, because so many stood in the
// file that to look around each would take too long.
func (s *Scan) Skipped() int { return s.skipped }

// Write takes the next bytes. It never fails.
func (s *Scan) Write(p []byte) (int, error) {
	n := len(p)
	if !s.decided {
		k := min(len(p), headSize-len(s.buf))
		s.buf = append(s.buf, p[:k]...)
		p = p[k:]
		if len(s.buf) < headSize || len(p) == 0 {
			return n, nil
		}
		s.decide()
	}
	s.take(p)
	return n, nil
}

// decide tells by the first bytes what kind of file it is.
func (s *Scan) decide() {
	s.decided = true
	s.words = &s.engine.text
	s.wide = wideText(s.buf)
	switch {
	case s.wide.order != nil:
		raw := bytes.Clone(s.buf)
		defer clear(raw)
		s.used = len(s.buf)
		s.buf = s.buf[:0]
		s.base.offset = int64(s.wide.mark)
		s.take(raw[s.wide.mark:])
	case bytes.IndexByte(s.buf, 0) >= 0:
		s.binary, s.words = true, &s.engine.binary
	}
	if !s.binary {
		for _, begin := range s.engine.streams {
			if st := begin(s.file); st != nil {
				s.streams = append(s.streams, st)
			}
		}
	}
}

// take fills the block, and looks at it whenever it is full and more comes.
func (s *Scan) take(p []byte) {
	limit := len(*s.pooled) - slack
	for len(p) > 0 {
		if s.wide.order != nil {
			s.buf, p = s.wide.decode(s.buf, limit, p)
		} else {
			n := min(len(p), limit-len(s.buf))
			s.buf = append(s.buf, p[:n]...)
			p = p[n:]
		}
		if len(p) > 0 {
			s.process(false)
		}
	}
}

// Close ends the file, gives what was left to find, and forgets its bytes.
func (s *Scan) Close() error {
	if s.pooled == nil {
		return nil
	}
	if !s.decided {
		s.decide()
	}
	if s.wide.order != nil {
		s.buf = s.wide.flush(s.buf)
	}
	s.process(true)
	s.detect()
	for _, st := range s.streams {
		for _, h := range st.Close() {
			s.found(Found{Hit: h, Offset: int64(h.Start)})
		}
	}
	clear((*s.pooled)[:max(s.used, len(s.buf))])
	clear(s.head)
	s.engine.buffers.Put(s.pooled)
	*s = Scan{skipped: s.skipped}
	return nil
}

// detect runs the detectors over the file's first bytes.
func (s *Scan) detect() {
	start := mark{offset: int64(s.wide.mark), line: 1}
	for i, d := range s.engine.detectors {
		n := min(s.wants[i], int64(len(s.head)))
		if n <= 0 {
			continue
		}
		data := s.head[:n:n]
		hits := d.Detect(s.file, data)
		slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(a.Start, b.Start) })
		at, pos := start, 0
		for _, h := range hits {
			at = s.advance(at, data[pos:h.Start])
			pos = h.Start
			s.give(at, h, data[h.Start:h.End], false)
		}
	}
}

// advance gives the place behind some bytes of the block.
func (s *Scan) advance(m mark, b []byte) mark {
	if s.binary {
		m.offset += int64(len(b))
		return m
	}
	m.line += bytes.Count(b, []byte{'\n'})
	if s.wide.order == nil {
		m.offset += int64(len(b))
	} else {
		m.offset += wideLen(b)
	}
	return m
}

func (s *Scan) give(at mark, h Hit, value []byte, encoded bool) {
	f := Found{Hit: h, Offset: at.offset, Value: value, Encoded: encoded}
	if !s.binary {
		f.Line = at.line
	}
	s.found(f)
}

// process looks at the block, and unless it was the last makes room behind what
// the next keywords need.
func (s *Scan) process(final bool) {
	to := len(s.buf)
	if !final {
		to -= s.engine.after
	}
	s.feed()
	s.used = max(s.used, len(s.buf))
	s.credit = min(burst, s.credit+int64(to-s.from)*perByte)
	v := view{data: s.buf, first: s.first, last: final}
	s.look(&v, s.from, to)
	s.flush(v.hits)
	if final {
		return
	}
	drop := max(0, to-s.engine.before)
	s.base = s.advance(s.base, s.buf[:drop])
	s.first = s.first && drop == 0
	for k := range s.seen {
		if k.offset+int64(k.length) < s.base.offset {
			delete(s.seen, k)
		}
	}
	s.buf = s.buf[:copy(s.buf, s.buf[drop:])]
	s.from, s.fed = to-drop, len(s.buf)
}

// feed gives what is new in the block to streams and to the detectors' head.
func (s *Scan) feed() {
	fresh := s.buf[s.fed:]
	if len(fresh) == 0 {
		return
	}
	if room := s.want - len(s.head); room > 0 {
		if s.head == nil {
			s.head = make([]byte, 0, min(int64(s.want), max(s.file.Size, int64(len(fresh)))))
		}
		s.head = appendClear(s.head, fresh[:min(room, len(fresh))])
	}
	if len(s.streams) > 0 {
		at := s.base.offset + int64(s.fed)
		if s.wide.order != nil {
			at = s.base.offset + wideLen(s.buf[:s.fed])
		}
		for _, st := range s.streams {
			st.Write(at, fresh)
		}
	}
	s.fed = len(s.buf)
}

// appendClear is append, but leaves nothing in what it outgrows.
func appendClear(b, more []byte) []byte {
	if len(b)+len(more) <= cap(b) {
		return append(b, more...)
	}
	out := append(make([]byte, 0, 2*(len(b)+len(more))), b...)
	clear(b)
	return append(out, more...)
}

// Work is counted in about nanoseconds, so that whatever a file holds, it
// takes a bounded time a byte and a burst at once.
const (
	perByte     = 20
	burst       = 250_000_000 // more than ordinary text ever needs
	costGate    = 8
	costCall    = 200
	costPattern = 25 // a byte at least; long expressions take more
)

// view is bytes to be looked at: a block, or what base64 held.
type view struct {
	data        []byte // with slack bytes of capacity behind it
	first, last bool   // it starts, ends where the file does
	depth       int
	hits        []located
}

// look finds what starts in v.data[from:to].
func (s *Scan) look(v *view, from, to int) {
	s.words.filter.scan(v.data, from, to, func(word, start int) { s.keyword(v, word, start) })
	if !s.binary && v.depth < maxDepth {
		s.unwrap(v, from, to)
	}
}

// keyword runs the matchers of a keyword.
func (s *Scan) keyword(v *view, word, start int) {
	end := start + s.words.length[word]
	for _, i := range s.words.users[word] {
		m := &s.engine.matchers[i]
		if s.credit <= 0 {
			s.skipped++
			return
		}
		from, to := max(0, start-m.before), min(len(v.data), end+m.after)
		data := v.data[from:to:to]
		if m.rule != nil {
			s.credit -= costGate
			if !m.rule.shape.fits(data, start-from) {
				continue
			}
			s.credit -= int64(len(m.rule.nears)*len(data)) + costCall
			if len(m.rule.nears) > 0 && !m.rule.near(data) {
				continue
			}
		} else {
			s.credit -= costCall + int64(len(data)/4)
		}
		w := Window{File: s.file, Data: data, Start: start - from, End: end - from, First: from == 0 && v.first, Last: to == len(v.data) && v.last}
		var hits []Hit
		if m.rule != nil {
			var work int64
			hits, work = m.rule.match(w)
			s.credit -= work
		} else {
			hits = m.Match(w)
		}
		for _, h := range hits {
			v.hits = append(v.hits, located{Hit: h, value: data[h.Start:h.End:h.End], at: from + h.Start, matcher: i})
		}
	}
}

// flush gives a block's hits in order, each once. What a matcher for text found
// is left out where another knows better what it is.
func (s *Scan) flush(hits []located) {
	if len(hits) == 0 {
		return
	}
	slices.SortStableFunc(hits, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(len(b.value), len(a.value)), cmp.Compare(a.matcher, b.matcher))
	})
	if s.seen == nil {
		s.seen = map[span]bool{}
	}
	at, pos := s.base, 0
	for i, h := range hits {
		at = s.advance(at, s.buf[pos:h.at])
		pos = h.at
		sp := span{at.offset, len(h.value), h.Type, s.engine.matchers[h.matcher].Name() + h.Public}
		if s.seen[sp] || s.generic(hits, i) {
			continue
		}
		s.seen[sp] = true
		s.give(at, h.Hit, h.value, h.encoded)
	}
	for i := range hits {
		if hits[i].encoded {
			clear(hits[i].value)
		}
	}
}

// generic tells whether a hit is of a matcher for text and near by there is
// one of another that has the same bytes.
func (s *Scan) generic(hits []located, i int) bool {
	h := hits[i]
	if !s.engine.matchers[h.matcher].textOnly || h.encoded {
		return false
	}
	const near = 16
	for _, o := range hits[max(0, i-near):min(len(hits), i+near)] {
		if !s.engine.matchers[o.matcher].textOnly && !o.encoded && o.at < h.at+len(h.value) && h.at < o.at+len(o.value) {
			return true
		}
	}
	return false
}
