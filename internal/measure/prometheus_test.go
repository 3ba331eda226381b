package measure_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// t0 is when all recorded history starts.
const t0 signal.Instant = 1_767_225_600 // 2026-01-01T00:00:00Z

// history is OpenMetrics text in the making.
type history struct{ text strings.Builder }

// gone stands for a scrape that brought no sample of the series.
const gone = -1

// add records a series with one value per scrape, the first at t0+first.
func (h *history) add(series string, first, every time.Duration, values ...float64) {
	for i, v := range values {
		if v == gone {
			continue
		}
		at := t0.Time().Add(first + time.Duration(i)*every)
		fmt.Fprintf(&h.text, "%s %g %.3f\n", series, v, float64(at.UnixMilli())/1000)
	}
}

// steps are n values from first on, each by step more than the one before.
func steps(first, step float64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = first + step*float64(i)
	}
	return values
}

func silence(n int) []float64 { return repeat(gone, n) }

func repeat(v float64, n int) []float64 { return steps(v, 0, n) }

func then(parts ...[]float64) []float64 {
	var all []float64
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// server is a real Prometheus.
type server struct{ url string }

func (s server) client(t *testing.T, change ...func(*measure.Options)) *measure.Client {
	t.Helper()
	o := measure.Options{URL: s.url}
	for _, c := range change {
		c(&o)
	}
	c, err := measure.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// startPrometheus starts a Prometheus that holds the history and scrapes the target every half
// second.
func startPrometheus(t *testing.T, h *history, target, custom string) server {
	t.Helper()
	programs, err := lab.Build(t.Context(), lab.BuildOptions{Only: []string{"prometheus", "promtool"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "history"), h.text.String()+"# EOF\n")
	load := exec.CommandContext(t.Context(), programs.Path("promtool"),
		"tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "history"), filepath.Join(dir, "data"))
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("load history: %v\n%s", err, out)
	}
	write(t, filepath.Join(dir, "prometheus.yml"), scrapeConfig(target, custom))
	write(t, filepath.Join(dir, "rules.yml"), rulesFile)
	return server{url: "http://" + listen(t, programs.Path("prometheus"),
		"--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--storage.tsdb.retention.time=100y",
		"--web.listen-address=127.0.0.1:0")}
}

func scrapeConfig(target, custom string) string {
	return fmt.Sprintf(`
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
rule_files: [rules.yml]
scrape_configs:
  - job_name: live
    scrape_native_histograms: true
    static_configs: [{targets: [%q]}]
  - job_name: custom
    scrape_native_histograms: true
    convert_classic_histograms_to_nhcb: true
    metric_relabel_configs: [{source_labels: [__name__], regex: live_(.*), target_label: __name__, replacement: custom_$1}]
    static_configs: [{targets: [%q]}]
`, target, custom)
}

var listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// listen runs Prometheus until the test ends and gives its address once it is ready.
func listen(t *testing.T, program string, args ...string) string {
	t.Helper()
	address := listenFor(t, listening, program, args...)
	ready(t, "http://"+address+"/-/ready")
	return address
}

// listenFor runs a server until the test ends and gives the address that its log says. The shell in
// between ends it even if the test dies, as its standard input is closed then.
func listenFor(t *testing.T, says *regexp.Regexp, program string, args ...string) string {
	t.Helper()
	run := exec.Command("sh", append([]string{"-c", `"$@" </dev/null & p=$!; read -r _; kill -9 $p; wait $p`, "sh", program}, args...)...)
	leash, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	address, drained := make(chan string, 1), make(chan struct{})
	go follow(log, says, address, drained)
	t.Cleanup(func() {
		leash.Close()
		<-drained
		_ = run.Wait() // killed, as meant
	})
	select {
	case a := <-address:
		return a
	case <-drained:
		t.Fatalf("%s ended before it listened", program)
	case <-time.After(20 * time.Second):
		t.Fatalf("%s did not listen in 20 s", program)
	}
	return ""
}

// follow reads a log to its end and sends the first address that it names.
func follow(log io.Reader, says *regexp.Regexp, address chan<- string, drained chan<- struct{}) {
	defer close(drained)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if m := says.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case address <- m[1]:
			default:
			}
		}
	}
}

func ready(t *testing.T, url string) {
	t.Helper()
	eventually(t, 20*time.Second, "prometheus is ready", func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// answering is a stand-in that answers every query with status and body.
func answering(t *testing.T, status int, body string) server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return server{url: s.URL}
}
