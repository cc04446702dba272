package rules

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect"
)

//go:embed detect/*.yaml
var builtinDetect embed.FS

// Detect gives the rules of what to find on a disk that lenscap brings, by ID.
// They come without their examples, which are half of the text and serve tests
// only: [DetectDir] reads those too.
func Detect() ([]detect.Rule, error) {
	return load(builtinDetect, "detect", "rules/detect", func(file string, b []byte) (detect.Rule, string, error) {
		if i := bytes.Index(b, []byte("\nexamples:\n")); i >= 0 {
			b = b[:i+1]
		}
		if r := (detect.Rule{Source: file}); lean(string(b), &r) {
			return r, r.ID, validateDetect(&r)
		}
		return parseDetect(file, b)
	})
}

// DetectDir reads a folder of the user's own rules of what to find on a disk:
// every *.yaml and *.yml in it, each with examples for and against.
func DetectDir(dir string) ([]detect.Rule, error) {
	fsys, err := folder(dir)
	if err != nil {
		return nil, err
	}
	return load(fsys, ".", dir, func(file string, b []byte) (detect.Rule, string, error) {
		r, id, err := parseDetect(file, b)
		if err == nil && r.Pattern != "" {
			if _, e := syntax.Parse(r.Pattern, syntax.Perl); e != nil {
				err = fmt.Errorf("%s: pattern: %w", file, e)
			}
		}
		if err == nil && (len(r.Examples.For) == 0 || len(r.Examples.Against) == 0) {
			err = fmt.Errorf("%s: examples: expected some for and some against, found %d and %d", file, len(r.Examples.For), len(r.Examples.Against))
		}
		return r, id, err
	})
}

func parseDetect(file string, b []byte) (detect.Rule, string, error) {
	r := detect.Rule{Source: file}
	if err := decode(file, b, &r, "docs/add-a-detector.md"); err != nil {
		return r, "", err
	}
	return r, r.ID, validateDetect(&r)
}

var typeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// validateDetect holds a rule against the words of the model, and tells every
// mistake. What needs the engine to tell, such as the name of a check, is told
// when the rule is compiled.
func validateDetect(r *detect.Rule) error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", r.Source, field, fmt.Sprintf(format, args...)))
	}
	if !idForm.MatchString(r.ID) {
		bad("id", "expected lower-case words joined by hyphens, found %q", r.ID)
	}
	if !typeForm.MatchString(r.Type) {
		bad("type", "expected lower-case words joined by underscores, found %q", r.Type)
	}
	oneOf(bad, "class", r.Class, detect.Secret, detect.Personal, detect.Database, detect.Artefact)
	oneOf(bad, "severity", r.Severity, detect.Info, detect.Low, detect.Medium, detect.High, detect.Critical)
	for _, t := range []struct {
		field string
		text  detect.Text
	}{{"title", r.Title}, {"reason", r.Reason}, {"remedy", r.Remedy}} {
		if t.text.En == "" || t.text.Zh == "" {
			bad(t.field, "expected a text in en and in zh, found one missing")
		}
	}
	for _, k := range r.Keywords {
		if len(k) < 3 || !visible(k) {
			bad("keywords", "expected three bytes or more of visible characters, found %q", k)
		}
	}
	switch {
	case len(r.Keywords) == 0 && r.Pattern != "" && len(r.Paths) == 0:
		bad("keywords", "expected at least one beside a pattern")
	case len(r.Keywords) == 0 && len(r.Paths) == 0:
		bad("keywords", "expected keywords or paths, found neither")
	case len(r.Keywords) > 0 && r.Pattern == "":
		bad("pattern", "expected one beside keywords")
	}
	if r.Before < 0 || r.After < 0 || r.Before > maxWindow || r.After > maxWindow {
		bad("before, after", "expected 0 to %d bytes, found %d and %d", maxWindow, r.Before, r.After)
	}
	if r.Entropy < 0 || r.Entropy > 8 {
		bad("entropy", "expected 0 to 8 bits a byte, found %g", r.Entropy)
	}
	return errors.Join(errs...)
}

// maxWindow bounds what a rule may ask to see around a keyword, in bytes: the
// engine keeps as much of each file in memory.
const maxWindow = 16 << 10

func visible(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F || r == utf8.RuneError }) < 0
}
