package watchdog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

const (
	green = simulate.Green
	blue  = simulate.Blue
)

// live lets a world live in a bubble, and reports the promises that it broke.
func live(t *testing.T, tell func(t *testing.T, w *simulate.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := simulate.NewWorld()
		w.Strict, w.Workers = true, 4
		w.Live(30*24*time.Hour, func() { tell(t, w) }, func() bool { return true })
		for _, broken := range w.Broken() {
			t.Error(broken)
		}
		if t.Failed() {
			t.Log("\n" + w.Chronicle())
		}
	})
}

// week is the default policy, changed.
func week(change func(*release.Plan)) *release.Plan {
	p := simulate.Week()
	change(p)
	return p
}

func asItIs(*release.Plan) {}

// lone is a schedule with one check, far away.
func lone(p *release.Plan) {
	p.Schedule = schedule.Schedule{{Name: "far", Until: signal.Duration(100 * time.Hour), Every: signal.Duration(100 * time.Hour)}}
}

// A good release is watched for seven days: 64 checks, each as of its time, and then it is accepted.
func TestSevenDays(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		// The guard is not the matter here: a look a minute is enough, and ten thousand of them.
		s := w.Add("service", week(func(p *release.Plan) { p.GuardEvery = signal.Duration(time.Minute) }))
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		spec, _, _ := s.Release(1)
		time.Sleep(time.Until(spec.Cutover.Add(signal.Duration(168 * time.Hour)).Time().Add(2 * time.Minute)))
		_, state, _ := s.Release(1)
		if state.Phase != release.Accepted || len(state.Lines) != 64 {
			t.Fatalf("after seven days: %s with %d checks, want Accepted with 64", state.Phase, len(state.Lines))
		}
		for i, line := range state.Lines {
			want, _ := schedule.Default().Check(spec.Cutover, i+1)
			if line.At != want.At || line.Late || line.Window != want.Window || line.Tier != "Proceed" {
				t.Errorf("check %d: %+v, want one of %s in window %s", i+1, line, want.At, want.Window)
			}
		}
		if pages := w.Incidents("oncall"); len(pages) > 0 {
			t.Errorf("a good release paged for %v", pages)
		}
	})
}

// A thousand quiet looks of the guard write nothing; the next ones, bad for long enough, act.
func TestQuietGuardWritesNothing(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		s.Cutover(green, "green-2")
		time.Sleep(30 * time.Minute)
		writes, guards := s.Writes(), w.Meter.Guarding()
		time.Sleep(1000 * 15 * time.Second)
		if n := w.Meter.Guarding() - guards; n < 999 || n > 1001 {
			t.Errorf("%d looks of the guard in 1000 ticks", n)
		}
		if n := s.Writes() - writes; n != 0 {
			t.Errorf("%d writes in 1000 quiet looks, want none", n)
		}
		s.Serve("green-2", simulate.Bad)
		since := time.Now()
		w.Until(func() bool { return s.Moves(1) > 0 })
		if took := s.MovedAt(1).Sub(since); took < 4*time.Minute || took > 6*time.Minute+30*time.Second {
			t.Errorf("rolled back after %s of bad data, want 5m, give or take a bin that is partly bad, and a tick", took)
		}
	})
}

// A sink that asks to be left alone is left alone, however much there is to tell meanwhile; then it
// is told.
func TestRetryAfterIsObeyed(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", simulate.Brief())
		w.Sink("chat", func(k *simulate.Sink) { k.Limited = 90 * time.Second })
		s.Cutover(green, "green-2")
		time.Sleep(4 * time.Minute)
		w.Sink("chat", func(k *simulate.Sink) {
			if k.Early > 0 || k.Requests < 2 || k.Requests > 5 {
				t.Errorf("%d requests within 4 minutes, %d of them early; want one every 90 s", k.Requests, k.Early)
			}
			k.Limited = 0
		})
		w.Until(s.In(1, release.Accepted))
		time.Sleep(2 * time.Minute)
		_, state, _ := s.Release(1)
		if told := w.Edition("chat", "production/service-1"); told != state.Story {
			t.Errorf("the story was told up to edition %d of %d", told, state.Story)
		}
	})
}

// act-before-tell: sinks that hang for an hour hold up no rollback, and one of them not the other.
func TestHangingSinkHoldsUpNothing(t *testing.T) {
	for _, hanging := range [][]string{{"chat"}, {"oncall"}, {"chat", "oncall"}} {
		t.Run(strings.Join(hanging, " and "), func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				w.Workers = 1
				s := w.Add("service", simulate.Brief())
				for _, name := range hanging {
					w.Sink(name, func(k *simulate.Sink) { k.Hang = time.Hour })
				}
				s.Cutover(green, "green-2")
				time.Sleep(time.Minute)
				s.Serve("green-2", simulate.Bad)
				since := time.Now()
				time.Sleep(2 * time.Minute)
				if took := s.MovedAt(1).Sub(since); took <= 0 || took > time.Minute {
					t.Errorf("moved after %s, want within a minute", took)
				}
				_, triggers, _, _ := w.Incident("oncall", "production/service-1/1/Rollback")
				if paged := triggers > 0; paged == slices.Contains(hanging, "oncall") {
					t.Errorf("paged: %v", paged)
				}
				for _, name := range hanging {
					w.Sink(name, func(k *simulate.Sink) { k.Hang = 0 })
				}
			})
		})
	}
}

// bounded: a Prometheus that does not answer delays no policy that is measured by another.
func TestHangingPrometheusDelaysNoOther(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		other := simulate.Brief()
		other.Prometheus = "other"
		stuck, free := w.Add("stuck", simulate.Brief()), w.Add("free", other)
		go stuck.Cutover(green, "green-2")
		free.Cutover(green, "green-2")
		w.Fault("main", simulate.Fault{Hang: true})
		time.Sleep(time.Minute)
		stuck.Serve("green-2", simulate.Bad)
		free.Serve("green-2", simulate.Bad)
		since := time.Now()
		time.Sleep(5 * time.Minute)
		if took := free.MovedAt(1).Sub(since); took <= 0 || took > time.Minute {
			t.Errorf("the other policy was rolled back after %s, want within a minute", took)
		}
		if n := stuck.Moves(1); n != 0 {
			t.Errorf("blind-is-not-bad: moved %d times by a Prometheus that does not answer", n)
		}
		w.Fault("main", simulate.Fault{})
		time.Sleep(3 * time.Minute)
		if n := stuck.Moves(1); n != 1 {
			t.Errorf("moved %d times after Prometheus came back, want once", n)
		}
	})
}

// A Prometheus that refuses, throttles or answers in part is one incident, too, with its own words, however many of its
// questions it turns away; one that fails at a question is one of each release.
func TestPrometheusThatDoesNotAnswerIsOneIncident(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault simulate.Fault
		one   string
	}{
		{"no tenant", simulate.Fault{Turns: signal.Refused}, "main refuses greenwatch's questions since"},
		{"throttled", simulate.Fault{Turns: signal.Throttled}, "(client error: 429: too many outstanding requests)"},
		{"throttled now and then", simulate.Fault{Turns: signal.Throttled, Reads: true}, "main turns questions away since"},
		{"a store is gone", simulate.Fault{Turns: signal.Incomplete}, "store-2 did not answer"},
		{"a store is gone, as to some", simulate.Fault{Turns: signal.Incomplete, Reads: true}, "main answers in part only since"},
		{"control: it refuses the question", simulate.Fault{Turns: signal.QueryError}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				for _, name := range []string{"a", "b", "c"} {
					go w.Add(name, week(lone)).Cutover(green, "green-2")
				}
				time.Sleep(40 * time.Minute)
				w.Fault("main", c.fault)
				time.Sleep(20 * time.Minute)
				pages := w.Incidents("oncall")
				if text := w.Text("oncall", "prometheus/main"); c.one != "" && (len(pages) != 1 || !strings.Contains(text, c.one)) || c.one == "" && len(pages) != 3 {
					t.Errorf("paged for %v, %q; want %q", pages, text, c.one)
				}
				w.Fault("main", simulate.Fault{})
				time.Sleep(40 * time.Minute)
				if again := w.Incidents("oncall"); len(again) != len(pages) {
					t.Errorf("after the return paged for %v, too", again)
				}
				if opened, _, _, open := w.Incident("oncall", "prometheus/main"); c.one != "" && (opened != 1 || open) {
					t.Errorf("after the return: opened %d times, open: %v", opened, open)
				}
			})
		})
	}
}

// A Prometheus that is away is one incident, whoever leads, and it is resolved when it answers.
func TestPrometheusAwayIsOneIncident(t *testing.T) {
	const key = "prometheus/main"
	for _, c := range []struct {
		name string
		// when the leader dies, and for how long; Prometheus is away from 0 to 10 minutes.
		at, down time.Duration
	}{
		{name: "one leader"},
		{"the leader changes while it is away", 5 * time.Minute, 20 * time.Second},
		{"the leader changes before the page", time.Minute, 5 * time.Second},
		{"it comes back while nobody leads", 9 * time.Minute, 3 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				var all []*simulate.Service
				for _, name := range []string{"a", "b", "c"} {
					s := w.Add(name, week(lone))
					go s.Cutover(green, "green-2")
					all = append(all, s)
				}
				time.Sleep(40 * time.Minute)
				w.Fault("main", simulate.Fault{Away: true})
				if c.at > 0 {
					time.AfterFunc(c.at, func() { w.Kill(c.down) })
				}
				time.Sleep(10 * time.Minute)
				if opened, triggers, _, open := w.Incident("oncall", key); opened != 1 || triggers > 2 || !open {
					t.Errorf("while away: opened %d times by %d triggers, open: %v", opened, triggers, open)
				}
				w.Fault("main", simulate.Fault{})
				time.Sleep(5 * time.Minute)
				if opened, _, _, open := w.Incident("oncall", key); opened != 1 || open {
					t.Errorf("after the return: opened %d times, open: %v", opened, open)
				}
				if pages := w.Incidents("oncall"); len(pages) != 1 {
					t.Errorf("paged for %v, want %s alone", pages, key)
				}
				for _, s := range all {
					if s.Moves(1) > 0 {
						t.Error("blind-is-not-bad: moved")
					}
				}
			})
		})
	}
}

// An incident about a Prometheus that nobody asks any more does not stay open.
func TestPrometheusNobodyAsksIsResolved(t *testing.T) {
	for _, down := range []time.Duration{0, 10 * time.Second} {
		live(t, func(t *testing.T, w *simulate.World) {
			s := w.Add("service", week(lone))
			s.Cutover(green, "green-2")
			w.Fault("main", simulate.Fault{Away: true})
			time.Sleep(10 * time.Minute)
			if _, _, _, open := w.Incident("oncall", "prometheus/main"); !open {
				t.Error("not paged")
			}
			s.Say(1, func(p *release.People) { p.Decision = &release.Decision{Choice: release.ChooseAccept, By: "ann"} })
			time.Sleep(time.Minute)
			if down > 0 {
				w.Kill(down)
			}
			time.Sleep(20 * time.Minute)
			if _, _, _, open := w.Incident("oncall", "prometheus/main"); open {
				t.Error("still open though no release is watched")
			}
		})
	}
}

// The mode decides at each tick of the guard: switched to Enforce, what is bad is rolled back at once.
func TestModeTakesEffectAtTheNextTick(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		w.Set(func(s *watchdog.Settings) { s.Mode = release.Observe })
		s := w.Add("service", week(lone))
		s.Serve("green-2", simulate.Bad)
		s.Canary(green, "green-2")
		time.Sleep(20 * time.Minute)
		if n := s.Moves(1); n != 0 {
			t.Fatalf("moved %d times in mode Observe", n)
		}
		w.Set(func(s *watchdog.Settings) { s.Mode = release.Enforce })
		time.Sleep(20 * time.Second)
		if n := s.Moves(1); n != 1 {
			t.Errorf("moved %d times within a tick of mode Enforce, want once", n)
		}
	})
}

// A ladder that waits for stable to warm up is finished though its policy was deleted.
func TestDeletedPolicyFinishesItsLadder(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", simulate.Brief())
		s.Warm = 40 * time.Second
		s.Cutover(green, "green-2")
		time.Sleep(time.Minute)
		s.Scale(blue, 0)
		s.Serve("green-2", simulate.Bad)
		w.Until(s.In(1, release.RollingBack))
		s.Remove()
		time.Sleep(10 * time.Minute)
		_, state, _ := s.Release(1)
		if s.Share(green) != 0 || s.Moves(1) != 1 || s.Wanted(green) != 0 || state.Phase != release.Orphaned || !state.Settled {
			t.Errorf("share %v, %d moves, %d replicas, %s, settled: %v", s.Share(green), s.Moves(1), s.Wanted(green), state.Phase, state.Settled)
		}
		if opened, _, _, open := w.Incident("oncall", "production/service-1/1/Rollback"); opened != 1 || open {
			t.Errorf("the rollback's page was opened %d times, open: %v", opened, open)
		}
	})
}

// A release without traffic is looked at when something happens, and not otherwise.
func TestDeployedDoesNotPoll(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(asItIs))
		w.Until(s.Known)
		s.Deploy(green, "green-2")
		w.Until(s.In(1, release.Deployed))
		time.Sleep(10 * time.Minute)
		looks := s.Looks()
		time.Sleep(24 * time.Hour)
		if n := s.Looks() - looks; n > 0 {
			t.Errorf("%d looks at a release without traffic in a quiet day", n)
		}
	})
}

// act-before-tell: a chat that hangs takes no writer from the pager, however many releases there are.
func TestHangingSinkTakesNoWriterFromAnother(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		w.Set(func(s *watchdog.Settings) { s.Breaker = release.Breaker{} })
		w.Sink("chat", func(k *simulate.Sink) { k.Hang = time.Hour })
		for i := range 50 {
			s := w.Add(fmt.Sprintf("service%d", i), simulate.Brief())
			s.Serve("green-2", simulate.Bad)
			go s.Canary(green, "green-2")
		}
		time.Sleep(5 * time.Minute)
		paged := 0
		for _, key := range w.Incidents("oncall") {
			if strings.HasSuffix(key, "/Rollback") {
				paged++
			}
		}
		if paged != 50 {
			t.Errorf("paged for %d of 50 rollbacks", paged)
		}
	})
}

// An incident that was open for longer than pages are kept is closed all the same, when its end can't
// be told at once.
func TestOldIncidentIsClosed(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		w.Set(func(s *watchdog.Settings) { s.PageExpires = signal.Duration(20 * time.Minute) })
		s := w.Add("service", week(lone))
		s.Serve("green-2", simulate.Quality{Errors: 0.03})
		s.Cutover(green, "green-2")
		time.Sleep(time.Hour)
		const key = "production/service-1/1/Consider"
		if _, _, _, open := w.Incident("oncall", key); !open {
			t.Fatal("not paged")
		}
		s.Serve("green-2", simulate.Good)
		time.Sleep(20 * time.Minute)
		w.Sink("oncall", func(k *simulate.Sink) { k.Down = true })
		time.Sleep(15 * time.Minute)
		w.Sink("oncall", func(k *simulate.Sink) { k.Down = false })
		time.Sleep(10 * time.Minute)
		if _, _, resolves, open := w.Incident("oncall", key); open || resolves != 1 {
			t.Errorf("open: %v after %d resolves", open, resolves)
		}
	})
}

// bounded: forty episodes leave no more in the status than a few, and each pages once.
func TestManyEpisodes(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(func(p *release.Plan) {
			lone(p)
			p.GuardEvery = signal.Duration(time.Minute)
		}))
		s.Cutover(green, "green-2")
		const episodes = 40
		for range episodes {
			time.Sleep(40 * time.Minute)
			s.Serve("green-2", simulate.Quality{Errors: 0.03})
			time.Sleep(15 * time.Minute)
			s.Serve("green-2", simulate.Good)
		}
		time.Sleep(45 * time.Minute)
		_, state, _ := s.Release(1)
		if len(state.Incidents) > 16 || len(state.Told) > 20 {
			t.Errorf("%d incidents and %d deliveries are kept", len(state.Incidents), len(state.Told))
		}
		if pages := w.Incidents("oncall"); len(pages) != episodes {
			t.Errorf("paged for %d episodes, want %d", len(pages), episodes)
		}
		for _, key := range w.Incidents("oncall") {
			if opened, triggers, resolves, open := w.Incident("oncall", key); opened != 1 || triggers != 1 || resolves != 1 || open {
				t.Errorf("once: %s: opened %d, triggered %d, resolved %d, open %v", key, opened, triggers, resolves, open)
			}
		}
	})
}

// A new leader whose caches lag behind the leader before tells nobody anything again.
func TestStaleCacheAfterChangeOfLeader(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		s.Serve("green-2", simulate.Quality{Errors: 0.03})
		s.Cutover(green, "green-2")
		time.Sleep(10 * time.Minute)
		w.Freeze()
		time.Sleep(5 * time.Minute)
		s.Serve("green-2", simulate.Good)
		time.Sleep(50 * time.Minute)
		w.Kill(time.Second)
		time.Sleep(10 * time.Minute)
		w.Thaw()
		time.Sleep(10 * time.Minute)
		const key = "production/service-1/1/Consider"
		if opened, triggers, _, open := w.Incident("oncall", key); opened != 1 || triggers != 1 || open {
			t.Errorf("opened %d times by %d triggers, open: %v", opened, triggers, open)
		}
	})
}
