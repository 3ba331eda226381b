package watchdog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// A budget that is used up is written to the policy once, and taken back when it has lasted for a while without;
// a budget that is enough writes nothing.
func TestTheQueryBudgetIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spent, writes := false, []bool{}
		p := Policy{Key: Key{"production", "shop"}, Plan: &release.Plan{Prometheus: "main"}}
		d := &Daemon{Edges: Edges{
			Overspent: func(by Asker) bool { return by.Prometheus == "main" && by.Policy == p.Key && spent },
			Fresh:     func(_ context.Context, p Policy) (Policy, error) { return p, nil },
			SaveBudget: func(_ context.Context, _ Policy, spent bool) error {
				writes, p.Overspent = append(writes, spent), spent
				return nil
			},
		}}
		look := func(want int, wantAgain time.Duration) {
			t.Helper()
			again, err := d.sayBudget(t.Context(), p)
			if err != nil || len(writes) != want {
				t.Errorf("wrote %v, %v; want %d times", writes, err, want)
			}
			if got := time.Duration(0); !again.IsZero() {
				got = time.Until(again.Time()).Round(time.Second)
				if got != wantAgain {
					t.Errorf("looks again in %s, want %s", got, wantAgain)
				}
			} else if wantAgain > 0 {
				t.Errorf("does not look again, want in %s", wantAgain)
			}
		}
		look(0, 0)
		spent = true
		look(1, 5*time.Minute)
		for range 10 { // used up again and again
			time.Sleep(time.Minute)
			spent = !spent
			look(1, map[bool]time.Duration{true: 5 * time.Minute, false: 4 * time.Minute}[spent])
		}
		spent = false
		time.Sleep(5 * time.Minute)
		look(2, 0)
		if !writes[0] || writes[1] {
			t.Errorf("wrote %v", writes)
		}
		p.Overspent = true // as the leader before left it
		look(3, 0)

		d.SaveBudget = func(context.Context, Policy, bool) error { return errors.New("no") }
		spent = true
		if _, err := d.sayBudget(t.Context(), p); err == nil {
			t.Error("a write that failed is not said")
		}
	})
}
