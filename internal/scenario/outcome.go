package scenario

import (
	"math"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Outcome is what was said of a scenario, beside what should have been. Times are seconds after the cutover.
type Outcome struct {
	Seed  uint64
	Kind  string
	Class Class
	Every float64
	Label Label
	// Rolled tells whether a rollback was decided, and At when. Worst is the worst tier that was said
	// otherwise, By the signal that it was said of, and Why the reason of the decision.
	Rolled bool
	At     float64
	Worst  judge.Tier
	By     string
	Why    string
	// Checks counts the checks by their verdict.
	Checks map[judge.Tier]int
	// Bin and Guard are the plan's, in seconds.
	Bin, Guard float64
}

func outcome(s Scenario, plan *release.Plan, r backtest.Result) Outcome {
	o := Outcome{Seed: s.Seed, Kind: s.Kind, Class: s.Class, Every: s.Every, Label: LabelOf(s.Truth), Worst: judge.Proceed, Checks: map[judge.Tier]int{},
		Bin: seconds(plan.Matrix.Bin), Guard: seconds(plan.GuardEvery)}
	o.Rolled = tierOf(r.Decision.Verdict) == judge.Rollback
	o.At, o.Why = seconds(r.Decision.Time.Sub(r.Release.Cutover)), r.Decision.Reason
	for _, t := range r.Transitions {
		o.worse(tierOf(t.To), t.Signal)
	}
	for _, c := range r.Checks {
		o.Checks[tierOf(c.Verdict)]++
		for _, s := range c.Signals {
			if s.Tier == c.Verdict {
				o.worse(tierOf(c.Verdict), s.Name)
			}
		}
	}
	return o
}

func (o *Outcome) worse(t judge.Tier, by string) {
	if t != judge.Blind && t.Worse(o.Worst) {
		o.Worst, o.By = t, by
	}
}

// tierOf reads a tier as a backtest writes it.
func tierOf(small string) judge.Tier {
	for _, t := range []judge.Tier{judge.Rollback, judge.Consider, judge.Investigate, judge.Blind} {
		if strings.EqualFold(string(t), small) {
			return t
		}
	}
	return judge.Proceed
}

func seconds(d signal.Duration) float64 { return d.D().Round(time.Second).Seconds() }

// wanted tells whether the release was to be rolled back.
func (o Outcome) wanted() bool { return o.Label.Tier == judge.Rollback }

// False tells whether a release was rolled back that was none to be, or before it was one.
func (o Outcome) False() bool { return o.Rolled && (!o.wanted() || o.At < o.Label.Onset) }

// Missed tells whether a release was not rolled back that was to be.
func (o Outcome) Missed() bool { return o.wanted() && !o.Rolled }

// Took is how long a rollback took from the onset of its cause.
func (o Outcome) Took() float64 { return o.At - o.Label.Onset }

// Bound is how long it may have taken: until the matrix' words were fulfilled, rounded up to bins, and
// one bin, one scrape and one look of the guard more.
func (o Outcome) Bound() float64 {
	lasts := o.Label.Due - o.Label.Onset
	return math.Ceil(lasts/o.Bin)*o.Bin + o.Bin + o.Every + o.Guard
}

// Hit tells whether a release was rolled back rightly.
func (o Outcome) Hit() bool { return o.wanted() && o.Rolled && !o.False() }

// Late tells whether a right rollback took longer than its bound.
func (o Outcome) Late() bool { return o.Hit() && o.Took() > o.Bound() }

// Misgraded tells whether a release that was rightly left alone was given another grade.
func (o Outcome) Misgraded() bool { return !o.wanted() && !o.Rolled && o.Worst != o.Label.Tier }
