package release_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// verdicts lets the guard find a tier, or nothing, whatever the evidence.
func (s *sim) verdicts(tier judge.Tier, bad func(since time.Duration) bool) *sim {
	s.guard = func(v *judge.Verdict) {
		v.Tier, v.Signal, v.Reason = judge.Proceed, "", ""
		if bad(s.since()) {
			v.Tier, v.Signal, v.Reason = tier, "error-rate", "so it is"
		}
	}
	return s
}

// flipping gives a verdict that is bad for a stretch of each period, from one time to another.
func flipping(stretch, period, from, to time.Duration) func(time.Duration) bool {
	return func(since time.Duration) bool {
		return since >= from && since < to && (since-from)%period < stretch
	}
}

// Whatever the policy says ends an episode, a verdict that flips is one incident.
func TestAVerdictThatFlipsIsOneIncident(t *testing.T) {
	const tick = 15 * time.Second
	from, to := 20*time.Minute, 30*time.Minute
	for _, c := range []struct {
		name  string
		tier  judge.Tier
		mode  release.Mode
		page  string
		bad   func(time.Duration) bool
		clear time.Duration
		want  int
	}{
		{"with each tick", judge.Consider, release.Enforce, "Consider", flipping(tick, 2*tick, from, to), 0, 1},
		{"with each tick, clear in a second", judge.Consider, release.Enforce, "Consider", flipping(tick, 2*tick, from, to), time.Second, 1},
		{"with each tick, by default", judge.Consider, release.Enforce, "Consider", flipping(tick, 2*tick, from, to), 30 * time.Minute, 1},
		{"with each tick, in Observe", judge.Rollback, release.Observe, "RollbackWithheld", flipping(tick, 2*tick, from, to), 0, 1},
		{"once a minute", judge.Consider, release.Enforce, "Consider", flipping(tick, time.Minute, from, to), 0, 1},
		{"every three minutes for an hour: it came again", judge.Consider, release.Enforce, "Consider", flipping(tick, 3*time.Minute, from, from+time.Hour), 0, 2},
		{"an hour apart", judge.Consider, release.Enforce, "Consider", flipping(5*time.Minute, time.Hour, from, from+2*time.Hour), 0, 2},
		{"an hour apart, by default", judge.Consider, release.Enforce, "Consider", flipping(5*time.Minute, time.Hour, from, from+2*time.Hour), 30 * time.Minute, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t).at(time.Minute, cutover).verdicts(c.tier, c.bad)
			s.mode, s.plan.Limits.EpisodeClear = c.mode, dur(c.clear)
			s.until(3 * time.Hour)
			if n := s.count("OpenPage"); n != c.want || s.count("OpenPage "+c.page) != n {
				t.Errorf("%d pages, want %d for %s:\n%v", n, c.want, c.page, s.log)
			}
			if n := s.count("ClosePage"); n != c.want {
				t.Errorf("%d of %d closed", n, c.want)
			}
		})
	}
}

// Stable never gets ready, so that the rollback is decided and given up with each tick: people are paged once,
// and it is over when the episode is.
func TestARollbackThatIsDecidedAgainAndAgainIsOnePage(t *testing.T) {
	const tick = 15 * time.Second
	s := newSim(t).at(time.Minute, cutover).at(10*time.Minute, ready(blue, 0, 0)).
		verdicts(judge.Rollback, flipping(2*tick, 4*tick, 20*time.Minute, 30*time.Minute))
	s.warmUp, s.plan.Limits.EpisodeClear = -1, 0
	s.until(30 * time.Minute)
	if n := s.count("RollingBack Ready"); n < 5 {
		t.Fatalf("decided %d times, want several:\n%v", n, s.log)
	}
	if opened, closed := s.count("OpenPage Rollback"), s.count("ClosePage Rollback"); opened != 1 || closed != 0 {
		t.Errorf("opened %d times, closed %d times; want it open:\n%v", opened, closed, s.log)
	}
	s.until(time.Hour)
	if opened, closed := s.count("OpenPage Rollback"), s.count("ClosePage Rollback"); opened != 1 || closed != 1 {
		t.Errorf("opened %d times, closed %d times; want once each:\n%v", opened, closed, s.log)
	}
}

// refusals are decisions of as many people, one a minute from 10m on, each refused and owed an answer of its own.
func refusals(s *sim, n int) {
	for i := range n {
		s.at(time.Duration(10+i)*time.Minute, decision("Neither", fmt.Sprint("person", i)))
	}
}

func TestAPolicysPagesOfAnHourAreBounded(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	s.perHour = 3
	refusals(s, 10)
	s.until(69 * time.Minute)
	s.happened("10m0s OpenPage DecisionRefused", "11m0s OpenPage DecisionRefused", "12m0s OpenPage DecisionRefused")
	if n := s.count("OpenPage"); n != 3 {
		t.Errorf("%d pages within the hour, want 3:\n%v", n, s.log)
	}
	last := "; the last of the policy's 3 pages of this hour that are not critical: further ones wait until 2023-11-14T23:23:20Z at least"
	for i, in := range s.state.Incidents {
		waits := strings.Contains(in.Text, "are used up: paged at")
		if is := strings.Contains(in.Text, last); is != (i == 2) || waits != (i > 2) || len(in.Text) > 500 {
			t.Errorf("incident %d says %q", i, in.Text)
		}
	}
	// What still is so when there is room again is paged for then; what is over pages nobody.
	s.until(2 * time.Hour)
	s.happened("1h10m0s OpenPage DecisionRefused")
	if n := s.count("OpenPage"); n != 4 {
		t.Errorf("%d pages in two hours, want 4:\n%v", n, s.log)
	}
	if s.state.Incidents[len(s.state.Incidents)-1].Text == "" || len(s.state.Incidents) != 10 {
		t.Errorf("%d incidents are in the status, want all 10", len(s.state.Incidents))
	}
	// The control.
	s = newSim(t).at(time.Minute, cutover)
	refusals(s, 10)
	if s.until(69 * time.Minute); s.count("OpenPage") != 10 {
		t.Errorf("%d pages without a budget, want 10", s.count("OpenPage"))
	}
}

// More than are kept: those that paged nobody are forgotten first, so that the others go on counting.
func TestManyIncidentsDoNotMakeTheBudgetForget(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	s.perHour = 3
	refusals(s, 55)
	s.until(69 * time.Minute)
	if s.count("OpenPage") != 3 || len(s.state.Incidents) != 16 {
		t.Errorf("%d pages within the hour, want 3; %d incidents are kept, want 16", s.count("OpenPage"), len(s.state.Incidents))
	}
}

// pages are so many, one a minute until the given time.
func pages(n int, critical bool, last time.Duration) []release.Page {
	var out []release.Page
	for i := range n {
		out = append(out, release.Page{At: t0.Add(dur(last - time.Duration(i)*time.Minute)), Critical: critical})
	}
	return out
}

// The pages of the policy's other releases count; critical ones have a budget of their own; and what becomes of
// a rollback is paged whatever came before.
func TestWhatTheBudgetCounts(t *testing.T) {
	for name, c := range map[string]struct {
		pages []release.Page
		mode  release.Mode
		tier  judge.Tier
		want  string
		due   bool
	}{
		"nothing came before":            {nil, release.Enforce, judge.Consider, "Consider", false},
		"all came before":                {pages(6, false, 19*time.Minute), release.Enforce, judge.Consider, "Consider", true},
		"all but one came before":        {pages(5, false, 19*time.Minute), release.Enforce, judge.Consider, "Consider", false},
		"all came over an hour before":   {pages(6, false, -40*time.Minute), release.Enforce, judge.Consider, "Consider", false},
		"critical ones came before":      {pages(6, true, 19*time.Minute), release.Enforce, judge.Consider, "Consider", false},
		"a critical one after the rest":  {pages(6, false, 19*time.Minute), release.Observe, judge.Rollback, "RollbackWithheld", false},
		"a critical one after six":       {pages(6, true, 19*time.Minute), release.Observe, judge.Rollback, "RollbackWithheld", true},
		"a rollback after all there are": {slices.Concat(pages(9, true, 19*time.Minute), pages(9, false, 19*time.Minute)), release.Enforce, judge.Rollback, "Rollback", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t).at(time.Minute, cutover).verdicts(c.tier, func(since time.Duration) bool { return since >= 20*time.Minute })
			s.perHour, s.pages, s.mode = 6, c.pages, c.mode
			s.until(25 * time.Minute)
			if len(s.state.Incidents) != 1 || string(s.state.Incidents[0].Code) != c.want {
				t.Fatalf("incidents are %+v", s.state.Incidents)
			}
			if got := s.count("OpenPage"); got != map[bool]int{false: 1, true: 0}[c.due] {
				t.Errorf("%d pages:\n%v", got, s.log)
			}
			if in := s.state.Incidents[0]; in.Due.IsZero() == c.due {
				t.Errorf("due %s, want due: %v", in.Due, c.due)
			}
		})
	}
}

// Readiness is lost and comes back before there is room for a page; when it is lost again it is paged for.
func TestWhatWasOverBeforeItsPageGoesOn(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(10*time.Minute, revision(blue, "b2")).at(20*time.Minute, revision(blue, "b1")).
		at(80*time.Minute, revision(blue, "b2"))
	s.perHour, s.pages = 1, pages(1, false, 5*time.Minute)
	s.until(79 * time.Minute).never("OpenPage")
	s.until(90 * time.Minute).happened("1h20m0s OpenPage ReadinessLost")
	if s.count("OpenPage") != 1 || len(s.state.Incidents) != 1 {
		t.Errorf("paged more than once, or for two incidents: %+v", s.state.Incidents)
	}
}

// A release is woken for a page that waits, though nothing else is due.
func TestAPageThatWaitsWakes(t *testing.T) {
	in := release.Incident{Code: release.CodeDecisionRefused, Opened: t0, Due: t0 + 600}
	s := release.State{Phase: release.Deployed, Incidents: []release.Incident{in}}
	if at := release.Wake(s, thePlan(), t0); at != t0+600 {
		t.Errorf("wakes at %s, want when it is due", at)
	}
	s.Incidents[0].Closed = t0 + 1
	if at := release.Wake(s, thePlan(), t0); !at.IsZero() {
		t.Errorf("wakes at %s for what is over", at)
	}
}

// The pages of releases that have ended are counted after a restart, too.
func TestSettleRemembersPages(t *testing.T) {
	state := func(at signal.Instant) release.State {
		return release.State{Phase: release.Superseded, Incidents: []release.Incident{
			{Code: release.CodeConsider, Severity: release.Warning, Opened: at, Closed: at + 9},
			{Code: release.CodeRollback, Severity: release.Critical, Opened: at + 1, Closed: at + 9},
			{Code: release.CodeRollbackWithheld, Severity: release.Critical, Opened: at + 2, Closed: at + 9},
			{Code: release.CodeReadinessLost, Severity: release.Warning, Opened: at + 3, Due: at + 60, Closed: at + 9},
			{Code: release.CodeBlindLasting, Severity: release.Error, Opened: at + 4, Due: at + 8, Closed: at + 9},
		}}
	}
	var l release.Ledger
	for number := range int64(3) {
		for range 2 { // after a crash a release ends again
			l = release.Settle(l, release.Open{Spec: release.Spec{Number: number + 1}, State: state(signal.Instant(100 * (number + 1)))})
		}
	}
	want := []release.Page{{At: 100}, {At: 102, Critical: true}, {At: 108}, {At: 300}, {At: 302, Critical: true}, {At: 308}}
	if got := l.PagesBut(2); !slices.Equal(got, want) {
		t.Errorf("remembered are %v, want %v", got, want)
	}
	for number := range int64(40) {
		l = release.Settle(l, release.Open{Spec: release.Spec{Number: number + 4}, State: state(signal.Instant(100 * (number + 4)))})
	}
	if n := len(l.Pages); n != 32 || l.Pages[31].Release != 43 {
		t.Errorf("%d are remembered, the last of release %d; want 32, of 43", n, l.Pages[n-1].Release)
	}
}
