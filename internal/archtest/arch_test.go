// Package archtest holds the walls of docs/architecture.md as a test.
package archtest

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lenscap/lenscap"

// wall says which of the project's own packages a package may import, besides
// its own tree. The first pattern that holds decides. A pattern is a path below
// the module: "internal/disk/..." covers the tree, "internal/cloud/*" one level.
type wall struct {
	of    string
	allow []string
	why   string
}

var walls = []wall{
	{".", nil, "the words know nothing but the standard library"},
	{"rules", []string{".", "internal/detect"}, "rules are data and their reader"},
	{"internal/disk/...", nil, "the disk engine is fit to be a module of its own"},
	{"internal/detect/...", nil, "detectors know bytes and paths only"},
	{"internal/cloud", []string{".", "internal/disk/block"}, "the stage knows no cloud"},
	{"internal/cloud/cloudtest", []string{".", "internal/cloud", "internal/disk/block"}, "the suite knows no cloud"},
	{"internal/cloud/all", []string{"internal/cloud/..."}, "the list of clouds"},
	{"internal/cloud/*", []string{".", "internal/cloud", "internal/disk/block"}, "one cloud never knows another, nor a store"},
	{"internal/inventory", []string{"."}, "the assets of one run"},
	{"internal/exposure", []string{".", "internal/inventory", "rules"}, "judges what was collected; knows no cloud"},
	{"internal/evidence/...", []string{".", "internal/disk/...", "internal/detect/..."}, "looks at bytes; knows no cloud"},
	{"internal/finding", []string{".", "internal/inventory"}, "knows no store and no api"},
	{"internal/store/...", []string{".", "internal/finding", "internal/inventory", "internal/store/..."}, "knows no cloud and no api"},
	{"internal/scan", []string{".", "internal/cloud", "internal/inventory", "internal/exposure", "internal/evidence", "internal/finding", "internal/disk/block", "rules"}, "knows the stages' roots only"},
	{"internal/report", []string{".", "rules"}, "prints what it is given"},
	{"internal/config", []string{"."}, "one struct"},
	{"internal/lab/...", []string{".", "internal/lab/..."}, "shares no code with what it tests"},
	{"internal/archtest", nil, "reads the tree only"},
	{"bench/...", []string{"..."}, "measures anything"},
	{"cmd/lenscap", []string{"..."}, "wires everything"},
}

// sole names third-party modules that only some packages may import.
var sole = map[string][]string{
	"github.com/spf13/cobra":          {"cmd/lenscap"},
	"github.com/aws/aws-sdk-go-v2":    {"internal/cloud/aws"},
	"modernc.org/sqlite":              {"internal/store/sqlite"},
	"github.com/uptrace/bun":          {"internal/store/sqlite"},
	"cel.dev/cel-go":                  {"internal/exposure"},
	"github.com/vbauerster/mpb/v8":    {"cmd/lenscap"},
	"github.com/a-h/templ":            {"internal/report"},
	"github.com/jedib0t/go-pretty/v6": {"internal/report", "cmd/lenscap"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", "grpcnotrace", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	var pkgs []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatalf("read package list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

func below(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

func matches(pattern, name string) bool {
	if pattern == "..." || pattern == name {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == tree || strings.HasPrefix(name, tree+"/")
	}
	if dir, ok := strings.CutSuffix(pattern, "/*"); ok {
		rest, found := strings.CutPrefix(name, dir+"/")
		return found && !strings.Contains(rest, "/")
	}
	return false
}

// own tells whether two packages belong to the same tree: the wall's own.
func own(pattern, name string) bool {
	return strings.HasSuffix(pattern, "/...") && matches(pattern, name)
}

func TestWalls(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name, _ := below(p.ImportPath)
		i := slices.IndexFunc(walls, func(w wall) bool { return matches(w.of, name) })
		if i < 0 {
			t.Errorf("%s has no wall: add it to the table in internal/archtest", name)
			continue
		}
		for _, imp := range p.Imports {
			target, ours := below(imp)
			if !ours || own(walls[i].of, target) {
				continue
			}
			if !slices.ContainsFunc(walls[i].allow, func(a string) bool { return matches(a, target) }) {
				t.Errorf("%s imports %s, which the wall forbids: %s", name, target, walls[i].why)
			}
		}
	}
}

func TestSoleImporters(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name, _ := below(p.ImportPath)
		for _, imp := range p.Imports {
			for mod, users := range sole {
				if imp != mod && !strings.HasPrefix(imp, mod+"/") || strings.HasPrefix(name, "bench/") {
					continue
				}
				if !slices.Contains(users, name) {
					t.Errorf("%s imports %s, which only %s may", name, imp, strings.Join(users, ", "))
				}
			}
		}
	}
}

// TestListed holds the explicit lists: every implementation's folder is
// imported by its stage's all package.
func TestListed(t *testing.T) {
	t.Parallel()
	pkgs := packages(t)
	lists := map[string]string{ // folder of implementations → the package that lists them
		"internal/cloud":           "internal/cloud/all",
		"internal/detect/database": "internal/detect/database/all",
		"internal/disk/fsys":       "internal/disk/all",
		"internal/disk/image":      "internal/disk/all",
		"internal/disk/volume":     "internal/disk/all",
		"internal/store":           "internal/store/all",
	}
	shared := []string{ // what implementations have in common
		"internal/disk/volume/cipher",
		"internal/disk/volume/raid",
	}
	for dir, list := range lists {
		i := slices.IndexFunc(pkgs, func(p pkg) bool { return p.ImportPath == module+"/"+list })
		if i < 0 {
			t.Errorf("%s is missing: it lists the implementations in %s", list, dir)
			continue
		}
		for _, p := range pkgs {
			name, _ := below(p.ImportPath)
			base := name[strings.LastIndex(name, "/")+1:]
			if !matches(dir+"/*", name) || base == "all" || strings.HasSuffix(base, "test") || slices.Contains(shared, name) {
				continue
			}
			if !slices.Contains(pkgs[i].Imports, p.ImportPath) {
				t.Errorf("%s is not listed in %s", name, list)
			}
		}
	}
}

// TestPatterns proves that the walls can fail.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{".", ".", true},
		{".", "rules", false},
		{"internal/cloud/*", "internal/cloud/aws", true},
		{"internal/cloud/*", "internal/cloud", false},
		{"internal/cloud/*", "internal/cloud/aws/x", false},
		{"internal/disk/...", "internal/disk", true},
		{"internal/disk/...", "internal/disk/fsys/ext4", true},
		{"internal/disk/...", "internal/diskette", false},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("matches(%q, %q) = %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}
