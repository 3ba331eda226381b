package promql

import (
	"regexp"
	"regexp/syntax"
)

const nameLabel = "__name__"

// selector reads a selector, whose metric's name, or brace, is t.
func (p *parser) selector(t token) node {
	n := node{at: t.at, typ: Vector, form: selector}
	name := t.text
	if t.kind == "{" {
		name = ""
	} else if p.tok.kind != "{" {
		return n
	}
	p.advance()
	m := p.matchers("}")
	p.advance()
	switch {
	case name != "" && m.names:
		p.fail(n.at, "the metric's name is set twice")
	case name == "" && !m.narrow:
		p.fail(n.at, "a selector that every series may match; name a metric, or a label with a value")
	}
	return n
}

// matchers is what is known of a list of matchers: whether one is of the metric's name, and whether one does not match
// a label that is absent.
type matchers struct{ names, narrow bool }

// matchers reads them up to the end of their list.
func (p *parser) matchers(end kind) (m matchers) {
	for p.tok.kind != end {
		label, narrow := p.matcher(end)
		m.names = m.names || label == nameLabel
		m.narrow = m.narrow || narrow
		if p.tok.kind != end {
			p.want(",", "between matchers")
		}
	}
	return m
}

// matcher reads one matcher, or a metric's name in quotes, and tells whether it refuses an absent label.
func (p *parser) matcher(end kind) (label string, narrow bool) {
	t := p.tok
	if t.kind != identifier && t.kind != quoted {
		p.unexpected("where a label should be")
	}
	p.advance()
	label = t.text
	if t.kind == quoted {
		label = unquote(t.text)
		if p.tok.kind == "," || p.tok.kind == end {
			return nameLabel, label != ""
		}
	}
	op := p.tok.kind
	switch op {
	case "=", "!=", "=~", "!~":
		p.advance()
	default:
		p.unexpected("after a label; want one of = != =~ !~")
	}
	v := p.tok
	p.want(quoted, "after "+string(op))
	text := unquote(v.text)
	switch op {
	case "=":
		return label, text != ""
	case "!=":
		return label, text == ""
	}
	re, err := pattern(text)
	if err != nil {
		p.fail(v.at, "%s is no regular expression: %v", v.text, err)
	}
	return label, re.MatchString("") == (op == "!~")
}

// pattern compiles a regular expression as Prometheus does: whole and on its own.
func pattern(text string) (*regexp.Regexp, error) {
	if _, err := syntax.Parse(text, syntax.Perl|syntax.DotNL); err != nil {
		return nil, err
	}
	return regexp.Compile("^(?s:" + text + ")$")
}
