package watchdog_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// health is a probe of each slot's own endpoint.
var health = release.Question{Signal: "health", Kind: signal.Probe, URL: "${namespace}/${deployment}/${slot}"}

// probing is the brief policy with a probe, whose one cell is of the tier and lasts three minutes.
func probing(q release.Question, tier judge.Tier) *release.Plan {
	p := stating(q, tier)
	p.Matrix.Rows[len(p.Matrix.Rows)-1].Cells[0].For = 3 * signal.Duration(time.Minute)
	return p
}

// A bound lasts as any other does: what fails must fail for so long, without a break. Nobody who answers is
// neither.
func TestAProbeMustFailForAsLongAsItsBoundLasts(t *testing.T) {
	const down = `disk is "down"`
	for name, c := range map[string]struct {
		bin, look time.Duration
		tier      judge.Tier
	}{
		"as many looks as bins": {time.Minute, time.Minute, judge.Consider},
		"more bins than looks":  {20 * time.Second, time.Minute, judge.Consider},
		"more looks than bins":  {time.Minute, 15 * time.Second, judge.Rollback},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				p := weekly(health, c.tier)
				p.Matrix.Bin, p.Mode = signal.Duration(c.bin), release.Observe
				s := w.Add("service", p)
				s.Cutover(green, "green-2")
				time.Sleep(2 * time.Minute)
				for _, step := range []struct {
					what  string
					do    func()
					lasts time.Duration
					want  judge.Tier
				}{
					{"well", func() { s.Ail(green, 0, "") }, 70 * time.Second, judge.Proceed},
					{"failing", func() { s.Ail(green, 1, down) }, 150 * time.Second, judge.Proceed},
					{"well for a look", func() { s.Ail(green, 0, "") }, c.look, judge.Proceed},
					{"failing anew", func() { s.Ail(green, 1, down) }, 150 * time.Second, judge.Proceed},
					{"and on", func() {}, 110 * time.Second, c.tier},
					{"well again", func() { s.Ail(green, 0, "") }, 70 * time.Second, judge.Proceed},
					{"stable's failing", func() { s.Ail(blue, 1, down) }, 4 * time.Minute, judge.Proceed},
				} {
					step.do()
					time.Sleep(step.lasts)
					_, state, _ := s.Release(1)
					v := state.Verdict
					if v.Tier != step.want || step.want == c.tier && v.Reason != `health: 1 failing for 3m: disk is "down"` {
						t.Errorf("%s: %+v, want %s", step.what, v, step.want)
					}
				}
			})
		})
	}
}

// weekly is the default policy with a probe.
func weekly(q release.Question, tier judge.Tier) *release.Plan {
	p, brief := simulate.Week(), probing(q, tier)
	p.Questions = append(p.Questions, q)
	p.Matrix.Rows = append(p.Matrix.Rows, brief.Matrix.Rows[len(brief.Matrix.Rows)-1])
	return p
}

// Where nothing answers the fault may lie on the way: that is unknown, and no failure.
func TestAnEndpointThatCannotBeReachedIsUnknown(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		p := weekly(health, judge.Consider)
		p.Matrix.Rows[len(p.Matrix.Rows)-1].Required = true
		s := w.Add("service", p)
		s.Cutover(green, "green-2")
		time.Sleep(10 * time.Minute)
		s.Cut(green)
		time.Sleep(10 * time.Minute)
		if _, state, _ := s.Release(1); state.Verdict.Tier != judge.Blind || !strings.Contains(state.Verdict.Reason, "health is unknown: Unseen (connection refused)") {
			t.Errorf("no answer: %+v", state.Verdict)
		}
		s.Ail(green, 1, `disk is "down"`)
		time.Sleep(5 * time.Minute)
		if _, state, _ := s.Release(1); state.Verdict.Tier != judge.Consider {
			t.Errorf("the control, an answer: %+v", state.Verdict)
		}
	})
}

// What only a check looks into must have lasted, too: the guard looks for it.
func TestACheckSeesWhatHasFailedSinceTheOneBefore(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", weekly(health, judge.Investigate))
		s.Cutover(green, "green-2")
		time.Sleep(11 * time.Minute)
		s.Ail(green, 1, `disk is "down"`)
		time.Sleep(5 * time.Minute)
		s.Ail(green, 0, "")
		w.Until(func() bool { _, state, _ := s.Release(1); return state.Checks == 4 })
		_, state, _ := s.Release(1)
		var tiers []judge.Tier
		for _, l := range state.Lines {
			tiers = append(tiers, l.Tier)
		}
		if len(tiers) != 4 || tiers[1] != judge.Proceed || tiers[2] != judge.Proceed && tiers[2] != judge.Investigate || tiers[3] != judge.Investigate {
			t.Errorf("checks: %v, want the trouble of minute 11 to 16 in that of minute 20", tiers)
		}
	})
}

// After a restart a bound needs its whole time again.
func TestARestartForgetsWhatAnEndpointSaid(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", weekly(health, judge.Consider))
		s.Cutover(green, "green-2")
		time.Sleep(10 * time.Minute)
		s.Ail(green, 1, `disk is "down"`)
		time.Sleep(130 * time.Second)
		w.Kill(0)
		time.Sleep(150 * time.Second)
		if _, state, _ := s.Release(1); state.Verdict.Tier != judge.Proceed {
			t.Errorf("too early: %+v", state.Verdict)
		}
		time.Sleep(2 * time.Minute)
		if _, state, _ := s.Release(1); state.Verdict.Tier != judge.Consider {
			t.Errorf("never again: %+v", state.Verdict)
		}
	})
}

// Stable is asked before the traffic is moved there: where it says itself that it is not well nothing is moved,
// and a person is paged, once. The traffic is moved as soon as it says that it is well, or can't be reached; or
// where a person says so.
func TestTheTrafficIsNotMovedToAStableThatIsNotWell(t *testing.T) {
	const down = `database is "down"`
	bob := func(p *release.People) {
		p.Decision = &release.Decision{Choice: release.ChooseRollback, By: "bob", Reason: "better than nothing"}
	}
	for name, c := range map[string]struct {
		url  string
		over []signal.Number
		then func(s *simulate.Service)
		held bool
	}{
		"it is well":                     {health.URL, nil, func(s *simulate.Service) { s.Ail(blue, 0, "") }, false},
		"it can't be reached":            {health.URL, nil, func(s *simulate.Service) { s.Cut(blue) }, false},
		"its bounds let one fail":        {health.URL, []signal.Number{1, 2}, func(s *simulate.Service) { s.Ail(blue, 1, down) }, false},
		"an endpoint of both says it":    {"${namespace}/service/", nil, func(s *simulate.Service) { s.Ail("", 1, down) }, false},
		"it is not well":                 {health.URL, nil, func(s *simulate.Service) { s.Ail(blue, 1, down) }, true},
		"its bounds do not let two fail": {health.URL, []signal.Number{1, 2}, func(s *simulate.Service) { s.Ail(blue, 2, down) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				q := health
				q.URL, q.Over = c.url, c.over
				s := w.Add("service", probing(q, judge.Consider))
				s.Cutover(green, "green-2")
				time.Sleep(70 * time.Second)
				c.then(s)
				s.Serve("green-2", simulate.Bad)
				time.Sleep(2 * time.Minute)
				_, state, _ := s.Release(1)
				withheld := state.Condition(release.ConditionWithheld)
				if !c.held {
					if s.Moves(1) != 1 {
						t.Errorf("moved %d times, withheld: %+v", s.Moves(1), withheld)
					}
					return
				}
				if s.Moves(1) > 0 || withheld == nil || withheld.Reason != "StableFails" || !strings.HasSuffix(withheld.Message, `says itself that it is not well: health: database is "down"`) {
					t.Fatalf("moved %d times, withheld: %+v", s.Moves(1), withheld)
				}
				if pages := w.Incidents("oncall"); len(pages) != 1 || !strings.Contains(pages[0], string(release.CodeRollbackWithheld)) {
					t.Errorf("paged for %q", pages)
				} else if _, triggers, _, _ := w.Incident("oncall", pages[0]); triggers != 1 {
					t.Errorf("paged %d times", triggers)
				}
				s.Say(1, bob)
				time.Sleep(time.Minute)
				if s.Moves(1) != 1 {
					t.Errorf("a person's word: moved %d times", s.Moves(1))
				}
			})
		})
	}
}

// It is moved by itself as soon as stable is well.
func TestTheTrafficIsMovedOnceStableIsWell(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", probing(health, judge.Consider))
		s.Cutover(green, "green-2")
		time.Sleep(70 * time.Second)
		s.Ail(blue, 1, "")
		s.Serve("green-2", simulate.Bad)
		time.Sleep(2 * time.Minute)
		if s.Moves(1) > 0 {
			t.Fatal("moved to what is not well")
		}
		s.Ail(blue, 0, "")
		time.Sleep(time.Minute)
		if s.Moves(1) != 1 {
			t.Errorf("moved %d times", s.Moves(1))
		}
	})
}

// A stable that is warmed up for it is asked once it can answer.
func TestAWarmStableIsAskedOnceItIsReady(t *testing.T) {
	for name, failing := range map[string]int{"well": 0, "not well": 1} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", probing(health, judge.Consider))
				s.Cutover(green, "green-2")
				time.Sleep(70 * time.Second)
				s.Scale(blue, 0)
				time.Sleep(30 * time.Second)
				s.Ail(blue, failing, `database is "down"`)
				s.Serve("green-2", simulate.Bad)
				time.Sleep(3 * time.Minute)
				if s.Moves(1) != 1-failing {
					t.Errorf("%d components fail: moved %d times", failing, s.Moves(1))
				}
			})
		})
	}
}

// A candidate that serves nothing is worse than a stable that is not well.
func TestAnyStableIsBetterThanNothing(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", probing(health, judge.Consider))
		s.Cutover(green, "green-2")
		time.Sleep(70 * time.Second)
		s.Ail(blue, 1, `database is "down"`)
		s.Serve("green-2", simulate.Quality{Broken: true})
		s.Scale(green, 0)
		s.Scale(green, 3)
		time.Sleep(3 * time.Minute)
		if s.Moves(1) != 1 {
			t.Errorf("moved %d times", s.Moves(1))
		}
	})
}

// One look asks an endpoint once, and nobody asks a stable without a pod.
func TestALookAsksAnEndpointOnce(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", weekly(health, judge.Consider))
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		before := w.Asked()
		time.Sleep(20 * time.Minute)
		if n := w.Asked() - before; n < 20 || n > 25 {
			t.Errorf("asked %d times in 20 minutes, want once a minute, and at 4 checks", n)
		}
		s.Scale(blue, 0)
		s.Warm = 4 * time.Minute
		s.Serve("green-2", simulate.Bad)
		w.Until(s.In(1, release.RollingBack))
		before = w.Asked()
		time.Sleep(3 * time.Minute)
		if n := w.Asked() - before; n > 0 || s.Moves(1) > 0 {
			t.Errorf("asked %d times while stable had no pod, moved %d times", n, s.Moves(1))
		}
	})
}

// Where the weights can't be set for a while stable is asked again before they are.
func TestStableIsAskedUntilTheWeightsAreSet(t *testing.T) {
	for name, failing := range map[string]int{"well": 0, "not well any more": 1} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", probing(health, judge.Consider))
				s.Cutover(green, "green-2")
				time.Sleep(70 * time.Second)
				w.Fail("Perform."+string(release.SetShares), 1)
				s.Serve("green-2", simulate.Bad)
				w.Until(func() bool {
					_, state, _ := s.Release(1)
					return state.Ladder != nil && state.Ladder.Step == release.Shift
				})
				s.Ail(blue, failing, `database is "down"`)
				time.Sleep(10 * time.Second)
				w.Fail("Perform."+string(release.SetShares), 0)
				time.Sleep(time.Minute)
				if s.Moves(1) != 1-failing {
					t.Errorf("%d components fail: moved %d times", failing, s.Moves(1))
				}
			})
		})
	}
}

// unheard is a Prometheus that knows nothing.
func unheard() watchdog.Edges {
	return watchdog.Edges{
		Read: func(_ context.Context, _ watchdog.Asker, asks []signal.Ask, _ watchdog.Span) []signal.Reading {
			out := make([]signal.Reading, len(asks))
			for i, a := range asks {
				out[i] = signal.Reading{Signal: a.Signal, Cause: signal.Empty}
			}
			return out
		},
		Newest: func(context.Context, watchdog.Asker, []signal.Ask, signal.Instant) watchdog.Freshness {
			return watchdog.Freshness{Cause: signal.Empty}
		},
	}
}

func probeEvidence(v judge.Verdict) judge.Evidence {
	for _, e := range v.Evidence {
		if e.Signal == health.Signal {
			return e
		}
	}
	return judge.Evidence{}
}

// Somebody who looks once sees what fails, or that all is well, but not that it lasts.
func TestOneLookSeesWhatAnEndpointSays(t *testing.T) {
	const at = signal.Instant(1_700_000_000)
	r := watchdog.Record{Namespace: "production", Spec: release.Spec{Candidate: release.Side{Slot: green}, Stable: release.Side{Slot: blue}}}
	for name, c := range map[string]struct {
		failing int
		err     error
		tier    judge.Tier
		value   signal.Number
		cause   signal.Cause
		detail  string
	}{
		"well":      {0, nil, judge.Proceed, 0, signal.Known, ""},
		"not well":  {1, nil, judge.Blind, 1, signal.Young, "disk is down"},
		"no answer": {0, errors.New("refused"), judge.Blind, 0, signal.Unseen, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			edges := unheard()
			edges.Probe = func(_ context.Context, namespace string, a signal.Ask) (int, string, error) {
				if namespace != "production" || a.URL != "production/service-green/green" {
					t.Errorf("asked %s for %s", a.URL, namespace)
				}
				return c.failing, c.detail, c.err
			}
			p := weekly(health, judge.Consider)
			p.Namespace = "production"
			e := probeEvidence(watchdog.JudgeOnce(t.Context(), edges, p, r, release.World{}, at))
			if e.Tier != c.tier || e.Cause != c.cause || e.Detail != c.detail || c.err == nil && e.Value != c.value {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// What an endpoint said in the past nobody knows.
func TestThePastOfAnEndpointIsNotKnown(t *testing.T) {
	const from = signal.Instant(1_700_000_000)
	past := watchdog.Past{Plan: weekly(health, judge.Consider), From: from, Until: from.Add(3 * signal.Duration(time.Minute)),
		Spec: release.Spec{Candidate: release.Side{Slot: green}, Stable: release.Side{Slot: blue}},
		World: func(signal.Instant) release.World {
			return release.World{Routes: []release.RouteView{{Key: "main", Shares: map[string]float64{green: 1}}}}
		}}
	looks := 0
	_, err := watchdog.Replay(t.Context(), unheard(), past, func(_, _ release.State, o release.Observed) {
		if o.Guard == nil || !o.GuardConsider {
			return
		}
		looks++
		if e := probeEvidence(*o.Guard); e.Cause != signal.Unseen || e.Tier != judge.Blind || !strings.Contains(e.Detail, "past") {
			t.Errorf("got %+v", e)
		}
	})
	if err != nil || looks == 0 {
		t.Errorf("looked %d times, %v", looks, err)
	}
}
