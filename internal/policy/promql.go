package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

var (
	metricName  = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	placeholder = regexp.MustCompile(`\$\{[^}]*\}?`)
	// matcher is one label matcher at the start of a text, its value in any of PromQL's quotes.
	matcher = regexp.MustCompile("^\\s*(?:[a-zA-Z_][a-zA-Z0-9_]*|\"(?:[^\"\\\\]|\\\\.)+\")\\s*(=~|!~|!=|=)\\s*(\"(?:[^\"\\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\\n]|\\\\.)*'|`[^`]*`)\\s*")
)

func (r *reader) metric(path string, m v1alpha1.MetricName) string {
	if !metricName.MatchString(string(m)) {
		r.fail(path, "%q is no metric's name; write the bare name, and labels in match", m)
	}
	return string(m)
}

func (r *reader) matchers(path string, s v1alpha1.Selector) string {
	r.placeholders(path, string(s))
	if err := matchers(string(s)); err != nil {
		r.fail(path, "%v", err)
	}
	return string(s)
}

func (r *reader) expression(path string, e v1alpha1.Expression) string {
	r.placeholders(path, string(e))
	if err := balanced(string(e)); err != nil {
		r.fail(path, "%v", err)
	}
	return string(e)
}

func (r *reader) placeholders(path, text string) {
	for _, p := range placeholder.FindAllString(text, -1) {
		switch p {
		case "${slot}", "${namespace}", "${deployment}", "${host}", "${version}":
		default:
			r.fail(path, "%s is no placeholder; write ${slot}, ${namespace}, ${deployment}, ${host} or ${version}", p)
		}
	}
}

// matchers tells what is wrong with a list of label matchers, as they stand between braces.
func matchers(text string) error {
	rest := strings.TrimSpace(text)
	for rest != "" {
		m := matcher.FindStringSubmatch(rest)
		if m == nil {
			return fmt.Errorf("%q is no label matcher; write them such as job=\"api\",code=~\"5..\"", rest)
		}
		if err := pattern(m[1], m[2]); err != nil {
			return err
		}
		rest = rest[len(m[0]):]
		if rest == "" {
			return nil
		}
		if rest[0] != ',' {
			return fmt.Errorf("a comma is missing before %q", rest)
		}
		rest = strings.TrimSpace(rest[1:])
	}
	return nil
}

// pattern tells whether the quoted value of a matcher is a regular expression, where it must be one.
func pattern(operator, quoted string) error {
	if !strings.HasSuffix(operator, "~") {
		return nil
	}
	value := placeholder.ReplaceAllString(quoted[1:len(quoted)-1], "x")
	if quoted[0] != '`' {
		value = strings.ReplaceAll(value, `\\`, `\`)
	}
	if _, err := regexp.Compile(value); err != nil {
		return fmt.Errorf("the pattern %s is no regular expression: %w", quoted, err)
	}
	return nil
}

// balanced tells whether the quotes and brackets of an expression are closed. Whether it means
// anything, Prometheus will say.
func balanced(text string) error {
	var open []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			end := closing(text[i+1:], c)
			if end < 0 {
				return fmt.Errorf("the quote at %q is not closed", text[i:])
			}
			i += end + 1
		case '#':
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != opener(c) {
				return fmt.Errorf("the bracket at %q was not opened", text[i:])
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("a bracket %q is not closed", open[len(open)-1])
	}
	if strings.TrimSpace(text) == "" {
		return errors.New("is empty")
	}
	return nil
}

// closing gives where a quoted string ends, or -1.
func closing(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i
		case text[i] == '\\' && quote != '`':
			i++
		}
	}
	return -1
}

func opener(c byte) byte {
	switch c {
	case ')':
		return '('
	case ']':
		return '['
	}
	return '{'
}
