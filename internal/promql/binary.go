package promql

import (
	"slices"
	"unicode/utf8"
)

// matching is how the two sides of an operator are matched.
type matching struct {
	bool, on, grouped bool
	labels, include   []string
}

// matching reads what stands between an operator and its right side.
func (p *parser) matching() (m matching) {
	m.bool = p.take("bool")
	if p.tok.kind == "on" || p.tok.kind == "ignoring" {
		m.on = p.advance().kind == "on"
		m.labels = p.grouping()
		if p.take("group_left") || p.take("group_right") {
			m.grouped = true
			if p.tok.kind == "(" {
				m.include = p.grouping()
			}
		}
	}
	switch p.tok.kind {
	case "fill", "fill_left", "fill_right":
		p.fail(p.tok.at, "%s is experimental, and refused by a Prometheus without its feature flag", p.tok.text)
	}
	return m
}

// noLabel is a keyword that can't name a label where labels are listed.
const noLabel = kind("without")

// grouping reads a list of labels in parentheses.
func (p *parser) grouping() []string {
	p.want("(", "before labels")
	var labels []string
	for !p.take(")") {
		labels = append(labels, p.label())
		if p.tok.kind != ")" {
			p.want(",", "between labels")
		}
	}
	return labels
}

func (p *parser) label() string {
	t := p.tok
	switch {
	case t.kind == quoted:
		name := unquote(t.text)
		if name == "" || !utf8.ValidString(name) {
			p.fail(t.at, "%s is no label's name", t.text)
		}
		p.advance()
		return name
	case t.kind == identifier || t.kind == metric || keywords[t.kind] && t.kind != noLabel:
		return p.advance().text
	}
	p.unexpected("where a label should be")
	return ""
}

func comparison(k kind) bool {
	switch k {
	case "==", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// binary checks an operator with its two sides.
func (p *parser) binary(op token, m matching, left, right node) node {
	scalars := left.typ == Scalar && right.typ == Scalar
	switch {
	case m.bool && !comparison(op.kind):
		p.fail(op.at, "bool after %q; it may stand after comparisons", op.text)
	case comparison(op.kind) && !m.bool && scalars:
		p.fail(op.at, "a comparison of scalars; write %s bool", op.text)
	}
	for _, l := range m.include {
		if m.on && slices.Contains(m.labels, l) {
			p.fail(op.at, "label %q in on and in the group at once", l)
		}
	}
	for _, side := range []node{left, right} {
		if side.typ != Scalar && side.typ != Vector {
			p.fail(side.at, "%s beside %q; want a scalar or an instant vector", side.typ.a(), op.text)
		}
	}
	p.matched(op, m, left, right)
	if scalars {
		return node{at: left.at, typ: Scalar}
	}
	return node{at: left.at, typ: Vector}
}

// matched checks whether the sides can be matched so.
func (p *parser) matched(op token, m matching, left, right node) {
	set := op.kind == "and" || op.kind == "or" || op.kind == "unless"
	switch vectors := left.typ == Vector && right.typ == Vector; {
	case !vectors && len(m.labels) > 0:
		p.fail(op.at, "labels to match by, and not two instant vectors")
	case !vectors && set:
		p.fail(op.at, "%q beside a scalar; want two instant vectors", op.text)
	case set && m.grouped:
		p.fail(op.at, "grouping after %q", op.text)
	}
}
