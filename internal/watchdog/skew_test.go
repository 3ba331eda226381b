package watchdog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// What is used stands as long as the answers bear it out, so that bins don't move with each of them.
func TestASkewMovesOnlyWhenItMust(t *testing.T) {
	base := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name              string
		used, ahead, trip time.Duration
		wantAhead         time.Duration
	}{
		{name: "agreed", ahead: 300 * time.Millisecond, trip: 10 * time.Millisecond},
		{name: "within a second", used: 20 * time.Second, ahead: 20900 * time.Millisecond, trip: 10 * time.Millisecond, wantAhead: 20 * time.Second},
		{name: "beyond it", used: 20 * time.Second, ahead: 22 * time.Second, trip: 10 * time.Millisecond, wantAhead: 22 * time.Second},
		{name: "rounded", ahead: -7600 * time.Millisecond, trip: 10 * time.Millisecond, wantAhead: -8 * time.Second},
		{name: "a slow answer proves less", used: 20 * time.Second, ahead: 22 * time.Second, trip: 4 * time.Second, wantAhead: 20 * time.Second},
		{name: "half of the way is taken", ahead: time.Hour, trip: 2 * time.Second, wantAhead: time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &clock{ahead: signal.Duration(c.used)}
			k.learn(base.Add(c.trip/2).Add(c.ahead), base, base.Add(c.trip))
			if got := k.ahead.D(); got != c.wantAhead {
				t.Errorf("with %s in use and %s measured %s is used, want %s", c.used, c.ahead, got, c.wantAhead)
			}
		})
	}
}

// A server that hangs costs one look the wait, not each, and never more than clockFor; the last answer stands.
func TestAHangingClockHoldsUpLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, hangs := 0, false
		d := &Daemon{meter: unmetered{}, log: zap.NewNop(), clocks: clocks{servers: map[string]*clock{}}}
		d.Clock = func(ctx context.Context, _ string) (time.Time, error) {
			asked++
			if hangs {
				<-ctx.Done()
				return time.Time{}, errors.New("timeout")
			}
			return time.Now().Add(time.Minute), nil
		}
		if got := d.clockOf(t.Context(), "main").ahead; got.D() != time.Minute {
			t.Fatalf("a skew of %s, want 1m", got)
		}
		time.Sleep(clockEvery)
		hangs = true
		begun := time.Now()
		for range 8 {
			go d.clockOf(t.Context(), "main")
		}
		synctest.Wait()
		if got := d.clockOf(t.Context(), "main").ahead; got.D() != time.Minute || time.Since(begun) > 0 || asked != 2 {
			t.Errorf("a skew of %s after %s and %d questions, want the old one at once, and one question under way", got, time.Since(begun), asked)
		}
		time.Sleep(clockFor)
		synctest.Wait()
		if got := d.clockOf(t.Context(), "main").ahead; got.D() != time.Minute || asked != 2 {
			t.Errorf("a skew of %s after %d questions, want the old one, and some rest before the next", got, asked)
		}
	})
}
