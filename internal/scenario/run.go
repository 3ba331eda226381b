package scenario

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Load brings up a Prometheus that holds a text in the OpenMetrics format, and gives its address and what
// ends it.
type Load func(ctx context.Context, openMetrics string) (url string, end func() error, err error)

// Run writes scenarios into one Prometheus and judges them by a policy, as its team wrote it.
func Run(ctx context.Context, policy []byte, list []Scenario, load Load) (outcomes []Outcome, err error) {
	var text []byte
	cutover := Cutover(time.Now(), list)
	for _, s := range list {
		text = Write(text, s, runOf(s.Seed), int64(cutover))
	}
	url, end, err := load(ctx, string(append(text, "# EOF\n"...)))
	if err != nil {
		return nil, fmt.Errorf("load %s to %s: %w", list[0], list[len(list)-1], err)
	}
	defer func() { err = errors.Join(err, end()) }()
	client, err := measure.New(measure.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		o, err := judged(ctx, policy, s, cutover, client)
		if err != nil {
			return nil, fmt.Errorf("judge %s: %w", s, err)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// block is the length of Prometheus' blocks of samples. The fewer a text's samples lie in, the sooner it
// is loaded.
const block = 2 * time.Hour

// Cutover is when all scenarios were cut over: their samples lie in as few blocks as can be, all of them
// in the past.
func Cutover(now time.Time, list []Scenario) signal.Instant {
	back := 4 * block
	for _, s := range list {
		back = max(back, time.Duration(s.Until)*time.Second+2*block)
	}
	return signal.At(now.Add(-back).Truncate(block).Add(108*time.Minute + 7*time.Second))
}

func runOf(seed uint64) string { return strconv.FormatUint(seed, 10) }

func judged(ctx context.Context, policy []byte, s Scenario, cutover signal.Instant, c *measure.Client) (Outcome, error) {
	plan, err := PlanFor(policy, s)
	if err != nil {
		return Outcome{}, err
	}
	at := func(t float64) signal.Instant { return cutover.Add(signal.Duration(t) * signal.Duration(time.Second)) }
	if err := loaded(ctx, plan, at(s.Deployed), c); err != nil {
		return Outcome{}, err
	}
	r, err := backtest.Run(ctx, backtest.Options{Plan: plan, Candidate: Candidate, Deployed: at(s.Deployed), Cutover: cutover, Until: at(s.Until)}.Asking(c))
	return outcome(s, plan, r), err
}

// loaded tells whether stable's requests before the release are there: nothing can be learnt from a judge of
// nothing.
func loaded(ctx context.Context, plan *release.Plan, deployed signal.Instant, c *measure.Client) error {
	ask, ok := plan.AskRequests(Stable, "")
	if !ok {
		return errors.New("the policy counts no requests")
	}
	hour := signal.Duration(time.Hour)
	r := c.Read(ctx, []signal.Ask{ask}, measure.Range{From: deployed.Add(-hour), To: deployed, Bin: hour})[0]
	if r.Cause != signal.Known {
		return fmt.Errorf("the samples are not there: %s %s", r.Cause, r.Detail)
	}
	return nil
}

// PlanFor reads a policy, narrowed to a scenario's series.
func PlanFor(text []byte, s Scenario) (*release.Plan, error) {
	var p v1alpha1.WatchPolicy
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	p.Namespace, p.Name = Namespace(runOf(s.Seed)), Namespace(runOf(s.Seed))
	defaults := policy.Default()
	defaults.Servers, defaults.Notifiers = []string{p.Spec.Prometheus}, p.Spec.Notify
	plan, errs := policy.Parse(&p, defaults)
	if len(errs) > 0 {
		return nil, fmt.Errorf("read the policy: %w", errors.Join(errs...))
	}
	for i := range plan.Questions {
		narrow(&plan.Questions[i], runOf(s.Seed))
	}
	if plan.Requests != nil {
		narrow(plan.Requests, runOf(s.Seed))
	}
	return plan, nil
}

// narrow selects a run's series alone.
func narrow(q *release.Question, run string) {
	only := fmt.Sprintf(`run=%q`, run)
	if q.Kind == signal.Query {
		q.PromQL = strings.ReplaceAll(q.PromQL, "{", "{"+only+",")
		q.PromQL = strings.ReplaceAll(q.PromQL, "$"+"{"+only+",", "${") // not a placeholder's brace
		return
	}
	q.Match = strings.Trim(q.Match+","+only, ",")
}
