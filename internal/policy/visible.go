package policy

import (
	"fmt"
	"math"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// ConditionVisible is the type of the condition that says whether the policy's histograms can show its
// bounds: a bound between the ends of two buckets is answered by neither. A policy is watched all the same.
const ConditionVisible = "BoundsVisible"

const (
	bucketsFit    = "BucketsFit"
	bucketsCoarse = string(signal.Coarse)
)

// Visible gives the condition BoundsVisible for what was seen of the slots: False if a bound can't be shown
// in a slot's histogram, Unknown while nothing is known of a signal in either slot, else True. It keeps the
// time of the last transition from the condition that was, which may be nil.
func Visible(now signal.Instant, p *v1alpha1.WatchPolicy, plan *release.Plan, was *signal.Condition, seen []signal.Buckets) signal.Condition {
	c := signal.Condition{Type: ConditionVisible, Status: "True", Reason: bucketsFit, LastTransitionTime: now, ObservedGeneration: p.Generation}
	coarse, unseen := hidden(p, plan, seen), unheard(seen)
	switch {
	case len(coarse) > 0:
		c.Status, c.Reason, c.Message = "False", bucketsCoarse, message(coarse)
	case unseen != nil:
		c.Status, c.Reason = "Unknown", string(unseen.Cause)
		c.Message = message([]error{fmt.Errorf("the buckets of %s are not known: %s", unseen.Signal, unseen.Detail)})
	}
	return since(c, was)
}

// unheard gives a signal of which nothing is known in either slot, if there is one.
func unheard(seen []signal.Buckets) *signal.Buckets {
	known := map[string]bool{}
	for _, b := range seen {
		known[b.Signal] = known[b.Signal] || b.Cause == signal.Known
	}
	for i, b := range seen {
		if !known[b.Signal] {
			return &seen[i]
		}
	}
	return nil
}

// hidden says for each bound that a slot's histogram can't show where it stands, and what to write instead.
func hidden(p *v1alpha1.WatchPolicy, plan *release.Plan, seen []signal.Buckets) []error {
	var errs []error
	for i, row := range plan.Matrix.Rows {
		for _, c := range row.Cells {
			name, bound := standing(c)
			if row.Kind != signal.Quantile || bound == nil {
				continue
			}
			path := fmt.Sprintf("spec.signals[%d].%s", i, name)
			if len(p.Spec.Signals) == 0 {
				path = fmt.Sprintf("%s of the daemon's own signal %s", name, row.Signal)
			}
			if text := between(row, *bound, plan.Questions[i].Metric, seen); text != "" {
				errs = append(errs, Error{Reason: Invalid, Path: path, Text: text})
			}
		}
	}
	return errs
}

// standing gives a cell's bound, and where it stands in its signal.
func standing(c judge.Cell) (string, *signal.Number) {
	column := strings.ToLower(string(c.Tier))
	if c.Canary {
		column = "canary"
	}
	if c.Bound.Below != nil {
		return column + ".below", c.Bound.Below
	}
	return column + ".above", c.Bound.Above
}

// between says between which buckets a bound lies, in the first slot that can't show it.
func between(row judge.Row, bound signal.Number, metric string, seen []signal.Buckets) string {
	for _, b := range seen {
		if b.Signal != row.Signal || b.Cause != signal.Known || b.Native {
			continue
		}
		below, above := signal.Around(b.Ends, bound)
		if below == above {
			continue
		}
		at, low, high := written(row, bound), written(row, below), written(row, above)
		switch {
		case below.IsNaN() && above.IsNaN():
			return fmt.Sprintf("%s can't be seen: %s has no buckets", at, metric)
		case below.IsNaN():
			return fmt.Sprintf("%s lies below the first bucket of %s, which ends at %s: write %s", at, metric, high, high)
		case above.IsNaN():
			return fmt.Sprintf("%s lies above the last bucket of %s, which ends at %s, and nothing above that can be seen: write %s", at, metric, low, low)
		}
		nearer, other := low, high
		if above-bound <= bound-below {
			nearer, other = high, low
		}
		return fmt.Sprintf("%s lies between the buckets %s and %s of %s: write %s (or %s)", at, low, high, metric, nearer, other)
	}
	return ""
}

// written writes a value as a bound in a policy.
func written(row judge.Row, n signal.Number) string {
	if unit := units[v1alpha1.Unit(row.Unit)]; unit > 0 {
		return signal.Duration(math.Round(float64(n) * float64(unit))).String()
	}
	return n.String()
}
