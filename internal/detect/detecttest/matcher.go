package detecttest

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
)

// AcceptMatcher holds a matcher against its examples, as an engine runs it:
// whole, cut anywhere, damaged. Unwanted is of no matter here.
func AcceptMatcher(t *testing.T, m detect.Matcher, examples []Example) {
	t.Helper()
	if len(examples) == 0 || m.Name() == "" || m.Name() != strings.ToLower(m.Name()) {
		t.Fatalf("matcher %q: want a lower-case name and examples", m.Name())
	}
	e, err := detect.NewEngine(detect.Options{Matchers: []detect.Matcher{m}})
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	r := rand.New(rand.NewPCG(2, 2))
	for _, x := range examples {
		got := scan(t, e, x.Path, []byte(x.Data), nil)
		hits += len(got)
		if !slices.Equal(got, x.Want) {
			t.Errorf("%s in %s:\n got %q\nwant %q", m.Name(), x.Path, got, x.Want)
		}
		if cut := scan(t, e, x.Path, []byte(x.Data), r); !slices.Equal(cut, got) {
			t.Errorf("%s in %s, cut:\n got %q\nwant %q", m.Name(), x.Path, cut, got)
		}
		for n := range min(len(x.Data), 2000) {
			scan(t, e, x.Path, []byte(x.Data[:n]), nil)
		}
		for range 50 {
			bad := []byte(x.Data)
			for range 1 + r.IntN(4) {
				if len(bad) > 0 {
					bad[r.IntN(len(bad))] = byte(r.Uint32())
				}
			}
			scan(t, e, x.Path, bad, r)
		}
	}
	if hits == 0 {
		t.Errorf("%s: no example has a hit", m.Name())
	}
}

// scan gives "type value" of what an engine finds, in order.
func scan(t *testing.T, e *detect.Engine, path string, data []byte, r *rand.Rand) (out []string) {
	t.Helper()
	s := e.Scan(detect.File{Path: path, Size: int64(len(data)), Mode: 0o600}, func(f detect.Found) {
		if f.Type == "" || f.Class == "" || f.Severity == "" || f.TitleEn == "" || f.TitleZh == "" {
			t.Errorf("hit %q leaves something out", f.Type)
		}
		if !f.Encoded && !bytes.HasPrefix(data[min(int(f.Offset), len(data)):], f.Value) {
			t.Errorf("a %s is not where it is said to be", f.Type)
		}
		out = append(out, f.Type+" "+string(f.Value))
	})
	for rest := data; len(rest) > 0; {
		n := len(rest)
		if r != nil {
			n = 1 + r.IntN(n)
		}
		_, _ = s.Write(rest[:n])
		rest = rest[n:]
	}
	_ = s.Close()
	return out
}
