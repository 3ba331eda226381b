package policy

import (
	"regexp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var compared = regexp.MustCompile(`^(<=?|>=?)? ?([^<>= ].*)$`)

// slo reads what a signal is to be over a whole window: an amount in the unit of its bounds, and on which side of it
// is better, by a sign or else by the cells.
func (r *reader) slo(path string, row judge.Row, text string) *judge.SLO {
	if text == "" || row.Kind == "" {
		return nil
	}
	if row.Kind == signal.Kubernetes {
		r.fail(path, "what Kubernetes said is not kept for a window; leave it out, and give one to a ratio of the requests that succeed")
		return nil
	}
	if row.Kind.Fact() {
		r.fail(path, "is for what is measured over a window: ratio, quantile, rate or query; leave it out")
		return nil
	}
	parts := compared.FindStringSubmatch(text)
	if parts == nil {
		r.fail(path, "%q is no SLO; write a bound, such as \"%s\"", text, exampleOf(row))
		return nil
	}
	n, err := amount(row, parts[2])
	if err != nil {
		r.fail(path, "%v", err)
		return nil
	}
	slo := &judge.SLO{Than: judge.Than(parts[1]), Value: n}
	if slo.Than == "" {
		slo.Than = r.than(path, row, text)
	}
	if slo.Than == judge.Below && n == 0 && row.Unit != "" || slo.Than == judge.Above && n == 1 && row.Unit == "%" {
		r.fail(path, "%q can never be met; write %s= instead", text, slo.Than)
	}
	return slo
}

// than gives on which side of an SLO without a sign is better: not where the cells see trouble.
func (r *reader) than(path string, row judge.Row, text string) judge.Than {
	switch above, below := row.Sense(); {
	case above && !below:
		return judge.AtMost
	case below && !above:
		return judge.AtLeast
	}
	r.fail(path, "%q: the signal's cells do not say which side of it is better; write \"<= %s\" or \">= %s\"", text, text, text)
	return judge.AtMost
}

func exampleOf(row judge.Row) string {
	switch row.Unit {
	case "%":
		return "<= 0.1%"
	case "seconds", "milliseconds":
		return "<= 100ms"
	}
	return "<= 100"
}
