package rules_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/rules"
)

// scan gives what an engine finds in one file.
func scan(t *testing.T, e *detect.Engine, path string, data []byte) []found {
	t.Helper()
	var out []found
	s := e.Scan(detect.File{Path: path, Size: int64(len(data)), Mode: 0o644}, func(f detect.Found) {
		out = append(out, found{f.Type, string(f.Value), f.Public, f.Checked})
	})
	if _, err := s.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

type found struct{ kind, value, public, checked string }

func engine(t *testing.T, rs ...detect.Rule) *detect.Engine {
	t.Helper()
	e, err := detect.NewEngine(detect.Options{Rules: rs})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// example gives an example's path and bytes.
func example(t *testing.T, x detect.RuleExample) (string, []byte) {
	t.Helper()
	data := []byte(x.Text)
	if x.Base64 != "" {
		b, err := base64.StdEncoding.DecodeString(x.Base64)
		if err != nil {
			t.Fatal(err)
		}
		data = b
	}
	if x.Path == "" {
		x.Path = "/srv/app/config"
	}
	return x.Path, data
}

// TestDetectExamples runs each record by itself over its own examples.
func TestDetectExamples(t *testing.T) {
	t.Parallel()
	rs, err := rules.DetectDir("detect")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			e := engine(t, r)
			for i, x := range r.Examples.For {
				path, data := example(t, x)
				var got []string
				hits := 0
				for _, f := range scan(t, e, path, data) {
					hits++
					if f.kind != r.Type {
						t.Errorf("for %d: type %q, the record's is %q", i, f.kind, r.Type)
					}
					if f.public != "" && strings.Contains(f.public, f.value) {
						t.Errorf("for %d: the public part holds the value", i)
					}
					if r.Check != "" && f.checked != "yes" {
						t.Errorf("for %d: checked is %q", i, f.checked)
					}
					got = append(got, f.value)
				}
				if len(x.Values) == 0 {
					if hits == 0 {
						t.Errorf("for %d: nothing found in %s", i, path)
					}
					continue
				}
				slices.Sort(got)
				want := slices.Clone(x.Values)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("for %d: found %q, want %q in:\n%s", i, got, want, data)
				}
			}
			for i, x := range r.Examples.Against {
				path, data := example(t, x)
				if got := scan(t, e, path, data); len(got) != 0 {
					t.Errorf("against %d (%s): found %q in:\n%s", i, x.Why, got, data)
				}
			}
		})
	}
}

// generic are types that say nothing of whose secret it is: on the bytes of
// another one they yield to it.
var generic = map[string]bool{"secret_assignment": true, "password_assignment": true}

// TestDetectCross runs all records together: the examples of one are found
// still, and what one says is innocent is no business of a record of the same
// type.
func TestDetectCross(t *testing.T) {
	t.Parallel()
	rs, err := rules.DetectDir("detect")
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t, rs...)
	for _, r := range rs {
		for i, x := range r.Examples.For {
			path, data := example(t, x)
			got := scan(t, e, path, data)
			for _, v := range x.Values {
				if !slices.ContainsFunc(got, func(f found) bool { return f.kind == r.Type && f.value == v }) {
					t.Errorf("%s, for %d: lost among the other records", r.ID, i)
				}
			}
			for _, f := range got {
				if len(x.Values) > 0 && !slices.Contains(x.Values, f.value) {
					t.Logf("%s, for %d: %s finds %q too", r.ID, i, f.kind, f.value)
				}
				if f.kind != r.Type && !generic[f.kind] && slices.Contains(x.Values, f.value) {
					t.Errorf("%s, for %d: %s takes the same value for its own", r.ID, i, f.kind)
				}
			}
		}
	}
}

// TestDetectNoise looks for anything in what holds nothing.
func TestDetectNoise(t *testing.T) {
	t.Parallel()
	rs, err := rules.Detect()
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t, rs...)
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{
		"access", "key", "secret", "token", "password", "client", "api", "the", "of", "cloud", "account", "id", "=", ":", "{", "}", "\n", "aws", "azure",
		"google", "aliyun", "tencent", "slack", "github", "stripe", "webhook", "auth", "bearer", "value", "null", "true", "config", "heroku", "qiniu",
	}
	kinds := map[string]func(*strings.Builder){
		"base64": func(b *strings.Builder) {
			raw := make([]byte, 30+r.IntN(300))
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
			b.WriteString(base64.StdEncoding.EncodeToString(raw))
		},
		"base64url": func(b *strings.Builder) {
			raw := make([]byte, 10+r.IntN(100))
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
			b.WriteString(base64.RawURLEncoding.EncodeToString(raw))
		},
		"hex": func(b *strings.Builder) {
			raw := make([]byte, []int{8, 16, 20, 32, 64}[r.IntN(5)])
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
			b.WriteString(hex.EncodeToString(raw))
		},
		"uuid": func(b *strings.Builder) {
			fmt.Fprintf(b, "%08x-%04x-4%03x-9%03x-%012x", r.Uint32(), r.Uint32N(1<<16), r.Uint32N(1<<12), r.Uint32N(1<<12), r.Uint64N(1<<48))
		},
		"words": func(b *strings.Builder) { b.WriteString(words[r.IntN(len(words))]) },
		"binary": func(b *strings.Builder) {
			for range 40 {
				b.WriteByte(byte(r.Uint32()))
			}
		},
	}
	for name, write := range kinds {
		var b strings.Builder
		for b.Len() < 1<<19 {
			write(&b)
			b.WriteByte(" \n\t,"[r.IntN(4)])
		}
		for _, f := range scan(t, e, "/srv/noise", []byte(b.String())) {
			t.Errorf("%s: %s found in noise: %q", name, f.kind, f.value)
		}
	}
}

// TestDetectTexts holds the texts to what a reader may expect.
func TestDetectTexts(t *testing.T) {
	t.Parallel()
	rs, err := rules.Detect()
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string]string{}
	for _, r := range rs {
		for _, s := range []string{r.Title.En, r.Reason.En, r.Remedy.En} {
			for _, c := range s {
				if c > 0x2FFF {
					t.Errorf("%s: Chinese in an English text: %q", r.ID, s)
					break
				}
			}
		}
		for _, s := range []string{r.Reason.Zh, r.Remedy.Zh} {
			if !strings.ContainsFunc(s, func(c rune) bool { return c >= 0x4E00 && c <= 0x9FFF }) {
				t.Errorf("%s: no Chinese in a Chinese text: %q", r.ID, s)
			}
		}
		if other, ok := titles[r.Title.En]; ok {
			t.Errorf("%s and %s have one title: %q", r.ID, other, r.Title.En)
		}
		titles[r.Title.En] = r.ID
	}
}

const goodDetect = `
id: mine
type: my_token
class: secret
severity: high
title: {en: a, zh: 甲}
reason: {en: a, zh: 甲}
remedy: {en: a, zh: 甲}
keywords: [mytok_]
pattern: 'mytok_[a-z0-9]{20}'
examples:
  for:
    - text: mytok_k3jd9flq0zxwv7tnyb2r
      values: [mytok_k3jd9flq0zxwv7tnyb2r]
  against:
    - text: mytok_
`

func TestDetectDir(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"good":            {"", "", nil},
		"unknown field":   {"keywords:", "keyword:", []string{"mine.yaml:9", "keyword", "unknown field", "docs/add-a-detector.md"}},
		"short keyword":   {"[mytok_]", "[my]", []string{"keywords", `"my"`}},
		"no keyword":      {"keywords: [mytok_]\n", "", []string{"keywords"}},
		"no pattern":      {"pattern: 'mytok_[a-z0-9]{20}'\n", "", []string{"pattern"}},
		"bad pattern":     {"{20}'", "{20'", nil},
		"broken pattern":  {"[a-z0-9]", "[a-z0-9", []string{"pattern", "missing closing ]"}},
		"wrong class":     {"class: secret", "class: secrets", []string{"class", `did you mean "secret"`}},
		"wrong severity":  {"severity: high", "severity: hi", []string{"severity", `found "hi"`}},
		"one language":    {"reason: {en: a, zh: 甲}", "reason: {en: a}", []string{"reason", "zh"}},
		"another's name":  {"id: mine", "id: yours", []string{"expected the file's name"}},
		"bad type":        {"my_token", "My-Token", []string{"type", "My-Token"}},
		"nothing against": {"  against:\n    - text: mytok_\n", "", []string{"examples", "against"}},
		"huge window":     {"class:", "after: 9999999\nclass:", []string{"after"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(strings.Replace(goodDetect, c.old, c.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			rs, err := rules.DetectDir(dir)
			if c.want == nil {
				if err != nil || len(rs) != 1 || rs[0].Source != filepath.Join(dir, "mine.yaml") {
					t.Fatalf("%v, %v", rs, err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not tell %q", err, w)
				}
			}
		})
	}
}

// BenchmarkDetect measures the start: all records read and compiled.
func BenchmarkDetect(b *testing.B) {
	for b.Loop() {
		rs, err := rules.Detect()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := detect.NewEngine(detect.Options{Rules: rs}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDetectRead measures the reading alone.
func BenchmarkDetectRead(b *testing.B) {
	for b.Loop() {
		if _, err := rules.Detect(); err != nil {
			b.Fatal(err)
		}
	}
}
