package watchdog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// withSLOs is the default policy with the checklist's SLOs, looked after once a minute.
func withSLOs() *release.Plan {
	return week(func(p *release.Plan) {
		p.GuardEvery = signal.Duration(time.Minute)
		p.Baseline = signal.Duration(time.Hour)
	})
}

// summary says a release's milestones, each with how many SLOs were met, missed and unknown.
func summary(s release.State) (out string) {
	for _, m := range s.Milestones {
		out += fmt.Sprintf("%s %d/%d/%d ", m.Window, m.Met, m.Missed, m.Unknown)
	}
	return out
}

// worsens lets a revision serve worse from hour to hour, for a day.
func worsens(s *simulate.Service, revision string, by float64) {
	for i := range 24 {
		s.Serve(revision, simulate.Quality{Errors: 0.0002 + by*float64(i), Latency: 0.05})
		time.Sleep(time.Hour)
	}
}

// near tells whether that many requests were counted, but for those around the cutover.
func near(got, want signal.Number) bool { return got <= want && got > want-200 }

// sleepTo waits for a time after the cutover.
func sleepTo(s *simulate.Service, after time.Duration) {
	spec, _, _ := s.Release(1)
	time.Sleep(time.Until(spec.Cutover.Time().Add(after)))
}

// A week has three milestones, each once, of all that was counted.
func TestAWeekHasThreeMilestones(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", withSLOs())
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		sleepTo(s, time.Hour+20*time.Second)
		_, before, _ := s.Release(1)
		for _, c := range []struct {
			after time.Duration
			want  string
			total signal.Number
			seen  int32
		}{
			{time.Hour, "active 2/0/0 ", 3600 * 20.2, 12},
			{24 * time.Hour, "active 2/0/0 enhanced 2/0/0 ", 24 * 3600 * 20.2, 48},
			{168 * time.Hour, "active 2/0/0 enhanced 2/0/0 standard 2/0/0 ", 168 * 3600 * 20.2, 336},
		} {
			sleepTo(s, c.after+2*time.Minute)
			_, state, _ := s.Release(1)
			if got := summary(state); got != c.want {
				t.Fatalf("after %s: %q, want %q", c.after, got, c.want)
			}
			m := state.Milestones[len(state.Milestones)-1]
			if r := m.Rows[0]; len(m.Rows) != 2 || m.Late || !near(r.Total, c.total) || r.Value != 0 || r.Seen != c.seen || r.Bins != c.seen || r.Baseline == nil || (r.Trend != nil) != (c.seen > 12) {
				t.Errorf("after %s: %+v, want %.0f events in %d bins", c.after, m, float64(c.total), c.seen)
			}
			if r := m.Rows[1]; r.Value != 0.05 || r.Most != 0 || *r.Baseline != 0.05 {
				t.Errorf("after %s: %+v", c.after, r)
			}
		}
		_, state, _ := s.Release(1)
		if pages := w.Incidents("oncall"); len(pages) > 0 || before.Story+3 > state.Story || w.Edition("chat", "production/service-1") != state.Story {
			t.Errorf("paged for %v; the story went from edition %d to %d, told is %d", pages, before.Story, state.Story, w.Edition("chat", "production/service-1"))
		}
	})
}

// An SLO is missed that no bound of the matrix minds: it is said, with its share, and nothing else is done.
func TestAMissedSLOWithinTheMatrix(t *testing.T) {
	for _, c := range []struct {
		name  string
		q     simulate.Quality
		want  string
		tier  judge.Tier
		wrong int
	}{
		{"errors", simulate.Quality{Errors: 0.003, Latency: 0.05}, "active 1/1/0 ", judge.Proceed, 0},
		{"latency", simulate.Quality{Latency: 0.07}, "active 1/1/0 ", judge.Proceed, 1},
		{"control", simulate.Quality{Errors: 0.0004, Latency: 0.05}, "active 2/0/0 ", judge.Proceed, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				plan := withSLOs()
				plan.Matrix.Rows[1].SLO.Value = 0.06
				plan.Baseline = 0 // which would call it unusual
				s := w.Add("service", plan)
				s.Rate = 2000
				s.Serve("green-2", c.q)
				s.Cutover(green, "green-2")
				w.Until(s.In(1, release.Watching))
				sleepTo(s, 70*time.Minute)
				_, state, _ := s.Release(1)
				if got := summary(state); got != c.want || state.Verdict.Tier != c.tier || s.Moves(1) > 0 || len(w.Incidents("oncall")) > 0 {
					t.Errorf("%q, verdict %s, %d moves, pages %v; want %q and %s", got, state.Verdict.Tier, s.Moves(1), w.Incidents("oncall"), c.want, c.tier)
				}
				if c.wrong >= 0 && state.Milestones[0].Rows[c.wrong].Met != judge.No {
					t.Errorf("%+v, want the SLO missed", state.Milestones[0].Rows[c.wrong])
				}
			})
		})
	}
}

// Errors that creep up through a day are a trend; that they stay is none, and what was so on the day before neither.
func TestErrorsThatCreepUp(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after float64 // by how much they rise in an hour
		creep         bool
	}{
		{"they rise", 0, 0.0001, true},
		{"they stay", 0, 0, false},
		{"they rose on the day before, too", 0.0001, 0.0001, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", withSLOs())
				s.Rate = 2000
				worsens(s, "blue-1", c.before)
				s.Cutover(green, "green-2")
				w.Until(s.In(1, release.Watching))
				worsens(s, "green-2", c.after)
				sleepTo(s, 24*time.Hour+2*time.Minute)
				_, state, _ := s.Release(1)
				if len(state.Milestones) != 2 {
					t.Fatalf("milestones: %s", summary(state))
				}
				if got := state.Milestones[1].Rows[0].Trend; got == nil || (got.Answer == judge.Yes) != c.creep {
					t.Errorf("%+v, want it to creep up: %v", got, c.creep)
				}
			})
		})
	}
}

// While Prometheus is away at the end of a window it is asked again; after a quarter of an hour the milestone says
// that it is unknown. Back in time, it is as if it never had been away.
func TestPrometheusIsAwayAtTheMilestone(t *testing.T) {
	for _, c := range []struct {
		name string
		back time.Duration
		then string
		want string
		late bool
	}{
		{"and comes back", time.Hour + 10*time.Minute, "", "active 2/0/0 ", false},
		{"and stays away", time.Hour + 40*time.Minute, "", "active 0/0/2 ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", withSLOs())
				s.Cutover(green, "green-2")
				w.Until(s.In(1, release.Watching))
				sleepTo(s, time.Hour-time.Minute)
				w.Fault("main", simulate.Fault{Away: true})
				sleepTo(s, time.Hour+9*time.Minute)
				_, state, _ := s.Release(1)
				if got := summary(state); got != "" || state.Checks < 12 {
					t.Errorf("while it is away: %q after %d checks", got, state.Checks)
				}
				sleepTo(s, c.back)
				w.Fault("main", simulate.Fault{})
				sleepTo(s, c.back+6*time.Minute)
				_, state, _ = s.Release(1)
				if got := summary(state); got != c.want || state.Milestones[0].Late != c.late {
					t.Fatalf("%q, late: %v; want %q", got, state.Milestones[0].Late, c.want)
				}
				if r := state.Milestones[0].Rows[0]; (r.Cause == signal.Away) != c.late {
					t.Errorf("the cause is %q", r.Cause)
				}
			})
		})
	}
}

// A daemon that was down at the end of a window makes the milestone afterwards, of the same time, once.
func TestAMilestoneAfterTheDaemonWasDown(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 5 * time.Minute, 3 * time.Hour} {
		live(t, func(t *testing.T, w *simulate.World) {
			s := w.Add("service", withSLOs())
			s.Cutover(green, "green-2")
			w.Until(s.In(1, release.Watching))
			sleepTo(s, time.Hour)
			w.Kill(down)
			sleepTo(s, time.Hour+down+10*time.Minute)
			w.Kill(time.Second)
			sleepTo(s, time.Hour+down+20*time.Minute)
			_, state, _ := s.Release(1)
			if got := summary(state); got != "active 2/0/0 " || state.Milestones[0].Late != (down > time.Hour) || !near(state.Milestones[0].Rows[0].Total, 3600*20.2) {
				t.Errorf("down for %s: %q, %+v", down, got, state.Milestones)
			}
		})
	}
}

// A milestone has the forecast of the candidate's memory, too.
func TestAMilestoneSaysWhatMemoryDoes(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		p := withSLOs()
		p.Questions = append(p.Questions, release.Question{Signal: "memory", Kind: signal.Growth, Match: "${namespace}/service/${slot}"})
		p.Matrix.Rows = append(p.Matrix.Rows, judge.Row{Signal: "memory", Kind: signal.Growth})
		s := w.Add("service", p)
		s.Climb(green, 9*3600)
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		sleepTo(s, 70*time.Minute)
		_, state, _ := s.Release(1)
		if len(state.Milestones) != 1 || len(state.Milestones[0].Rows) != 3 || state.Milestones[0].Rows[2].Value != 9*3600 || !state.Milestones[0].Rows[2].Climbs() {
			t.Errorf("milestones %+v, want one that says when memory is full", state.Milestones)
		}
	})
}
