package release

import (
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// pagingHour is the time that a policy's pages are counted over.
const pagingHour = signal.Duration(3600e9)

// Page is one that people got of a policy, among those that its budget counts.
type Page struct {
	At       signal.Instant
	Critical bool
}

// unbounded are the codes that no budget holds up, and that it does not count: what became of a rollback, which
// the breaker bounds, and what is one incident for many releases.
var unbounded = []Code{CodeRollback, CodeRollbackStuck, CodeRollbackNotProven, CodeRollbackLost, CodeHalted, CodeStableBad, CodeFleetWithheld, CodeNamespaceWithheld}

// Paged gives when people are paged for an incident: when it opened, or later if the policy's pages were used up
// then. One that is over by then pages nobody.
func (i Incident) Paged() (at signal.Instant, ever bool) {
	if i.Due.IsZero() {
		return i.Opened, true
	}
	return i.Due, i.Closed.IsZero() || i.Closed >= i.Due
}

// Pages gives the pages of a release that the policy's budget counts.
func (s State) Pages() []Page {
	var out []Page
	for _, in := range s.Incidents {
		if at, ever := in.Paged(); ever && !slices.Contains(unbounded, in.Code) {
			out = append(out, Page{At: at, Critical: in.Severity == Critical})
		}
	}
	return out
}

// afford says when a new incident may page, within the budget of the policy's pages: so many critical ones within
// an hour, and so many others. A zero due is now. The last that pages now, and all that wait, say so.
func (t *turn) afford(code Code, severity Severity) (due signal.Instant, word string) {
	most := t.o.PagesPerHour
	if most <= 0 || slices.Contains(unbounded, code) {
		return 0, ""
	}
	var counted []signal.Instant
	for _, p := range append(t.s.Pages(), t.o.Pages...) {
		if p.Critical == (severity == Critical) && t.o.Now.Sub(p.At) < pagingHour {
			counted = append(counted, p.At)
		}
	}
	slices.Sort(counted)
	kind := "pages of this hour that are not critical"
	if severity == Critical {
		kind = "critical pages of this hour"
	}
	switch n := len(counted); {
	case n >= most:
		due = counted[n-most].Add(pagingHour)
		return due, fmt.Sprintf("; the policy's %d %s are used up: paged at %s if it lasts", most, kind, due)
	case n == most-1:
		free := t.o.Now
		if n > 0 {
			free = counted[0]
		}
		return 0, fmt.Sprintf("; the last of the policy's %d %s: further ones wait until %s at least; see kubectl greenwatch status and the releases' stories", most, kind, free.Add(pagingHour))
	}
	return 0, ""
}
