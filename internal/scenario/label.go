package scenario

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// Label is what should be said of a truth.
type Label struct {
	Tier judge.Tier
	// Why names the rule, in the words of the matrix.
	Why string
	// Onset is when a rollback's cause began and Due when its words were fulfilled.
	Onset, Due float64
	// Hold is set where a rollback's words are fulfilled, but by both sides alike: moving would not help.
	Hold bool
}

// The numbers of the decision matrix, written here anew: the labels take nothing from the judge.
const (
	minute = 60.0

	grace          = 10 * minute // after the first traffic
	graceless      = 0.2         // the share of errors for which there is none
	lastsRollback  = 5 * minute
	lastsConsider  = 10 * minute
	lastsElse      = 3 * minute
	lastsDown      = 30.0
	downRequests   = 10.0 // that must have failed
	badMinutes     = 5    // of the last badMinutesOf
	badMinutesOf   = 15
	alike          = 0.5 // of the candidate's errors, that makes stable as bad
	cacheFall      = 0.3 // of the baseline
	leakPerHour    = 5.0 // MiB
	settledForLeak = 3600.0

	// In five minutes: so few requests are as good as none, and of so many in the hour before some are due.
	asNone, due = 10.0, 100.0
	dueFor      = 7200.0 // after the first traffic
)

// LabelOf integrates the truth by the words of the matrix.
func LabelOf(t Truth) Label {
	cells := integrate(t, true)
	for _, r := range rollbackRules(t) {
		if l, ok := r.in(cells); ok {
			l.Hold = r.relative && sameElsewhere(t, cells, l)
			if l.Hold {
				l.Tier, l.Why = judge.Consider, "both sides: "+l.Why
			}
			return l
		}
	}
	for _, r := range lowerRules(t, cells) {
		if l, ok := r.in(cells); ok {
			return l
		}
	}
	return Label{Tier: judge.Proceed, Why: "nothing"}
}

// rule is a line of the matrix over the candidate's cells.
type rule struct {
	tier  judge.Tier
	why   string
	bad   func(cell) bool
	lasts float64
	// least is how many requests a stretch must have.
	least float64
	// scattered also counts bad minutes apart, by the share that bad minutes exceed.
	scattered func(cell) bool
	// relative rules ask whether the other side is as bad.
	relative bool
}

func (t Truth) warm(at float64) bool { return at >= t.Deployed+grace }

func rollbackRules(t Truth) []rule {
	errors := func(c cell) bool {
		return c.share(c.failed) > 0.05 && (t.warm(c.from) || c.share(c.failed) > graceless)
	}
	slow := func(c cell) bool { return t.warm(c.from) && c.share(c.over1) > 0.01 }
	return []rule{
		{tier: judge.Rollback, why: "no replica is ready", bad: func(c cell) bool { return c.ready == 0 }, lasts: lastsDown},
		{tier: judge.Rollback, why: "no request succeeds", bad: func(c cell) bool { return c.requests > 0 && c.failed >= 0.9999*c.requests },
			lasts: lastsDown, least: downRequests, relative: true},
		{tier: judge.Rollback, why: "errors above 5 %", bad: errors, lasts: lastsRollback, scattered: errors, relative: true},
		{tier: judge.Rollback, why: "p99 above 1 s", bad: slow, lasts: lastsRollback, scattered: slow},
	}
}

func lowerRules(t Truth, cells []cell) []rule {
	warm := func(bad func(cell) bool) func(cell) bool {
		return func(c cell) bool { return t.warm(c.from) && bad(c) }
	}
	part := func(of func(cell) float64, above float64) func(cell) bool {
		return warm(func(c cell) bool { return c.requests > 0 && c.share(of(c)) > above })
	}
	failed, over200, over100 := func(c cell) float64 { return c.failed }, func(c cell) float64 { return c.over200 }, func(c cell) float64 { return c.over100 }
	cache := hitsBefore(t) * (1 - cacheFall)
	leaks, called := leaking(t), requestsDue(t)
	return []rule{
		{tier: judge.Consider, why: "candidate is silent", bad: func(c cell) bool { return !c.heard && c.requests > 0 }, lasts: lastsRollback},
		{tier: judge.Consider, why: "no requests, though some are due", bad: func(c cell) bool {
			return called && c.heard && c.from < t.Deployed+dueFor && c.requests/(c.to-c.from)*lastsRollback < asNone
		}, lasts: lastsRollback},
		{tier: judge.Consider, why: "errors above 1 %", bad: part(failed, 0.01), lasts: lastsConsider},
		{tier: judge.Consider, why: "p99 above 200 ms", bad: part(over200, 0.01), lasts: lastsConsider},
		{tier: judge.Consider, why: "cache hits fell", bad: warm(func(c cell) bool { return c.requests > 0 && c.share(c.hits) < cache }), lasts: lastsConsider},
		{tier: judge.Consider, why: "memory leaks", bad: func(cell) bool { return leaks }},
		{tier: judge.Investigate, why: "a burst of errors", bad: part(failed, 0.05), lasts: 30},
		{tier: judge.Investigate, why: "errors above 0.1 %", bad: part(failed, 0.001), lasts: lastsElse},
		{tier: judge.Investigate, why: "p99 above 100 ms", bad: part(over100, 0.01), lasts: lastsElse},
	}
}

// in looks for the first stretch that fulfils the rule.
func (r rule) in(cells []cell) (Label, bool) {
	first, found := r.lasting(cells)
	if r.scattered != nil {
		if l, ok := r.apart(cells); ok && (!found || l.Due < first.Due) {
			return l, true
		}
	}
	return first, found
}

func (r rule) lasting(cells []cell) (Label, bool) {
	start, requests := -1, 0.0
	for i, c := range cells {
		if !r.bad(c) {
			start, requests = -1, 0
			continue
		}
		if start < 0 {
			start = i
		}
		if requests += c.requests; c.to-cells[start].from >= r.lasts && requests >= r.least {
			return Label{Tier: r.tier, Why: r.why, Onset: cells[start].from, Due: c.to}, true
		}
	}
	return Label{}, false
}

// first gives when it is bad first, from a moment on.
func (r rule) first(cells []cell, from float64) float64 {
	for _, c := range cells {
		if c.from >= from && r.bad(c) {
			return c.from
		}
	}
	return from
}

// apart looks for enough bad minutes, which need not follow one another. The onset lies in the first of them.
func (r rule) apart(cells []cell) (Label, bool) {
	var bad []cell
	for _, m := range minutes(cells) {
		bad = slices.DeleteFunc(bad, func(c cell) bool { return c.from <= m.to-badMinutesOf*minute-minute/2 })
		if !r.scattered(m) {
			continue
		}
		if bad = append(bad, m); len(bad) >= badMinutes {
			return Label{Tier: r.tier, Why: r.why + " in 5 of 15 min", Onset: r.first(cells, bad[0].from), Due: m.to}, true
		}
	}
	return Label{}, false
}

// sameElsewhere tells whether stable fails as much, while it has traffic or had before the release.
func sameElsewhere(t Truth, cells []cell, l Label) bool {
	candidate := total(between(cells, l.Onset, l.Due))
	stable := integrate(t, false)
	now := total(between(stable, l.Onset, l.Due))
	before := total(between(stable, t.Deployed-20*minute, t.Deployed))
	bound := alike * candidate.share(candidate.failed)
	return now.requests > 0 && now.share(now.failed) >= bound || before.share(before.failed) >= bound
}

// requestsDue tells whether each five minutes of the hour before had so many requests that some are due after it.
func requestsDue(t Truth) bool {
	stable := integrate(t, false)
	for from := t.Deployed - 3600; from < t.Deployed; from += lastsRollback {
		if total(between(stable, from, from+lastsRollback)).requests < due {
			return false
		}
	}
	return true
}

func hitsBefore(t Truth) float64 {
	before := total(between(integrate(t, false), t.Deployed-3600, t.Deployed))
	return before.share(before.hits)
}

// leaking tells whether what is in use still grows after the caches are full.
func leaking(t Truth) bool {
	last := t.Until - settledForLeak
	for _, p := range t.Candidate {
		if p.Memory(t.Until)-p.Memory(last) > leakPerHour*settledForLeak/3600 {
			return true
		}
	}
	return false
}
