package trend

import (
	"math"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Count is what was counted in a stretch of time: events, and those of them that were bad: failed, or
// slower than a bound.
type Count struct {
	End    signal.Instant
	Events signal.Number
	Bad    signal.Number
}

// Shares is what Creep is asked about.
type Shares struct {
	// Signal is its name, for the sentence.
	Signal string
	// Counts are the candidate's, in stretches of one length such as half an hour; some may be missing.
	Counts []Count
	// Before are those of the days before, of whichever slot carried the traffic then, in stretches of the
	// same length. It may be empty.
	Before []Count
	// Matters is the least rise of the share that is worth a word; 0 stands for 0.001, a tenth of a percent.
	Matters signal.Number
}

// Rise is what is known of a share's trend.
type Rise struct {
	Answer Answer `json:"answer"`
	// From and To are the shares at the beginning and at the end: of the first and the last quarter of the
	// time, or of the first and the last day if the days are compared. NaN where too little is known.
	From signal.Number `json:"from"`
	To   signal.Number `json:"to"`
	// By is the rise beyond that in the same hours of a day before, where those are known; Low and High
	// are what the counts allow it to be, each at 99 %.
	By   signal.Number `json:"by"`
	Low  signal.Number `json:"low"`
	High signal.Number `json:"high"`
	// Over is the time from the first stretch to the last, and Counts the stretches that had events enough.
	Over   signal.Duration `json:"over"`
	Counts int32           `json:"counts"`
	// Tau is Kendall's: 1 if each stretch is worse than all before it, 0 without order.
	Tau signal.Number `json:"tau"`
	// Against says what it was compared with.
	Against Against      `json:"against"`
	Cause   signal.Cause `json:"cause,omitempty"`
	// Reason says it in a sentence.
	Reason string `json:"reason"`
}

const (
	// fewest is how many stretches it takes to speak of a trend.
	fewest = 12
	// crowd is how many events it takes to speak of a stretch's share.
	crowd = 30
	// steady is the least tau, and unlikely the least z (1 in 100 by chance), of a rise.
	steady   = 0.4
	unlikely = 2.33
	// felt is the least rise, as a part of the share at the beginning.
	felt = 0.2
	// nightly is by how many times a share may differ between day and night.
	nightly = 4.0
)

// Creep tells whether a share rises steadily, and by so much that it matters.
//
// Errors that rise through the morning are no creep: the share is compared with the same hours of the
// day before where they are known, else, once 48 hours have been counted, each day with those before at
// the same hour. Until then only a rise to four times the share is believed; less is unknown. A week
// has its rhythm too: what is worse on a Monday than on the Sunday before is flagged.
//
// It is slow by nature: it takes twelve stretches with at least 30 events each. A step up and what then
// stays is found as well, if it came in the middle half of the time: the bounds of the
// matrix, and not this, are what finds steps.
func Creep(s Shares) Rise {
	matters := float64(s.Matters)
	if !(matters > 0) {
		matters = 0.001
	}
	v := look(tidy(s.Counts), tidy(s.Before), begun(s.Counts))
	r := v.rise()
	switch {
	case v.n >= fewest:
		o := kendall(v.groups)
		r.Tau = signal.Number(o.tau)
		steadily := o.tau >= steady && o.z >= unlikely && v.grow() >= matters
		r.judge(matters, steadily, v.lever >= nightly && r.To >= nightly*r.From)
	case len(s.Counts) >= fewest:
		r.Answer, r.Cause = Unknown, signal.Few
	default:
		r.Answer, r.Cause = Unknown, signal.Young
	}
	r.Reason = r.sentence(s.Signal, len(s.Counts))
	return r
}

// rise measures what there is to measure.
func (v view) rise() Rise {
	r := Rise{Counts: int32(v.n), Over: signal.Duration(v.hours * 3600e9), Against: v.against}
	r.From, r.To = signal.Number(v.ends.first.share()), signal.Number(v.ends.last.share())
	by, low, high := v.ends.between()
	r.By, r.Low, r.High = signal.Number(by), signal.Number(low), signal.Number(high)
	return r
}

// begun is when the first count ended.
func begun(counts []Count) signal.Instant {
	first := signal.Instant(math.MaxInt64)
	for _, c := range counts {
		first = min(first, c.End)
	}
	return first
}

// judge weighs what was measured; steeply is whether it rises by more than a day's rhythm does.
func (r *Rise) judge(matters float64, steadily, steeply bool) {
	least := signal.Number(matters)
	up := steadily && r.Low > 0 && r.By >= least && r.By >= felt*r.From
	switch {
	case up && (r.Against != Nothing || steeply):
		r.Answer = Yes
	case up:
		r.Answer, r.Cause = Unknown, signal.Young
	case r.High >= least && r.High-r.By > least:
		r.Answer, r.Cause = Unknown, signal.Few
	default:
		r.Answer = No
	}
}

// ends are the tallies of the beginning and the end, and of the same hours before.
type ends struct{ first, last, firstBefore, lastBefore tally }

// between gives by how much the share rose beyond what it did before, and what the counts allow: the
// distances of each share from its own bounds, added in squares (Donner and Zou, Statistics in Medicine
// 21, 2002).
func (e ends) between() (by, low, high float64) {
	up, down := 0.0, 0.0
	for _, x := range []struct {
		tally
		sign float64
	}{{e.last, 1}, {e.first, -1}, {e.lastBefore, -1}, {e.firstBefore, 1}} {
		if x.events == 0 {
			continue
		}
		share := x.share()
		l, h := x.bounds()
		if by += x.sign * share; x.sign > 0 {
			l, h = share-l, h-share
		} else {
			l, h = h-share, share-l
		}
		down, up = down+l*l, up+h*h
	}
	return by, by - math.Sqrt(down), by + math.Sqrt(up)
}
