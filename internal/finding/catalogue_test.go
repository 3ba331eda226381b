package finding

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

func TestEveryCodeIsInTheCatalogueOnce(t *testing.T) {
	var listed []release.Code
	for _, e := range All() {
		if slices.Contains(listed, e.Code) {
			t.Errorf("%s is in the catalogue twice", e.Code)
		}
		listed = append(listed, e.Code)
	}
	codes := declared(t)
	for _, c := range codes {
		if !slices.Contains(listed, c) {
			t.Errorf("%s is declared in package release, but not in the catalogue", c)
		}
	}
	for _, c := range listed {
		if !slices.Contains(codes, c) {
			t.Errorf("%s is in the catalogue, but not declared in package release", c)
		}
	}
}

// declared reads the codes from the source that declares them.
func declared(t *testing.T) []release.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../release/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []release.Code
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			code, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, release.Code(code))
		}
		return true
	})
	if len(codes) < 30 {
		t.Fatalf("found only %d codes", len(codes))
	}
	return codes
}

func TestEveryEntryIsWhole(t *testing.T) {
	titles := map[string]release.Code{}
	for _, e := range All() {
		t.Run(string(e.Code), func(t *testing.T) {
			if e.Title == "" || e.Severity == "" || e.Audience == "" || e.Do == "" || e.Text == nil || e.news == nil {
				t.Fatalf("something is missing: %+v", e)
			}
			if other, twice := titles[e.Title]; twice {
				t.Errorf("has the same title as %s", other)
			}
			titles[e.Title] = e.Code
			if filled := (Facts{Spec: spec()}).Fill(e.Do); strings.ContainsAny(filled, "{}") {
				t.Errorf("a name is left open in %q", filled)
			}
			if e.Audience == OnCall && e.Code != release.CodeCanaryReminder && e.Severity == release.Info {
				t.Error("a page that is only info")
			}
		})
	}
}

func TestFindKnowsOnlyTheCatalogue(t *testing.T) {
	if e, ok := Find(release.CodeRollback); !ok || e.Severity != release.Critical {
		t.Errorf("Find(Rollback) = %+v, %t", e, ok)
	}
	if _, ok := Find("Nonsense"); ok {
		t.Error("Find knows a code that nobody declared")
	}
}
