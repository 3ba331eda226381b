package judge

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	// silentFor is how long a candidate may be unheard, or without requests, while others are not.
	silentFor = signal.Duration(5 * 60e9)
	// busy is how many requests in that time make none at all a finding, where all of them should have come, and
	// busyBeside where only a part of them should.
	busy       = 100
	busyBeside = 3000
	// alikeFor is how long the hour before the first traffic tells what to expect.
	alikeFor = signal.Duration(2 * 3600e9)
)

// silent tells whether nothing was heard of the requests for so long, of a candidate that is so old, or
// whether it is up and got none.
func silent(m Matrix, row Row, e Evidence, age signal.Duration) bool {
	if row.Signal != m.Requests || e.Tier != Blind {
		return false
	}
	if e.Cause == signal.Empty || e.Cause == signal.Mismatch {
		return age >= silentFor
	}
	return m.onlyOf(signal.Gap, e.Bins) || m.onlyOf(signal.Idle, e.Bins)
}

// silenceBins gives how many bins the silence lasts.
func (m Matrix) silenceBins() int { return m.Bins(Cell{For: silentFor}) }

// onlyOf tells whether all bins of the silence have a cause.
func (m Matrix) onlyOf(c signal.Cause, bins []signal.Bin) bool {
	n := m.silenceBins()
	bins = newest(bins, n)
	for _, b := range bins {
		if b.Cause != c {
			return false
		}
	}
	return len(bins) == n
}

// hush makes a candidate that is not heard, or gets no requests, a matter for people, if others tell that it should.
func hush(m Matrix, row Row, e *Evidence, age signal.Duration, others []Other) {
	for _, o := range others {
		if text := quiet(m, row, *e, o, age); text != "" {
			e.Tier, e.Attribution = Consider, &Attribution{Other: o, Text: text}
			return
		}
	}
}

// quiet says that a candidate is silent, though what another side counted tells that it should not be.
func quiet(m Matrix, row Row, e Evidence, o Other, age signal.Duration) string {
	if o.Signal != row.Signal || !silent(m, row, e, age) {
		return ""
	}
	n := m.silenceBins()
	heard := newest(o.Bins, n)
	if len(heard) < n || holes(heard) > 1 {
		return ""
	}
	switch requests := pool(heard).Total; {
	case !m.onlyOf(signal.Idle, e.Bins):
		if o.Against == StableNow {
			return fmt.Sprintf("nothing is heard of it for %s, while %s is heard", silentFor, o.Slot)
		}
	case o.Against == StableNow && requests >= busyBeside:
		return fmt.Sprintf("it is up and gets no requests for %s, while %s gets %.0f", silentFor, o.Slot, float64(requests))
	case o.Against == StableBefore && age <= alikeFor && steadily(o.Bins, n):
		return fmt.Sprintf("it is up and gets no requests for %s; %s got %.0f in so long before the first traffic", silentFor, o.Slot, float64(requests))
	case o.Against == LastWeek && steadily(o.Bins, n):
		return fmt.Sprintf("it is up and gets no requests for %s; %s got %.0f in so long at this time last week", silentFor, o.Slot, float64(requests))
	}
	return ""
}

// steadily tells whether each stretch of n bins had so many requests that none at all would have been strange.
func steadily(bins []signal.Bin, n int) bool {
	for ; len(bins) >= n; bins = bins[:len(bins)-n] {
		if pool(bins[len(bins)-n:]).Total < busy {
			return false
		}
	}
	return true
}

// holes counts the bins that were not seen; idle ones were.
func holes(bins []signal.Bin) (n int) {
	for _, b := range bins {
		if b.Cause != signal.Idle && !seen(b) {
			n++
		}
	}
	return n
}
