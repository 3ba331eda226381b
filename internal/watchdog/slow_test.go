package watchdog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// A Prometheus that takes 5 s for each answer is asked side by side: what is bad is rolled back almost as soon
// as with one that answers at once.
func TestASlowPrometheusDelaysAVerdictLittle(t *testing.T) {
	took := func(takes time.Duration) (took time.Duration) {
		live(t, func(t *testing.T, w *simulate.World) {
			s := w.Add("service", week(asItIs))
			s.Cutover(green, "green-2")
			time.Sleep(20 * time.Minute)
			w.Fault("main", simulate.Fault{Takes: takes})
			time.Sleep(10 * time.Minute)
			s.Serve("green-2", simulate.Bad)
			since := time.Now()
			w.Until(func() bool { return s.Moves(1) > 0 })
			took = s.MovedAt(1).Sub(since)
		})
		return took
	}
	quick, slow := took(0), took(5*time.Second)
	t.Logf("rolled back after %s, and after %s where each answer takes 5 s", quick, slow)
	if slow-quick > 50*time.Second { // two looks of four answers and the clock's
		t.Errorf("5 s for each answer delay the rollback by %s, want two looks' answers at most", slow-quick)
	}
}

// A mode that is taken back while answers are waited for counts for what they say: nothing is moved by a look that began
// before. The control takes it back once it is decided.
func TestAModeThatIsTakenBackDuringALookCounts(t *testing.T) {
	judged := func(at time.Duration, takeBack func(*simulate.World, *simulate.Service)) (begun, moved time.Duration, moves int) {
		live(t, func(t *testing.T, w *simulate.World) {
			s := w.Add("service", week(asItIs))
			s.Cutover(green, "green-2")
			time.Sleep(20 * time.Minute)
			w.Fault("main", simulate.Fault{Takes: 8 * time.Second})
			s.Serve("green-2", simulate.Bad)
			since := time.Now()
			time.Sleep(at)
			takeBack(w, s)
			time.Sleep(30*time.Minute - at)
			if _, state, _ := s.Release(1); state.Ladder != nil {
				begun, moved = state.Ladder.Decided.Time().Sub(since), s.MovedAt(1).Sub(since)
			}
			moves = s.Moves(1)
		})
		return begun, moved, moves
	}
	begun, moved, moves := judged(0, func(*simulate.World, *simulate.Service) {})
	if moves != 1 {
		t.Fatalf("moved %d times, want once", moves)
	}
	for name, takeBack := range map[string]func(*simulate.World, *simulate.Service){
		"in the daemon's file": func(w *simulate.World, _ *simulate.Service) {
			w.Set(func(s *watchdog.Settings) { s.Mode = release.Observe })
		},
		"in the policy": func(_ *simulate.World, s *simulate.Service) {
			s.Edit(func(p *release.Plan) { p.Mode = release.Observe })
		},
	} {
		if _, _, moves := judged(moved+time.Second, takeBack); moves != 1 {
			t.Errorf("%s, once it was done: moved %d times, want once", name, moves)
		}
		for in := time.Second; in < 8*time.Second; in += time.Second {
			if _, _, moves := judged(begun+in, takeBack); moves != 0 {
				t.Errorf("%s, %s after the look began: moved %d times", name, in, moves)
			}
		}
	}
}

// What is only told or recorded holds up no rollback, however slow its answers are; and the guard keeps its pace.
func TestWhatIsRecordedDelaysNoVerdict(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(asItIs))
		w.Fault("main", simulate.Fault{TakesTold: time.Hour})
		s.Cutover(green, "green-2")
		time.Sleep(40 * time.Minute)
		begun, guards := time.Now(), w.Meter.Guarding()
		time.Sleep(time.Hour)
		if n, want := w.Meter.Guarding()-guards, int(time.Since(begun)/(15*time.Second)); n < want-14 {
			t.Errorf("%d looks of the guard in %s, want one every 15 s but for those that wait for a check", n, time.Since(begun))
		}
		_, state, _ := s.Release(1)
		if state.Baseline != nil || state.Verdict.Tier != judge.Proceed {
			t.Errorf("baseline %v, verdict %s: what is only told was to hang, and no more", state.Baseline, state.Verdict.Tier)
		}
		if n := len(state.Lines); n < 12 {
			t.Errorf("%d checks have a line: each gets a verdict or a reason", n)
		}
		s.Serve("green-2", simulate.Bad)
		since := time.Now()
		w.Until(func() bool { return s.Moves(1) > 0 })
		if took := s.MovedAt(1).Sub(since); took > 6*time.Minute+45*time.Second {
			t.Errorf("rolled back after %s", took)
		}
	})
}

// blind-is-not-bad: a Prometheus that hangs is paged blindFor after the first look that it should have answered.
func TestAHangingPrometheusIsPagedInTime(t *testing.T) {
	for _, blindFor := range []time.Duration{10 * time.Second, 2 * time.Minute, 10 * time.Minute} {
		for _, wait := range []time.Duration{0, 20 * time.Second, 40 * time.Second} { // where within the guard's minute
			live(t, func(t *testing.T, w *simulate.World) {
				w.Set(func(s *watchdog.Settings) { s.BlindFor = signal.Duration(blindFor) })
				s := w.Add("service", week(lone))
				s.Cutover(green, "green-2")
				time.Sleep(40*time.Minute + wait)
				w.Fault("main", simulate.Fault{Hang: true})
				since := time.Now()
				const key = "production/service-1/1/BlindLasting"
				w.Until(func() bool { return slices.Contains(w.Incidents("oncall"), key) })
				// A tick until the first look, and one until that which finds it lasting, in a query's time.
				if took := time.Since(since); took < blindFor || took > blindFor+2*15*time.Second+10*time.Second {
					t.Errorf("paged after %s of hanging, want %s and a tick", took, blindFor)
				}
				if _, state, _ := s.Release(1); state.Phase != release.Watching || s.Moves(1) > 0 {
					t.Errorf("%s, %d moves", state.Phase, s.Moves(1))
				}
			})
		}
	}
}

// A hanging Prometheus that now and then answers with old samples is blind since the first of it.
func TestBlindnessCountsThroughItsCauses(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		w.Set(func(s *watchdog.Settings) { s.BlindFor = signal.Duration(5 * time.Minute) })
		s := w.Add("service", week(lone))
		s.Cutover(green, "green-2")
		time.Sleep(40 * time.Minute)
		since := time.Now()
		const key = "production/service-1/1/BlindLasting"
		for range 6 {
			w.Fault("main", simulate.Fault{Hang: true})
			time.Sleep(90 * time.Second)
			w.Fault("main", simulate.Fault{Lag: 5 * time.Minute})
			time.Sleep(90 * time.Second)
		}
		opened, _, _, _ := w.Incident("oncall", key)
		_, state, _ := s.Release(1)
		if opened != 1 || state.Verdict.Since.Time().Sub(since) > time.Minute {
			t.Errorf("opened %d times, blind since %s; want once, since %s", opened, state.Verdict.Since, since.UTC())
		}
	})
}
