package scenario

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// line is a sample as written, its time in seconds after the cutover.
type line struct {
	metric, labels string
	value, at      float64
}

const testCutover = 1_700_000_000

// lines reads back what was written of a metric, with all of the labels.
func lines(t *testing.T, text []byte, metric string, labels ...string) []line {
	t.Helper()
	var out []line
	for row := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(row, "{")
		of, numbers, ok := strings.Cut(rest, "} ")
		fields := strings.Fields(numbers)
		if !ok || len(fields) != 2 {
			t.Fatalf("%q is no sample", row)
		}
		value, err1 := strconv.ParseFloat(fields[0], 64)
		at, err2 := strconv.ParseFloat(fields[1], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%q: %v, %v", row, err1, err2)
		}
		if name == metric && holdsAll(of, labels) {
			out = append(out, line{name, of, value, at - testCutover})
		}
	}
	return out
}

func holdsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

func written(s Scenario) []byte { return Write(nil, s, "1", testCutover) }

// last adds up the newest value of each series.
func last(all []line) float64 {
	newest := map[string]float64{}
	for _, l := range all {
		newest[l.labels] = l.value
	}
	sum := 0.0
	for _, v := range newest {
		sum += v
	}
	return sum
}

// near tells whether a count agrees with its expectation, within five standard deviations.
func near(got, want float64) bool { return math.Abs(got-want) < 5*math.Sqrt(want)+30 }

func observed(every float64) Scenario {
	s := plain()
	s.Observation = Observation{Every: every}
	return s
}

// What was counted is what the truth says, by status, by bucket and by side.
func TestCountsAgreeWithTheTruth(t *testing.T) {
	s := observed(15)
	s.split(-1200, 0.25)
	s.Load = constant(40)
	each(s.Candidate, func(p *Pod) {
		p.Errors, p.Refused, p.Hits = step(1200, 0, 0.2), constant(0.1), constant(0.7)
		p.Latency = func(float64) Mixture { return Mixture{{0.9, 0.02, 0.1}, {0.1, 2, 0.1}} }
	})
	text := written(s)
	all, afterStep := 40*(1200*0.25+7200), 40*6000.0
	for _, c := range []struct {
		metric, label string
		want          float64
	}{
		{"http_requests_total", `status="500"`, 0.2 * afterStep},
		{"http_requests_total", `status="404"`, 0.1*0.8*afterStep + 0.1*(all-afterStep)},
		{"http_requests_total", `status=`, all},
		{"kb_query_duration_seconds_bucket", `le="1"`, 0.9 * all},
		{"kb_query_duration_seconds_bucket", `le="+Inf"`, all},
		{"kb_query_duration_seconds_count", ``, all},
		{"kb_cache_hits_total", ``, 0.7 * all},
	} {
		got := last(lines(t, text, c.metric, `deployment="green"`, c.label))
		if missing := 40 * 15.0; !near(got, c.want) && !(got < c.want && c.want-got < missing+5*math.Sqrt(c.want)) {
			t.Errorf("%s{%s}: %.0f, want %.0f", c.metric, c.label, got, c.want)
		}
	}
	stable := last(lines(t, text, "http_requests_total", `deployment="blue"`))
	if want := 40 * (history + 1200*0.75); !near(stable, want) {
		t.Errorf("stable counts %.0f, want %.0f: it is idle after the cutover", stable, want)
	}
}

func TestASeedIsAScenario(t *testing.T) {
	a, b := written(New(5)), written(New(5))
	if !bytes.Equal(a, b) {
		t.Error("the same seed gives other samples")
	}
	if bytes.Equal(a, written(New(5+uint64(len(turns)*len(bad))))) {
		t.Error("another seed gives the same samples")
	}
}

// A lazy series begins with its first event, another with the target.
func TestALazySeriesBeginsWithItsFirstEvent(t *testing.T) {
	for _, lazy := range []bool{true, false} {
		s := observed(15)
		s.Lazy = lazy
		s.failing(step(1800, 0, 0.5))
		first := lines(t, written(s), "http_requests_total", `deployment="green"`, `status="500"`)[0]
		if began := first.at > 1800; began != lazy || lazy != (first.value > 0) {
			t.Errorf("lazy %t: the first sample is %g at %g", lazy, first.value, first.at)
		}
	}
}

func TestARestartBeginsACounterAnew(t *testing.T) {
	s := observed(15)
	s.Candidate[0].restart(3000, 20)
	text := written(s)
	for n, want := range []int{1, 0} {
		falls, before := 0, 0.0
		for _, l := range lines(t, text, "kb_query_duration_seconds_count", fmt.Sprintf("pod=%q", podName(Candidate, n))) {
			if l.value < before {
				falls++
			}
			before = l.value
		}
		if falls != want {
			t.Errorf("pod %d falls %d times, want %d", n, falls, want)
		}
		if got := lines(t, text, "kube_pod_container_status_restarts_total", fmt.Sprintf("pod=%q", podName(Candidate, n))); got[len(got)-1].value != float64(want) {
			t.Errorf("pod %d: %g restarts, want %d", n, got[len(got)-1].value, want)
		}
	}
}

// What gets lost or doubled on the way.
func TestObservationsLoseAndDouble(t *testing.T) {
	up := func(o Observation, labels ...string) []line {
		s := observed(30)
		every := s.Every
		s.Observation = o
		s.Every = every
		return lines(t, written(s), "up", append(labels, `deployment="green"`)...)
	}
	whole := len(up(Observation{}))
	if want := 2 * (7200 + 360) / 30; whole < want-2 || whole > want+2 {
		t.Fatalf("%d scrapes of two pods, want %d", whole, want)
	}
	for _, l := range up(Observation{Away: []Span{{1000, 2000}}}) {
		if l.at >= 1000 && l.at < 2000 {
			t.Errorf("a scrape at %g, while Prometheus was away", l.at)
		}
	}
	for _, l := range up(Observation{Lag: 300}) {
		if l.at > 7200-300 {
			t.Errorf("a scrape at %g, which had not arrived", l.at)
		}
	}
	if first := up(Observation{Late: 90})[0]; first.at < 90 {
		t.Errorf("first seen at %g, want 90 s late", first.at)
	}
	if a, b := len(up(Observation{Pair: true}, `prometheus_replica="a"`)), len(up(Observation{Pair: true}, `prometheus_replica="b"`)); a < whole-2 || b < whole-2 {
		t.Errorf("%d and %d scrapes by a pair, want %d by each", a, b, whole)
	}
	failed := 0
	for _, l := range up(Observation{Missed: 0.2}) {
		failed += int(1 - l.value)
	}
	if share := float64(failed) / float64(whole); share < 0.14 || share > 0.26 {
		t.Errorf("%.2f of the scrapes fail, want 0.2", share)
	}
}
