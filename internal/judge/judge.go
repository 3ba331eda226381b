package judge

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// minSilent is the least number of requests, all failed, that make a slot unavailable.
const minSilent = 10

// Judge gives the verdict of the matrix over the readings.
//
// A signal with an unknown cell and none that holds is unknown; an unknown required signal makes the
// whole verdict Blind, unless another signal holds a tier that is worse. Too few events to tell whether
// there is something to investigate leave the signal known all the same, if the worse tiers are cleared.
func Judge(m Matrix, in Input) Verdict {
	v := opened(m, in)
	var x paper
	alike := false // what decided befalls both sides: what does not comes first
	for _, row := range m.Rows {
		e := weigh(m, row, in, &x)
		v.Evidence = append(v.Evidence, e)
		tier := e.Tier
		if tier == Blind && !row.Required {
			continue
		}
		if tier.Worse(v.Tier) || tier == Consider && tier == v.Tier && alike && !e.alike() {
			v.Tier, v.Signal, v.Reason, alike = tier, row.Signal, sentence(m, row, e), e.alike()
		}
	}
	v.Without = without(v)
	return v
}

func weigh(m Matrix, row Row, in Input, x *paper) Evidence {
	r, asked := find(in.Readings, row.Signal)
	e := Evidence{Signal: row.Signal, Kind: row.Kind, Unit: row.Unit, Q: row.Q, Required: row.Required,
		Tier: Proceed, Value: nan, Cause: r.Cause, Detail: r.Detail,
		Queries: r.Queries, Availability: r.Availability}
	if !asked {
		e.Cause, e.Detail = signal.Empty, "was not asked"
	}
	e.Baseline = baselineOf(in.Baseline, row.Signal)
	bins, by, unknown := newest(r.Bins, MinBins), No, false
	for _, c := range row.Cells {
		if c.Canary && !in.Split {
			continue
		}
		f, stretch := answer(m, row, relative(c, e.Baseline), r, in, x)
		e.Findings = append(e.Findings, f)
		said := f.Answer
		if minor(row, f) {
			said = No
		}
		unknown = unknown || said == Unknown
		switch {
		case said == Yes && f.Cell.Tier.Worse(e.Tier):
			e.Tier, bins = f.Cell.Tier, stretch
		case e.Tier == Proceed && (said == Unknown && by == No || said == by && len(stretch) > len(bins)):
			bins, by = stretch, said
		}
	}
	if len(e.Findings) == 0 {
		unknown = !known(r)
	}
	if unknown && e.Tier == Proceed {
		e.Tier = Blind
	}
	e.Bins = bins
	summarise(&e)
	firstHeard(m, row, &e, r, in)
	attribute(row, &e, in.Others)
	hush(m, row, &e, in)
	notice(row, &e, r, in)
	return e
}

// minor tells whether the answer to a cell may stay open: too few events to see what a person would
// look into at leisure, where worse would have been seen.
func minor(row Row, f Finding) bool {
	few := f.Cause == signal.Few || f.Cause == signal.Coarse
	return few && f.Cell.Tier == Investigate && slices.ContainsFunc(row.Cells, func(c Cell) bool { return c.Tier != Investigate })
}

func find(rs []signal.Reading, name string) (signal.Reading, bool) {
	for _, r := range rs {
		if r.Signal == name {
			return r, true
		}
	}
	return signal.Reading{}, false
}

func newest(bins []signal.Bin, n int) []signal.Bin { return bins[max(0, len(bins)-n):] }

func known(r signal.Reading) bool {
	if r.Availability != nil {
		return true
	}
	return r.Cause == signal.Known && len(r.Bins) > 0 && seen(r.Bins[len(r.Bins)-1])
}

// seen tells whether a bin is known.
func seen(b signal.Bin) bool { return b.Cause == signal.Known && !b.Value.IsNaN() }

// unavailable answers from Kubernetes' word, and from requests that all fail; the bins are those of
// the requests.
func unavailable(m Matrix, c Cell, r signal.Reading, in Input) (Finding, []signal.Bin) {
	f := Finding{Cell: c, Answer: No}
	bins, failed := allFail(m, r, in)
	switch {
	case down(m, r.Availability, in.At):
		f.Answer = Yes
	case failed: // a count, and compared as such
		f.Answer, f.How, f.Bins, f.Over = Yes, Held, int32(len(bins)), int32(len(bins))
	case r.Availability == nil:
		f.Answer = Unknown
	}
	return f, bins
}

// down tells whether a slot with traffic has had no ready replica for UnavailableFor, seen at least twice.
func down(m Matrix, a *signal.Availability, at signal.Instant) bool {
	if a == nil || a.Ready > 0 || a.UnreadySince.IsZero() {
		return false
	}
	return a.Ticks >= 2 && at.Sub(a.UnreadySince) >= m.UnavailableFor
}

// allFail looks for a stretch of UnavailableFor with enough requests and not one success, and gives
// it, or else the newest. Judged again, the requests are in the evidence itself.
func allFail(m Matrix, r signal.Reading, in Input) ([]signal.Bin, bool) {
	bins := r.Bins
	if len(bins) == 0 && m.Requests != "" {
		requests, _ := find(in.Readings, m.Requests)
		bins = requests.Bins
	}
	n := m.silentBins()
	stretch := newest(bins, n)
	if in.Stretch == Newest || noSuccess(stretch, n) {
		return stretch, noSuccess(stretch, n)
	}
	for end := len(bins) - 1; end >= n && bins[end-1].End > in.Since; end-- {
		if s := bins[end-n : end]; noSuccess(s, n) {
			return s, true
		}
	}
	return stretch, false
}

// leastSilent is how many bins no request succeeds in at least: a bin holds two scrapes or more, and one burst of
// failures, or one bad scrape, is no outage.
const leastSilent = 2

// silentBins gives how many bins cover UnavailableFor.
func (m Matrix) silentBins() int {
	if m.Bin <= 0 {
		return leastSilent
	}
	return max(leastSilent, int((m.UnavailableFor+m.Bin-1)/m.Bin))
}

// silence is how long no request must have succeeded.
func (m Matrix) silence() signal.Duration { return signal.Duration(m.silentBins()) * m.Bin }

// noSuccess tells whether requests failed from the first of n bins to the last, and not one succeeded.
func noSuccess(bins []signal.Bin, n int) bool {
	if len(bins) < n || slices.ContainsFunc(bins, unseen) {
		return false
	}
	all := pool(bins)
	return all.Total >= minSilent && all.Part >= all.Total && bins[0].Total > 0 && bins[len(bins)-1].Total > 0
}

func unseen(b signal.Bin) bool { return !seen(b) }

// pool adds up what the known bins counted.
func pool(bins []signal.Bin) (all signal.Bin) {
	for _, b := range bins {
		if seen(b) {
			all.Total += b.Total
			all.Part += b.Part
		}
	}
	return all
}

// summarise fills value, total and cause from the evidence's bins.
func summarise(e *Evidence) {
	all := pool(e.Bins)
	e.Total = all.Total
	switch {
	case e.Kind == signal.Kubernetes: // its bins count requests, which are not its value
	case e.Kind == signal.Ratio && all.Total > 0:
		e.Value = all.Part / all.Total
	default:
		e.Value = lastKnown(e.Bins)
	}
	if e.Tier == Blind && e.Cause == signal.Known {
		e.Cause = causeOf(*e)
	}
}

func lastKnown(bins []signal.Bin) signal.Number {
	for _, b := range slices.Backward(bins) {
		if seen(b) {
			return b.Value
		}
	}
	return nan
}

// causeOf names the cause of a cell that is unknown: of the newest unknown bin, where that is why.
func causeOf(e Evidence) signal.Cause {
	if e.Kind == signal.Kubernetes {
		return signal.Empty
	}
	cause := open(e.Findings)
	if cause != signal.Gap && cause != signal.Young {
		return cause
	}
	for _, b := range slices.Backward(e.Bins) {
		switch {
		case b.Cause != signal.Known:
			return b.Cause
		case b.Value.IsNaN():
			return signal.NaN
		}
	}
	return cause
}

// open gives why the worst cell that is unknown is so.
func open(fs []Finding) signal.Cause {
	cause, tier := signal.Young, Proceed
	for _, f := range fs {
		if f.Answer == Unknown && f.Cell.Tier.Worse(tier) {
			cause, tier = f.Cause, f.Cell.Tier
		}
	}
	return cause
}

func sentence(m Matrix, row Row, e Evidence) string {
	if e.Tier == Blind {
		s := fmt.Sprintf("%s is unknown: %s", row.Signal, e.Cause)
		if detail := cmp.Or(missing(e), e.Detail, e.Cause.Words()); detail != "" {
			s += " (" + detail + ")"
		}
		return clip(s)
	}
	worst := slices.MinFunc(append(e.Findings, Finding{}), func(a, b Finding) int { return a.rank() - b.rank() })
	switch {
	case e.Unusual != "":
		return clip(e.Unusual)
	case worst.Answer != Yes && e.Attribution != nil:
		return clip(row.Signal + ": " + e.Attribution.Text)
	case worst.Answer != Yes:
		return ""
	case worst.Cell.Bound.Unavailable:
		return clip(unavailableSentence(m, e, worst))
	case row.Kind == signal.Probe:
		return clip(probeSentence(m, row, e, worst))
	case row.Kind.Fact():
		return clip(factSentence(row, e, worst))
	}
	s := fmt.Sprintf("%s is %s, %s %s", row.Signal, row.Amount(e.Value), row.Text(worst.Cell.Bound), howLong(m, worst))
	if b := worst.Cell.Bound; e.Baseline != nil && (b.FallsBy != nil || b.RisesBy != nil) {
		s += fmt.Sprintf(" (of %s)", row.Amount(e.Baseline.Value))
	}
	if e.Attribution != nil {
		s += "; " + e.Attribution.Text
	}
	return clip(s)
}

// rank orders findings by the tier that they call for, if they do.
func (f Finding) rank() int {
	if f.Answer != Yes {
		return len(tiers)
	}
	return f.Cell.Tier.Rank()
}

// howLong says how long a bound has lasted.
func howLong(m Matrix, f Finding) string {
	switch over := signal.Duration(f.Over) * m.Bin; f.How {
	case Flapping:
		return fmt.Sprintf("on and off, in %d of %d bins within %s", f.Yes, f.Over, over)
	case Pooled:
		return fmt.Sprintf("over %s, with few events", over)
	}
	return fmt.Sprintf("for %s", signal.Duration(f.Bins)*m.Bin)
}

// missing says how many events there are and how many more would answer the first cell that is unknown.
func missing(e Evidence) string {
	for _, f := range e.Findings {
		if e.Cause != signal.Few || f.Cause != signal.Few {
			continue
		}
		if f.Needs > 0 {
			return fmt.Sprintf("%.0f events in %d bins; %.0f more would tell", e.Total, len(e.Bins), f.Needs)
		}
		return fmt.Sprintf("%.0f events in %d bins", e.Total, len(e.Bins))
	}
	return ""
}

func unavailableSentence(m Matrix, e Evidence, worst Finding) string {
	a := e.Availability
	switch {
	case worst.How == Held && e.Attribution != nil:
		return fmt.Sprintf("not one of the requests of the last %s succeeded; %s", m.silence(), e.Attribution.Text)
	case worst.How == Held || a == nil:
		return fmt.Sprintf("not one of the requests of the last %s succeeded", m.silence())
	case a.Gone:
		return fmt.Sprintf("no ready replica since %s, and it has a share of the traffic: its Deployment is gone", a.UnreadySince)
	case a.Wanted == 0:
		return fmt.Sprintf("no ready replica since %s, and it has a share of the traffic: it is scaled to 0", a.UnreadySince)
	}
	return fmt.Sprintf("no ready replica of %d since %s", a.Wanted, a.UnreadySince)
}

// clip keeps a sentence within the 512 bytes that the schema allows.
func clip(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + " …"
}
