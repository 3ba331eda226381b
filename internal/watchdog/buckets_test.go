package watchdog_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// bucketed is the default policy, whose latency is counted above its bounds.
func bucketed(p *release.Plan) {
	lone(p)
	p.Questions[1].Over = []signal.Number{0.1, 1}
}

var (
	fine   = []signal.Number{0.1, 1}
	coarse = []signal.Number{0.5}
)

// What the histograms can show is asked once an hour, though the guard looks every 15 s, and written only
// where it is another than before.
func TestBucketsAreAskedRarelyAndWrittenOnChange(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(bucketed))
		s.SetBuckets(fine, nil)
		s.Cutover(green, "green-2")
		time.Sleep(3*time.Hour + 30*time.Minute)
		if b := s.Buckets(); b.Looks != 4 || b.Writes != 1 {
			t.Fatalf("%d looks and %d writes in three hours and a half, want 4 and 1", b.Looks, b.Writes)
		}
		s.SetBuckets(fine, coarse)
		time.Sleep(time.Hour)
		if b := s.Buckets(); b.Looks != 5 || b.Writes != 2 || len(b.Seen) != 2 || len(b.Seen[1].Ends) != 1 {
			t.Errorf("another histogram within the hour: %+v, want a look and a write more", b)
		}
	})
}

// An edited policy is looked at at once, and one without a release, too.
func TestBucketsOfAnEditedPolicyAreAskedAtOnce(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(bucketed))
		s.SetBuckets(fine, fine)
		time.Sleep(time.Minute)
		before := s.Buckets().Looks
		s.Edit(func(p *release.Plan) { p.Questions[1].Over = []signal.Number{0.2} })
		time.Sleep(time.Minute)
		if b := s.Buckets(); before != 1 || b.Looks != 2 {
			t.Errorf("%d looks before the edit and %d after it, want 1 and 2", before, b.Looks)
		}
	})
}

// While Prometheus is away nothing is known, which is said; then it is asked every few minutes.
func TestBucketsAreUnknownWhilePrometheusIsAway(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(bucketed))
		s.SetBuckets(fine, fine)
		w.Fault("main", simulate.Fault{Away: true})
		time.Sleep(12 * time.Minute)
		b := s.Buckets()
		if b.Looks != 3 || b.Writes != 1 || len(b.Seen) != 2 || b.Seen[0].Cause != signal.Away {
			t.Fatalf("away for 12 minutes: %+v, want three looks, and it said once", b)
		}
		w.Fault("main", simulate.Fault{})
		time.Sleep(5 * time.Minute)
		if b := s.Buckets(); b.Writes != 2 || b.Seen[0].Cause != signal.Known {
			t.Errorf("back for 5 minutes: %+v, want it known", b)
		}
	})
}

// A Prometheus that hangs holds no rollback up for longer than a look at it may take.
func TestBucketsOfAHangingPrometheusHoldUpNothing(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(bucketed))
		s.SetBuckets(fine, fine)
		w.Fault("main", simulate.Fault{Hang: true})
		since := time.Now()
		w.Until(func() bool { return len(s.Buckets().Seen) > 0 })
		if took := time.Since(since); took > 10*time.Second || s.Buckets().Seen[0].Cause != signal.Timeout {
			t.Errorf("said after %s: %+v, want a timeout within 10 s", took, s.Buckets().Seen)
		}
	})
}
