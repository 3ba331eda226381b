package promql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/promql"
)

func TestTypes(t *testing.T) {
	for text, want := range map[string]promql.Type{
		"1": promql.Scalar, "0x1f + 1e3 * 5m": promql.Scalar, "-Inf": promql.Scalar, "time() - 1h": promql.Scalar, "'x'": promql.String,
		"up": promql.Vector, "sum": promql.Vector, `{"http.requests", "le"="x"}`: promql.Vector, "up[5m]": promql.Matrix, "up[5m:1m] offset -1h": promql.Matrix,
		`sum by (a, "b.c") (rate(up{a=~"x|y"}[5m])) / on (a) group_left up`: promql.Vector, "up > bool 1 # so": promql.Vector,
		"up @ start() offset 5m": promql.Vector, "scalar(up) and": "", "topk(3, up) or vector(0)": promql.Vector,
	} {
		got, err := promql.Check(text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

// An error says what is wrong, and where.
func TestErrorsHaveTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "there is no expression (character 1, at the end)",
		"sum(rat(up[5m]))":              `unknown function rat() (character 5, at "rat(up[5m]))")`,
		"rate(up)":                      `an instant vector as an argument of rate; want a range vector (character 6, at "up)")`,
		"sum(up":                        "a parenthesis is not closed (character 7, at the end)",
		`up{a="b}`:                      `a string is not closed (character 6, at "\"b}")`,
		`up{a=~"5("}`:                   `is no regular expression`,
		"up[5m":                         "a bracket is not closed",
		"up offset 5m offset 5m":        "a second offset",
		"1 > 2":                         "a comparison of scalars; write > bool",
		"up and 1":                      `"and" beside a scalar; want two instant vectors`,
		"limitk(1, up)":                 "limitk is experimental, and refused by a Prometheus without its feature flag",
		"{}":                            "a selector that every series may match",
		"sum(up) by (a":                 "a parenthesis is not closed",
		"up[5x]":                        `"5" is neither a number nor a duration`,
		"up up":                         `unexpected "up" after an expression (character 4, at "up")`,
		strings.Repeat("(", 2000) + "1": "too many expressions in one another",
	} {
		_, err := promql.Check(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
		if e, ok := errors.AsType[*promql.Error](err); err != nil && (!ok || e.At > len(text)) {
			t.Errorf("%.40q: %T at %v", text, err, e)
		}
	}
}

// A list of matchers can't reach beyond the braces that it will stand between.
func TestMatchers(t *testing.T) {
	for text, want := range map[string]string{
		"": "", `a="b"`: "", " a!~'b' ,\n c=`d`, ": "", `"a.b"="c"`: "", `a="}"`: "",
		`a="b"} or up{c="d"`: `unexpected '}' inside braces`,
		"a=\"b\" # c":        `unexpected '#' inside braces`,
		`a="b" c="d"`:        `unexpected "c" between matchers; want ,`,
		`,a="b"`:             `unexpected "," where a label should be`,
		`a=1`:                `unexpected '1' inside braces`,
		`a=~"(["`:            "is no regular expression",
		`a="b`:               "a string is not closed",
	} {
		_, err := promql.Matchers(text)
		if got := ""; err != nil {
			got = err.Error()
			if want == "" || !strings.Contains(got, want) {
				t.Errorf("%q: %s, want %q", text, got, want)
			}
		} else if want != "" {
			t.Errorf("%q is accepted, want %q", text, want)
		}
	}
	for text, want := range map[string]bool{`a="b"`: false, `__name__="b"`: true, `"m"`: true, `a="b","__name__"=~"c"`: true} {
		if names, err := promql.Matchers(text); names != want || err != nil {
			t.Errorf("%q names a metric: %v, %v", text, names, err)
		}
	}
}

// Whatever comes is a type or an error with its place, never a crash.
func FuzzCheck(f *testing.F) {
	f.Add(`sum by (a) (rate(up{a=~"x|y"}[5m:1m] offset -1h @ end())) / on (a) group_left () 0x1f`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, check := range []func() error{
			func() error { _, err := promql.Check(text); return err },
			func() error { _, err := promql.Matchers(text); return err },
		} {
			if e, ok := errors.AsType[*promql.Error](check()); ok && (e.At < 0 || e.At > len(text) || e.What == "") {
				t.Errorf("%q: %+v", text, e)
			}
		}
	})
}
