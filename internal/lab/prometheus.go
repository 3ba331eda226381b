package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

const reloadWithin = 10 * time.Second

// PrometheusOptions say how Prometheus measures. The zero value scrapes once a second.
type PrometheusOptions struct {
	Name           string        // of the process; default "prometheus", then "prometheus-2" and so on
	ScrapeInterval time.Duration // also of the evaluation of rules; default 1 s
	Rules          string        // alerting and recording rules, as a rule file's YAML
	Targets        []Target      // more can come and go later
}

// Target is one address to scrape at /metrics.
type Target struct {
	Address string            // host:port
	Labels  map[string]string // of the target; job defaults to "lab"
}

// Prometheus is a Prometheus server of the lab. It accepts remote writes and scrapes native
// histograms. Stop and Start simulate an outage: address and data stay.
type Prometheus struct {
	*Process
	lab      *Lab
	options  PrometheusOptions
	address  string
	promtool string

	mu      sync.Mutex
	targets map[string]Target
}

// StartPrometheus starts a Prometheus server.
func (l *Lab) StartPrometheus(ctx context.Context, o PrometheusOptions) (*Prometheus, error) {
	programs, err := Build(ctx, BuildOptions{Only: monitoring, Progress: l.progress})
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = l.unusedName("prometheus")
	}
	if o.ScrapeInterval == 0 {
		o.ScrapeInterval = time.Second
	}
	p := &Prometheus{lab: l, promtool: programs.Path("promtool"), options: o, targets: map[string]Target{}}
	if p.address, err = freePort(l.block.host(2), 9090); err != nil {
		return nil, err
	}
	dir := l.partDir(o.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", o.Name, err)
	}
	p.Process = newProcess(l.spawn, command{
		name: o.Name, path: programs.Path("prometheus"), dir: dir, log: filepath.Join(l.dir, o.Name+".log"),
		args: []string{
			"--config.file", "prometheus.yml", "--storage.tsdb.path", "data", "--storage.tsdb.retention.time", "15d",
			"--storage.tsdb.no-lockfile", "--web.listen-address", p.address, "--web.enable-lifecycle",
			"--web.enable-remote-write-receiver", "--scrape.discovery-reload-interval", "100ms",
		},
		up: answers(http.DefaultClient, p.URL()+"/-/ready"),
	})
	if err := p.writeFiles(); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", o.Name, err)
	}
	if err := l.keep(o.Name, p.Process); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

// Close ends Prometheus for good and removes its data.
func (p *Prometheus) Close() error {
	defer p.lab.drop(p.name) // last: the next one of the name would find the data
	return errors.Join(p.Kill(), os.RemoveAll(p.dir))
}

// URL is where Prometheus' API is.
func (p *Prometheus) URL() string { return "http://" + p.address }

func (p *Prometheus) writeFiles() error {
	if err := p.writeRules(p.options.Rules); err != nil {
		return err
	}
	for _, t := range p.options.Targets {
		p.targets[t.Address] = t
	}
	if err := p.writeTargets(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(p.config(), "", "  ") // JSON is YAML too
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(p.dir, "prometheus.yml"), text)
}

func (p *Prometheus) config() any {
	type object = map[string]any
	interval := p.options.ScrapeInterval.String()
	return object{
		"global": object{
			"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval,
			"scrape_native_histograms": true,
		},
		"storage":    object{"tsdb": object{"out_of_order_time_window": "30m"}}, // a backfill may be late
		"rule_files": []string{"rules.yml"},
		"scrape_configs": []object{{
			"job_name":                         "lab",
			"always_scrape_classic_histograms": true,
			"file_sd_configs":                  []object{{"files": []string{"targets.json"}, "refresh_interval": "5s"}},
		}},
	}
}

func (p *Prometheus) writeRules(rules string) error {
	return replaceFile(filepath.Join(p.dir, "rules.yml"), []byte(rules))
}

// writeTargets is noticed by Prometheus within moments, without a reload.
func (p *Prometheus) writeTargets() error {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	groups := []group{}
	for _, address := range slices.Sorted(maps.Keys(p.targets)) {
		groups = append(groups, group{Targets: []string{address}, Labels: p.targets[address].Labels})
	}
	text, err := json.MarshalIndent(groups, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(p.dir, "targets.json"), text)
}

// SetTarget adds a target, or changes the labels of one that is there.
func (p *Prometheus) SetTarget(t Target) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.targets[t.Address]; ok && maps.Equal(old.Labels, t.Labels) {
		return nil
	}
	p.targets[t.Address] = t
	return p.writeTargets()
}

// RemoveTarget ends the scraping of an address.
func (p *Prometheus) RemoveTarget(address string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.targets[address]; !ok {
		return nil
	}
	delete(p.targets, address)
	return p.writeTargets()
}

// SetRules replaces the rules and reloads.
func (p *Prometheus) SetRules(ctx context.Context, rules string) error {
	if err := p.writeRules(rules); err != nil {
		return fmt.Errorf("set the rules of %s: %w", p.name, err)
	}
	return p.Reload(ctx)
}

// Reload makes Prometheus read its files again. Without a running Prometheus it fails.
func (p *Prometheus) Reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reloadWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL()+"/-/reload", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("reload %s: %w", p.name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("reload %s: %s\n%s", p.name, response.Status, p.Tail(tailLines))
	}
	return nil
}

// Backfill adds history, samples in the OpenMetrics format with their times, not older than
// the retention of 15 days. Prometheus is stopped for it and started again.
func (p *Prometheus) Backfill(ctx context.Context, openMetrics string) error {
	if err := p.Stop(); err != nil {
		return err
	}
	history := filepath.Join(p.dir, "history.txt")
	if err := os.WriteFile(history, []byte(openMetrics), 0o644); err != nil {
		return fmt.Errorf("backfill %s: %w", p.name, err)
	}
	cmd := exec.CommandContext(ctx, p.promtool, "tsdb", "create-blocks-from", "openmetrics", history, filepath.Join(p.dir, "data"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("backfill %s: %w: %s", p.name, err, out)
	}
	return p.Start(ctx)
}

// Value evaluates a query that yields one number, now. Any other outcome is an error.
func (p *Prometheus) Value(ctx context.Context, query string) (float64, error) {
	client, err := api.NewClient(api.Config{Address: p.URL()})
	if err != nil {
		return 0, err
	}
	answer, _, _, err := promv1.NewAPI(client).Query(ctx, query, time.Now())
	if err != nil {
		return 0, fmt.Errorf("query %s: %w", query, err)
	}
	switch v := answer.(type) {
	case *model.Scalar:
		return float64(v.Value), nil
	case model.Vector:
		if len(v) == 1 {
			return float64(v[0].Value), nil
		}
		return 0, fmt.Errorf("query %s: %d series, not one", query, len(v))
	}
	return 0, fmt.Errorf("query %s: a %s, not a number", query, answer.Type())
}
