package personal

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Finding is one kind of value in one file.
type Finding struct {
	Kind     Kind
	Severity string // low, medium or high
	// Distinct is how many different values there are; Exact tells whether that
	// is counted or estimated.
	Distinct int64
	Exact    bool
	First    int64 // offset of the first one, -1 when only a column tells
	// Columns are the ones that hold it, as table.column where there are tables,
	// at most [maxNamed].
	Columns []string
}

// maxNamed is how many columns a finding names.
const maxNamed = 12

// border is how much of the last chunk is kept, and how far before the end of what
// is known values are left for the next one.
const border = 256

// Scanner looks for personal data in one text file. Its memory is bounded whatever
// the file says: the counts of at most 24 kinds and 512 columns. It is not safe
// for concurrent use.
type Scanner struct {
	name  string
	text  text
	table structure

	end   int64 // offset up to which bytes were written
	told  int64 // offset up to which marks are told
	tail  []byte
	join  [4 * border]byte
	lines int64

	started bool   // it is known whether the file is UTF-16
	wide    int    // 1 UTF-16 little endian, 2 big endian
	half    []byte // of a character
}

// NewScanner begins a file. name is its path: it tells formats and lists of
// authors; it may be empty.
func NewScanner(name string) *Scanner {
	s := &Scanner{name: name}
	s.table.name = name
	return s
}

// Write takes the next bytes, which start at off in the file. What lies between
// off and the end of the last chunk is a hole.
func (s *Scanner) Write(off int64, chunk []byte) {
	if len(chunk) == 0 {
		return
	}
	if !s.started {
		if len(s.half) > 0 {
			chunk = append(s.half, chunk...)
			off, s.half = off-1, nil
		}
		if len(chunk) == 1 {
			s.half = []byte{chunk[0]}
			return
		}
		s.started = true
		switch {
		case bytes.HasPrefix(chunk, []byte{0xFF, 0xFE}):
			s.wide = 1
		case bytes.HasPrefix(chunk, []byte{0xFE, 0xFF}):
			s.wide = 2
		}
	}
	if s.wide != 0 {
		chunk = s.narrow(chunk)
		off = s.end
	}
	if off != s.end {
		s.flush()
		s.end, s.told = off, off
	}
	s.lines += int64(bytes.Count(chunk, []byte{'\n'}))
	s.table.write(chunk)
	s.marks(chunk)
}

// marks hands windows to the search such that every mark is told once, with border
// bytes on both sides where the file has them.
func (s *Scanner) marks(chunk []byte) {
	start := s.end // of chunk
	s.end += int64(len(chunk))
	if len(s.tail) > 0 || len(chunk) <= border {
		n := copy(s.join[:], s.tail)
		n += copy(s.join[n:], chunk[:min(len(chunk), 2*border)])
		base := start - int64(len(s.tail))
		upTo := base + int64(n) - border // in the file
		if upTo > s.told {
			s.text.scan(s.join[:n], int(s.told-base), int(upTo-base), base)
			s.told = upTo
		}
	}
	if upTo := s.end - border; upTo > s.told {
		s.text.scan(chunk, int(s.told-start), int(upTo-start), start)
		s.told = upTo
	}
	// Keep what the next windows need: the last two borders.
	if len(chunk) >= 2*border {
		s.tail = append(s.tail[:0], chunk[len(chunk)-2*border:]...)
		return
	}
	if over := len(s.tail) + len(chunk) - 2*border; over > 0 {
		s.tail = s.tail[:copy(s.tail, s.tail[over:])]
	}
	s.tail = append(s.tail, chunk...)
}

// flush tells the marks at the end of what is known.
func (s *Scanner) flush() {
	base := s.end - int64(len(s.tail))
	if s.end > s.told {
		s.text.scan(s.tail, int(s.told-base), len(s.tail), base)
	}
	s.told = s.end
	clear(s.tail)
	s.tail = s.tail[:0]
}

// narrow turns UTF-16 into UTF-8. Offsets are those of the UTF-8.
func (s *Scanner) narrow(chunk []byte) []byte {
	in := slices.Concat(s.half, chunk)
	out := make([]byte, 0, len(in))
	i := 0
	unit := func(i int) rune {
		if s.wide == 1 {
			return rune(in[i]) | rune(in[i+1])<<8
		}
		return rune(in[i])<<8 | rune(in[i+1])
	}
	for ; i+1 < len(in); i += 2 {
		r := unit(i)
		if utf16.IsSurrogate(r) {
			if i+3 >= len(in) {
				break
			}
			if pair := utf16.DecodeRune(r, unit(i+2)); pair != utf8.RuneError {
				r = pair
				i += 2
			}
		}
		if r != 0xFEFF {
			out = utf8.AppendRune(out, r)
		}
	}
	s.half = append([]byte(nil), in[min(i, len(in)):]...)
	return out
}

// Close ends the file and gives what is in it, by kind; nothing when it is nothing
// worth telling.
func (s *Scanner) Close() []Finding {
	if !s.started && len(s.half) > 0 {
		return nil // one byte
	}
	s.flush()
	s.table.close()
	columns, people := s.table.result()
	authors := authorsFile(s.name)
	var out []Finding
	for k := None + 1; k < kinds; k++ {
		f := Finding{Kind: k, First: -1, Exact: true}
		ok := false
		if t := s.text.tallies[k]; t != nil {
			if !authors || k != Email && k != Phone {
				f.Distinct, f.Exact, ok = t.verdict(k, s.lines)
			}
			if ok {
				f.First = t.first
			}
		}
		if c := columns[k]; c != nil && c.enough(k, people, authors) {
			ok = true
			f.Columns = c.names
			if c.distinct > f.Distinct {
				f.Distinct, f.Exact = c.distinct, !c.about
			}
		}
		if ok {
			f.Severity = k.Severity(f.Distinct)
			out = append(out, f)
		}
	}
	return out
}

// A textRule is when a kind in running text is worth telling.
type textRule struct {
	near  int64   // distinct values beside a word of the kind; 0: no word is enough
	bulk  int64   // distinct values without; 0: they are never
	share float64 // of what has the outer form, that must be valid for bulk
	lines float64 // of the file's lines, that must have one for bulk
}

var textRules = [kinds]textRule{
	ResidentID: {1, 3, .5, 0},
	Mobile:     {3, 50, .9, .3},
	Phone:      {3, 50, .9, .3},
	BankCard:   {1, 10, .6, .2},
	USCC:       {3, 5, .5, .1},
	Passport:   {2, 0, 0, 0},
	Permit:     {2, 0, 0, 0},
	TaiwanID:   {1, 10, .9, 0},
	HongKongID: {1, 5, .8, 0},
	Address:    {0, 5, 0, 0},
	Email:      {0, 50, 0, .3},
	IBAN:       {2, 3, .5, 0},
	SSN:        {2, 30, .95, .3},
	NINO:       {2, 0, 0, 0},
	MRZ:        {1, 1, 0, 0},
}

// found tells whether any value was.
func (t *text) found() bool {
	for _, c := range t.tallies {
		if c != nil && c.valid > 0 {
			return true
		}
	}
	return false
}

// verdict tells how many values count, and whether they are enough among so many
// lines (0: whatever their number).
func (t *tally) verdict(k Kind, lines int64) (n int64, exact, ok bool) {
	r := textRules[k]
	near, exactNear := t.near.count()
	all, exactAll := t.all.count()
	bulk := r.bulk > 0 && all >= r.bulk && float64(t.valid) >= r.share*float64(t.looked)
	if lines > 0 && r.lines > 0 {
		bulk = bulk && float64(t.lines) >= r.lines*float64(lines)
	}
	switch k {
	case Mobile:
		bulk = bulk && t.heads.varied(8)
	case Email:
		// Name <address> is how authors and maintainers are listed.
		bulk = bulk && t.angle*2 < t.valid
	}
	switch {
	case bulk:
		return all, exactAll, true
	case r.near > 0 && near >= r.near:
		return near, exactNear, true
	}
	return 0, true, false
}

// authorsFile tells files that name who made something, which is public.
func authorsFile(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, w := range []string{
		"author", "credit", "thanks", "maintainer", "contributor", "copyright", "changelog", "changes", "mailmap", "history",
		"readme", "license", "licence", "notice", "copying", "codeowners", "news", "committers", "translators",
	} {
		if strings.Contains(base, w) {
			return true
		}
	}
	for _, d := range []string{"/usr/share/doc/", "/usr/share/man/", "/var/lib/dpkg/", "/var/lib/apt/", "/usr/share/locale/", "/usr/share/common-licenses/", "/lib/apk/db/"} {
		if strings.HasPrefix(name, d) {
			return true
		}
	}
	return false
}
