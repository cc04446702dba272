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
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/goccy/go-yaml"

	"github.com/lenscap/lenscap"
)

//go:embed exposure/*.yaml
var builtin embed.FS

// maxFile bounds a rule's file, in bytes.
const maxFile = 256 << 10

// Builtin gives the rules that lenscap brings, by ID.
func Builtin() ([]*Rule, error) { return load(builtin, "exposure", "rules/exposure", parseRule) }

// LoadDir reads a folder of the user's own rules: every *.yaml and *.yml in it.
func LoadDir(dir string) ([]*Rule, error) {
	fsys, err := folder(dir)
	if err != nil {
		return nil, err
	}
	return load(fsys, ".", dir, parseRule)
}

// load reads every record of a folder with parse, which gives a record and its
// ID. Each stands in a file of its ID's name.
func load[T any](fsys fs.FS, dir, shown string, parse func(file string, b []byte) (T, string, error)) ([]T, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("read rules in %s: %w", shown, err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		ext := path.Ext(e.Name())
		return e.IsDir() || ext != ".yaml" && ext != ".yml"
	})
	// Reading YAML is most of the program's start, so every core has its part.
	out, errs := make([]T, len(entries)), make([]error, len(entries))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(entries)); i = next.Add(1) - 1 {
				out[i], errs[i] = loadOne(fsys, path.Join(dir, entries[i].Name()), path.Join(shown, entries[i].Name()), parse)
			}
		})
	}
	wg.Wait()
	return out, firstError(errs)
}

func loadOne[T any](fsys fs.FS, name, shown string, parse func(file string, b []byte) (T, string, error)) (T, error) {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		var none T
		return none, fmt.Errorf("read rule: %w", err)
	}
	r, id, err := parse(shown, b)
	if err == nil && strings.TrimSuffix(path.Base(name), path.Ext(name)) != id {
		err = fmt.Errorf("%s: id: expected the file's name %q, found %q", shown, strings.TrimSuffix(path.Base(name), path.Ext(name)), id)
	}
	return r, err
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// folder opens a user's folder of rules.
func folder(dir string) (fs.FS, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("read rules: %s: expected a folder of rules, found a file", dir)
	}
	return os.DirFS(dir), nil
}

// Parse reads one record of rules/exposure strictly; file is named in errors.
func Parse(file string, b []byte) (*Rule, error) {
	r := &Rule{Source: file}
	if err := decode(file, b, r, "docs/add-a-rule.md"); err != nil {
		return nil, err
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	return r, nil
}

func parseRule(file string, b []byte) (*Rule, string, error) {
	r, err := Parse(file, b)
	if err != nil {
		return nil, "", err
	}
	return r, r.ID, nil
}

// decode reads YAML strictly into v. What went wrong names the file and line; of
// an unknown field also doc, where the right ones are.
func decode(file string, b []byte, v any, doc string) error {
	if len(b) > maxFile {
		return fmt.Errorf("%s: larger than %d bytes", file, maxFile)
	}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict(), yaml.UseJSONUnmarshaler()).Decode(v); err != nil {
		return describe(file, b, doc, err)
	}
	return nil
}

// describe puts file and line before what the YAML reader says. For a word of
// the model that is wrong it tells no place: then it is the first line with it.
func describe(file string, b []byte, doc string, err error) error {
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
		return fmt.Errorf("%s: %s: unknown field; %s lists the right ones", where, tok.Value, doc)
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
