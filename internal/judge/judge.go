package judge

import (
	"fmt"
	"math"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// MinPart is the least number of events that count against a slot before a Ratio's bound can say
// yes: a share of two errors is an anecdote. Bins with fewer are judged by the share of their whole
// stretch, if it holds MinTotal events.
const (
	MinPart  = 3
	MinTotal = 30
)

// minSilent is the least number of requests, all failed, that make a slot unavailable.
const minSilent = 10

// Judge gives the verdict of the matrix over the readings.
//
// A bound lasts when every bin of a stretch of its length says yes; one bin of it may be unknown as
// long as at least MinBins say yes. One bin that says no ends it. A signal with an unknown cell and
// none that holds is unknown; an unknown required signal makes the whole verdict Blind, unless
// another signal holds a tier that is worse.
func Judge(m Matrix, in Input) Verdict {
	v := Verdict{At: in.At, Tier: Proceed, Generation: in.Generation, Split: in.Split}
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

// Again judges a verdict's own evidence by the same rules: what it gives must equal the verdict.
func Again(m Matrix, v Verdict, s Stretch) Verdict {
	in := Input{At: v.At, Split: v.Split, Generation: v.Generation, Stretch: s}
	for _, e := range v.Evidence {
		in.Readings = append(in.Readings, signal.Reading{Signal: e.Signal, Bins: e.Bins, Cause: e.Cause,
			Detail: e.Detail, Queries: e.Queries, Availability: e.Availability})
	}
	return Judge(m, in)
}

func weigh(m Matrix, row Row, in Input) Evidence {
	r, asked := find(in.Readings, row.Signal)
	e := Evidence{Signal: row.Signal, Kind: row.Kind, Unit: row.Unit, Required: row.Required,
		Tier: Proceed, Value: signal.Number(math.NaN()), Cause: r.Cause, Detail: r.Detail,
		Queries: r.Queries, Availability: r.Availability}
	if !asked {
		e.Cause, e.Detail = signal.Empty, "was not asked"
	}
	from, to := newest(r.Bins, MinBins)
	unknown := false
	for _, c := range row.Cells {
		if c.Canary && !in.Split {
			continue
		}
		f, a, b := answer(m, c, r, in)
		e.Findings = append(e.Findings, f)
		unknown = unknown || f.Answer == Unknown
		switch {
		case f.Answer == Yes && c.Tier.Worse(e.Tier):
			e.Tier = c.Tier
			from, to = a, b
		case e.Tier == Proceed && b-a > to-from:
			from, to = a, b
		}
	}
	if len(e.Findings) == 0 {
		unknown = !known(r)
	}
	if unknown && e.Tier == Proceed {
		e.Tier = Blind
	}
	e.Bins = r.Bins[from:to]
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

func newest(bins []signal.Bin, n int) (from, to int) { return max(0, len(bins)-n), len(bins) }

func known(r signal.Reading) bool {
	if r.Availability != nil {
		return true
	}
	return r.Cause == signal.Known && len(r.Bins) > 0 && r.Bins[len(r.Bins)-1].Cause == signal.Known
}

// answer asks one cell, and gives the bins [from, to) that decided.
func answer(m Matrix, c Cell, r signal.Reading, in Input) (f Finding, from, to int) {
	if c.Bound.Unavailable {
		return Finding{Cell: c, Answer: unavailable(m, r, in)}, 0, len(r.Bins)
	}
	n := m.Bins(c)
	if in.Stretch == Newest {
		from, to = newest(r.Bins, n)
		return lasts(c, r.Bins[from:to], n), from, to
	}
	from, to = newest(r.Bins, n)
	f = lasts(c, r.Bins[from:to], n)
	for end := len(r.Bins) - 1; end >= n && f.Answer != Yes && r.Bins[end-1].End > in.Since; end-- {
		g := lasts(c, r.Bins[end-n:end], n)
		if g.Answer == Yes || g.Answer == Unknown && f.Answer == No {
			f, from, to = g, end-n, end
		}
	}
	return f, from, to
}

// lasts asks whether the bound lasts through n bins.
func lasts(c Cell, bins []signal.Bin, n int) Finding {
	f := Finding{Cell: c, Bins: int32(n)}
	pooled := pool(bins)
	for _, b := range bins {
		switch holds(c.Bound, b, pooled) {
		case Yes:
			f.Yes++
		case No:
			f.No++
		default:
			f.Unknown++
		}
	}
	missing := int32(n - len(bins))
	switch {
	case f.No > 0:
		f.Answer = No
	case f.Unknown+missing > 1, f.Yes < MinBins:
		f.Answer = Unknown
	default:
		f.Answer = Yes
	}
	return f
}

// pool adds the known bins up.
func pool(bins []signal.Bin) (sum signal.Bin) {
	for _, b := range bins {
		if b.Cause == signal.Known {
			sum.Total += b.Total
			sum.Part += b.Part
		}
	}
	return sum
}

func holds(bound Bound, b, pooled signal.Bin) Answer {
	if b.Cause != signal.Known || b.Value.IsNaN() {
		return Unknown
	}
	switch {
	case bound.Above != nil && b.Value > *bound.Above:
		if b.Part > 0 && b.Part < MinPart {
			return anecdote(*bound.Above, pooled)
		}
		return Yes
	case bound.Below != nil && b.Value < *bound.Below:
		return Yes
	}
	return No
}

// anecdote answers for a bin with fewer than MinPart events against the slot.
func anecdote(above signal.Number, pooled signal.Bin) Answer {
	switch {
	case pooled.Total < MinTotal:
		return Unknown
	case pooled.Part >= MinPart && pooled.Part > above*pooled.Total:
		return Yes
	}
	return No
}

// unavailable answers from Kubernetes' word, and from requests that all fail.
func unavailable(m Matrix, r signal.Reading, in Input) Answer {
	if allFail(m, in) {
		return Yes
	}
	a := r.Availability
	switch {
	case a == nil:
		return Unknown
	case a.Wanted == 0 || a.Ready > 0 || a.UnreadySince.IsZero():
		return No
	case a.Ticks >= 2 && in.At.Sub(a.UnreadySince) >= m.UnavailableFor:
		return Yes
	}
	return No
}

// allFail tells whether the newest bins that cover UnavailableFor hold enough requests and not one
// success.
func allFail(m Matrix, in Input) bool {
	r, ok := find(in.Readings, m.Requests)
	if !ok || m.Requests == "" || m.Bin <= 0 {
		return false
	}
	n := int((m.UnavailableFor + m.Bin - 1) / m.Bin)
	if n > len(r.Bins) {
		return false
	}
	var total, part signal.Number
	for _, b := range r.Bins[len(r.Bins)-n:] {
		if b.Cause != signal.Known {
			return false
		}
		total += b.Total
		part += b.Part
	}
	return total >= minSilent && part >= total
}

// summarise fills value, total and cause from the evidence's bins.
func summarise(e *Evidence) {
	var part signal.Number
	for _, b := range e.Bins {
		if b.Cause != signal.Known {
			continue
		}
		e.Value = b.Value
		e.Total += b.Total
		part += b.Part
	}
	if e.Kind == signal.Ratio && e.Total > 0 {
		e.Value = part / e.Total
	}
	if e.Tier == Blind && e.Cause == signal.Known {
		e.Cause = worstCause(e.Bins)
	}
}

// worstCause names the cause of the newest unknown bin, or that there are too few bins.
func worstCause(bins []signal.Bin) signal.Cause {
	for i := len(bins) - 1; i >= 0; i-- {
		if bins[i].Cause != signal.Known {
			return bins[i].Cause
		}
	}
	if p := pool(bins); p.Part > 0 && p.Total < MinTotal {
		return signal.Few
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
	if a := e.Availability; a != nil && a.Wanted > 0 && a.Ready == 0 {
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
