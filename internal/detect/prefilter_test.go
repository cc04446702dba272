package detect

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNeedle holds that what is thought to stand beside keywords hides no match:
// the engine finds what expressions alone find, for each place that a match may
// have in a file.
func TestNeedle(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		pattern  string
		keywords []string
		beside   bool // something is known of the bytes beside
		matches  []string
	}{
		{`\b(?P<value>hf_[A-Za-z]{12})(?:[^\w\-]|$)`, []string{"hf_"}, true, []string{"hf_abcdEFGHijKL", "é hf_abcdEFGHijKL "}},
		{`\b(?P<value>[0-9a-f]{12}-us[1-9]\d?)(?:[^\w\-]|$)`, []string{"-us1", "-us2", "-us3", "-us4", "-us5", "-us6", "-us7", "-us8", "-us9"}, true, []string{"0a1b2c3d4e5f-us9", "0a1b2c3d4e5f-us12"}},
		{`(?P<value>\d{3,5}:AA[\w\-]{9})`, []string{":AA"}, true, []string{"123:AAa-c_eFghi", "12345:AAa-c_eFghi"}},
		{`[^\w.\-](?i:token)["']?[=:](?P<value>[\w\-]{9})`, []string{"token"}, true, []string{"ToKen=a-c_eFghi", "：token':a-c_eFghi"}},
		{`["'= ](?P<value>re_[A-Za-z]{9})`, []string{`"re_`, "'re_", "=re_", " re_"}, true, []string{"=re_abcdEFGHi", `"re_abcdEFGHi`}},
		{`(?i:snyk[\w.]{0,5}key)=(?P<value>[a-z]{9})`, []string{"snyk"}, false, []string{"snykkey=qwazxserd", "SNYK.API.KEY=qwazxserd"}},
		{`(?P<value>[\w\-]{4,5}AzFu[\w\-]{4,7})`, []string{"AzFu"}, true, []string{"ab-dAzFu-123", "abcdeAzFuabcdefg"}},
		{`(?P<value>[a-z]{5}[78]Q~[A-Z]{5,9})`, []string{"7Q~"}, false, []string{"abcde7Q~ABCDE"}}, // the other one is not asked for
	} {
		r := Rule{ID: "x", Type: "x", Source: "x", Pattern: x.pattern, Keywords: x.keywords}
		m, _, err := r.compile()
		if err != nil {
			t.Fatal(err)
		}
		n := m.(*ruleMatcher).needle(lowerASCII(x.keywords[0]))
		if got := n.before != nil || len(n.after) > 0; got != x.beside {
			t.Errorf("%s: knows what stands beside: %t, want %t", x.pattern, got, x.beside)
		}
		e := testEngine(t, Options{Rules: []Rule{r}})
		re := regexp.MustCompile(x.pattern)
		rnd := rand.New(rand.NewPCG(1, 2))
		hits := 0
		for pad := range 70 {
			for _, match := range x.matches {
				text := strings.Repeat("z", pad) + string(" \n-\"=é."[rnd.IntN(8)]) + match
				if pad == 0 {
					text = match
				}
				if pad%3 > 0 {
					text += "\nmore"
				}
				var want []string
				for _, g := range re.FindAllStringSubmatchIndex(text, -1) {
					want = append(want, fmt.Sprint(g[2*re.SubexpIndex("value")]))
				}
				var got []string
				s := e.Scan(File{Path: "/x"}, func(f Found) { got = append(got, fmt.Sprint(f.Offset)) })
				_, _ = s.Write([]byte(text))
				_ = s.Close()
				hits += len(got)
				if !slices.Equal(got, want) {
					t.Fatalf("%s: in %q found at %v, want %v", x.pattern, text, got, want)
				}
			}
		}
		if hits < 20 {
			t.Errorf("%s: only %d hits", x.pattern, hits)
		}
	}
}
