package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

const (
	considered  = "production/service-1/1/Consider"
	oncallFails = "notifier/oncall"
)

// refusing plays a release that is worth a page from the first quarter of an hour on, while the pager refuses its key.
func refusing(w *simulate.World, words string) *simulate.Service {
	s := w.Add("service", week(lone))
	w.Sink("oncall", func(k *simulate.Sink) { k.Refuses = words })
	s.Serve("green-2", simulate.Quality{Errors: 0.03})
	s.Cutover(green, "green-2")
	time.Sleep(time.Hour)
	return s
}

// wantPaged wants so many triggers of an incident of a sink, which opened it once if at all.
func wantPaged(t *testing.T, w *simulate.World, sink, key string, want int, open bool) {
	t.Helper()
	opened, triggers, _, is := w.Incident(sink, key)
	if triggers != want || opened != min(want, 1) || is != open {
		t.Errorf("%s: %s was opened %d times by %d triggers, open is %v; want %d triggers and %v", sink, key, opened, triggers, is, want, open)
	}
}

// once, act-before-tell: a page that is refused for the pager's key is kept, over a restart of the daemon, too, and sent
// when the key is another one. The chat hears once of it, and when it is over.
func TestAPageRefusedForItsKeyIsKept(t *testing.T) {
	for _, restart := range []bool{false, true} {
		live(t, func(t *testing.T, w *simulate.World) {
			refusing(w, "Invalid routing key")
			if restart {
				w.Kill(5 * time.Second)
				time.Sleep(5 * time.Minute)
			}
			wantPaged(t, w, "oncall", considered, 0, false)
			if heard := w.Text("chat", oncallFails); !strings.Contains(heard, "(Invalid routing key)") {
				t.Errorf("the chat heard %q", heard)
			}
			if !w.Meter.Refusing("oncall") {
				t.Error("the metric does not say so")
			}
			time.Sleep(11 * time.Minute) // it is tried every ten: soon after a try is long before the next
			w.Renew("oncall")
			time.Sleep(10 * time.Second)
			wantPaged(t, w, "oncall", considered, 1, true)
			if w.Meter.Refusing("oncall") {
				t.Error("the metric says that it still refuses")
			}
			_, told, _, _ := w.Incident("chat", oncallFails)
			if most := 1 + w.Crashes; told > most { // which the chat makes one message
				t.Errorf("the chat heard %d times of it, want %d at most", told, most)
			}
			wantPaged(t, w, "chat", oncallFails, told, true)
			time.Sleep(31 * time.Minute)
			wantPaged(t, w, "chat", oncallFails, told, false)
			wantPaged(t, w, "oncall", considered, 1, true)
		})
	}
}

// A channel that refuses its token is the pagers' to tell; its story is told in full when it is mended.
func TestARefusedStoryIsKept(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		w.Sink("chat", func(k *simulate.Sink) { k.Refuses = "token_revoked" })
		s.Cutover(green, "green-2")
		time.Sleep(3 * time.Hour)
		wantPaged(t, w, "oncall", "notifier/chat", 1, true)
		w.Renew("chat")
		time.Sleep(10 * time.Second)
		if _, state, _ := s.Release(1); w.Edition("chat", "production/service-1") != state.Story {
			t.Errorf("the story was told up to edition %d of %d", w.Edition("chat", "production/service-1"), state.Story)
		}
		time.Sleep(31 * time.Minute)
		wantPaged(t, w, "oncall", "notifier/chat", 1, false)
	})
}

// The controls: a key that was right all along, one that never changes, and messages that are refused for what they hold.
func TestWhatIsNotRefusedForItsKey(t *testing.T) {
	t.Run("right all along", func(t *testing.T) {
		live(t, func(t *testing.T, w *simulate.World) {
			refusing(w, "")
			wantPaged(t, w, "oncall", considered, 1, true)
			wantPaged(t, w, "chat", oncallFails, 0, false)
		})
	})
	t.Run("never mended", func(t *testing.T) {
		live(t, func(t *testing.T, w *simulate.World) {
			refusing(w, "Invalid routing key")
			time.Sleep(26 * time.Hour)
			w.Sink("oncall", func(k *simulate.Sink) {
				// The page, and that nothing is wrong with the chat and with Prometheus, which a new leader says once.
				if most := 3 * (26*6 + 5); k.Requests < 24*6 || k.Requests > most {
					t.Errorf("%d requests within a day, want one in ten minutes for each of three messages, %d at most", k.Requests, most)
				}
			})
			if n := w.Meter.Delivery["oncall expired"]; n != 2 { // the page, and that nothing is wrong with the chat
				t.Errorf("%d messages were given up, want 2", n)
			}
			wantPaged(t, w, "chat", oncallFails, 1, true)
			w.Renew("oncall")
			time.Sleep(time.Minute)
			wantPaged(t, w, "oncall", considered, 0, false)
		})
	})
	t.Run("refused for what it holds", func(t *testing.T) {
		live(t, func(t *testing.T, w *simulate.World) {
			w.Sink("oncall", func(k *simulate.Sink) { k.RefusesContent = true })
			refusing(w, "")
			w.Sink("oncall", func(k *simulate.Sink) {
				if k.Requests > 3 {
					t.Errorf("%d requests, want each of three messages once", k.Requests)
				}
				k.RefusesContent = false
			})
			time.Sleep(time.Hour)
			wantPaged(t, w, "oncall", considered, 0, false)
			wantPaged(t, w, "chat", oncallFails, 0, false)
		})
	})
}
