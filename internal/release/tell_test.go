package release_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// tells gives what is pending for a sink, in words.
func tells(s *sim, sink string) []string {
	var out []string
	for _, a := range release.Pending(s.state, s.observe()) {
		if a.Sink == sink {
			out = append(out, strings.TrimSpace(fmt.Sprint(a.Deed, " ", a.Incident.Code)))
		}
	}
	return out
}

func wantTells(t *testing.T, s *sim, sink string, want ...string) {
	t.Helper()
	if got := tells(s, sink); !slices.Equal(got, want) {
		t.Fatalf("pending for %s: %q, want %q", sink, got, want)
	}
}

func TestPagesArePendingUntilDelivered(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 10*time.Minute, 25*time.Minute, 0.02)
	s.dead["oncall"] = true
	s.until(30 * time.Minute)
	wantTells(t, s, "oncall", "OpenPage Consider")
	wantTells(t, s, "deployments")
	if s.state.Settled {
		t.Error("settled, though a page is owed")
	}
	s.until(2 * time.Hour) // it is over by now, and still somebody is owed the word
	wantTells(t, s, "oncall", "OpenPage Consider")
	s.dead["oncall"] = false
	s.look()
	wantTells(t, s, "oncall", "ClosePage Consider")
	s.look()
	wantTells(t, s, "oncall")
	if !s.state.Settled {
		t.Error("not settled, though all was told")
	}
}

func TestEveryDeliveryIsRecordedOnce(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 10*time.Minute, 25*time.Minute, 0.02)
	s.dead["oncall"], s.dead["deployments"] = true, true
	s.until(21 * time.Minute)
	o := s.observe()
	for _, a := range release.Pending(s.state, o) {
		s.outcomes = append(s.outcomes, release.Outcome{Action: a, Result: release.Performed, At: s.now, Ref: "1700.1"})
	}
	s.advance(s.observe())
	told := fmt.Sprint(s.state.Told)
	for range 5 { // the shell says it again and again, later too
		s.now++
		for i := range s.outcomes {
			s.outcomes[i].At = s.now
		}
		s.advance(s.observe())
	}
	if got := fmt.Sprint(s.state.Told); got != told {
		t.Errorf("told\n%s\nat first\n%s", got, told)
	}
	if n := len(s.state.Told); n != 2 {
		t.Errorf("%d rows, want one of the page and one of the story", n)
	}
	if s.state.Told[0].Ref != "1700.1" && s.state.Told[1].Ref != "1700.1" {
		t.Errorf("the message's handle is lost: %+v", s.state.Told)
	}
}

func TestWhatExpiredIsNotTriedAgain(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 10*time.Minute, 25*time.Minute, 0.02)
	s.dead["oncall"], s.dead["deployments"] = true, true
	s.until(21 * time.Minute)
	var outcomes []release.Outcome
	for _, a := range release.Pending(s.state, s.observe()) {
		outcomes = append(outcomes, release.Outcome{Action: a, Result: release.Expired, At: s.now})
	}
	o := s.observe()
	o.Outcomes = outcomes
	s.advance(o)
	wantTells(t, s, "oncall")
	wantTells(t, s, "deployments")
	for _, r := range s.state.Told {
		if r.Expired.IsZero() || !r.Opened.IsZero() {
			t.Errorf("%s/%s: expired %s, opened %s; want it given up, not delivered", r.Sink, r.Key, r.Expired, r.Opened)
		}
	}
	s.until(2 * time.Hour)
	wantTells(t, s, "oncall")                   // neither opened nor closed
	wantTells(t, s, "deployments", "TellStory") // the next edition is another message
}

func TestFailedDeliveriesStayPending(t *testing.T) {
	s := newSim(t)
	s.dead["deployments"] = true
	s.until(time.Second)
	o := s.observe()
	for _, r := range []release.Result{release.Failed, release.Conflict, release.Refused} {
		o.Outcomes = append(o.Outcomes, release.Outcome{Action: release.Pending(s.state, o)[0], Result: r, At: s.now})
	}
	s.advance(o)
	wantTells(t, s, "deployments", "TellStory")
	if len(s.state.Told) != 0 {
		t.Errorf("told %+v", s.state.Told)
	}
}

func TestOutcomesOfForgottenIncidentsAreForgotten(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).until(2 * time.Minute)
	in := release.Incident{Code: release.CodeConsider, Episode: 3, Opened: t0}
	a := release.Action{Deed: release.OpenPage, Sink: "oncall", Incident: in, Key: in.Key("production", "kb-7")}
	o := s.observe()
	o.Outcomes = []release.Outcome{{Action: a, Result: release.Performed, At: s.now}}
	before := s.changes
	s.advance(o)
	if s.changes != before {
		t.Errorf("told %+v", s.state.Told)
	}
}

// An hour apart, so each is an episode of its own.
func TestManyEpisodesStayBounded(t *testing.T) {
	for _, dead := range []bool{false, true} {
		t.Run(fmt.Sprint("pager dead: ", dead), func(t *testing.T) {
			s := newSim(t).at(time.Minute, shares(0.5, "d"))
			s.plan.GuardEvery = dur(time.Minute)
			s.dead["oncall"] = dead
			for i := range 20 {
				from := time.Duration(i+1) * 2 * time.Hour
				s.errors(green, from, from+15*time.Minute, 0.02)
			}
			s.until(42 * time.Hour)
			if s.state.Episode.Number != 20 {
				t.Fatalf("%d episodes, want 20", s.state.Episode.Number)
			}
			if n := len(s.state.Incidents); n > 16 {
				t.Errorf("%d incidents are kept, want 16 at most", n)
			}
			if n := len(s.state.Told); n > 17 {
				t.Errorf("%d rows of what was told, want 17 at most", n)
			}
			if got := s.count("OpenPage Consider"); !dead && got != 20 {
				t.Errorf("%d pages, want 20", got)
			}
		})
	}
}

func TestKeysAreMadeOfFacts(t *testing.T) {
	s := bad(t).until(3 * time.Hour)
	var keys []string
	for _, in := range s.state.Incidents {
		keys = append(keys, in.Key("production", s.spec.Name()))
	}
	if want := []string{"production/kb-7/1/Rollback"}; !slices.Equal(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
}

func TestTheStoryGrowsWithWhatIsWorthTelling(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).until(30 * time.Second)
	editions := s.state.Story
	s.until(5 * time.Minute)
	if s.state.Story == editions {
		t.Error("the cutover was no edition")
	}
	editions = s.state.Story
	s.until(6*time.Minute + 25*time.Second)
	if s.state.Story != editions {
		t.Errorf("nothing happened, and there are %d editions more", s.state.Story-editions)
	}
	s.until(7 * time.Minute)
	if s.state.Story != editions+1 {
		t.Errorf("a check gave %d editions, want 1", s.state.Story-editions)
	}
}

func TestActiveUntilSettled(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(2*time.Minute, decision(release.ChooseAccept, "ann"))
	s.dead["deployments"] = true
	s.until(3 * time.Minute)
	if !s.state.Over() || !s.state.Active() {
		t.Errorf("over %v, active %v; want both while the story is untold", s.state.Over(), s.state.Active())
	}
	delete(s.dead, "deployments")
	s.look()
	if s.state.Active() {
		t.Error("active, though all is told")
	}
}

// large is a matrix of 32 signals with long queries, four of them probes with all that one may name.
func large(s *sim) {
	rows, questions := s.plan.Matrix.Rows[:2], s.plan.Questions[:1]
	for i := range 30 {
		name := fmt.Sprintf("signal-with-quite-a-long-name-%02d", i)
		rows = append(rows, judge.Row{Signal: name, Kind: signal.Query, Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: above(1e9), For: dur(5 * time.Minute)}, {Tier: judge.Consider, Bound: above(1e8), For: dur(10 * time.Minute)}}})
		questions = append(questions, release.Question{Signal: name, Kind: signal.Query, PromQL: strings.Repeat("x", 150)})
	}
	for i := range 4 {
		rows[2+i].Kind, rows[2+i].Cells = signal.Probe, rows[2+i].Cells[1:]
		questions[1+i] = release.Question{Signal: rows[2+i].Signal, Kind: signal.Probe, URL: "http://${slot}/" + strings.Repeat("u", 497),
			Components: slices.Repeat([]string{strings.Repeat("c", 63)}, 16), Over: []signal.Number{0}}
	}
	s.plan.Matrix.Rows, s.plan.Questions = rows, questions
}

// weighty is a verdict with as much evidence as 32 signals can have.
func weighty(at signal.Instant, tier judge.Tier) judge.Verdict {
	v := judge.Verdict{At: at, Tier: tier, Signal: "error-rate", Reason: strings.Repeat("r", 400)}
	for i := range 32 {
		e := judge.Evidence{Signal: fmt.Sprintf("signal-with-quite-a-long-name-%02d", i), Kind: signal.Ratio, Tier: tier, Value: signal.Number(math.NaN()),
			Queries: []string{strings.Repeat("q", 400), strings.Repeat("p", 400)}, Detail: strings.Repeat("d", 200),
			Findings: []judge.Finding{{Answer: judge.Yes, Bins: 10, Cell: judge.Cell{Tier: tier, Bound: above(0.123456789)}}, {Answer: judge.No, Bins: 10, Cell: judge.Cell{Tier: tier, Bound: above(0.123456789)}}}}
		if i == 7 {
			e.Signal = "error-rate"
		}
		for b := range 10 {
			e.Bins = append(e.Bins, signal.Bin{End: at + signal.Instant(b), Value: 1.0 / 3, Total: 12345, Part: 4115})
		}
		v.Evidence = append(v.Evidence, e)
	}
	return v
}

func TestALargeStateIsThinnedAndTheDecisionLast(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	large(s)
	s.until(5*time.Minute + 50*time.Second)
	for i, tier := range []judge.Tier{judge.Consider, judge.Investigate, judge.Consider} {
		s.now = t0 + signal.Instant(400+i)
		o := s.observe()
		v := weighty(s.now, tier)
		o.Guard, o.GuardConsider = &v, true
		if o.Check != nil {
			o.Check.Verdict = weighty(s.now, judge.Investigate)
		}
		s.advance(o)
	}
	s.now += 5
	o := s.observe()
	v := weighty(s.now, judge.Rollback)
	o.Guard, o.GuardConsider = &v, true
	s.advance(o) // must holds the size, the schema and the round trip against it
	if step(s) != release.Recheck {
		t.Fatalf("the step is %s", step(s))
	}
	if n := len(s.state.Ladder.Plan.Questions); n != 31 {
		t.Errorf("%d questions are frozen, want those of the rollback tier and the probes", n)
	}
	e := s.state.Decision.Evidence
	i := slices.IndexFunc(e, func(e judge.Evidence) bool { return e.Signal == "error-rate" })
	if i < 0 || len(e[i].Bins) != 10 || len(e[i].Findings) != 2 {
		t.Errorf("the decision lost what decided: %+v", s.state.Decision)
	}
	if len(v.Evidence[0].Queries) != 2 || len(v.Evidence[0].Bins) != 10 {
		t.Error("the observation was thinned, too")
	}
}
