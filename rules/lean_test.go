package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
)

// TestLean holds the lean reader to the reader of all YAML: what it takes, it
// reads the same, and it takes most records.
func TestLean(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("detect/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	taken := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(b, []byte("\nexamples:\n")); i >= 0 {
			b = b[:i+1]
		}
		got := detect.Rule{Source: f}
		if !lean(string(b), &got) {
			continue
		}
		taken++
		want, _, err := parseDetect(f, b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n%+v\n%+v", f, err, got, want)
		}
	}
	if taken < len(files)/2 {
		t.Errorf("takes %d of %d", taken, len(files))
	}
	t.Logf("takes %d of %d", taken, len(files))
}

// FuzzLean looks for text that both readers take and read differently.
func FuzzLean(f *testing.F) {
	f.Add("id: a\nkeywords: [\"a\", 'b''c', d]\ntitle:\n  en: \"x\\n\"\n  zh: 'y'\npaths:\n  - \"**/x\"\nentropy: 3.5\n")
	f.Add("pattern: 'a: b # c'\nbefore: 10\n")
	f.Fuzz(func(t *testing.T, text string) {
		var got, want detect.Rule
		if lean(text, &got) && decode("f", []byte(text), &want, "") == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n%+v\n%+v", text, got, want)
		}
	})
}
