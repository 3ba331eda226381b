package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

const faultOfService = "production/service/1/" + string(release.CodeFault)

// A panic in a look at one policy rests that policy alone and pages once; its neighbour is rolled back as
// ever, and so is the policy itself once the looks go well again.
func TestAPanicRestsOnePolicyAlone(t *testing.T) {
	for _, edge := range []string{"Observe", "Read", "Save"} {
		t.Run(edge, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s, neighbour := w.Add("service", week(lone)), w.Add("neighbour", week(lone))
				w.Until(func() bool { return s.Known() && neighbour.Known() })
				go s.Cutover(green, "green-2")
				neighbour.Cutover(green, "green-2")
				w.Until(func() bool { return s.In(1, release.Watching)() && neighbour.In(1, release.Watching)() })
				key := faultOfService

				s.Panic(edge, true)
				s.Serve("green-2", simulate.Bad)
				neighbour.Serve("green-2", simulate.Bad)
				time.Sleep(20 * time.Minute)
				if n := neighbour.Moves(1); n != 1 {
					t.Errorf("the neighbour was moved %d times, want once", n)
				}
				if n := s.Moves(1); n != 0 {
					t.Errorf("moved %d times by looks that panic", n)
				}
				if opened, triggers, _, open := w.Incident("oncall", key); opened != 1 || triggers != 1 || !open {
					t.Errorf("%s: opened %d times by %d triggers, open: %v; want one page", key, opened, triggers, open)
				}
				// 5 s, doubled up to ten minutes: 8 or 9 looks in 20 minutes, where a guard looks 80 times.
				if n := w.Meter.Caught(); n < 3 || n > 12 {
					t.Errorf("%d panics in 20 minutes, want a growing pause between them", n)
				}

				s.Panic(edge, false)
				time.Sleep(20 * time.Minute)
				if n := s.Moves(1); n != 1 {
					t.Errorf("moved %d times after the looks went well again, want once", n)
				}
				time.Sleep(40 * time.Minute)
				if opened, _, resolves, open := w.Incident("oncall", key); opened != 1 || resolves != 1 || open {
					t.Errorf("%s: opened %d times, resolved %d times, open: %v; want it over", key, opened, resolves, open)
				}
			})
		})
	}
}

// A person's word is obeyed within seconds where looks panic at measuring, however long the policy rests by then.
func TestAWordDoesNotWaitForAPolicyThatRests(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		s.Panic("Read", true)
		time.Sleep(30 * time.Minute)
		if s.Moves(1) != 0 {
			t.Fatal("moved without a word")
		}
		said := time.Now()
		s.Say(1, func(p *release.People) {
			p.Decision = &release.Decision{Choice: release.ChooseRollback, By: "ann", Reason: "the graphs"}
		})
		w.Until(func() bool { return s.Moves(1) == 1 })
		if took := s.MovedAt(1).Sub(said); took > 10*time.Second {
			t.Errorf("the word was obeyed after %s", took)
		}
		s.Panic("Read", false)
		time.Sleep(time.Hour)
	})
}

// Whether a page was sent about a policy itself outlives the process.
func TestAFaultIsPagedOnceThroughARestart(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		s.Panic("Read", true)
		time.Sleep(2 * time.Minute)
		w.Kill(10 * time.Second)
		time.Sleep(20 * time.Minute)
		if opened, triggers, _, _ := w.Incident("oncall", faultOfService); opened != 1 || triggers != 1 {
			t.Errorf("opened %d times by %d triggers, want one page", opened, triggers)
		}
		s.Panic("Read", false)
		time.Sleep(time.Hour)
		if _, _, resolves, open := w.Incident("oncall", faultOfService); resolves != 1 || open {
			t.Errorf("resolved %d times, open: %v; want it over", resolves, open)
		}
	})
}

// A panic at a delivery to one sink delays no rollback and no other sink; what was owed is delivered later.
func TestAPanicAtADeliveryHoldsUpNothing(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		w.Sink("chat", func(k *simulate.Sink) { k.Panics = true })
		s.Serve("green-2", simulate.Bad)
		w.Until(func() bool { return s.Moves(1) == 1 })
		time.Sleep(time.Minute)
		if !hasPage(w, string(release.CodeRollback)) {
			t.Errorf("the pager was told of %v, want the rollback", w.Incidents("oncall"))
		}
		if !hasPage(w, string(release.CodeFault)) {
			t.Errorf("the pager was told of %v, want the fault", w.Incidents("oncall"))
		}
		w.Sink("chat", func(k *simulate.Sink) { k.Panics = false })
		time.Sleep(2 * time.Hour)
		if _, state, _ := s.Release(1); w.Edition("chat", "production/service-1") != state.Story {
			t.Errorf("the chat was told up to edition %d of %d", w.Edition("chat", "production/service-1"), state.Story)
		}
	})
}

func hasPage(w *simulate.World, code string) bool {
	for _, key := range w.Incidents("oncall") {
		if strings.HasSuffix(key, "/"+code) {
			return true
		}
	}
	return false
}
