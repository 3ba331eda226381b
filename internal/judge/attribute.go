package judge

import (
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Against is what a candidate is compared with.
//
// +kubebuilder:validation:Enum=StableNow;StableBefore;LastWeek
type Against string

// What a candidate can be compared with, the best first.
const (
	StableNow    Against = "StableNow"    // stable, over the same stretch, if it has traffic
	StableBefore Against = "StableBefore" // stable, just before the candidate's first traffic
	LastWeek     Against = "LastWeek"     // whichever slot had the traffic at the same time last week
)

// MinOther is how many events the other side needs to be compared with, and LeastOther how many where not one
// request succeeds, which takes no more itself.
const (
	MinOther   = 50
	LeastOther = minSilent
)

func fewest(b Bound) float64 {
	if b.Unavailable {
		return LeastOther
	}
	return MinOther
}

// Counts names the signal whose events a signal is compared by: its own, or the requests for whether the slot serves.
func Counts(m Matrix, name string) string {
	for _, r := range m.Rows {
		if r.Signal == name && r.Kind == signal.Kubernetes {
			return m.Requests
		}
	}
	return name
}

// Other is what another side counted of a signal.
type Other struct {
	// +kubebuilder:validation:MaxLength=63
	Signal  string  `json:"signal"`
	Against Against `json:"against"`
	// +kubebuilder:validation:MaxLength=63
	Slot string `json:"slot"`
	// +kubebuilder:validation:Type=string
	Bins signal.Bins `json:"bins,omitempty"`
}

// Attribution says whether it is the release: what the other side counted, and whether that is as bad.
type Attribution struct {
	Other `json:",inline"`
	// Total is the events, Share those of them beyond the bound.
	Total signal.Number `json:"total"`
	Share signal.Number `json:"share"`
	// AsBad is whether the other side is beyond the bound, too, and by half as much at least.
	AsBad bool `json:"asBad,omitempty"`
	// +kubebuilder:validation:MaxLength=256
	Text string `json:"text,omitempty"`
}

// A side that is bad itself is as bad unless the candidate's share is so many times its own: by a count
// that may be chance, and by one that is surely beyond the bound.
const (
	worse     = 2
	muchWorse = 4
)

// failsToo is the share of failures that is as bad, if it is surely more, as that not one request succeeds.
const failsToo = 1.0 / muchWorse

// Suspects names the signals of which it should be asked whether it is the release: those whose counts call
// for a rollback, or for people, and the requests, if nothing has been heard of the candidate, or it gets none.
func Suspects(m Matrix, v Verdict) []string {
	var names []string
	for i, e := range v.Evidence {
		if _, _, ok := accused(m.Rows[i], e); ok || silent(m, m.Rows[i], e, v.At.Sub(v.FirstTraffic)) {
			names = append(names, e.Signal)
		}
	}
	return names
}

// accused gives the finding that decided a signal, and the limit that the other side is held against.
func accused(row Row, e Evidence) (Finding, limit, bool) {
	if e.Tier != Rollback && e.Tier != Consider {
		return Finding{}, limit{}, false
	}
	for _, f := range e.Findings {
		if f.Answer != Yes || f.Cell.Tier != e.Tier {
			continue
		}
		_, p, counts := tallied(row, f.Cell.Bound, e.Bins)
		if f.Cell.Bound.Unavailable && f.How != Held { // no replica is ready: nothing of that was counted
			counts = false
		}
		return f, limit{p: p, chance: chanceOfOther, n: int(f.Bins)}, counts
	}
	return Finding{}, limit{}, false
}

// attribute compares a signal's evidence with the other sides', the first of them that tells. Where that is
// as bad, moving the traffic would not help: what called for a rollback calls for people.
func attribute(row Row, e *Evidence, others []Other) {
	for _, o := range others {
		a, tells := compare(row, *e, o)
		if a == nil {
			continue
		}
		e.Attribution = a
		if tells {
			break
		}
	}
	if a := e.Attribution; a != nil && a.AsBad && e.Tier == Rollback {
		e.Tier = Consider
	}
}

// Tells tells whether what another side counted answers if it is the release.
func Tells(m Matrix, v Verdict, o Other) bool {
	for i, e := range v.Evidence {
		if _, tells := compare(m.Rows[i], e, o); tells || quiet(m, m.Rows[i], e, o, v.At.Sub(v.FirstTraffic)) != "" || lingers(m, m.Rows[i], e, o, v.Split, v.At.Sub(v.FirstTraffic)) != "" {
			return true
		}
	}
	return false
}

// compare holds a signal's evidence against another side's; nil where they can't be compared. It tells
// something if that side is as bad, or if the candidate is surely worse.
func compare(row Row, e Evidence, o Other) (*Attribution, bool) {
	f, l, ok := accused(row, e)
	if !ok || o.Signal != row.Signal {
		return nil, false
	}
	ts, _, counts := tallied(row, f.Cell.Bound, o.Bins)
	other := sum(ts)
	if !counts || other.total < fewest(f.Cell.Bound) {
		return nil, false
	}
	own, _, _ := tallied(row, f.Cell.Bound, e.Bins)
	mine := sum(own)
	a := &Attribution{Other: o, Total: signal.Number(other.total), Share: signal.Number(other.least / other.total)}
	a.AsBad = l.asBad(ts, o.Against, mine.least/mine.total)
	a.Text = a.words(row, f.Cell.Bound)
	return a, a.AsBad || surelyBelow(other.least, other.least+mine.least, other.total/(other.total+mine.total), chanceOfOther)
}

// asBad tells whether the other side is beyond the bound, too, and not far better than a share: now, over
// the same stretch; or until then, as a bound is asked.
func (l limit) asBad(ts []tally, a Against, share float64) bool {
	all := sum(ts)
	near := func(times float64) bool { return times*all.least >= share*all.total }
	if a != StableNow {
		return near(muchWorse) && l.ask(ts).answer == Yes
	}
	return all.least >= MinPart && (near(worse) && all.least > l.p*all.total || near(muchWorse) && surelyAbove(all.least, all.total, l.p, l.chance))
}

func (a Attribution) words(row Row, b Bound) string {
	what := Row{Kind: signal.Ratio}.Amount(a.Share)
	if row.Kind == signal.Quantile || b.Below != nil {
		what += " " + row.Text(b)
	}
	of := fmt.Sprintf("%s of %.0f", what, float64(a.Total))
	bad := ""
	if a.AsBad {
		bad = "as bad "
	}
	switch a.Against {
	case StableNow:
		return fmt.Sprintf("%s is %snow: %s", a.Slot, bad, of)
	case StableBefore:
		return fmt.Sprintf("%s was %sbefore the first traffic: %s", a.Slot, bad, of)
	}
	return fmt.Sprintf("%s was %sat this time last week: %s", a.Slot, bad, of)
}

// HeldBack says why a verdict that would be a rollback is not: it is not the release. Empty else.
func (v Verdict) HeldBack() string {
	if v.Tier != Consider {
		return ""
	}
	for _, e := range v.Evidence {
		if a := e.Attribution; a != nil && a.AsBad && e.calls(Rollback) {
			return a.Text
		}
	}
	return ""
}

// NoWorseThan tells whether a candidate that is to be rolled back is no worse than what stable served last: moving there
// would not help. Requests that are late are better than failed ones.
func (v Verdict) NoWorseThan(last Verdict) bool {
	share := last.failing()
	if share == 0 {
		return last.late() && v.late()
	}
	return worse*share >= v.failing()
}

// late tells whether a verdict calls for a rollback for late requests alone.
func (v Verdict) late() bool {
	other := func(e Evidence) bool { return e.Tier == Rollback && e.Kind != signal.Quantile }
	return v.Tier == Rollback && len(v.Evidence) > 0 && !slices.ContainsFunc(v.Evidence, other)
}

// failing gives the greatest share of failed requests that a verdict calls for a rollback for: 1 where nothing serves, 0
// where nothing of it is failed requests.
func (v Verdict) failing() (share float64) {
	for _, e := range v.Evidence {
		for _, f := range e.Findings {
			b := f.Cell.Bound
			switch {
			case e.Tier != Rollback || f.Answer != Yes || f.Cell.Tier != Rollback:
			case b.Unavailable:
				return 1
			case e.Kind == signal.Ratio && b.Above != nil:
				share = max(share, float64(e.Value))
			case e.Kind == signal.Ratio && b.Below != nil:
				share = max(share, 1-float64(e.Value))
			}
		}
	}
	return share
}

// Alike tells whether all that a verdict calls people for befalls stable now as badly: that is no matter of the release.
func (v Verdict) Alike() bool {
	calls := func(e Evidence) bool { return e.Tier == Consider }
	return v.Tier == Consider && slices.ContainsFunc(v.Evidence, calls) &&
		!slices.ContainsFunc(v.Evidence, func(e Evidence) bool { return calls(e) && !e.alike() })
}

func (e Evidence) alike() bool {
	a := e.Attribution
	return a != nil && a.AsBad && a.Against == StableNow
}

// calls tells whether a cell of the tier says yes.
func (e Evidence) calls(t Tier) bool {
	for _, f := range e.Findings {
		if f.Answer == Yes && f.Cell.Tier == t {
			return true
		}
	}
	return false
}
