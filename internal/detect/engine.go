package detect

import (
	"bytes"
	"errors"
	"fmt"
)

// Options are what an engine looks for.
type Options struct {
	Rules     []Rule
	Matchers  []Matcher
	Detectors []Detector
	// Personal counts personal data in text.
	Personal bool
}

// Engine looks at files in one pass each. It is safe for use by several
// goroutines.
type Engine struct {
	opts Options
}

// NewEngine compiles rules. The errors name the rule and its field.
func NewEngine(o Options) (*Engine, error) {
	var errs []error
	for _, r := range o.Rules {
		m, d, err := r.compile()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Source, err))
			continue
		}
		if m != nil {
			o.Matchers = append(o.Matchers, m)
		}
		if d != nil {
			o.Detectors = append(o.Detectors, d)
		}
	}
	return &Engine{o}, errors.Join(errs...)
}

// Wants tells how many of a file's first bytes are worth reading: 0 is none of
// them, its size all.
func (e *Engine) Wants(f File) int64 {
	n := int64(0)
	if len(e.opts.Matchers) > 0 && textual(f) {
		n = f.Size
	}
	for _, d := range e.opts.Detectors {
		n = max(n, d.Wants(f))
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
}

// Scan is one file on its way through an engine. Bytes are written in order,
// then it is closed. It holds as much of them as its longest window.
type Scan struct {
	engine *Engine
	file   File
	found  func(Found)
	data   []byte
}

// Scan begins a file. found is called within Write and Close.
func (e *Engine) Scan(f File, found func(Found)) *Scan {
	return &Scan{engine: e, file: f, found: found}
}

// Write takes the next bytes. It never fails.
func (s *Scan) Write(p []byte) (int, error) {
	s.data = append(s.data, p...)
	return len(p), nil
}

// Close ends the file, gives what was left to find, and forgets its bytes.
func (s *Scan) Close() error {
	defer func() { clear(s.data); s.data = nil }()
	for _, d := range s.engine.opts.Detectors {
		if n := min(d.Wants(s.file), int64(len(s.data))); n > 0 {
			s.give(0, s.data[:n:n], d.Detect(s.file, s.data[:n:n]))
		}
	}
	low := bytes.ToLower(s.data)
	for _, m := range s.engine.opts.Matchers {
		s.match(m, low)
	}
	return nil
}

func (s *Scan) match(m Matcher, low []byte) {
	before, after := m.Window()
	type span struct{ start, end int }
	seen := map[span]bool{}
	for _, k := range m.Keywords() {
		for pos := 0; ; {
			i := bytes.Index(low[pos:], []byte(k))
			if i < 0 {
				break
			}
			at := pos + i
			pos = at + 1
			from, to := max(0, at-before), min(len(s.data), at+len(k)+after)
			w := Window{File: s.file, Data: s.data[from:to:to], Start: at - from, End: at - from + len(k), First: from == 0, Last: to == len(s.data)}
			for _, h := range m.Match(w) {
				if sp := (span{from + h.Start, from + h.End}); !seen[sp] {
					seen[sp] = true
					s.give(from, w.Data, []Hit{h})
				}
			}
		}
	}
}

func (s *Scan) give(at int, data []byte, hits []Hit) {
	for _, h := range hits {
		f := Found{Hit: h, Offset: int64(at + h.Start), Value: data[h.Start:h.End]}
		if bytes.IndexByte(s.data, 0) < 0 {
			f.Line = 1 + bytes.Count(s.data[:at+h.Start], []byte{'\n'})
		}
		s.found(f)
	}
}
