package measure_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// overheard hands requests on and remembers their queries, and those that were refused.
type overheard struct {
	mu             sync.Mutex
	asked, refused []string
}

// RoundTrip implements http.RoundTripper.
func (o *overheard) RoundTrip(r *http.Request) (*http.Response, error) {
	query := r.FormValue("query")
	if r.Body, _ = r.GetBody(); r.Body == nil {
		r.Body = http.NoBody
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, query)
	if err == nil && answer.StatusCode/100 == 4 {
		o.refused = append(o.refused, query)
	}
	return answer, err
}

// TestVictoriaMetrics holds the same expressions to the server of another make, which knows no native histograms.
func TestVictoriaMetrics(t *testing.T) {
	h := &history{}
	ratios, quantiles := ratioCases(), quantileCases()
	for i, tc := range ratios {
		tc.record(h, metricOf("ratio", i))
	}
	for i, tc := range quantiles {
		tc.record(h, metricOf("quantile", i))
	}
	recordTargets(h)
	recordOthers(h)
	recordAllWorkers(h)
	recordNatures(h)
	s := startVictoria(t, h)
	t.Run("it is asked for what it lacks once", func(t *testing.T) { testLacks(t, s) })
	t.Run("ratio", func(t *testing.T) { testRatios(t, s, ratios) })
	t.Run("quantile", func(t *testing.T) { testQuantiles(t, s, quantiles) })
	t.Run("other", func(t *testing.T) { testOtherRatios(t, s) })
	t.Run("workers", func(t *testing.T) { testWorkers(t, s) })
	t.Run("names", func(t *testing.T) { testNames(t, s) })
	t.Run("natures", func(t *testing.T) { testNatures(t, s) })
}

// testLacks asks for a classic histogram for an hour, as the guard does: it is counted, and what the server lacks is
// found out by the first question alone.
func testLacks(t *testing.T, s server) {
	o := &overheard{}
	c := s.client(t, func(x *measure.Options) { x.Transport = o })
	ask := p99("swapped_seconds", `slot="blue"`)
	r := measure.Range{From: t0.Add(minute), To: t0.Add(3 * minute), Bin: minute}
	for range 20 {
		got := c.Read(t.Context(), []signal.Ask{ask}, r)[0]
		checkCounted(t, got, 40)
		if b := got.Bins[0]; len(b.Over) != 1 || b.Over[0] != (signal.Over{Bound: 0.1}) {
			t.Errorf("above its bound: %+v", b)
		}
	}
	if seen := c.Buckets(t.Context(), []signal.Ask{ask}, r.To)[0]; seen.Cause != signal.Known || !slices.Equal(seen.Ends, []signal.Number{0.1}) {
		t.Errorf("buckets %+v", seen)
	}
	if len(o.refused) != 2 || len(o.asked) < 22 {
		t.Errorf("%d of %d questions were refused, want the first, and the one that finds out why: %q", len(o.refused), len(o.asked), o.refused)
	}
	checkUnknown(t, c.Read(t.Context(), []signal.Ask{{Kind: signal.Query, PromQL: "no_such_function(up)"}}, r)[0], signal.QueryError, "no_such_function")
}

// startVictoria starts a VictoriaMetrics that holds the history.
func startVictoria(t *testing.T, h *history) server {
	t.Helper()
	programs, err := lab.Build(t.Context(), lab.BuildOptions{Only: []string{"victoria-metrics"}})
	if err != nil {
		t.Fatal(err)
	}
	address := listenFor(t, victoriaListens, programs.Path("victoria-metrics"), "-storageDataPath="+filepath.Join(t.TempDir(), "data"),
		"-retentionPeriod=100y", "-httpListenAddr=127.0.0.1:0", "-memory.allowedBytes=256MB", "-loggerLevel=INFO")
	s := server{url: "http://" + address}
	post := func(path, body string) {
		answer, err := http.Post(s.url+path, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode/100 != 2 {
			t.Fatalf("%s answers %s", path, answer.Status)
		}
	}
	post("/api/v1/import/prometheus", inMilliseconds(h.text.String()))
	post("/internal/force_flush", "")
	return s
}

var victoriaListens = regexp.MustCompile(`started server at http://(127\.0\.0\.1:\d+)/`)

// inMilliseconds makes the exposition format of OpenMetrics' text: its times are in seconds.
func inMilliseconds(text string) string {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		at, err := strconv.ParseFloat(line[i+1:], 64)
		if err == nil {
			fmt.Fprintf(&b, "%s %d\n", unquoted(line[:i]), int64(at*1000+0.5))
		}
	}
	return b.String()
}

// quoted is a metric's name, or a label's, in quotes.
var quoted = regexp.MustCompile(`^\{"([^"]+)",|"([\w.]+)"=`)

// unquoted writes names as the exposition format had them before it had quotes, which VictoriaMetrics' import takes.
func unquoted(series string) string {
	return quoted.ReplaceAllStringFunc(series, func(s string) string {
		m := quoted.FindStringSubmatch(s)
		if m[1] != "" {
			return m[1] + "{"
		}
		return m[2] + "="
	})
}
