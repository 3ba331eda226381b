package promql

import (
	"fmt"
	"math"
)

// parser reads one expression. It stops at the first mistake.
type parser struct {
	lex lexer
	// tok is the token that comes next.
	tok token
	// deep is how many expressions stand in one another.
	deep int
}

// mostDeep bounds that.
const mostDeep = 1000

// node is what is known of an expression that was read.
type node struct {
	at   int
	typ  Type
	form form
	// offset and pinned are modifiers that a selector or subquery has already.
	offset, pinned bool
}

// form is how an expression is written, as far as it matters to what may follow it.
type form int

const (
	plain form = iota
	selector
	ranged // a selector with a range
	subquery
)

// stop carries the first mistake up to run.
type stop struct{ err *Error }

// run reads a text by a rule, and gives the first mistake.
func (p *parser) run(text string, rule func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case stop:
			err = r.err
		default:
			panic(r)
		}
	}()
	p.lex.text = text
	p.advance()
	rule()
	return nil
}

// whole reads one expression and nothing after it.
func (p *parser) whole() node {
	if p.tok.kind == ended {
		p.fail(p.tok.at, "there is no expression")
	}
	n := p.expr(1)
	if p.tok.kind != ended {
		p.unexpected("after an expression")
	}
	return n
}

func (p *parser) fail(at int, format string, args ...any) {
	panic(stop{p.lex.fail(at, format, args...)})
}

func (p *parser) unexpected(where string) {
	p.fail(p.tok.at, "unexpected %s %s", p.name(), where)
}

func (p *parser) name() string {
	switch {
	case p.tok.kind == ended:
		return string(ended)
	case p.tok.text == "":
		return string(p.tok.kind)
	}
	return fmt.Sprintf("%q", p.tok.text)
}

// advance gives the token that comes next, and reads the one after it.
func (p *parser) advance() token {
	t := p.tok
	next, err := p.lex.next()
	if err != nil {
		panic(stop{err})
	}
	p.tok = next
	return t
}

// take steps over a token of a kind, if it comes next.
func (p *parser) take(k kind) bool {
	if p.tok.kind != k {
		return false
	}
	p.advance()
	return true
}

func (p *parser) want(k kind, where string) token {
	if p.tok.kind != k {
		p.unexpected(fmt.Sprintf("%s; want %s", where, k))
	}
	return p.advance()
}

// binding is how tightly an operator binds.
func binding(k kind) int {
	switch k {
	case "or":
		return 1
	case "and", "unless":
		return 2
	case "==", "!=", "<", "<=", ">", ">=", "</", ">/":
		return 3
	case "+", "-":
		return 4
	case "*", "/", "%", "atan2":
		return 5
	case "^":
		return powers
	}
	return 0
}

// powers bind tightest, and from the right.
const powers = 6

// expr reads operands and the operators between them that bind at least so tightly.
func (p *parser) expr(tightly int) node {
	if p.deep++; p.deep > mostDeep {
		p.fail(p.tok.at, "too many expressions in one another")
	}
	defer func() { p.deep-- }()
	left := p.unary()
	for {
		op := p.tok
		b := binding(op.kind)
		if b == 0 || b < tightly {
			return left
		}
		p.advance()
		m := p.matching()
		right := b + 1
		if b == powers {
			right = powers
		}
		left = p.binary(op, m, left, p.expr(right))
	}
}

// unary reads a sign, which binds as a product does, or an operand with its modifiers.
func (p *parser) unary() node {
	if p.tok.kind != "+" && p.tok.kind != "-" {
		return p.modified(p.operand())
	}
	at := p.advance().at
	n := p.expr(powers)
	if n.typ != Scalar && n.typ != Vector {
		p.fail(n.at, "a sign before %s; it may stand before a scalar or an instant vector", n.typ.a())
	}
	return node{at: at, typ: n.typ}
}

// operand reads what stands between operators.
func (p *parser) operand() node {
	t := p.tok
	switch {
	case t.kind == "(":
		return p.parens()
	case t.kind == number || t.kind == duration:
		p.number()
		return node{at: t.at, typ: Scalar}
	case t.kind == quoted:
		p.advance()
		return node{at: t.at, typ: String}
	case t.kind == "{":
		return p.selector(t)
	case t.kind == identifier || t.kind == metric || keywords[t.kind]:
		return p.named(p.advance())
	}
	p.unexpected("where an expression should begin")
	return node{}
}

func (p *parser) parens() node {
	at := p.advance().at
	n := p.expr(1)
	p.want(")", "in parentheses")
	return node{at: at, typ: n.typ}
}

// number reads a number or a duration.
func (p *parser) number() float64 {
	t := p.tok
	if t.kind != number && t.kind != duration {
		p.unexpected("where a number or a duration should be")
	}
	v, err := value(t)
	if err != nil {
		p.fail(t.at, "%v", err)
	}
	p.advance()
	return v
}

// noMetric are the keywords that can't name a metric.
var noMetric = words("atan2 bool on ignoring group_left group_right fill fill_left fill_right")

// named reads what begins with a name: an aggregation, a call, or a selector. A name that is a keyword is one only
// where it makes sense.
func (p *parser) named(t token) node {
	switch {
	case aggregations[t.kind] != 0 && (p.tok.kind == "(" || p.tok.kind == "by" || p.tok.kind == "without"):
		return p.aggregation(t)
	case p.tok.kind == "(" && t.kind == identifier:
		return p.call(t)
	case p.tok.kind == "(" && t.kind != metric && experimental[t.text]:
		p.fail(t.at, "%s() is experimental, and refused by a Prometheus without its feature flag", t.text)
	case noMetric[t.kind]:
		p.fail(t.at, "unexpected keyword %q where an expression should begin", t.text)
	}
	return p.selector(t)
}

// modified reads the ranges and modifiers that follow an operand.
func (p *parser) modified(n node) node {
	for {
		switch p.tok.kind {
		case "[":
			n = p.brackets(n)
		case "offset":
			n = p.offset(n)
		case "@":
			n = p.pin(n)
		case "anchored", "smoothed":
			p.fail(p.tok.at, "%s is experimental, and refused by a Prometheus without its feature flag", p.tok.text)
		default:
			return n
		}
	}
}

// brackets reads the range of a selector, or of a subquery.
func (p *parser) brackets(n node) node {
	at := p.advance().at
	p.long()
	if p.take("]") {
		switch {
		case n.form != selector:
			p.fail(at, "a range after what is no selector; write a subquery such as [5m:]")
		case n.offset:
			p.fail(at, "an offset before the range; write it after")
		case n.pinned:
			p.fail(at, "a time before the range; write it after")
		}
		return node{at: n.at, typ: Matrix, form: ranged}
	}
	p.want(":", "in a range")
	if p.tok.kind != "]" {
		p.long()
	}
	p.want("]", "in a subquery")
	if n.typ != Vector {
		p.fail(n.at, "a subquery of %s; want an instant vector", n.typ.a())
	}
	return node{at: n.at, typ: Matrix, form: subquery}
}

// long reads a duration above 0.
func (p *parser) long() {
	at := p.tok.at
	if v, _ := p.signed(); v <= 0 {
		p.fail(at, "a duration must be greater than 0")
	}
}

// computed refuses what begins a duration that is computed.
func (p *parser) computed() {
	p.fail(p.tok.at, "a duration that is computed is experimental, and refused by a Prometheus without its feature flag")
}

// signed reads a duration with its signs, and tells how many there were.
func (p *parser) signed() (v float64, signs int) {
	at, by := p.tok.at, 1.0
	for ; p.tok.kind == "+" || p.tok.kind == "-"; signs++ {
		if p.advance().kind == "-" {
			by = -by
		}
	}
	if p.tok.kind == "(" || keywords[p.tok.kind] {
		p.computed()
	}
	v = by * p.number()
	if v > 1<<63/1e9 || v < -(1<<63)/1e9 {
		p.fail(at, "a duration out of range")
	}
	return v, signs
}

func (p *parser) offset(n node) node {
	at := p.advance().at
	by := p.shift()
	switch {
	case n.form == plain:
		p.fail(at, "an offset after what is no selector and no subquery")
	case n.offset:
		p.fail(at, "a second offset")
	}
	n.offset = by
	return n
}

// shift reads by how much, and tells whether that is anything. What is in parentheses counts in any case, and needs
// one sign before it; what has several signs takes the arithmetic that follows for its own.
func (p *parser) shift() bool {
	sign := p.tok
	if (sign.kind == "+" || sign.kind == "-") && p.lex.follows("(") {
		p.advance()
		p.advance()
		p.signed()
		if p.tok.kind != ")" {
			p.computed()
		}
		p.advance()
		return true
	}
	v, signs := p.signed()
	if signs > 1 && binding(p.tok.kind) > 3 && p.tok.kind != "atan2" {
		p.computed()
	}
	return math.IsNaN(v) || math.Round(v*1e9) != 0
}

// pin reads the modifier @ and its time.
func (p *parser) pin(n node) node {
	at := p.advance().at
	if p.tok.kind == "start" || p.tok.kind == "end" {
		p.advance()
		p.want("(", "after @")
		p.want(")", "after @")
	} else {
		if p.tok.kind == "+" || p.tok.kind == "-" {
			p.advance()
		}
		if v := p.number(); math.IsNaN(v) || math.Abs(v) >= 1<<63 {
			p.fail(at, "a time after @ that is out of range")
		}
	}
	switch {
	case n.form == plain:
		p.fail(at, "a time after what is no selector and no subquery")
	case n.pinned:
		p.fail(at, "a second time after @")
	}
	n.pinned = true
	return n
}
