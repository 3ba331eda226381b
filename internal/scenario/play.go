package scenario

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Stage is where scenarios are played: a lab, and the policy that they are judged by.
type Stage struct {
	Lab *lab.Lab
	// Policy is the path of the shipped policy.
	Policy string
}

// Play lets one Prometheus have seen all scenarios, and judges each.
func (s Stage) Play(ctx context.Context, all []Truth) (out []Outcome, err error) {
	p, err := s.Lab.StartPrometheus(ctx, lab.PrometheusOptions{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := p.Close(); err == nil {
			err = e
		}
	}()
	cutover := float64(time.Now().Add(-30*time.Hour).Truncate(2*time.Hour).Unix() + 7)
	runs := make([]Run, len(all))
	var b strings.Builder
	for i, t := range all {
		runs[i] = Run{Truth: t, Number: i, Cutover: cutover}
		runs[i].Write(&b)
	}
	b.WriteString("# EOF\n")
	if err := p.Backfill(ctx, b.String()); err != nil {
		return nil, err
	}
	client, err := measure.New(measure.Options{URL: p.URL(), Timeout: time.Minute})
	if err != nil {
		return nil, err
	}
	out = make([]Outcome, len(runs))
	errs := make(chan error)
	next := make(chan int)
	const workers = 2
	for range workers {
		go func() {
			var failed error
			for i := range next {
				o, err := s.judge(ctx, client, runs[i])
				if err != nil && failed == nil {
					failed = fmt.Errorf("%s, seed %d: %w", runs[i].Kind, runs[i].Seed, err)
				}
				out[i] = o
			}
			errs <- failed
		}()
	}
	for i := range runs {
		next <- i
	}
	close(next)
	for range workers {
		if e := <-errs; err == nil {
			err = e
		}
	}
	return out, err
}

func (s Stage) judge(ctx context.Context, c *measure.Client, r Run) (Outcome, error) {
	plan, err := s.plan(r)
	if err != nil {
		return Outcome{}, err
	}
	at := func(t float64) signal.Instant { return signal.Instant(r.Cutover + t) }
	result, err := backtest.Run(ctx, backtest.Options{Plan: plan, Candidate: "green", Deployed: at(r.Deployed), Cutover: at(0), Until: at(r.Until),
		Fetch: func(ctx context.Context, asks []signal.Ask, s watchdog.Span, every signal.Duration) []signal.Reading {
			return c.Read(ctx, asks, measure.Range{From: s.From, To: s.To, Bin: s.Bin, Every: every})
		},
		Interval: func(ctx context.Context, asks []signal.Ask, at signal.Instant) (signal.Duration, error) {
			return c.Newest(ctx, asks, at).Interval, nil
		}})
	if err != nil {
		return Outcome{}, err
	}
	checks := map[string]int{}
	for _, c := range result.Checks {
		checks[c.Verdict]++
	}
	return Outcome{Run: r, Label: Of(r.Truth), Checks: checks, Decision: result.Decision.Verdict, At: float64(result.Decision.Time) - r.Cutover,
		Reason: result.Decision.Reason, Worst: worst(result)}, nil
}

// worst gives the worst tier that stood.
func worst(r backtest.Result) string {
	for _, tier := range []string{"rollback", "consider", "investigate", "blind"} {
		for _, t := range r.Transitions {
			if t.To == tier {
				return tier
			}
		}
	}
	return "proceed"
}

// plan is the shipped policy, in a run's namespace.
func (s Stage) plan(r Run) (*release.Plan, error) {
	text, err := os.ReadFile(s.Policy)
	if err != nil {
		return nil, err
	}
	var p v1alpha1.WatchPolicy
	if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(string(text), `'deployment="${slot}"`, `'namespace="${namespace}",deployment="${slot}"`)), &p); err != nil {
		return nil, err
	}
	p.Namespace = r.Namespace()
	p.Spec.Mode = release.Observe
	p.Spec.Signals = withoutQueries(p.Spec.Signals)
	d := policy.Default()
	d.Servers, d.Notifiers = []string{"main"}, p.Spec.Notify
	p.Spec.HistoryLimit = ptr.To[int32](1)
	plan, errs := policy.Parse(&p, d)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return plan, nil
}

// withoutQueries leaves out what no scenario has metrics for.
func withoutQueries(all []v1alpha1.Signal) []v1alpha1.Signal {
	var out []v1alpha1.Signal
	for _, s := range all {
		if s.Query == "" {
			out = append(out, s)
		}
	}
	return out
}
