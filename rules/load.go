package rules

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/lenscap/lenscap"
)

//go:embed exposure/*.yaml
var builtin embed.FS

// maxFile bounds a rule's file, in bytes.
const maxFile = 256 << 10

// Builtin gives the rules that lenscap brings, by ID.
func Builtin() ([]*Rule, error) { return load(builtin, "exposure", "rules/exposure") }

// LoadDir reads a folder of the user's own rules: every *.yaml and *.yml in it.
func LoadDir(dir string) ([]*Rule, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("read rules: %s: expected a folder of rules, found a file", dir)
	}
	return load(os.DirFS(dir), ".", dir)
}

func load(fsys fs.FS, dir, shown string) ([]*Rule, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("read rules in %s: %w", shown, err)
	}
	var out []*Rule
	for _, e := range entries {
		ext := path.Ext(e.Name())
		if e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		b, err := fs.ReadFile(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read rule: %w", err)
		}
		r, err := Parse(path.Join(shown, e.Name()), b)
		if err != nil {
			return nil, err
		}
		if name := strings.TrimSuffix(e.Name(), ext); name != r.ID {
			return nil, fmt.Errorf("%s: id: expected the file's name %q, found %q", r.Source, name, r.ID)
		}
		out = append(out, r)
	}
	return out, nil
}

// Parse reads one record strictly; file is named in errors.
func Parse(file string, b []byte) (*Rule, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxFile)
	}
	r := &Rule{Source: file}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict(), yaml.UseJSONUnmarshaler()).Decode(r); err != nil {
		return nil, describe(file, b, err)
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	return r, nil
}

// describe puts file and line before what the YAML reader says. For a word of
// the model that is wrong it tells no place: then it is the first line with it.
func describe(file string, b []byte, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil || y.GetToken().Position == nil {
		if m := quoted.FindStringSubmatch(err.Error()); m != nil {
			word := regexp.MustCompile(`:.*\b` + regexp.QuoteMeta(m[1]) + `\b`)
			if at := word.FindIndex(b); at != nil {
				return fmt.Errorf("%s:%d: %w", file, 1+bytes.Count(b[:at[0]], []byte{'\n'}), err)
			}
		}
		return fmt.Errorf("%s: %w", file, err)
	}
	tok := y.GetToken()
	where := fmt.Sprintf("%s:%d", file, tok.Position.Line)
	if _, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		return fmt.Errorf("%s: %s: unknown field; docs/add-a-rule.md lists the right ones", where, tok.Value)
	}
	return fmt.Errorf("%s: %s: %s", where, tok.Value, y.GetMessage())
}

// quoted is the word that an error shows.
var quoted = regexp.MustCompile(`"([^"]+)"`)

var idForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// validate holds a rule against the words of the model, and tells every mistake.
func (r *Rule) validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", r.Source, field, fmt.Sprintf(format, args...)))
	}
	if !idForm.MatchString(r.ID) {
		bad("id", "expected lower-case words joined by hyphens, found %q", r.ID)
	}
	for field, t := range map[string]lenscap.Text{
		"title": r.Title, "text": r.Text, "reason": r.Reason, "remedy": r.Remedy,
		"severity.reason": r.Severity.Reason,
	} {
		if t.En == "" || t.Zh == "" {
			bad(field, "expected a text in en and in zh, found one missing")
		}
	}
	oneOf(bad, "class", r.Class, "", lenscap.ClassDirect, lenscap.ClassIndirect, lenscap.ClassPrivilege)
	oneOf(bad, "cause", r.Cause, "", lenscap.RootPublicAccess, lenscap.RootShareLink, lenscap.RootCrossAccount, lenscap.RootResidual, lenscap.RootPrivilege)
	for _, k := range r.Match.Kinds {
		oneOf(bad, "match.kinds", k, lenscap.Kinds()...)
	}
	for _, v := range r.Match.Verdicts {
		oneOf(bad, "match.verdicts", v, lenscap.Verdicts()...)
	}
	for _, e := range r.Match.Encrypted {
		oneOf(bad, "match.encrypted", e, lenscap.Yes, lenscap.No)
	}
	for _, k := range r.Match.Residues {
		oneOf(bad, "match.residues", k, lenscap.ResidueVolumeGone, lenscap.ResidueInstanceGone, lenscap.ResidueImageGone, lenscap.ResidueNeverUsed, lenscap.ResidueCopyLeft)
	}
	if r.Severity.Base == lenscap.SeverityNone {
		bad("severity.base", "expected critical, high, medium, low or info")
	}
	for i, s := range r.Severity.Steps {
		if s.When == "" || s.Reason.En == "" || s.Reason.Zh == "" {
			bad(fmt.Sprintf("severity.steps[%d]", i), "expected when and a reason in en and in zh")
		}
	}
	return errors.Join(errs...)
}

func oneOf[T ~string](bad func(string, string, ...any), field string, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	hint := ""
	if best := lenscap.Nearest(string(value), words); best != "" {
		hint = fmt.Sprintf("; did you mean %q?", best)
	}
	bad(field, "expected one of %v, found %q%s", allowed, value, hint)
}
