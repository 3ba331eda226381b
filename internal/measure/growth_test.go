package measure_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const mib = 1 << 20

// climbing is a container's memory, one sample a minute: a level and a climb per hour in MiB.
func climbing(level, perHour float64, minutes int) []float64 {
	out := make([]float64, minutes)
	for i := range out {
		out[i] = (level + perHour*float64(i)/60) * mib
	}
	return out
}

func container(app string, n int, more string) string {
	return fmt.Sprintf(`{namespace="shop",pod="%s-%d",container="app",instance="node-%d"%s}`, app, n, n, more)
}

// recordMemory records six hours of containers, of which the first traffic is an hour in.
func recordMemory(h *history) {
	const minutes = 360
	const second = `,prometheus_replica="b"`
	memory := func(app string, n int, more string, values []float64) {
		h.add("memory_bytes"+container(app, n, more), 0, time.Minute, values...)
		h.add("started_seconds"+container(app, n, more), 0, time.Minute, repeat(float64(t0), len(values))...)
		if more == second { // it has the limit of its twin
			return
		}
		h.add("limit_bytes"+fmt.Sprintf(`{namespace="shop",pod="%s-%d",container="app",instance="ksm"}`, app, n), 0, time.Minute, repeat(1024*mib, minutes)...)
	}
	for n := range 3 {
		memory("leaky", n, "", climbing(400, 60, minutes))
		memory("flat", n, "", climbing(400, 0, minutes))
		memory("alike", n, "", climbing(400, 60, minutes))
	}
	memory("twins", 0, `,prometheus_replica="a"`, climbing(400, 60, minutes))
	memory("twins", 0, second, climbing(400, 60, minutes))
	// What is compiled or cached before the first traffic is no climb after it; a start throws all of it away.
	memory("settled", 0, "", then(climbing(200, 400, 60), climbing(600, 0, minutes-60)))
	memory("restarted", 0, "", climbing(400, 60, 240))
	h.add("memory_bytes"+container("restarted", 0, ""), 240*time.Minute, time.Minute, climbing(390, 60, 120)...)
	h.add("started_seconds"+container("restarted", 0, ""), 240*time.Minute, time.Minute, repeat(float64(t0)+240*60, 120)...)
	memory("young", 0, "", climbing(400, 60, minutes))
	for n := range 3 {
		h.add("memory_bytes"+container("unlimited", n, ""), 0, time.Minute, climbing(400, 60, minutes)...)
	}
}

func growthAsk(app string) signal.Ask {
	match := func(app string) string { return fmt.Sprintf(`namespace="shop",pod=~"%s-.*"`, app) }
	return signal.Ask{Signal: "memory", Kind: signal.Growth, Metric: "memory_bytes", Match: match(app), Of: "started_seconds",
		PromQL: `limit_bytes{namespace="shop"}`, Since: t0.Add(60 * minute), Beside: match("flat")}
}

func testGrowth(t *testing.T, s server) {
	c := s.client(t)
	inf := signal.Number(math.Inf(1))
	besideItself := growthAsk("alike")
	besideItself.Beside, besideItself.Since = besideItself.Match, t0.Add(200*minute)
	besideFlat := besideItself
	besideFlat.Beside = growthAsk("flat").Beside
	unlimited := growthAsk("unlimited")
	unlimited.PromQL = ""
	warming := growthAsk("young")
	warming.Since = t0.Add(240 * minute)
	newborn := growthAsk("young")
	newborn.Since = t0.Add(350 * minute)
	young := growthAsk("young")
	young.Since = t0.Add(300 * minute)
	for _, tc := range []struct {
		name   string
		ask    signal.Ask
		at     int
		hours  signal.Number // until the limit
		cause  signal.Cause
		detail string
	}{
		// At the fifth hour 700 of 1024 MiB are used, at 60 a hour.
		{"a climb", growthAsk("leaky"), 300, 5.4, signal.Known, "memory only climbs: 60 MiB/h in 3 of 3 pods; the first reaches its limit of 1 GiB in 5 h"},
		{"between two looks it is what it was", growthAsk("leaky"), 309, 5.4, signal.Known, ""},
		{"no climb", growthAsk("flat"), 300, inf, signal.Known, "memory does not climb to the limit (0 MiB/h in 3 pods)"},
		{"twins of two servers are one", growthAsk("twins"), 300, 5.4, signal.Known, "memory only climbs: 60 MiB/h in 1 of 1 pods; the first reaches its limit of 1 GiB in 5 h"},
		{"what grew before the first traffic", growthAsk("settled"), 300, inf, signal.Known, ""},
		{"as stable's does", besideItself, 350, inf, signal.Known, ""},
		{"the same beside one that is flat", besideFlat, 350, 4.5, signal.Known, ""},
		{"a restart loses what leaked, and it leaks on", growthAsk("restarted"), 359, 0, signal.Known, "memory only climbs"},
		{"no limit: until it has doubled", unlimited, 300, 700.0 / 60, signal.Known, ""},
		{"too soon to tell", young, 359, 0, signal.Young, "can't be judged yet"},
		{"traffic warms up, as a start does", warming, 345, 0, signal.Young, "can't be judged yet"},
		{"in the first minutes", newborn, 359, 0, signal.Young, "two hours from the first traffic"},
		{"no series", growthAsk("nobody"), 300, 0, signal.Mismatch, "none with"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := t0.Add(minute * signal.Duration(tc.at))
			got := readOne(t, c, tc.ask, measure.Range{From: end.Add(-minute), To: end, Bin: minute})
			cause := got.Cause
			if len(got.Bins) == 1 {
				cause = got.Bins[0].Cause
			}
			if cause != tc.cause || !strings.Contains(got.Detail, tc.detail) || tc.cause != signal.Mismatch && len(got.Queries) != 1 {
				t.Fatalf("got %+v, want cause %q and %q", got, tc.cause, tc.detail)
			}
			if tc.cause != signal.Known || tc.hours == 0 {
				return
			}
			if hours := got.Bins[0].Value / 3600; hours != tc.hours && !(math.Abs(float64(hours-tc.hours)) < 0.2) {
				t.Errorf("full in %g hours, want %g: %s", hours, tc.hours, got.Detail)
			}
		})
	}
	t.Run("many moments at once", func(t *testing.T) { testGrowthOfTheDay(t, c) })
}

// The past asks for many moments at once: each answer is what it was to who asked then.
func testGrowthOfTheDay(t *testing.T, c *measure.Client) {
	end := t0.Add(230 * minute)
	all := readOne(t, c, growthAsk("leaky"), measure.Range{From: end.Add(-101 * minute), To: end, Bin: minute, Every: 5 * minute})
	if len(all.Bins) != 21 {
		t.Fatalf("%d bins: %+v", len(all.Bins), all)
	}
	known := 0
	for _, b := range all.Bins {
		one := readOne(t, c, growthAsk("leaky"), measure.Range{From: b.End.Add(-minute), To: b.End, Bin: minute})
		if len(one.Bins) != 1 || fmt.Sprint(one.Bins[0]) != fmt.Sprint(b) {
			t.Errorf("at once %+v, then %+v", b, one.Bins)
		}
		if b.Cause == signal.Known {
			known++
		}
	}
	if known < 10 || known == len(all.Bins) {
		t.Errorf("%d of %d are known, want the last ones", known, len(all.Bins))
	}
}

// TestGrowthIsAskedRarely counts the questions: the guard looks each minute, and memory climbs in hours.
func TestGrowthIsAskedRarely(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"greenwatch":"memory","pod":"a"},"values":[[%d,"5"]]}]}}`, formInstant(r, "start"))
	}))
	defer s.Close()
	c, err := measure.New(measure.Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		end := t0.Add(75*minute + 15*signal.Duration(i)*signal.Duration(time.Second))
		readOne(t, c, growthAsk("leaky"), measure.Range{From: end.Add(-minute), To: end, Bin: minute})
	}
	// Thirty minutes hold two looks, each of both sides.
	if n := asked.Load(); n != 4 {
		t.Errorf("asked %d times, want 4", n)
	}
}

// What was longer ago than two days says nothing of a moment, however many moments are asked about at once: here
// it was a collector that freed more than has been climbed since.
func TestGrowthLooksBackTwoDays(t *testing.T) {
	hour := 60 * minute
	from, end := t0.Add(-t0.Sub(0)%signal.Duration(15*minute)), t0.Add(-t0.Sub(0)%signal.Duration(15*minute)).Add(56*hour)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var values []string
		for at := formInstant(r, "start"); at <= formInstant(r, "end"); at = at.Add(2 * minute) {
			age := end.Sub(at).D().Hours()
			used := 600 - 5*age
			if age > 49 && int(age/2)%2 == 0 {
				used += 300
			}
			values = append(values, fmt.Sprintf(`[%d,"%.0f"]`, at, used*mib))
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"greenwatch":"memory","pod":"a"},"values":[%s]}]}}`, strings.Join(values, ","))
	}))
	defer s.Close()
	c, err := measure.New(measure.Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	ask := signal.Ask{Signal: "memory", Kind: signal.Growth, Metric: "memory_bytes", Since: from}
	alone := readOne(t, c, ask, measure.Range{From: end.Add(-minute), To: end, Bin: minute})
	all := readOne(t, c, ask, measure.Range{From: end.Add(-7*hour - minute), To: end, Bin: minute, Every: hour})
	if len(alone.Bins) != 1 || len(all.Bins) != 8 || alone.Bins[0].Cause != signal.Known || fmt.Sprint(alone.Bins[0]) != fmt.Sprint(all.Bins[7]) {
		t.Errorf("alone %+v (%s), among others %+v (%s)", alone.Bins, alone.Detail, all.Bins, all.Detail)
	}
	if math.IsInf(float64(alone.Bins[0].Value), 1) {
		t.Errorf("the control does not climb: %s", alone.Detail)
	}
}

func formInstant(r *http.Request, name string) signal.Instant {
	seconds, err := strconv.ParseFloat(r.FormValue(name), 64)
	if err != nil {
		panic(err)
	}
	return signal.Instant(seconds)
}
