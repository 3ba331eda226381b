package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab/skew"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Prometheus' own clock counts. Two minutes behind the daemon's nothing is seen of it while its time is not known, which
// is the control; as soon as it is, the release is judged, and rolled back when it turns bad, by evidence that says by
// how much the clocks differ. Set an hour ahead in between it is blind for about a minute, and never bad.
func TestPrometheusHasAnotherClock(t *testing.T) {
	const behind, askedEvery = -2 * time.Minute, time.Minute
	var clock *skew.Clock
	s := open(t, stage.Options{Policy: stage.Policy(stage.Terms{Active: "10m", Enhanced: "20m", WatchStableFor: "2s"}),
		Through: func(url string) string {
			clock = skew.Before(url, behind)
			clock.Mute(true)
			t.Cleanup(clock.Close)
			return clock.URL
		}})
	s.cutOver()
	s.awaitTier(judge.Blind, signal.Lag)
	s.steadily("blind, and nothing else", longer, func(ctx context.Context) error {
		r, err := s.releaseNo(ctx, 1)
		if err == nil && r.Status.Verdict.Tier == judge.Proceed {
			err = fmt.Errorf("the verdict is %s: the skew makes no difference", r.Status.Verdict.Tier)
		}
		return err
	})

	clock.Mute(false)
	known := time.Now()
	s.awaitTier(judge.Proceed, signal.Known)
	t.Logf("judged %.1f s after its time was told", time.Since(known).Seconds())
	if skew := s.metric("greenwatch_prometheus_clock_skew_seconds"); skew != -120 {
		t.Errorf("the metric is %.0f, want -120", skew)
	}

	clock.Set(time.Hour)
	jumped := time.Now()
	s.within(soon+askedEvery, "the clock to be asked again", func(context.Context) error {
		if skew := s.metric("greenwatch_prometheus_clock_skew_seconds"); skew != 3600 {
			return fmt.Errorf("the metric is %.0f", skew)
		}
		return nil
	})
	t.Logf("the jump was seen after %.1f s", time.Since(jumped).Seconds())
	s.awaitTier(judge.Proceed, signal.Known)
	s.must(s.untouched(t.Context()))
	s.fail("green", 0.5)
	r, _ := s.rolledBack()
	if d := r.Status.Decision; d == nil || d.Skew != signal.Duration(time.Hour) {
		t.Errorf("the decision rests on %+v, want a skew of 1h", d)
	}
}
