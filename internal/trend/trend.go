// Package trend finds what is too slow for a bound: memory that only climbs, and errors or latency that
// creep up over hours and days. It is arithmetic on what was measured: the caller asks Prometheus, and
// decides what follows from the answer.
//
// A trend is three questions, and all must be answered yes: does it rise steadily (the ranks: Mann,
// Econometrica 13, 1945; Kendall, Rank Correlation Methods), how fast (the median of the slopes of all
// pairs: Theil 1950; Sen, JASA 63, 1968), and does it matter (a limit that is reached, a share that is
// felt). The rank test alone is a trap for memory: on raw samples it flags most healthy programs that
// collect garbage slowly, fill a cache or have just started (Machida et al., ISSREW 2013). That a climb
// must be told from warm-up and saw-teeth before it is extrapolated to the limit is also what Precog
// does (arXiv 2106.08938), with other means.
//
// What it can't do: tell a leak from the first tooth of a garbage collector that takes hours, or from a
// cache that takes longer to fill than has been watched. Where stable's record is given it knows how far
// this program's memory falls and how it moves in the course of a day; without it, it waits for more.
package trend

import (
	"math"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Answer is what is known of a trend.
type Answer string

// The answers.
const (
	Yes     Answer = "Yes"     // it rises, and that matters
	No      Answer = "No"      // it does not, or not so that it matters
	Unknown Answer = "Unknown" // too little was seen to say either
)

// spot is a value at a time: hours from the moment that is judged, so never above 0.
type spot struct{ h, v float64 }

const day = 24.0

// hours gives how long before at t was, as a number of hours that is negative.
func hours(t, at signal.Instant) float64 { return t.Sub(at).D().Hours() }

// usable tells whether v is a quantity: neither NaN nor infinite nor negative.
func usable(v signal.Number) bool {
	return v >= 0 && !math.IsInf(float64(v), 0)
}
