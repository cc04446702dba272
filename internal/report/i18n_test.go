package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestLabelsHaveBothLanguages reads every tx("…", "…") of the package: neither
// language may be missing, Chinese holds Chinese, and both take the same values.
func TestLabelsHaveBothLanguages(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	han, verb := regexp.MustCompile(`\p{Han}`), regexp.MustCompile(`%[sdq]`)
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			en, zh, ok := texts(n)
			if !ok || en == "—" {
				return true
			}
			seen++
			if en == "" || !han.MatchString(zh) {
				t.Errorf("%s: %q has no Chinese: %q", name, en, zh)
			}
			if e, z := strings.Join(verb.FindAllString(en, -1), ""), strings.Join(verb.FindAllString(zh, -1), ""); e != z {
				t.Errorf("%s: %q takes %s, its Chinese %s", name, en, e, z)
			}
			return true
		})
	}
	if seen < 100 {
		t.Errorf("only %d labels were looked at", seen)
	}
}

// texts gives the two literals of a call of tx.
func texts(n ast.Node) (en, zh string, ok bool) {
	call, isCall := n.(*ast.CallExpr)
	if !isCall || len(call.Args) != 2 {
		return "", "", false
	}
	if f, isName := call.Fun.(*ast.Ident); !isName || f.Name != "tx" {
		return "", "", false
	}
	var out [2]string
	for i, arg := range call.Args {
		lit, isLit := arg.(*ast.BasicLit)
		if !isLit {
			return "", "", false
		}
		s, err := strconv.Unquote(lit.Value)
		if err != nil {
			return "", "", false
		}
		out[i] = s
	}
	return out[0], out[1], true
}
