package promql

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	decimal = "0123456789"
	hex     = "0123456789abcdefABCDEF"
)

// number reads a number or a duration. What stands here need not be one yet: its value tells.
func (l *lexer) number() (token, *Error) {
	start := l.at
	if l.digits() {
		return token{kind: number}, nil
	}
	if l.unit("smhdwy") && l.rest() && !isAlphaNumeric(l.peek()) {
		return token{kind: duration}, nil
	}
	return token{}, l.fail(start, "%q is neither a number nor a duration", l.text[start:l.at])
}

// rest reads the rest of a duration such as 1h30m.
func (l *lexer) rest() bool {
	for l.is(decimal) {
		for l.accept(decimal) {
		}
		if !l.unit("smhdw") {
			return false
		}
	}
	return true
}

func (l *lexer) unit(set string) bool {
	if !l.accept(set) {
		return false
	}
	l.accept("s") // of ms
	return true
}

// digits reads a number as Prometheus' lexer does, and tells whether it may be one. An e in a hexadecimal number is
// an exponent there, too, but for the first digit.
func (l *lexer) digits() bool {
	set := decimal
	if l.accept("0") && l.accept("xX") {
		l.accept("_")
		set = hex
	}
	l.accept(".")
	l.accept(set)
	var dot, exponent bool
	for l.is(set + "._eE") {
		switch {
		case l.is("."):
			if dot || set == hex {
				l.at++
				return false
			}
			l.at++
			dot = true
			if l.is("_.") {
				return false
			}
		case l.is("eE"):
			if exponent {
				l.at++
				return false
			}
			l.at++
			exponent = true
			l.accept("+-")
			if l.is("._eE") || l.peek() == eof {
				return false
			}
		case l.accept("_"):
			if l.is("._eE") || l.peek() == eof {
				return false
			}
		default:
			for l.accept(set) {
			}
		}
	}
	return !isAlphaNumeric(l.peek())
}

// value gives the value of a number, or of a duration in seconds.
func value(t token) (float64, error) {
	if t.kind == duration {
		return length(t.text)
	}
	if n, err := strconv.ParseInt(t.text, 0, 64); err == nil {
		return float64(n), nil
	}
	return strconv.ParseFloat(t.text, 64)
}

// units of a duration, the longest first, in milliseconds.
var units = []struct {
	name string
	long int64
}{{"y", 365 * 24 * 3600e3}, {"w", 7 * 24 * 3600e3}, {"d", 24 * 3600e3}, {"h", 3600e3}, {"m", 60e3}, {"s", 1e3}, {"ms", 1}}

// length gives the seconds of a duration, each of whose units comes once, the longer before the shorter.
func length(text string) (float64, error) {
	const most int64 = math.MaxInt64 / 1_000_000 // milliseconds that a time.Duration can hold
	var sum int64
	rest, from := text, 0
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, decimal))
		name := rest[digits:]
		if end := strings.IndexAny(name, decimal); end >= 0 {
			name = name[:end]
		}
		for from < len(units) && units[from].name != name {
			from++
		}
		if digits == 0 || from == len(units) {
			return 0, fmt.Errorf("%s is no duration; write such as 1h30m", text)
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil || n > most/units[from].long || n*units[from].long > most-sum {
			return 0, fmt.Errorf("%s is too long a duration", text)
		}
		sum += n * units[from].long
		rest = rest[digits+len(name):]
		from++
	}
	return float64(sum) / 1e3, nil
}

// quote reads a quoted string.
func (l *lexer) quote(open rune) *Error {
	start := l.at
	l.at++
	for {
		r := l.peek()
		switch {
		case r == utf8.RuneError:
			return l.fail(l.at, "a string is not valid UTF-8")
		case r == eof || r == '\n' && open != '`':
			return l.fail(start, "a string is not closed")
		case r == open:
			l.at++
			return nil
		case r == '\\' && open != '`':
			at := l.at
			l.at++
			if !l.escape(open) {
				return l.fail(at, "no such escape in a string")
			}
			continue
		}
		l.at += utf8.RuneLen(r)
	}
}

// escape reads what follows a backslash.
func (l *lexer) escape(open rune) bool {
	r := l.peek()
	if r == open || r < utf8.RuneSelf && r != eof && strings.ContainsRune(`abfnrtv\`, r) {
		l.at++
		return true
	}
	n, base := 3, 8
	switch r {
	case 'x':
		n, base = 2, 16
	case 'u':
		n, base = 4, 16
	case 'U':
		n, base = 8, 16
	case '0', '1', '2', '3', '4', '5', '6', '7':
		l.at--
	default:
		return false
	}
	l.at++
	if l.at+n > len(l.text) {
		return false
	}
	x, err := strconv.ParseUint(l.text[l.at:l.at+n], base, 32)
	l.at += n
	switch {
	case err != nil || (0xD800 <= x && x < 0xE000):
		return false
	case n <= 3:
		return x <= 255
	}
	return x <= utf8.MaxRune
}

// unquote gives what a string says. It was read by quote.
func unquote(s string) string {
	body := s[1 : len(s)-1]
	if s[0] == '`' || !strings.Contains(body, `\`) {
		return body
	}
	var out []byte
	for body != "" {
		r, wide, rest, err := strconv.UnquoteChar(body, s[0])
		if err != nil {
			return string(out) + body
		}
		if body = rest; wide {
			out = utf8.AppendRune(out, r)
		} else {
			out = append(out, byte(r))
		}
	}
	return string(out)
}
