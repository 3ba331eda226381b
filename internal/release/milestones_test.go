package release_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// windows says for which windows milestones were made, and when they were over, since the cutover.
func windows(s release.State) string {
	var all []string
	for _, m := range s.Milestones {
		all = append(all, fmt.Sprintf("%s %s", m.Window, m.At.Sub(s.Cutover)))
	}
	return strings.Join(all, ", ")
}

func (s *sim) milestones(want string) {
	s.t.Helper()
	if got := windows(s.state); got != want {
		s.t.Fatalf("%s: milestones %q, want %q\n%s", s.since(), got, want, strings.Join(s.log, "\n"))
	}
}

func TestEachWindowEndsWithAMilestone(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	s.plan.GuardEvery = dur(10 * time.Minute) // not the matter here
	s.until(time.Minute + time.Hour + 29*time.Second).milestones("")
	s.until(time.Minute + time.Hour + 30*time.Second).milestones("active 1h")
	s.until(25 * time.Hour).milestones("active 1h, enhanced 24h")
	s.until(169 * time.Hour).milestones("active 1h, enhanced 24h, standard 168h")
	s.phase(release.Accepted)
}

// A milestone that can't be made is tried once a minute, and keeps nothing but its own story and the end waiting.
func TestAMilestoneThatCantBeMadeIsTriedAgain(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	s.plan.Schedule = schedule.Schedule{{Name: "active", Until: dur(time.Hour), Every: dur(5 * time.Minute)}}
	s.away = true
	s.until(time.Hour + 11*time.Minute + 40*time.Second).milestones("")
	if s.attempts < 10 || s.attempts > 12 {
		t.Errorf("tried %d times in ten minutes, want once a minute", s.attempts)
	}
	s.phase(release.Watching)
	if s.state.Checks != 12 {
		t.Errorf("%d checks, want 12", s.state.Checks)
	}
	s.at(time.Hour+12*time.Minute, func(s *sim) { s.away = false })
	s.until(time.Hour + 14*time.Minute).milestones("active 1h")
	s.phase(release.Accepted)
}

func TestAPolicyThatIsNotValidKeepsNoReleaseOpenForAMilestone(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	s.plan.Schedule = schedule.Schedule{{Name: "active", Until: dur(time.Hour), Every: dur(5 * time.Minute)}}
	s.away = true
	s.until(time.Hour + 2*time.Minute).phase(release.Watching)
	s.plan, s.invalid = nil, "misspelt"
	s.look()
	s.phase(release.Accepted)
}

// A missed SLO moves nothing, whatever the matrix says; it is an edition of the story and no page.
func TestAMissedSLOIsToldAndMovesNothing(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).until(time.Hour)
	story, verdict := s.state.Story, s.state.Verdict
	s.missed = true
	s.until(time.Hour + 2*time.Minute).milestones("active 1h")
	if m := s.state.Milestones[0]; m.Missed != 1 || s.state.Verdict != verdict || s.state.Phase != release.Watching || len(s.state.Incidents) > 0 {
		t.Errorf("%+v: %s, %s, incidents %v", m, s.state.Phase, s.state.Verdict.Tier, s.state.Incidents)
	}
	if s.state.Story != story+1 {
		t.Errorf("the story went from edition %d to %d, want one more", story, s.state.Story)
	}
}

func TestNoMilestoneAfterARollback(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 30*time.Minute, 40*time.Minute, 0.2).until(3 * time.Hour)
	s.milestones("")
	s.phase(release.RolledBack)
}

func TestOnlyTheMilestoneThatIsDueIsTaken(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).until(30 * time.Minute)
	o := s.observe()
	for _, m := range []milestone.Milestone{{Window: "active", At: s.state.Cutover.Add(dur(time.Hour))}, {Window: "enhanced", At: s.now}} {
		o.Milestone = &m
		if next := release.Advance(s.state, o); len(next.Milestones) > 0 {
			t.Errorf("took %+v after %d checks", m, s.state.Checks)
		}
	}
	s.away = true
	s.until(time.Hour + 2*time.Minute).milestones("")
	o = s.observe()
	for want, m := range []milestone.Milestone{{Window: "enhanced", At: s.state.Cutover.Add(dur(time.Hour))}, {Window: "active", At: s.state.Cutover.Add(dur(time.Hour))}} {
		o.Milestone = &m
		if next := release.Advance(s.state, o); len(next.Milestones) != want {
			t.Errorf("took %d of %+v, want %d", len(next.Milestones), m, want)
		}
	}
	s.away = false
	s.until(2 * time.Hour).milestones("active 1h")
	o = s.observe()
	o.Milestone = &s.state.Milestones[0]
	if next := release.Advance(s.state, o); len(next.Milestones) != 1 {
		t.Errorf("took a milestone twice: %s", windows(next))
	}
}

// longest gives a milestone of 32 signals with all that can be said of each.
func longest(window string, met judge.Answer) milestone.Milestone {
	m := milestone.Milestone{Window: window, At: t0, After: dur(time.Hour), Late: true, Met: 32}
	n := signal.Number(-1.23456e-7)
	for i := range 32 {
		m.Rows = append(m.Rows, milestone.Row{Signal: fmt.Sprintf("%02d%s", i, strings.Repeat("x", 61)), Kind: signal.Quantile, Unit: "seconds", Value: n, Total: 123456789012,
			Least: 1234567890, Most: 1234567891, SLO: &judge.SLO{Than: judge.AtMost, Value: n}, Met: met, Seen: 300, Bins: 336, Cause: signal.Mismatch, Baseline: &n,
			Trend: &milestone.Trend{Answer: judge.Unknown, Over: &n, From: n, To: n, Cause: signal.Young}})
	}
	return m
}

// However long milestones are, a state fits, still says of each window how many SLOs were met, and keeps what the
// rollback rests on.
func TestTheLongestMilestonesFit(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 2*time.Hour, 3*time.Hour, 0.2).until(2*time.Hour + 4*time.Minute)
	s.state.Milestones = nil
	for i := range 7 {
		s.state.Milestones = append(s.state.Milestones, longest(fmt.Sprint("window-", i), []judge.Answer{judge.Yes, judge.No}[i%2]))
	}
	s.state.Milestones = append(s.state.Milestones, longest("last", judge.No))
	s.until(4 * time.Hour).phase(release.RolledBack)
	if b := encode(t, s.state); len(b) > release.MaxBytes {
		t.Fatalf("the state takes %d bytes", len(b))
	}
	if len(s.state.Milestones) != 8 || s.state.Decision == nil || len(s.state.Decision.Evidence) == 0 || len(s.state.Decision.Evidence[0].Bins) == 0 {
		t.Fatalf("%d milestones, decision %+v", len(s.state.Milestones), s.state.Decision)
	}
	for i, m := range s.state.Milestones {
		if m.Met != 32 || !m.Thinned && len(m.Rows) < 32 || m.Thinned == (i == 7) {
			t.Errorf("%s: met %d, %d rows, thinned: %v", m.Window, m.Met, len(m.Rows), m.Thinned)
		}
	}
}
