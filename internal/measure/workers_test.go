package measure_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// worker is a process with counters of its own.
type worker struct{ good, bad float64 }

// recordWorkers records pods that each run several processes behind one port, for ten minutes. Before the history
// began they failed a third of a test's requests; nothing fails since. A scrape is answered by one of them, or by a
// registry of all.
func recordWorkers(h *history, metric string, shared, recycled bool, clock bool) {
	r := rand.New(rand.NewPCG(1, 2))
	for pod := range 3 {
		workers := []worker{{9000, 3000}, {9300, 3100}, {9100, 2900}}
		if recycled {
			workers = []worker{{9000, 3000}, {}}
		}
		for i := range 40 {
			for w := range workers {
				workers[w].good += 25 + float64(r.IntN(10))
			}
			answering := []worker{workers[r.IntN(len(workers))]}
			if shared {
				answering = workers
			}
			var all worker
			for _, w := range answering {
				all.good, all.bad = all.good+w.good, all.bad+w.bad
			}
			first := offset + time.Duration(i)*every
			name := fmt.Sprintf("%s-%d", metric, pod)
			h.add(fmt.Sprintf(`%s{job="shop",instance=%q,code="200"}`, metric, name), first, every, all.good)
			h.add(fmt.Sprintf(`%s{job="shop",instance=%q,code="500"}`, metric, name), first, every, all.bad)
			if clock { // one of them has just been started
				began := float64(t0) - 9000
				if answering[0].bad == 0 {
					began = float64(t0) + 60
				}
				h.add(fmt.Sprintf(`process_start_time_seconds{job="shop",instance=%q}`, name), first, every, began)
			}
		}
	}
}

// recordOneRestart records a single process that is restarted in the third minute, whose errors are counted from then on.
func recordOneRestart(h *history, metric string) {
	h.add(metric+`{job="shop",instance="one",code="200"}`, offset, every, then(steps(9000, 30, 10), steps(4, 27, 30))...)
	h.add(metric+`{job="shop",instance="one",code="500"}`, offset, every, then(repeat(3000, 10), steps(1, 3, 30))...)
}

func recordAllWorkers(h *history) {
	recordWorkers(h, "workers_total", false, false, false)
	recordWorkers(h, "merged_total", true, false, false)
	recordWorkers(h, "recycled_total", false, true, false)
	recordWorkers(h, "clocked_total", false, true, true)
	recordOneRestart(h, "restarted_total")
}

// Worker processes that answer by turns count nothing that can be told: what one has counted since the last scrape
// of another is no difference of the two. With one registry, or after a true restart, all is counted.
func testWorkers(t *testing.T, s server) {
	c := s.client(t)
	r := measure.Range{From: t0.Add(2 * minute), To: t0.Add(10 * minute), Bin: minute}
	for _, tc := range []struct {
		metric string
		known  bool
		cause  signal.Cause
	}{
		{"workers_total", false, signal.Mixed},
		{"recycled_total", false, signal.Mixed},
		{"clocked_total", false, signal.Mixed},
		{"merged_total", true, signal.Known},
		{"restarted_total", true, signal.Known},
	} {
		t.Run(tc.metric, func(t *testing.T) {
			got := readOne(t, c, signal.Ask{Kind: signal.Ratio, Metric: tc.metric, Match: `job="shop"`, Part: `code="500"`}, r)
			if len(got.Bins) != 8 {
				t.Fatalf("got %+v, want 8 bins", got)
			}
			for _, b := range got.Bins {
				if b.Cause != tc.cause || tc.known && b.Value > 0.15 {
					t.Errorf("bin %+v, want cause %q, and no errors of the past", b, tc.cause)
				}
			}
		})
	}
}
