package detect

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// testRules are rules of the usual shapes.
func testRules() []Rule {
	rule := func(id, pattern string, keywords ...string) Rule {
		return Rule{
			ID: id, Type: strings.ReplaceAll(id, "-", "_"), Class: Secret, Severity: High,
			Title: Text{En: "thing", Zh: "东西"}, Keywords: keywords, Pattern: pattern, Source: id,
		}
	}
	near := rule("near", `\b(?P<value>[0-9a-f]{32})\b`, "apikey")
	near.Near = []string{"acme"}
	return []Rule{
		rule("prefix", `\b(?P<value>glpat-[A-Za-z0-9_\-]{20})(?:[^\w\-]|$)`, "glpat-"),
		rule("three", `\b(?P<value>sk_[a-z]{4}_[0-9a-zA-Z]{24,40})\b`, "sk_"),
		rule("four", `\b(?P<value>xkey[0-9]{12})\b`, "xkey"),
		rule("two-starts", `\b(?P<value>(?:AKZA|ASZA)[A-Z2-7]{16})\b`, "AKZA", "ASZA"),
		rule("assigned", `(?i:acme[\w.\-]{0,20}(?:key|token))["']{0,2}[ \t]{0,8}[=:][ \t]{0,8}["']{0,2}(?P<value>[0-9a-z]{32})(?:[^\w]|$)`, "acme"),
		rule("folded", `(?i)(?P<value>tok_[a-z]{10,12})`, "tok_"),
		rule("behind", `(?:^|[^\w.~\-])(?P<value>[A-Za-z0-9_.~\-]{3}[78]Q~[A-Za-z0-9_.~\-]{31,34})(?:[^\w.~\-]|$)`, "7Q~", "8Q~"),
		rule("loose", `hook://(?P<public>[a-z]+)/(?P<value>\S+)`, "hook://"),
		near,
	}
}

// testPieces are texts that the test rules know, whole or in part.
var testPieces = []string{
	"glpat-k3Jd9fLq0ZxWv7TnYb2R", "glpat-", "sk_live_k3Jd9fLq0ZxWv7TnYb2RmC8s", "SK_", "xkey918273645012", "AKZAQ2W3E4R5T6Y7U2I3", "asza",
	"acme_api_key = 'k3jd9flq0zxwv7tnyb2rmc8sk3jd9flq'", "ACME_TOKEN: k3jd9flq0zxwv7tnyb2rmc8sk3jd9flq", "acme", "tok_QwertyUiopa", "Tok_",
	"aB17Q~k3Jd9fLq0ZxWv7TnYb2RmC8sk3Jd9fLq", "7q~", "hook://host/k3Jd9fLq", "hook://", "apikey 3ffae63fee9583b017baa376713547ab", "apikey",
	"\n", " ", "\x00", "é", "密钥", "data: ", "-", "aaaa",
}

func testData(r *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		switch r.IntN(6) {
		case 0:
			for range r.IntN(400) {
				b = append(b, byte(' '+r.IntN(95)))
			}
		case 1:
			b = append(b, "data: "+base64.StdEncoding.EncodeToString([]byte("plain words and "+testPieces[r.IntN(17)]+" end"))+"\n"...)
		default:
			b = append(b, testPieces[r.IntN(len(testPieces))]...)
			b = append(b, " \n"[r.IntN(2)])
		}
	}
	return b
}

// headDetector finds a word in the first 100,000 bytes, and what it was given.
type headDetector struct{}

func (headDetector) Name() string       { return "head" }
func (headDetector) Wants(f File) int64 { return min(f.Size, 100_000) }

func (headDetector) Detect(_ File, data []byte) []Hit {
	var out []Hit
	for i := 0; ; {
		n := bytes.Index(data[i:], []byte("tok_"))
		if n < 0 {
			return append(out, Hit{Type: "all", Start: len(data), End: len(data)})
		}
		out = append(out, Hit{Type: "head", Start: i + n, End: i + n + 4})
		i += n + 4
	}
}

// sumStream keeps what it saw.
type sumStream struct {
	next int64
	bad  bool
	sum  int
}

func (s *sumStream) Write(off int64, chunk []byte) {
	s.bad = s.bad || off != s.next
	s.next = off + int64(len(chunk))
	for _, c := range chunk {
		s.sum = s.sum*31 + int(c)
	}
}

func (s *sumStream) Close() []Hit {
	return []Hit{{Type: fmt.Sprint("sum ", s.sum, s.bad)}}
}

func testEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := NewEngine(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// run scans data cut at the given sizes, over and over; none is one piece.
func runScan(e *Engine, path string, data []byte, cuts ...int) (out []string) {
	s := e.Scan(File{Path: path, Size: int64(len(data))}, func(f Found) {
		out = append(out, fmt.Sprintf("%s %d:%d %q %q %v", f.Type, f.Offset, f.Line, f.Value, f.Public, f.Encoded))
	})
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(cuts) > 0 {
			n = min(n, max(1, cuts[i%len(cuts)]))
		}
		_, _ = s.Write(data[:n])
		data = data[n:]
	}
	_ = s.Close()
	return out
}

func TestEngineChunks(t *testing.T) {
	t.Parallel()
	e := testEngine(t, Options{Rules: testRules(), Detectors: []Detector{headDetector{}}, Streams: []func(File) Stream{func(File) Stream { return &sumStream{} }}})
	r := rand.New(rand.NewPCG(3, 5))
	hits := 0
	for i := range 30 {
		data := testData(r, 1+r.IntN([]int{200, 20_000, 700_000}[i%3]))
		if i%2 == 0 {
			data = bytes.ReplaceAll(data, []byte{0}, []byte{' '})
		}
		if i%4 == 0 {
			data = wide(string(data), i%8 == 0)
		}
		want := runScan(e, "/x", data)
		hits += len(want)
		for _, cuts := range [][]int{{1}, {1 + r.IntN(50), 1 + r.IntN(5000), 1 + r.IntN(99999)}, {8192}, {8191, 2}, {blockSize}} {
			if len(data) > 30_000 && cuts[0] == 1 {
				continue
			}
			if got := runScan(e, "/x", data, cuts...); !slices.Equal(got, want) {
				t.Fatalf("cut at %v of %d bytes: %d hits, whole: %d", cuts, len(data), len(got), len(want))
			}
		}
	}
	if hits < 1000 {
		t.Errorf("only %d hits", hits)
	}
}

// naive finds what rules find by their expressions alone, over each window.
func naive(t *testing.T, rules []Rule, data []byte) []string {
	t.Helper()
	seen := map[string]bool{}
	low := []byte(lowerASCII(string(data)))
	for _, r := range rules {
		re := regexp.MustCompile(r.Pattern)
		m, _, err := r.compile()
		if err != nil {
			t.Fatal(err)
		}
		before, after := m.Window()
		for _, k := range m.Keywords() {
			for pos := 0; ; {
				i := bytes.Index(low[pos:], []byte(k))
				if i < 0 {
					break
				}
				at := pos + i
				pos = at + 1
				from, to := max(0, at-before), min(len(data), at+len(k)+after)
				if len(r.Near) > 0 && !bytes.Contains(low[from:to], []byte(r.Near[0])) {
					continue
				}
				for _, g := range re.FindAllSubmatchIndex(data[from:to], -1) {
					v := re.SubexpIndex("value")
					start, end := from+g[2*v], from+g[2*v+1]
					if from+g[0] <= at && from+g[1] >= at+len(k) && !placeholder(data[start:end]) {
						seen[fmt.Sprintf("%s %d %d", r.ID, start, end)] = true
					}
				}
			}
		}
	}
	var out []string
	for k := range seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestEngineNaive(t *testing.T) {
	t.Parallel()
	rules := testRules()
	e := testEngine(t, Options{Rules: rules})
	r := rand.New(rand.NewPCG(7, 5))
	for _, n := range []int{10, 1000, 5000, 400_000} {
		for range 5 {
			data := testData(r, min(n, 8000))
			for len(data) < n {
				// As sparse as files are: dense ones are left out in part.
				data = append(append(data, bytes.Repeat([]byte("plain words "), r.IntN(3000))...), testData(r, 2000)...)
			}
			var got []string
			s := e.Scan(File{Path: "/x"}, func(f Found) {
				if !f.Encoded {
					got = append(got, fmt.Sprintf("%s %d %d", strings.ReplaceAll(f.Type, "_", "-"), f.Offset, f.Offset+int64(len(f.Value))))
				}
			})
			_, _ = s.Write(data)
			_ = s.Close()
			if s.skipped > 0 {
				t.Fatalf("%d keywords left out", s.skipped)
			}
			slices.Sort(got)
			got = slices.Compact(got)
			if want := naive(t, rules, data); !slices.Equal(got, want) {
				t.Fatalf("%d bytes: %d hits, want %d", len(data), len(got), len(want))
			}
		}
	}
}

// TestShape holds that a shape only leaves out what can't match.
func TestShape(t *testing.T) {
	t.Parallel()
	anchored := 0
	for _, r := range testRules() {
		m, _, err := r.compile()
		if err != nil {
			t.Fatal(err)
		}
		if m.(*ruleMatcher).shape.anchored {
			anchored++
		}
	}
	if anchored < 6 {
		t.Errorf("%d rules start with their keyword, want 6", anchored)
	}
}

func wide(text string, big bool) []byte {
	out := []byte{0xFF, 0xFE}
	if big {
		out = []byte{0xFE, 0xFF}
	}
	for _, u := range utf16.Encode([]rune(text)) {
		if big {
			out = binary.BigEndian.AppendUint16(out, u)
		} else {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
	}
	return out
}

func TestEngineWide(t *testing.T) {
	t.Parallel()
	e := testEngine(t, Options{Rules: testRules()})
	lead := strings.Repeat("名字 𝄞 plain\r\n", 30_000)
	text := lead + "key: glpat-k3Jd9fLq0ZxWv7TnYb2R\r\n"
	plain := runScan(e, "/x", []byte(text))
	if len(plain) != 1 || !strings.Contains(plain[0], ":30001 ") {
		t.Fatalf("UTF-8: %q", plain)
	}
	for _, big := range []bool{false, true} {
		data := wide(text, big)
		want := fmt.Sprintf("prefix %d:30001 \"glpat-k3Jd9fLq0ZxWv7TnYb2R\" \"\" false", 2+2*len(utf16.Encode([]rune(lead+"key: "))))
		if got := runScan(e, "/x", data, 777); !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("big endian %v: %q, want %q", big, got, want)
		}
		if got := runScan(e, "/x", wide("a b c d key: glpat-k3Jd9fLq0ZxWv7TnYb2R\n", big)[2:]); len(got) != 1 {
			t.Errorf("without a mark: %q", got)
		}
	}
}

func TestEngineBase64(t *testing.T) {
	t.Parallel()
	e := testEngine(t, Options{Rules: testRules()})
	inner := base64.StdEncoding.EncodeToString([]byte("the token is glpat-k3Jd9fLq0ZxWv7TnYb2R."))
	twice := base64.StdEncoding.EncodeToString([]byte(`{"auths": {"auth": "` + inner + `"}}`))
	thrice := base64.StdEncoding.EncodeToString([]byte(`content: ` + twice))
	for text, want := range map[string]int{"kind: Secret\n  x: " + inner + "\n": 1, `a="` + twice + `"`: 1, "a: " + thrice: 0, "no key " + inner: 0} {
		got := runScan(e, "/x", []byte(text))
		if len(got) != want {
			t.Errorf("%.20q: %q, want %d", text, got, want)
		}
	}
	if got := runScan(e, "/x", []byte("\n  x: "+inner)); len(got) != 1 || !strings.HasPrefix(got[0], "prefix 6:2 ") || !strings.HasSuffix(got[0], "true") {
		t.Errorf("place: %q", got)
	}
}

// TestEngineForgets holds that nothing of a file stays in a buffer.
func TestEngineForgets(t *testing.T) {
	t.Parallel()
	e := testEngine(t, Options{Rules: testRules(), Detectors: []Detector{headDetector{}}})
	data := testData(rand.New(rand.NewPCG(1, 1)), 500_000)
	for _, d := range [][]byte{data, data[:100], wide(string(data[:200]), false)} {
		s := e.Scan(File{Path: "/x", Size: int64(len(d))}, func(Found) {})
		_, _ = s.Write(d)
		buf, head := *s.pooled, s.head
		_ = s.Close()
		if s.buf != nil || s.head != nil || len(bytes.Trim(buf, "\x00")) > 0 || len(bytes.Trim(head[:cap(head)], "\x00")) > 0 {
			t.Errorf("bytes are left after %d", len(d))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// countMatcher counts how often it is asked.
type countMatcher struct{ calls *int }

func (countMatcher) Name() string                { return "count" }
func (countMatcher) Keywords() []string          { return []string{"acme"} }
func (countMatcher) Window() (before, after int) { return 64, 256 }

func (c countMatcher) Match(Window) []Hit {
	*c.calls++
	return nil
}

// TestEngineHostile holds that no file takes much longer than others.
func TestEngineHostile(t *testing.T) {
	t.Parallel()
	calls := 0
	e := testEngine(t, Options{Rules: testRules(), Matchers: append(Matchers(), countMatcher{&calls})})
	for _, piece := range []string{
		"acme", "hook://", "glpat-", "apikey acme ", "acme key='" + strings.Repeat("a", 31) + "!", "sk_", "a: " + strings.Repeat("YWFh", 8) + "\n",
		"-----BEGIN PRIVATE KEY-----\n", `{"kty":"kty"`, "password='", "://a:b", "-eyJhb",
	} {
		size := 1 << 20
		if piece == "acme" {
			size = 8 << 20 // more than the first burst
		}
		data := bytes.Repeat([]byte(piece), size/len(piece))
		begin := time.Now()
		s := e.Scan(File{Path: "/x.env"}, func(Found) {})
		_, _ = s.Write(data)
		_ = s.Close()
		if piece == "acme" && (calls == 0 || calls > (burst+size*perByte)/costCall || s.Skipped() == 0) {
			t.Errorf("%d calls, %d left out", calls, s.Skipped())
		}
		// Far above what it takes, for machines that are busy.
		if d := time.Since(begin); d > 30*time.Second {
			t.Errorf("%q over and over: %v for %d bytes", piece, d, size)
		}
	}
}

func TestEngineWants(t *testing.T) {
	t.Parallel()
	e := testEngine(t, Options{Rules: testRules(), Detectors: []Detector{headDetector{}}})
	for path, want := range map[string]int64{"/usr/lib/x.so": 5 << 30, "/srv/core": 5 << 30, "/srv/a.png": 100_000} {
		if n := e.Wants(File{Path: path, Size: 5 << 30}); n != want {
			t.Errorf("%s: wants %d, want %d", path, n, want)
		}
	}
	if !Harmless("/usr/lib/x") || Harmless("/srv/usr/lib") {
		t.Error("harmless")
	}
}

func FuzzEngine(f *testing.F) {
	f.Add([]byte("acme_token: k3jd9flq0zxwv7tnyb2rmc8sk3jd9flq glpat-k3Jd9fLq0ZxWv7TnYb2R"), uint16(3), uint16(700))
	f.Add(wide("sk_live_k3Jd9fLq0ZxWv7TnYb2RmC8s", true), uint16(1), uint16(2))
	f.Add([]byte("a: dG9rX1F3ZXJ0eVVpb3BhIGFuZCBtb3Jl"), uint16(9), uint16(1))
	f.Add([]byte{0, 'a', 0xFF, 0xFE, 0xD8}, uint16(1), uint16(1))
	e := testEngine(f, Options{Rules: testRules(), Detectors: All(), Streams: []func(File) Stream{func(File) Stream { return &sumStream{} }}})
	f.Fuzz(func(t *testing.T, data []byte, a, b uint16) {
		want := runScan(e, "/srv/.env", data)
		if got := runScan(e, "/srv/.env", data, int(a), int(b)); !slices.Equal(got, want) {
			t.Fatalf("cut: %d hits, whole: %d", len(got), len(want))
		}
	})
}
