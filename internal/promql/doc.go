// Package promql checks expressions of Prometheus' query language as Prometheus' own parser does, and tells what kind
// of value they have. It evaluates nothing, and keeps no tree.
//
// What is accepted is what a Prometheus 3 accepts that was started without feature flags: experimental functions,
// aggregations and modifiers are refused. A function that a later Prometheus brings is unknown here until it is put
// into the table. The test in internal/promql/against holds the two parsers side by side.
package promql

import "fmt"

// Type is the kind of value that an expression has.
type Type string

// The types.
const (
	Scalar Type = "scalar"
	Vector Type = "instant vector"
	Matrix Type = "range vector"
	String Type = "string"
)

// a gives the type with its article.
func (t Type) a() string {
	if t == Vector {
		return "an " + string(t)
	}
	return "a " + string(t)
}

// Error is what is wrong with an expression, and where.
type Error struct {
	// At is the place, in bytes from the beginning of Text.
	At   int
	Text string
	What string
}

// Error says it with a line or two of context.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (character %d, at %s)", e.What, e.At+1, e.near())
}

// near quotes what follows the place.
func (e *Error) near() string {
	const most = 20
	rest := e.Text[min(e.At, len(e.Text)):]
	if rest == "" {
		return "the end"
	}
	if len(rest) > most {
		rest = rest[:most]
	}
	return fmt.Sprintf("%q", rest)
}

// Check tells what type an expression has, or the first thing that is wrong with it: an *Error.
func Check(text string) (t Type, err error) {
	var p parser
	err = p.run(text, func() { t = p.whole().typ })
	return t, err
}

// Matchers tells whether a text is a list of label matchers as it stands between braces, and nothing that could reach
// beyond them, such as a comment. Names is whether one of them is of the metric's name. Its error is an *Error.
func Matchers(text string) (names bool, err error) {
	p := parser{lex: lexer{brace: true, list: true}}
	err = p.run(text, func() { names = p.matchers(ended).names })
	return names, err
}
