package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// MinPart is the least number of events that speak for a Ratio's bound before it can say yes: a share
// of two errors is an anecdote. Bins with fewer are judged by the share of their whole stretch, if it
// holds MinTotal events. A Quantile's stretch needs MinTotal events, too.
const (
	MinPart  = 3
	MinTotal = 30
)

// minSilent is the least number of requests, all failed, that make a slot unavailable.
const minSilent = 10

// Judge gives the verdict of the matrix over the readings.
//
// A bound lasts when every bin of a stretch of its length says yes. One bin between two that say yes
// may be unknown, as long as at least MinBins say yes; one that says no ends it. A signal with an
// unknown cell and none that holds is unknown; an unknown required signal makes the whole verdict
// Blind, unless another signal holds a tier that is worse.
func Judge(m Matrix, in Input) Verdict {
	v := opened(m, in)
	for _, row := range m.Rows {
		e := weigh(m, row, in)
		v.Evidence = append(v.Evidence, e)
		tier := e.Tier
		if tier == Blind && !row.Required {
			continue
		}
		if tier.Worse(v.Tier) {
			v.Tier, v.Signal, v.Reason = tier, row.Signal, sentence(m, row, e)
		}
	}
	return v
}

func weigh(m Matrix, row Row, in Input) Evidence {
	r, asked := find(in.Readings, row.Signal)
	e := Evidence{Signal: row.Signal, Kind: row.Kind, Unit: row.Unit, Required: row.Required,
		Tier: Proceed, Value: signal.Number(math.NaN()), Cause: r.Cause, Detail: r.Detail,
		Queries: r.Queries, Availability: r.Availability}
	if !asked {
		e.Cause, e.Detail = signal.Empty, "was not asked"
	}
	bins, by, unknown := newest(r.Bins, MinBins), No, false
	for _, c := range row.Cells {
		if c.Canary && !in.Split {
			continue
		}
		f, stretch := answer(m, row, c, r, in)
		e.Findings = append(e.Findings, f)
		unknown = unknown || f.Answer == Unknown
		switch {
		case f.Answer == Yes && c.Tier.Worse(e.Tier):
			e.Tier, bins = c.Tier, stretch
		case e.Tier == Proceed && (f.Answer == Unknown && by == No || f.Answer == by && len(stretch) > len(bins)):
			bins, by = stretch, f.Answer
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
	return e
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

// answer asks one cell of a row, and gives the bins that decided.
func answer(m Matrix, row Row, c Cell, r signal.Reading, in Input) (Finding, []signal.Bin) {
	if c.Bound.Unavailable {
		return unavailable(m, c, r, in)
	}
	n := m.Bins(c)
	stretch := newest(r.Bins, n)
	f := lasts(row.Kind, c, stretch, n)
	if in.Stretch == Newest {
		return f, stretch
	}
	for end := len(r.Bins) - 1; end >= n && f.Answer != Yes && r.Bins[end-1].End > in.Since; end-- {
		g := lasts(row.Kind, c, r.Bins[end-n:end], n)
		if g.Answer == Yes || g.Answer == Unknown && f.Answer == No {
			f, stretch = g, r.Bins[end-n:end]
		}
	}
	return f, stretch
}

// lasts asks whether the bound lasts through n bins, from the first to the last of them.
func lasts(kind signal.Kind, c Cell, bins []signal.Bin, n int) Finding {
	f := Finding{Cell: c, Bins: int32(n)}
	p := pool(bins, n)
	open := len(bins) < n // its beginning or its end was not seen
	for i, b := range bins {
		switch holds(kind, c.Bound, b, p) {
		case Yes:
			f.Yes++
		case No:
			f.No++
		default:
			f.Unknown++
			open = open || i == 0 || i == len(bins)-1
		}
	}
	switch {
	case f.No > 0:
		f.Answer = No
	case open, f.Unknown > 1, f.Yes < MinBins:
		f.Answer = Unknown
	default:
		f.Answer = Yes
	}
	return f
}

// pooled is what a stretch counted altogether, and whether all of it was seen.
type pooled struct {
	signal.Bin
	whole bool
}

// pool adds the known bins of a stretch of n up.
func pool(bins []signal.Bin, n int) pooled {
	p := pooled{whole: len(bins) >= n}
	for _, b := range bins {
		if !seen(b) {
			p.whole = false
			continue
		}
		p.Total += b.Total
		p.Part += b.Part
	}
	return p
}

func holds(kind signal.Kind, bound Bound, b signal.Bin, p pooled) Answer {
	switch {
	case !seen(b):
		return Unknown
	case !breaks(bound, b.Value):
		return No
	case kind == signal.Ratio && b.Total > 0 && against(bound, b) < MinPart:
		return anecdote(bound, p)
	case kind == signal.Quantile && b.Total > 0 && p.Total < MinTotal:
		return Unknown
	}
	return Yes
}

// breaks tells whether a value is beyond the bound.
func breaks(bound Bound, v signal.Number) bool {
	return bound.Above != nil && v > *bound.Above || bound.Below != nil && v < *bound.Below
}

// against counts the events of a Ratio's bin that speak for the bound: the part where it may not be
// above, the rest where it may not be below.
func against(bound Bound, b signal.Bin) signal.Number {
	if bound.Below != nil {
		return b.Total - b.Part
	}
	return b.Part
}

// anecdote answers for a bin with fewer than MinPart events that speak for the bound. What was not
// seen of the stretch may hold the rest of them.
func anecdote(bound Bound, p pooled) Answer {
	switch {
	case p.Total < MinTotal:
		return Unknown
	case against(bound, p.Bin) >= MinPart && breaks(bound, p.Part/p.Total):
		return Yes
	case !p.whole:
		return Unknown
	}
	return No
}

// unavailable answers from Kubernetes' word, and from requests that all fail; the bins are those of
// the requests.
func unavailable(m Matrix, c Cell, r signal.Reading, in Input) (Finding, []signal.Bin) {
	f := Finding{Cell: c, Answer: No}
	bins, failed := allFail(m, r, in)
	switch {
	case failed || down(m, r.Availability, in.At):
		f.Answer = Yes
	case r.Availability == nil:
		f.Answer = Unknown
	}
	return f, bins
}

// down tells whether no replica has been ready for UnavailableFor, seen at least twice.
func down(m Matrix, a *signal.Availability, at signal.Instant) bool {
	if a == nil || a.Wanted == 0 || a.Ready > 0 || a.UnreadySince.IsZero() {
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

// silentBins gives how many bins cover UnavailableFor.
func (m Matrix) silentBins() int {
	if m.Bin <= 0 {
		return 1
	}
	return max(1, int((m.UnavailableFor+m.Bin-1)/m.Bin))
}

func noSuccess(bins []signal.Bin, n int) bool {
	p := pool(bins, n)
	return p.whole && p.Total >= minSilent && p.Part >= p.Total
}

// summarise fills value, total and cause from the evidence's bins.
func summarise(e *Evidence) {
	sum := pool(e.Bins, 0)
	e.Total = sum.Total
	switch {
	case e.Kind == signal.Kubernetes: // its bins count requests, which are not its value
	case e.Kind == signal.Ratio && sum.Total > 0:
		e.Value = sum.Part / sum.Total
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
	return signal.Number(math.NaN())
}

// causeOf names the cause of the newest unknown bin; without one there are too few bins, or too few
// events in them.
func causeOf(e Evidence) signal.Cause {
	if e.Kind == signal.Kubernetes {
		return signal.Empty
	}
	for _, b := range slices.Backward(e.Bins) {
		switch {
		case b.Cause != signal.Known:
			return b.Cause
		case b.Value.IsNaN():
			return signal.NaN
		}
	}
	for _, f := range e.Findings {
		if f.Answer == Unknown && len(e.Bins) >= int(f.Bins) {
			return signal.Few
		}
	}
	return signal.Young
}

func sentence(m Matrix, row Row, e Evidence) string {
	if e.Tier == Blind {
		s := fmt.Sprintf("%s is unknown: %s", row.Signal, e.Cause)
		if e.Detail != "" {
			s += " (" + e.Detail + ")"
		}
		return clip(s)
	}
	for _, f := range e.Findings {
		if f.Answer != Yes || f.Cell.Tier != e.Tier {
			continue
		}
		if f.Cell.Bound.Unavailable {
			return unavailableSentence(m, e)
		}
		lasted := signal.Duration(f.Bins) * m.Bin
		return clip(fmt.Sprintf("%s is %s, %s for %s", row.Signal, row.Amount(e.Value), row.Text(f.Cell.Bound), lasted))
	}
	return ""
}

func unavailableSentence(m Matrix, e Evidence) string {
	if a := e.Availability; a != nil && a.Wanted > 0 && a.Ready == 0 && !a.UnreadySince.IsZero() {
		return fmt.Sprintf("no ready replica of %d since %s", a.Wanted, a.UnreadySince)
	}
	return fmt.Sprintf("not one of the requests of the last %s succeeded", m.UnavailableFor)
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
