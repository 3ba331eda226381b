package policy

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/promql"
)

var (
	// metricName is any UTF-8 but what tells that it is an expression, or a selector with labels. The schema has the same.
	metricName  = regexp.MustCompile(`^[^\s\x00-\x1f\x7f\x22\x27\x60\x5c\x5b\x5d{}(),;=<>!|&$#]+$`)
	placeholder = regexp.MustCompile(`\$\{[^}]*\}?`)
)

func (r *reader) metric(path string, m v1alpha1.MetricName) string {
	if !metricName.MatchString(string(m)) {
		r.fail(path, "%q is no metric's name; write the bare name, and labels in match", m)
	}
	return string(m)
}

// matchers reads what stands between the braces of a selector whose metric is named outside of them.
func (r *reader) matchers(path string, s v1alpha1.Selector) string {
	return r.selector(path, s, false)
}

// selector reads label matchers; named is whether they may say the metric's name, too.
func (r *reader) selector(path string, s v1alpha1.Selector, named bool) string {
	r.parsed(path, string(s), func(text string) error {
		names, err := promql.Matchers(text)
		switch {
		case err != nil:
			return fmt.Errorf("%w; write label matchers such as job=\"api\",code=~\"5..\"", err)
		case names && !named:
			return errors.New("names the metric a second time; leave __name__ out")
		}
		return nil
	})
	return string(s)
}

// expression reads PromQL that yields a number at each moment.
func (r *reader) expression(path string, e v1alpha1.Expression) string {
	r.parsed(path, string(e), func(text string) error {
		t, err := promql.Check(text)
		if err == nil && t != promql.Scalar && t != promql.Vector {
			return fmt.Errorf("is a %s; want a scalar or an instant vector", t)
		}
		return err
	})
	return string(e)
}

// inner reads PromQL that yields a number for each of several series, and is put into an expression of ours.
func (r *reader) inner(path string, e v1alpha1.Expression) string {
	r.parsed(path, string(e), func(text string) error {
		t, err := promql.Check(text)
		if err == nil && t != promql.Vector {
			return fmt.Errorf("is a %s; want an instant vector", t)
		}
		if _, swallowed := promql.Check("(" + text + ")"); err == nil && swallowed != nil {
			return errors.New("ends with a comment; leave it out")
		}
		return err
	})
	return string(e)
}

// anyVersion stands for what ${version} will be, which is not known yet: something that is sound within quotes alone.
const anyVersion = "1.2.3-x"

// parsed sees to it that a text is sound as it will be asked, of either slot.
func (r *reader) parsed(path, text string, check func(text string) error) {
	before := len(r.errs)
	if r.placeholders(path, text); len(r.errs) > before {
		return
	}
	for _, s := range r.plan.Slots {
		if err := check(r.plan.Filler(s.Name, anyVersion).Replace(text)); err != nil {
			r.fail(path, "%v", err)
			return
		}
	}
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
