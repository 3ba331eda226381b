package trend

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// tally is how many events there were, and how many of them were bad.
type tally struct{ bad, events float64 }

func (t tally) share() float64 { return t.bad / t.events }

func (t tally) plus(o tally) tally { return tally{t.bad + o.bad, t.events + o.events} }

const (
	// risk is how often a bound of an interval may be wrong, on its side.
	risk = 0.01
	// many is how many events of either sort make the normal distribution as good as the exact one.
	many = 100_000
)

// bounds gives the least and the greatest share that such a tally allows (Clopper and Pearson,
// Biometrika 26, 1934): exact for few events too, as long as one event does not depend on the other.
func (t tally) bounds() (low, high float64) {
	if p := t.share(); t.bad > many && t.events-t.bad > many {
		wide := unlikely * math.Sqrt(p*(1-p)/t.events)
		return p - wide, p + wide
	}
	low, high = 0, 1
	if t.bad > 0 {
		low = mathext.InvRegIncBeta(t.bad, t.events-t.bad+1, risk)
	}
	if t.bad < t.events {
		high = mathext.InvRegIncBeta(t.bad+1, t.events-t.bad, 1-risk)
	}
	return low, high
}
