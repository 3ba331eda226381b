package signal

import "math"

// Buckets are what one Quantile's histogram can show of one slot.
type Buckets struct {
	Signal string
	// Ends are where its buckets end, in increasing order, infinity left out.
	Ends []Number
	// Native says that its buckets are so narrow that it shows any bound.
	Native bool
	// Cause and Detail say why nothing is known of it.
	Cause  Cause
	Detail string
}

// Around gives the nearest ends, in increasing order, at or below a value and at or above it: the same one
// where one lies at it, NaN where there is none.
func Around(ends []Number, value Number) (below, above Number) {
	below, above = Number(math.NaN()), Number(math.NaN())
	for _, e := range ends {
		if e <= value {
			below = e
		}
		if e >= value && above.IsNaN() {
			above = e
		}
	}
	return below, above
}
