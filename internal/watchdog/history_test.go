package watchdog_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// A Prometheus that keeps too little is said on the policy before there is a release, once, and unsaid when it keeps
// enough; one that stops to tell changes nothing. It is asked once an hour. The controls never say so.
func TestHistoryShort(t *testing.T) {
	const says = "Prometheus main keeps 5d (storage.tsdb.retention.time); the comparison with last week needs 8d: keep as much, or what is compared with it stays unknown"
	live(t, func(t *testing.T, w *simulate.World) {
		w.Keep(func(k *simulate.Keeps) { k.Short, k.Tells = "keeps 5d (storage.tsdb.retention.time)", true })
		s := w.Add("service", week(asItIs))
		time.Sleep(time.Minute)
		if got := s.HistoryShort(); got != (simulate.Measured{Says: says, Writes: 1}) {
			t.Errorf("on day 0 it says %+v", got)
		}
		w.Keep(func(k *simulate.Keeps) { k.Short, k.Tells = "", false })
		time.Sleep(5 * time.Hour)
		if got := s.HistoryShort(); got != (simulate.Measured{Says: says, Writes: 1}) {
			t.Errorf("when it does not tell any more: %+v", got)
		}
		w.Keep(func(k *simulate.Keeps) {
			if k.Asked < 5 || k.Asked > 7 {
				t.Errorf("asked %d times in five hours, want once an hour", k.Asked)
			}
			k.Tells = true
		})
		time.Sleep(2 * time.Hour)
		if got := s.HistoryShort(); got != (simulate.Measured{Writes: 2}) {
			t.Errorf("when it keeps enough: %+v", got)
		}
	})
	for name, tells := range map[string]bool{"enough": true, "not told": false} {
		live(t, func(t *testing.T, w *simulate.World) {
			w.Keep(func(k *simulate.Keeps) { k.Tells = tells })
			s := w.Add("service", week(asItIs))
			time.Sleep(3 * time.Hour)
			if got := s.HistoryShort(); got != (simulate.Measured{}) {
				t.Errorf("%s: %+v", name, got)
			}
		})
	}
}
