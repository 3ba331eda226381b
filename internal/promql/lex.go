package promql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kind is what a token is. Operators, punctuation and keywords are their own kinds, as they are written.
type kind string

const (
	ended      kind = "the end"
	identifier kind = "a name"
	metric     kind = "a metric's name" // with a colon
	number     kind = "a number"
	duration   kind = "a duration"
	quoted     kind = "a string"
)

// token is a word of an expression.
type token struct {
	kind kind
	text string
	at   int
}

// keywords are words with a meaning of their own, in any case; most may name metrics and labels all the same.
var keywords = words(`and or unless atan2
	sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio
	offset smoothed anchored by without on ignoring group_left group_right fill fill_left fill_right bool
	start end step range max_of min_of`)

func words(list string) map[kind]bool {
	set := map[kind]bool{}
	for _, w := range strings.Fields(list) {
		set[kind(w)] = true
	}
	return set
}

// lexer cuts a text into tokens. What may come depends on the brackets that are open.
type lexer struct {
	text string
	at   int
	// paren counts what is open; brace and bracket don't nest.
	paren          int
	brace, bracket bool
	// ranged is set from a left bracket to its first number: nothing but a duration may come there. Colon is set
	// by the colon of a subquery.
	ranged, colon bool
	// list is a text that stands between braces, without them.
	list bool
}

const eof = -1

func (l *lexer) peek() rune { return l.ahead(0) }

// ahead gives the rune so many bytes ahead.
func (l *lexer) ahead(n int) rune {
	if l.at+n >= len(l.text) {
		return eof
	}
	r, _ := utf8.DecodeRuneInString(l.text[l.at+n:])
	return r
}

// accept steps over a rune of a set.
func (l *lexer) accept(set string) bool {
	if r := l.peek(); r != eof && r < utf8.RuneSelf && strings.ContainsRune(set, r) {
		l.at++
		return true
	}
	return false
}

func (l *lexer) is(set string) bool {
	r := l.peek()
	return r != eof && r < utf8.RuneSelf && strings.ContainsRune(set, r)
}

func (l *lexer) fail(at int, format string, args ...any) *Error {
	return &Error{At: at, Text: l.text, What: fmt.Sprintf(format, args...)}
}

// next gives the next token.
func (l *lexer) next() (token, *Error) {
	for {
		start := l.at
		switch r := l.peek(); {
		case isSpace(r):
			l.at++
		case r == '#' && !l.ranged && !l.list:
			for r := l.peek(); r != '\n' && r != '\r' && r != eof; r = l.peek() {
				l.at++
			}
		default:
			t, err := l.token()
			t.at, t.text = start, l.text[start:l.at]
			return t, err
		}
	}
}

func (l *lexer) token() (token, *Error) {
	r := l.peek()
	switch {
	case r == eof:
		return token{kind: ended}, l.end()
	case r == '"' || r == '\'' || r == '`':
		return token{kind: quoted}, l.quote(r)
	case l.brace:
		return l.inBraces(r)
	case isDigit(r) || r == '.' && isDigit(l.ahead(1)):
		l.ranged = false
		return l.number()
	case isAlpha(r) || r == ':':
		return l.word(r)
	}
	return l.symbol()
}

// follows tells whether a word comes next, after spaces.
func (l *lexer) follows(word string) bool {
	return strings.HasPrefix(strings.TrimLeft(l.text[l.at:], " \t\r\n"), word)
}

// end tells what is left open.
func (l *lexer) end() *Error {
	switch {
	case l.brace && !l.list:
		return l.fail(l.at, "a brace is not closed")
	case l.bracket:
		return l.fail(l.at, "a bracket is not closed")
	case l.paren != 0:
		return l.fail(l.at, "a parenthesis is not closed")
	}
	return nil
}

// inBraces reads what stands in a selector, where no word is a keyword.
func (l *lexer) inBraces(r rune) (token, *Error) {
	if isAlpha(r) {
		for isAlphaNumeric(l.peek()) {
			l.at++
		}
		return token{kind: identifier}, nil
	}
	for _, s := range []string{"=~", "!~", "!=", "=", ",", "}"} {
		if strings.HasPrefix(l.text[l.at:], s) && !(s == "}" && l.list) {
			l.at += len(s)
			l.brace = s != "}"
			return token{kind: kind(s)}, nil
		}
	}
	return token{}, l.fail(l.at, "unexpected %q inside braces", r)
}

// word reads a name or a keyword, or, in brackets, the colon of a subquery.
func (l *lexer) word(r rune) (token, *Error) {
	start := l.at
	if l.bracket {
		if r != ':' || l.colon || l.ranged {
			return token{}, l.fail(start, "unexpected %q in a range; write a duration such as 5m", r)
		}
		l.at++
		l.colon = true
		return token{kind: ":"}, nil
	}
	for r := l.peek(); isAlphaNumeric(r) || r == ':'; r = l.peek() {
		l.at++
	}
	w := l.text[start:l.at]
	low := kind(strings.ToLower(w))
	switch {
	case low == "inf" || low == "nan":
		return token{kind: number}, nil
	case strings.HasPrefix(string(low), "fill") && keywords[low] && !l.follows("("):
		return token{kind: identifier}, nil
	case keywords[low]:
		return token{kind: low}, nil
	case strings.Contains(w, ":"):
		return token{kind: metric}, nil
	}
	return token{kind: identifier}, nil
}

// symbols are operators and punctuation, the longer ones first.
var symbols = []string{"==", "!=", "<=", ">=", "</", ">/", "<", ">", "=", "+", "-", "*", "/", "%", "^", "@", ",", "(", ")", "{", "[", "]"}

func (l *lexer) symbol() (token, *Error) {
	start := l.at
	for _, s := range symbols {
		if !strings.HasPrefix(l.text[l.at:], s) || s == "=" && strings.HasPrefix(l.text[l.at:], "=~") {
			continue
		}
		l.at += len(s)
		switch {
		case s == "(":
			l.paren++
		case s == ")":
			if l.paren--; l.paren < 0 {
				return token{}, l.fail(start, "unexpected right parenthesis")
			}
		case s == "{":
			l.brace = true
		case s == "[" && l.bracket:
			return token{}, l.fail(start, "unexpected left bracket")
		case s == "[":
			l.bracket, l.ranged, l.colon = true, true, false
		case s == "]" && !l.bracket:
			return token{}, l.fail(start, "unexpected right bracket")
		case s == "]":
			l.bracket, l.ranged = false, false
		}
		return token{kind: kind(s)}, nil
	}
	return token{}, l.fail(start, "unexpected character %q", l.peek())
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isAlpha(r rune) bool {
	return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func isAlphaNumeric(r rune) bool { return isAlpha(r) || isDigit(r) }
