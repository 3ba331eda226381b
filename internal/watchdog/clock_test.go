package watchdog_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// skews are clocks of Prometheus beside the daemon's: a little and much, ahead and behind.
var skews = []time.Duration{20 * time.Second, -20 * time.Second, 2 * time.Minute, -2 * time.Minute, time.Hour, -time.Hour}

// Prometheus' own clock counts: whatever it shows, a bad release is rolled back in its time, a good one is not, and
// neither is ever blind.
func TestPrometheusClockCounts(t *testing.T) {
	for _, ahead := range skews {
		t.Run(ahead.String(), func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(lone))
				w.Skew("main", ahead)
				s.Cutover(green, "green-2")
				time.Sleep(30 * time.Minute)
				if n := w.Meter.Blindness(); n[signal.Known] == 0 || len(n) > 2 || n[signal.Young] > 10 {
					t.Errorf("looks of the guard by cause of their blindness: %v; want none but of the first minutes", n)
				}
				if _, state, _ := s.Release(1); state.Phase != release.Watching || state.Verdict.Tier != judge.Proceed {
					t.Errorf("a good release is %s with %s", state.Phase, state.Verdict.Tier)
				}
				if w.Meter.Skew() != ahead {
					t.Errorf("the skew is counted as %s, want %s", w.Meter.Skew(), ahead)
				}
				s.Serve("green-2", simulate.Bad)
				since := time.Now()
				time.Sleep(8 * time.Minute)
				if took := s.MovedAt(1).Sub(since); took < 4*time.Minute || took > 6*time.Minute+30*time.Second {
					t.Errorf("rolled back after %s of bad data, want about 5m", took)
				}
			})
		})
	}
}

// The control of TestPrometheusClockCounts: a server that does not tell its time is asked by the daemon's, which is
// worth nothing where they differ.
func TestWithoutItsClockPrometheusCannotBeRead(t *testing.T) {
	for _, ahead := range skews[2:] {
		t.Run(ahead.String(), func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(lone))
				w.Skew("main", ahead)
				w.Fault("main", simulate.Fault{Mute: true})
				s.Cutover(green, "green-2")
				time.Sleep(30 * time.Minute)
				s.Serve("green-2", simulate.Bad)
				since := time.Now()
				time.Sleep(8 * time.Minute)
				if took := s.MovedAt(1).Sub(since); took > 0 && took < 7*time.Minute {
					t.Errorf("rolled back after %s all the same: the skew makes no difference here", took)
				}
				// As soon as it tells its time all is well.
				w.Fault("main", simulate.Fault{})
				time.Sleep(time.Minute)
				if s.Moves(1) != 1 {
					t.Error("its time is known for a minute, and the bad release is still there")
				}
			})
		})
	}
}

// The clock is asked about once a minute for all releases, and not while there is nothing to ask.
func TestTheClockIsAskedOnceAMinute(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		one, other := w.Add("one", week(lone)), w.Add("other", week(lone))
		time.Sleep(10 * time.Minute)
		if n := w.Clocks(); n != 0 {
			t.Errorf("asked %d times with no release to judge", n)
		}
		go other.Cutover(green, "green-2")
		one.Cutover(green, "green-2")
		before := w.Clocks()
		time.Sleep(30 * time.Minute)
		if n := w.Clocks() - before; n < 28 || n > 31 {
			t.Errorf("asked %d times in half an hour, want about once a minute", n)
		}
	})
}
