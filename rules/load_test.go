package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/rules"
)

// good is a record with nothing wrong.
const good = `
id: mine
title: {en: a, zh: 甲}
text: {en: a, zh: 甲}
reason: {en: a, zh: 甲}
remedy: {en: a, zh: 甲}
match: {kinds: [volume], verdicts: [private]}
severity: {base: low, reason: {en: a, zh: 甲}}
`

func TestParse(t *testing.T) {
	t.Parallel()
	if _, err := rules.Parse("mine.yaml", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"unknown field":  {"match:", "macth:", []string{"mine.yaml:7", "macth", "unknown field"}},
		"unknown kind":   {"[volume]", "[volum]", []string{"match.kinds", `did you mean "volume"`}},
		"wrong verdict":  {"[private]", "[open]", []string{"match.verdicts", `found "open"`}},
		"wrong severity": {"base: low", "base: lo", []string{"mine.yaml:8"}},
		"one language":   {"title: {en: a, zh: 甲}", "title: {en: a}", []string{"title", "zh"}},
		"bad id":         {"id: mine", "id: My Rule", []string{"id", "My Rule"}},
		"not yaml":       {"id: mine", "id: [", []string{"mine.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rules.Parse("mine.yaml", []byte(strings.Replace(good, c.old, c.new, 1)))
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

func TestLoadDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	rs, err := rules.LoadDir(dir)
	if err != nil || len(rs) != 1 || rs[0].ID != "mine" {
		t.Fatalf("LoadDir: %v, %v", rs, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other.yml"), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rules.LoadDir(dir); err == nil || !strings.Contains(err.Error(), "expected the file's name") {
		t.Errorf("a rule in another's file: %v", err)
	}
	if _, err := rules.LoadDir(filepath.Join(dir, "mine.yaml")); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	rs, err := rules.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range rs {
		b, err := os.ReadFile(filepath.Join("exposure", r.ID+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = rules.Parse("f.yaml", b) // never a panic, never a hang
	})
}
