package detect

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of places, in bytes but for the last two. The engine keeps no more of a
// file for detectors than placeLimit.
const (
	placeLimit    = 4 << 20 // of a file that is read by its format
	stateLimit    = 16 << 20
	presenceLimit = 4 << 10 // of a file that is itself the hit
	valueLimit    = 64 << 10
	placeHits     = 1000 // hits of one record in one file
	placeFields   = 1 << 16
)

// field is one value of a structured file: its name, and where it stands.
type field struct {
	key        []byte // joined by dots; good until yield returns
	start, end int
	group      int    // fields of one section, object or line share it
	text       []byte // the value in clear where the file's bytes aren't
	detail     string // a fact about the value, in plain words
}

// reader gives a file's values in order, until yield says false. It takes time
// linear in the data, and never fails: what it can't read it leaves out.
type reader func(data []byte, yield func(field) bool)

// format is how files of one kind are read.
type format struct {
	read  reader
	limit int64
	keys  bool // a record has to name keys
	bytes bool // the file is no text
}

// formats are what [Rule.Format] may name.
var formats = map[string]format{
	"presence":   {limit: presenceLimit, bytes: true},
	"text":       {read: readText, limit: placeLimit},
	"lines":      {read: readLines, limit: placeLimit},
	"ini":        {read: readINI, limit: placeLimit, keys: true},
	"env":        {read: readEnv, limit: placeLimit, keys: true},
	"properties": {read: readProperties, limit: placeLimit, keys: true},
	"toml":       {read: readTOML, limit: placeLimit, keys: true},
	"json":       {read: readJSON, limit: placeLimit, keys: true},
	"yaml":       {read: readYAML, limit: placeLimit, keys: true},
	"xml":        {read: readXML, limit: placeLimit, keys: true},
	"code":       {read: readCode, limit: placeLimit, keys: true},
	"directive":  {read: readDirectives, limit: placeLimit, keys: true},
	"colon":      {read: readColon, limit: placeLimit, keys: true},
	"columns":    {read: readColumns, limit: placeLimit, keys: true},
	"netrc":      {read: readNetrc, limit: placeLimit, keys: true},
	"pgpass":     {read: readPgpass, limit: placeLimit, keys: true},
	"history":    {read: readHistory, limit: placeLimit},
	"tfstate":    {read: readState, limit: placeLimit},
	"mylogin":    {read: readMylogin, limit: presenceLimit, bytes: true},
	"keytab":     {read: readKeytab, limit: placeLimit, bytes: true},
	"pkcs12":     {read: readPKCS12, limit: placeLimit, bytes: true},
}

// place is a rule of paths and a format.
type place struct {
	rule    Rule
	format  format
	yes, no []glob
	keys    []string
	publics []string
	pattern *regexp.Regexp
	value   int // groups of pattern
	public  int
	magic   []magic
	check   valueCheck
}

// magic is bytes at their places.
type magic []struct {
	at   int
	want []byte
}

// place compiles a rule with a format.
func (r Rule) place() (Detector, error) {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	p := &place{rule: r}
	ok := false
	if p.format, ok = formats[r.Format]; !ok {
		bad("format", "no such format: %q", r.Format)
	}
	for _, s := range r.Paths {
		s, not := strings.CutPrefix(s, "!")
		g, err := compileGlob(s)
		switch {
		case err != nil:
			bad("paths", "%v", err)
		case not:
			p.no = append(p.no, g)
		default:
			p.yes = append(p.yes, g)
		}
	}
	if len(p.yes) == 0 {
		bad("paths", "expected at least one")
	}
	if p.format.keys && len(r.Keys) == 0 {
		bad("keys", "expected at least one for format %s", r.Format)
	}
	p.keys, p.publics = lowered(r.Keys), lowered(r.PublicKeys)
	if r.Pattern != "" {
		re, err := regexp.Compile(r.Pattern)
		if err != nil {
			bad("pattern", "%v", err)
		} else {
			p.pattern, p.value, p.public = re, max(0, re.SubexpIndex("value")), re.SubexpIndex("public")
		}
	} else if r.Format == "text" || r.Format == "lines" {
		bad("pattern", "expected one for format %s", r.Format)
	}
	for _, s := range r.Magic {
		m, err := parseMagic(s)
		if err != nil {
			bad("magic", "%v", err)
		}
		p.magic = append(p.magic, m)
		for _, part := range m {
			p.format.limit = max(p.format.limit, int64(part.at+len(part.want)))
		}
	}
	if r.Check != "" {
		if p.check = valueChecks[r.Check]; p.check == nil {
			bad("check", "no such check of a value: %q", r.Check)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

func lowered(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strings.ToLower(s)
	}
	return out
}

// parseMagic reads 7f454c46+16:0400: bytes in hex, each part with its offset.
func parseMagic(s string) (magic, error) {
	var m magic
	for part := range strings.SplitSeq(s, "+") {
		at := 0
		if offset, rest, ok := strings.Cut(part, ":"); ok {
			n, err := strconv.ParseUint(offset, 10, 20)
			if err != nil {
				return nil, fmt.Errorf("expected an offset below 1048576, found %q", offset)
			}
			at, part = int(n), rest
		}
		b, err := hex.DecodeString(part)
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("expected bytes in hex, found %q", part)
		}
		m = append(m, struct {
			at   int
			want []byte
		}{at, b})
	}
	return m, nil
}

func (m magic) in(data []byte) bool {
	for _, p := range m {
		if len(data) < p.at || !bytes.HasPrefix(data[p.at:], p.want) {
			return false
		}
	}
	return true
}

func (p *place) Name() string { return strings.ReplaceAll(p.rule.ID, "-", "_") }

func (p *place) Wants(f File) int64 {
	n := name(f.Path)
	for i := range p.yes {
		if p.matches(&p.yes[i], &n) {
			return upTo(f, p.format.limit)
		}
	}
	return 0
}

// fileName is what is asked of a file's path once for all records.
type fileName struct {
	low, base string // in lower case
	shipped   bool
	sample    bool
}

func name(path string) fileName {
	n := fileName{low: strings.ToLower(path)}
	n.base = n.low[strings.LastIndexByte(n.low, '/')+1:]
	n.shipped, n.sample = shipped(n.low), sample(n.base)
	return n
}

// matches tells whether a file is wanted by one of the place's globs. What
// packages bring is not, unless the glob says so, and samples are not.
func (p *place) matches(g *glob, n *fileName) bool {
	if g.free && n.shipped || n.sample && p.rule.Format != "presence" || !g.match(n) {
		return false
	}
	for i := range p.no {
		if p.no[i].match(n) {
			return false
		}
	}
	return true
}

// shipped tells whether a file lies where only packages put theirs, also in a
// container's layer.
func shipped(low string) bool {
	for _, cut := range []string{"/diff/", "/fs/", "/rootfs/", "/merged/"} {
		if _, in, ok := strings.Cut(low, cut); ok {
			low = "/" + in
		}
	}
	if strings.HasPrefix(low, "/usr/share/") || strings.HasPrefix(low, "/usr/src/") {
		return true
	}
	return slices.ContainsFunc(harmless, func(dir string) bool { return strings.HasPrefix(low, dir) })
}

// sample tells whether a file's name says that its values stand for none.
func sample(base string) bool {
	for _, w := range []string{"example", "sample", "template", ".dist", ".tmpl", ".tpl", ".skel"} {
		if strings.Contains(base, w) {
			return true
		}
	}
	return false
}

func (p *place) Detect(_ File, data []byte) []Hit {
	if len(data) == 0 || len(p.magic) > 0 && !slices.ContainsFunc(p.magic, func(m magic) bool { return m.in(data) }) {
		return nil
	}
	if p.format.read == nil {
		return []Hit{p.hit(0, min(len(data), presenceLimit))}
	}
	text, where := data, (*mapping)(nil)
	if !p.format.bytes {
		text, where = plainText(data)
		if bytes.IndexByte(text[:min(len(text), 8<<10)], 0) >= 0 {
			return nil
		}
	}
	s := placeScan{place: p, data: text}
	p.format.read(text, s.field)
	return s.hits(where)
}

func (p *place) hit(start, end int) Hit {
	r := p.rule
	return Hit{Type: r.Type, Class: r.Class, Severity: r.Severity, TitleEn: r.Title.En, TitleZh: r.Title.Zh, Start: start, End: end}
}

// placeScan collects what a reader gives.
type placeScan struct {
	place   *place
	data    []byte
	low     []byte
	n       int // fields so far
	found   []placeHit
	publics []placePublic
}

type placeHit struct {
	Hit
	n, group int
	key      string // what the value is called, where nothing better tells it
}

type placePublic struct {
	n, group int
	name     int // which of the record's public keys
	value    string
}

func (s *placeScan) field(f field) bool {
	s.n++
	if f.start < 0 || f.end > len(s.data) || f.end < f.start {
		return true
	}
	s.low = appendLower(s.low[:0], f.key)
	last := s.low[bytes.LastIndexByte(s.low, '.')+1:]
	for i, k := range s.place.publics {
		if len(s.publics) < placeFields && (keyMatch(k, last) || keyMatch(k, s.low)) {
			v := s.data[f.start:f.end]
			if f.text != nil {
				v = f.text
			}
			s.publics = append(s.publics, placePublic{s.n, f.group, i, public(v[:min(len(v), 400)])})
			break
		}
	}
	if len(s.place.keys) > 0 && !s.wanted(s.low) {
		return true
	}
	if s.place.pattern == nil {
		s.value(f, f.start, f.end, "")
		return len(s.found) < placeHits
	}
	base := s.data[f.start:f.end]
	for _, at := range s.place.pattern.FindAllSubmatchIndex(base, placeHits) {
		start, end := at[2*s.place.value], at[2*s.place.value+1]
		if start < 0 {
			continue
		}
		who := ""
		if g := s.place.public; g > 0 && at[2*g] >= 0 {
			who = public(base[at[2*g]:at[2*g+1]])
		}
		s.value(f, f.start+start, f.start+end, who)
	}
	return len(s.found) < placeHits
}

// wanted tells whether a key is one of the record's, and none of those that it
// leaves out with a "!".
func (s *placeScan) wanted(low []byte) bool {
	ok := false
	for _, k := range s.place.keys {
		if not, is := strings.CutPrefix(k, "!"); is {
			if keyMatch(not, low) {
				return false
			}
		} else if !ok {
			ok = keyMatch(k, low)
		}
	}
	return ok
}

func (s *placeScan) value(f field, start, end int, who string) {
	v := s.data[start:end]
	if f.text != nil {
		v = f.text
	}
	p := s.place
	if len(v) > valueLimit || p.check == nil && noValue(v) || p.rule.Entropy > 0 && entropy(v) < p.rule.Entropy {
		return
	}
	h := p.hit(start, end)
	h.Public, h.Detail = who, f.detail
	if p.check != nil {
		about, detail, ok := p.check(v)
		if !ok {
			return
		}
		h.Checked = "yes"
		if about != "" {
			h.Public = about
		}
		if detail != "" {
			h.Detail = detail
		}
	}
	if p.rule.Class == Artefact && h.Severity == Info {
		h.ValuePublic = true
	}
	s.found = append(s.found, placeHit{h, s.n, f.group, s.keyName(f.key)})
}

// hits gives each find the public values nearest to it, and its place in the
// file's own bytes.
func (s *placeScan) hits(where *mapping) []Hit {
	var out []Hit
	for _, h := range s.found {
		if h.Public == "" && len(s.place.publics) > 0 {
			h.Public = s.beside(h)
		}
		if h.Public == "" && !h.ValuePublic {
			h.Public = h.key
		}
		if v := s.data[h.Start:h.End]; len(v) > 3 && !h.ValuePublic && strings.Contains(h.Public, string(v)) {
			h.Public = ""
		}
		h.Start, h.End = where.original(h.Start), where.original(h.End)
		out = append(out, h.Hit)
	}
	return out
}

// keyName gives the last part of a key that is plainly a name.
func (s *placeScan) keyName(key []byte) string {
	if len(s.place.keys) == 0 {
		return ""
	}
	name := key[bytes.LastIndexByte(key, '.')+1:]
	if len(name) > 48 || bytes.IndexFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) >= 0 || len(name) > 16 && bytes.ContainsAny(name, "0123456789") {
		return ""
	}
	return string(name)
}

// beside joins the public values of a find's group, each the nearest of its name.
func (s *placeScan) beside(h placeHit) string {
	best := make([]int, len(s.place.publics))
	for i := range best {
		best[i] = -1
	}
	// Only the neighbours count: what is further away is somebody else's, and
	// looking at all of them would take quadratic time.
	at, _ := slices.BinarySearchFunc(s.publics, h.n, func(p placePublic, n int) int { return p.n - n })
	for i := max(0, at-16); i < min(len(s.publics), at+16); i++ {
		p := s.publics[i]
		if p.group != h.group || p.n == h.n {
			continue
		}
		if b := best[p.name]; b < 0 || distance(p.n, h.n) < distance(s.publics[b].n, h.n) {
			best[p.name] = i
		}
	}
	var parts []string
	for _, b := range best {
		if b >= 0 && s.publics[b].value != "" {
			parts = append(parts, s.publics[b].value)
		}
	}
	return strings.Join(parts, "@")
}

func distance(a, b int) int { return max(a-b, b-a) }

// keyMatch tells whether a key is what a glob in lower case asks for: * is
// anything, dots too.
func keyMatch(glob string, key []byte) bool {
	g, k, star, mark := 0, 0, -1, 0
	for k < len(key) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, k
			g++
		case g < len(glob) && glob[g] == key[k]:
			g++
			k++
		case star >= 0:
			mark++
			g, k = star+1, mark
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}

func appendLower(to, from []byte) []byte {
	for _, c := range from {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// noValue tells whether a value of a named place stands for none.
func noValue(v []byte) bool {
	if len(v) < 3 || v[0] == '`' || placeholder(v) {
		return true
	}
	low := bytes.ToLower(v)
	return containsAny(low, "password_here", "unique phrase", "your password", "not set", "not_set", "put_your", "enter_", "secretsmanager", "keyvault",
		"sensitive*data", "changeit", "hackme", "testing123") ||
		bytes.HasPrefix(low, []byte("env.")) || bytes.HasPrefix(low, []byte("getenv")) || bytes.HasPrefix(low, []byte("#{")) || bytes.HasPrefix(low, []byte("vault:"))
}

// glob is one compiled path.
type glob struct {
	re   *regexp.Regexp
	base string // of the last element, all of it or what comes before a star
	ext  string // .tfstate, where the last element is *.tfstate
	part string // the longest run without stars: without it there is no match
	full bool   // base is all of it
	free bool   // it names no place where packages put their files
}

// compileGlob reads a glob: * is anything but a slash, ** anything, ? one byte.
func compileGlob(s string) (glob, error) {
	s = strings.ToLower(s)
	if !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "**") || len(s) > 200 {
		return glob{}, fmt.Errorf("expected a glob that starts with / or **, found %q", s)
	}
	var re strings.Builder
	re.WriteString(`(?s)^`)
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "**/"):
			re.WriteString(`(?:.*/)?`)
			i += 2
		case strings.HasPrefix(s[i:], "**"):
			re.WriteString(`.*`)
			i++
		case s[i] == '*':
			re.WriteString(`[^/]*`)
		case s[i] == '?':
			re.WriteString(`[^/]`)
		default:
			re.WriteString(regexp.QuoteMeta(s[i : i+1]))
		}
	}
	re.WriteString(`$`)
	c, err := regexp.Compile(re.String())
	if err != nil {
		return glob{}, fmt.Errorf("glob %q: %w", s, err)
	}
	g := glob{re: c, free: true}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '*' || r == '?' }) {
		if len(part) > len(g.part) {
			g.part = part
		}
	}
	base := path.Base(s)
	star := strings.IndexAny(base, "*?")
	switch {
	case star < 0:
		g.base, g.full = base, true
	case star == 0 && strings.LastIndexAny(base, "*?") == 0 && path.Ext(base) != "":
		g.ext = path.Ext(base)
	default:
		g.base = base[:star]
	}
	fixed := s[:max(0, strings.IndexAny(s+"*", "*?"))]
	g.free = !shipped(fixed)
	return g, nil
}

func (g *glob) match(n *fileName) bool {
	if g.full && n.base != g.base || !strings.HasPrefix(n.base, g.base) || !strings.HasSuffix(n.base, g.ext) || !strings.Contains(n.low, g.part) {
		return false
	}
	return g.re.MatchString(n.low)
}

// places are the records of one engine, found by a file's name: a disk has
// millions of files and hardly one of them is any record's.
type places struct {
	base map[string][]placeGlob
	ext  map[string][]placeGlob
	rest []placeGlob
}

type placeGlob struct {
	glob  glob
	place *place
}

// indexPlaces takes the records' detectors out of a list and puts one in their
// stead.
func indexPlaces(all []Detector) []Detector {
	set := &places{base: map[string][]placeGlob{}, ext: map[string][]placeGlob{}}
	var out []Detector
	n := 0
	for _, d := range all {
		p, ok := d.(*place)
		if !ok {
			out = append(out, d)
			continue
		}
		n++
		for _, g := range p.yes {
			switch pg := (placeGlob{g, p}); {
			case g.full:
				set.base[g.base] = append(set.base[g.base], pg)
			case g.ext != "":
				set.ext[g.ext] = append(set.ext[g.ext], pg)
			default:
				set.rest = append(set.rest, pg)
			}
		}
	}
	if n > 0 {
		out = append(out, set)
	}
	return out
}

func (s *places) Name() string { return "places" }

// of gives the records that want a file.
func (s *places) of(path string) []*place {
	n := name(path)
	var out []*place
	for _, list := range [...][]placeGlob{s.base[n.base], s.ext[ext(n.base)], s.rest} {
		for i := range list {
			if pg := &list[i]; pg.place.matches(&pg.glob, &n) && !slices.Contains(out, pg.place) {
				out = append(out, pg.place)
			}
		}
	}
	return out
}

func ext(base string) string { return base[max(0, strings.LastIndexByte(base, '.')):] }

func (s *places) Wants(f File) int64 {
	n := int64(0)
	for _, p := range s.of(f.Path) {
		n = max(n, upTo(f, p.format.limit))
	}
	return n
}

func (s *places) Detect(f File, data []byte) []Hit {
	var out []Hit
	type span struct {
		start, end int
		class      Class
	}
	seen := map[span]bool{}
	for _, p := range s.of(f.Path) {
		for _, h := range p.Detect(f, data[:min(int64(len(data)), p.format.limit)]) {
			at := span{h.Start, h.End, h.Class}
			if seen[at] && h.Class == Secret {
				continue // two records know the value
			}
			seen[at] = true
			out = append(out, h)
		}
	}
	return out
}
