package judge

import (
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	// SilentFor is how long a candidate may be unheard, or without requests, while others are not.
	SilentFor = signal.Duration(5 * 60e9)
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
		return age >= SilentFor
	}
	return m.onlyOf(signal.Gap, e.Bins) || m.onlyOf(signal.Idle, e.Bins)
}

// silenceBins gives how many bins the silence lasts.
func (m Matrix) silenceBins() int { return m.Bins(Cell{For: SilentFor}) }

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

// hush makes a candidate that is not heard, or gets no requests, a matter for people, if others tell that it should;
// but not where its requests last longer than such a silence.
func hush(m Matrix, row Row, e *Evidence, in Input) {
	age := in.At.Sub(in.FirstTraffic)
	if !silent(m, row, *e, age) {
		return
	}
	if e.Baseline != nil && e.Baseline.Long == Yes {
		e.Cause, e.Detail = signal.AtEnd, ""
		return
	}
	for _, o := range in.Others {
		if text := lingers(m, row, *e, o, in.Split, age); text != "" {
			e.Cause, e.Detail, e.Attribution = signal.AtEnd, text, &Attribution{Other: o, Text: text}
			return
		}
		if text := quiet(m, row, *e, o, age); text != "" {
			e.Tier, e.Attribution = Consider, &Attribution{Other: o, Text: text}
			return
		}
	}
}

// lingers says that stable, which has no share any more, goes on counting at half its former pace at least, though
// nothing is heard of the candidate: what ends there began before. How long requests last must not be known to be less.
func lingers(m Matrix, row Row, e Evidence, o Other, split bool, age signal.Duration) string {
	b := e.Baseline
	if b == nil || b.Bins == 0 || b.Long == No || split || age > alikeFor || o.Signal != row.Signal || o.Against != StableNow ||
		!silent(m, row, e, age) || m.onlyOf(signal.Idle, e.Bins) {
		return ""
	}
	n := m.silenceBins()
	heard := newest(o.Bins, n)
	requests := pool(heard).Total
	if len(heard) < n || requests < minSilent || 2*requests*signal.Number(b.Bins) < b.Total*signal.Number(n) {
		return ""
	}
	return fmt.Sprintf("nothing is heard of it for %s, while %s, without a share, counts %.0f, as before: requests are counted when they end, and last longer, or the routes lead elsewhere than they say",
		SilentFor, o.Slot, float64(requests))
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
			return fmt.Sprintf("nothing is heard of it for %s, while %s is heard", SilentFor, o.Slot)
		}
	case o.Against == StableNow && requests >= busyBeside:
		return fmt.Sprintf("it is up and gets no requests for %s, while %s gets %.0f", SilentFor, o.Slot, float64(requests))
	case o.Against == StableBefore && age <= alikeFor && steadily(o.Bins, n):
		return fmt.Sprintf("it is up and gets no requests for %s; %s got %.0f in so long before the first traffic", SilentFor, o.Slot, float64(requests))
	case o.Against == LastWeek && steadily(o.Bins, n):
		return fmt.Sprintf("it is up and gets no requests for %s; %s got %.0f in so long at this time last week", SilentFor, o.Slot, float64(requests))
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

// firstHeard makes young what was not heard before, since nothing was missed then. It is told by a reading that reaches back to the first traffic, or as far as is looked.
func firstHeard(m Matrix, row Row, e *Evidence, r signal.Reading, in Input) {
	gap := e.Cause == signal.Gap || e.Cause == signal.First
	if e.Tier != Blind || !gap || r.Cause != signal.Known || row.Signal != m.Requests || !begun(r.Bins) {
		return
	}
	if len(r.Bins) >= MostBins || !in.FirstTraffic.IsZero() && r.Bins[0].End <= in.FirstTraffic.Add(2*m.Bin) {
		e.Cause = signal.Young
	}
}

// begun tells whether bins were seen without a break from the first on that was, and nothing was heard before.
func begun(bins []signal.Bin) bool {
	n := slices.IndexFunc(bins, func(b signal.Bin) bool { return b.Cause != signal.Gap && b.Cause != signal.Idle })
	if n < 0 {
		return false
	}
	if bins[n].Cause == signal.First {
		n++
	}
	return holes(bins[n:]) == 0
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
