package scenario

import "math"

// Grade is what a release truly was: the worst column of the checklist's matrix that its true rates were in
// for as long as the column asks.
type Grade string

// The grades.
const (
	Rollback    Grade = "rollback"
	Consider    Grade = "consider"
	Investigate Grade = "investigate"
	Good        Grade = "good"
)

// Label is a grade, and since when it was so.
type Label struct {
	Grade Grade
	Onset float64
}

// tick is how often the true rates are looked at, in seconds.
const tick = 5.0

// rule is one cell: what must truly be so, for how long.
type rule struct {
	grade Grade
	lasts float64
	bad   func(t Truth, x float64) bool
}

var rules = []rule{
	{Rollback, 5 * minute, func(t Truth, x float64) bool { return t.fails(x, 0.05) && !t.excused(x) }},
	{Rollback, 5 * minute, func(t Truth, x float64) bool { return t.served(x) && t.Green.above(x, 1) > 0.01 && !t.warming(x) }},
	{Rollback, minute, func(t Truth, x float64) bool { return t.served(x) && t.Green.Ready(x) == 0 }},
	{Consider, 10 * minute, func(t Truth, x float64) bool { return t.fails(x, 0.01) && !t.warming(x) }},
	{Consider, 10 * minute, func(t Truth, x float64) bool { return t.served(x) && t.Green.above(x, 0.2) > 0.01 && !t.warming(x) }},
	{Consider, 10 * minute, func(t Truth, x float64) bool { return t.served(x) && t.Green.Hits(x) < 0.7*t.Blue.Hits(t.Deployed) }},
	{Consider, 6 * minute, func(t Truth, x float64) bool { return t.served(x) && !t.Green.Heard(x) }},
	{Investigate, 3 * minute, func(t Truth, x float64) bool { return t.fails(x, 0.001) && !t.warming(x) }},
	{Investigate, 3 * minute, func(t Truth, x float64) bool { return t.served(x) && t.Green.above(x, 0.1) > 0.01 && !t.warming(x) }},
}

func (t Truth) served(x float64) bool { return x >= t.Deployed && t.Share(x) > 0 }

func (t Truth) fails(x, bound float64) bool { return t.served(x) && t.Green.errors(x) > bound }

// excused tells whether what fails is not the release's fault: stable, which has traffic, fails half as much
// at least; or it did before the release; or the release is a few minutes old and recovers.
func (t Truth) excused(x float64) bool {
	green := t.Green.errors(x)
	now := t.Share(x) < 1 && t.Blue.errors(x) > 0.05 && 2*t.Blue.errors(x) >= green
	before := t.Blue.errors(t.Deployed-minute) > 0.05 && 2*t.Blue.errors(t.Deployed-minute) >= green
	return now || before || green < 0.2 && t.warming(x)
}

// warming tells whether a release is a few minutes old and ever less of it is wrong.
func (t Truth) warming(x float64) bool {
	if x > t.Deployed+10*minute {
		return false
	}
	falls := func(f func(float64) float64) bool { return f(x+minute) < 0.9*f(x) }
	return falls(t.Green.errors) || falls(func(x float64) float64 { return t.Green.above(x, 1) })
}

// Of labels a release by its true rates.
func Of(t Truth) Label {
	best := Label{Grade: Good}
	for _, r := range rules {
		if best.Grade != Good && best.Grade != r.grade {
			continue
		}
		if onset, ok := r.since(t); ok && (best.Grade == Good || onset < best.Onset) {
			best = Label{r.grade, onset}
		}
	}
	return best
}

// since gives when what a rule asks for began: without a break; or, for a rollback, on and off, at least
// so long of three times as long.
func (r rule) since(t Truth) (float64, bool) {
	begun := math.NaN()
	var bad []float64
	for x := t.Deployed; x < t.Until; x += tick {
		if !r.bad(t, x) {
			begun = math.NaN()
			continue
		}
		if math.IsNaN(begun) {
			begun = x
		}
		if x+tick-begun >= r.lasts {
			return begun, true
		}
		if r.grade != Rollback {
			continue
		}
		bad = append(bad, x)
		for len(bad) > 0 && bad[0] < x-3*r.lasts {
			bad = bad[1:]
		}
		if float64(len(bad))*tick >= r.lasts {
			return bad[0], true
		}
	}
	return 0, false
}
