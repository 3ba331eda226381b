package against

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	theirs "github.com/prometheus/prometheus/promql/parser"

	"github.com/knowledgebeast/greenwatch/internal/promql"
)

// prometheus is the parser of a server without feature flags.
var prometheus = theirs.NewParser(theirs.Options{})

// deepest is how deep the expressions may be nested that are compared: ours has a bound, theirs has none.
const deepest = 900

// same compares both parsers' word on a text, and tells whether it is accepted.
func same(t *testing.T, text string) bool {
	t.Helper()
	if strings.Count(text, "(")+strings.Count(text, "-")+strings.Count(text, "+")+strings.Count(text, "^") > deepest {
		return false
	}
	want, refused := prometheus.ParseExpr(text)
	got, err := promql.Check(text)
	switch {
	case (refused != nil) != (err != nil):
		t.Errorf("%q: Prometheus says %v, we say %v", text, refused, err)
	case err == nil && string(got) != theirs.DocumentedType(want.Type()):
		t.Errorf("%q is a %s, we say %s", text, theirs.DocumentedType(want.Type()), got)
	}
	return refused == nil
}

// corpus gives all texts in Prometheus' own tests of its parser: what it must accept and what it must refuse.
func corpus(t testing.TB) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/prometheus/prometheus/promql/parser").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range []string{"parse_test.go", "printer_test.go", "prettier_test.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil {
					all = append(all, s)
				}
			}
			return true
		})
	}
	return all
}

// What Prometheus' own tests ask its parser is answered alike.
func TestPrometheusOwnTests(t *testing.T) {
	accepted, all := 0, corpus(t)
	for _, s := range all {
		if same(t, s) {
			accepted++
		}
	}
	if accepted < 300 || len(all)-accepted < 300 {
		t.Errorf("of %d texts Prometheus accepts %d: they prove little", len(all), accepted)
	}
}

// pieces are what random expressions are made of.
var pieces = strings.Fields(`foo a:b sum topk count_values by without on ignoring group_left group_right bool offset and or unless
	atan2 rate time() vector scalar label_replace fill fill( start end step range max_of ( ( ( ) ) ) { } [ ] [5m] [5m:] [1h:5m]
	, , : @ @ + - * / % ^ == != < <= > >= </ >/ = =~ !~ 1 0x1f 1e3 1e+ 0x1e+5 .5 1. 1_000 inf NaN 5m 1h30m 1.5h 1ms 0s 07
	'x' "y" '\x41' '\u00e9' '\'' {a="b"} {a=~".+"} {"m"} {a!=""} foo{a="b"} rate(foo[5m]) (foo) sum(foo) start() end() quantile
	histogram_quantile clamp_max round hour() pi() #c anchored limitk nope( info(`)

// changed is a text with a piece put in or taken out.
func changed(r *rand.Rand, s string) string {
	const single = "()[]{},:@+-*/^=!<>'\"`\\ 019smhaxeE._#\n\x80\u00e9"
	at := r.IntN(len(s) + 1)
	switch r.IntN(3) {
	case 0:
		return s[:at] + pieces[r.IntN(len(pieces))] + s[at:]
	case 1:
		return s[:at] + s[min(len(s), at+1+r.IntN(4)):]
	}
	one := r.IntN(len(single))
	return s[:at] + single[one:one+1] + s[at:]
}

// Texts beside those, and some of pure chance, are answered alike.
func TestRandomTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all, accepted := corpus(t), 0
	const tries = 200_000
	for i := 0; i < tries && !t.Failed(); i++ {
		s := all[r.IntN(len(all))]
		if i%4 == 0 {
			s = ""
			for range 1 + r.IntN(9) {
				s += pieces[r.IntN(len(pieces))] + []string{"", " ", " ", "\n"}[r.IntN(4)]
			}
		}
		for range r.IntN(3) {
			s = changed(r, s)
		}
		if same(t, s) {
			accepted++
		}
	}
	if !t.Failed() && accepted < tries/20 {
		t.Errorf("of %d texts Prometheus accepts %d: they prove little", tries, accepted)
	}
}

// Every function and aggregation takes what Prometheus' takes, and no other.
func TestEveryFunction(t *testing.T) {
	kinds := []string{"1", "up", "up[5m]", "'x'"}
	lists := []string{""}
	for begin, n := 0, 1; n <= 5; n++ {
		end := len(lists)
		for _, l := range lists[begin:end] {
			for _, k := range kinds {
				lists = append(lists, strings.TrimPrefix(l+", "+k, ", "))
			}
		}
		begin = end
	}
	names := strings.Fields("sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio nope")
	for name := range theirs.Functions {
		names = append(names, name)
	}
	accepted := 0
	for _, name := range names {
		for _, l := range lists {
			if same(t, name+"("+l+")") {
				accepted++
			}
		}
	}
	if accepted < 90 {
		t.Errorf("%d calls are accepted of %d functions", accepted, len(names))
	}
}

// A list of matchers that is accepted stays within its braces: put there it is a selector and nothing else.
func TestMatchersStayWithinTheirBraces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	lists := []string{`a="b"`, `a="b",c=~"d.*",`, `a="b"} or up{c="d"`, "a=\"b\" # c", "a='b'\n,c!~`x`", `"quoted name"="v"`, `"m",a="b"`, `__name__=~"x|y"`}
	accepted := 0
	for range 100_000 {
		s := lists[r.IntN(len(lists))]
		for range r.IntN(3) {
			s = changed(r, s)
		}
		names, err := promql.Matchers(s)
		if err != nil {
			continue
		}
		accepted++
		text := "metric{" + s + "}"
		if names {
			text = `{x="y",` + s + "}"
		}
		e, err := prometheus.ParseExpr(text)
		if _, ok := e.(*theirs.VectorSelector); strings.TrimSpace(s) != "" && (err != nil || !ok) {
			t.Fatalf("%q is accepted between braces; Prometheus makes %T of it: %v", s, e, err)
		}
	}
	if accepted < 1000 {
		t.Errorf("%d lists were accepted: they prove little", accepted)
	}
}

func FuzzAgainstPrometheus(f *testing.F) {
	for _, s := range corpus(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { same(t, s) })
}
