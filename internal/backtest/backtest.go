// Package backtest judges a past release from Prometheus' history: it lives the release's life again by
// the daemon's own measurements and rules, guard and checks both, at the speed of Prometheus.
//
// It needs no cluster and knows nothing that only a cluster does: whether replicas were ready is unknown,
// and so availability is judged by requests that all fail alone. It acts on nothing and tells nobody.
package backtest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Options say which release is judged.
type Options struct {
	Plan *release.Plan
	// Candidate is the slot that was new.
	Candidate string
	// CandidateVersion and StableVersion fill in ${version}; without them no question may ask for it.
	CandidateVersion, StableVersion string
	// Deployed is when the candidate got its first traffic, if that was before Cutover: until then its
	// share is taken for one half. Until is the end of the schedule by default.
	Deployed, Cutover, Until signal.Instant
	// Fetch asks Prometheus for bins that end every so often.
	Fetch Fetch
	// Interval asks how far apart the samples behind the questions are at a moment; 0 where that is not known.
	Interval func(ctx context.Context, asks []signal.Ask, at signal.Instant) (signal.Duration, error)
}

// Result is what a backtest finds. Times are RFC 3339, tiers in small letters.
type Result struct {
	Release     Release      `json:"release"`
	Checks      []Check      `json:"checks"`
	Transitions []Transition `json:"transitions"`
	Decision    Decision     `json:"decision"`
	// BlindSeconds is how long the standing verdict was blind.
	BlindSeconds int64 `json:"blindSeconds"`
}

// Release is what was judged.
type Release struct {
	Policy    string         `json:"policy"`
	Candidate string         `json:"candidate"`
	Stable    string         `json:"stable"`
	Deployed  signal.Instant `json:"deployed"`
	Cutover   signal.Instant `json:"cutover"`
	Until     signal.Instant `json:"until"`
}

// Check is one check of the schedule.
type Check struct {
	Time    signal.Instant `json:"time"`
	Window  string         `json:"window"`
	Verdict string         `json:"verdict"`
	// Without are the signals with bounds that it could not answer.
	Without []string `json:"without,omitempty"`
	Signals []Signal `json:"signals"`
}

// Signal is what a check found of one signal. Value and Baseline are a share from 0 to 1, seconds, or a
// number, and null where they are unknown; Cause says why the signal is.
type Signal struct {
	Name     string   `json:"name"`
	Value    *float64 `json:"value"`
	Baseline *float64 `json:"baseline"`
	Tier     string   `json:"tier"`
	Cause    string   `json:"cause,omitempty"`
}

// Transition is a change of the standing verdict, by a check or by the guard.
type Transition struct {
	Time   signal.Instant `json:"time"`
	Source string         `json:"source"`
	From   string         `json:"from"`
	To     string         `json:"to"`
	Signal string         `json:"signal,omitempty"`
	Reason string         `json:"reason,omitempty"`
}

// Decision is the first rollback that the guard called for, else the verdict that stood at the end.
type Decision struct {
	Verdict string `json:"verdict"`
	// Without are the signals with bounds that were never measured.
	Without []string       `json:"without,omitempty"`
	Time    signal.Instant `json:"time"`
	Signal  string         `json:"signal,omitempty"`
	Reason  string         `json:"reason,omitempty"`
}

// Run judges a past release.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Deployed.IsZero() {
		o.Deployed = o.Cutover
	}
	if o.Until.IsZero() {
		o.Until = o.Plan.Schedule.End(o.Cutover).Add(o.Plan.Limits.Settle)
	}
	if err := o.check(); err != nil {
		return Result{}, err
	}
	stable := o.Plan.Other(o.Candidate).Name
	b := &book{result: Result{Checks: []Check{}, Transitions: []Transition{},
		Release: Release{Policy: o.Plan.Policy, Candidate: o.Candidate, Stable: stable, Deployed: o.Deployed, Cutover: o.Cutover, Until: o.Until}}}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	shelf := newShelf(o, fail)
	interval, err := o.interval(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("backtest %s: %w", o.Plan.Policy, err)
	}
	c := o.cluster(ctx, shelf)
	past := watchdog.Past{
		Plan:  withoutCluster(o.Plan),
		Spec:  release.Spec{Policy: o.Plan.Policy, Number: 1, Candidate: release.Side{Slot: o.Candidate, Revision: "candidate", Version: o.CandidateVersion}, Stable: release.Side{Slot: stable, Revision: "stable", Version: o.StableVersion}},
		World: c.world, From: o.Deployed, Until: o.Until,
	}
	_, err = watchdog.Replay(ctx, watchdog.Edges{Read: shelf.read, Newest: arrived(interval), Befallen: c.befallen}, past, b.see)
	if err = cmp.Or(context.Cause(ctx), err); err != nil {
		return Result{}, fmt.Errorf("backtest %s: %w", o.Plan.Policy, err)
	}
	return b.close(o.Until), nil
}

func (o Options) check() error {
	if _, ok := o.Plan.Slot(o.Candidate); !ok {
		return fmt.Errorf("the policy has no slot %q; it has %s and %s", o.Candidate, o.Plan.Slots[0].Name, o.Plan.Slots[1].Name)
	}
	switch {
	case o.Deployed > o.Cutover:
		return fmt.Errorf("deployed at %s, after the cutover at %s", o.Deployed, o.Cutover)
	case o.Until <= o.Cutover:
		return fmt.Errorf("until %s, which is not after the cutover at %s", o.Until, o.Cutover)
	}
	for _, q := range o.Plan.Questions {
		if o.CandidateVersion == "" && strings.Contains(q.Match+q.Part+q.PromQL, "${version}") {
			return fmt.Errorf("signal %s asks for ${version}, which is not known of the past", q.Signal)
		}
	}
	return nil
}

// withoutCluster does not let what only the cluster knows, or only the present, make every verdict blind.
func withoutCluster(p *release.Plan) *release.Plan {
	p = p.DeepCopy()
	for i := range p.Matrix.Rows {
		if r := &p.Matrix.Rows[i]; r.Kind.Fact() {
			r.Required = false
		}
	}
	return p
}

// interval asks how far apart the samples are, of both slots: before the release and in the middle of it.
func (o Options) interval(ctx context.Context) (signal.Duration, error) {
	if o.Interval == nil {
		return 0, nil
	}
	var longest signal.Duration
	for _, s := range o.Plan.Slots {
		version := o.StableVersion
		if s.Name == o.Candidate {
			version = o.CandidateVersion
		}
		for _, at := range []signal.Instant{o.Deployed, min(o.Cutover.Add(signal.Duration(20*time.Minute)), o.Until)} {
			d, err := o.Interval(ctx, o.Plan.Asks(s.Name, version), at)
			if err != nil {
				return 0, fmt.Errorf("ask for the scrape interval: %w", err)
			}
			longest = max(longest, d)
		}
	}
	return longest, nil
}

// arrived takes every sample for arrived at once: that of the past has.
func arrived(interval signal.Duration) func(context.Context, watchdog.Asker, []signal.Ask, signal.Instant) watchdog.Freshness {
	return func(_ context.Context, _ watchdog.Asker, _ []signal.Ask, now signal.Instant) watchdog.Freshness {
		return watchdog.Freshness{At: now, Interval: interval}
	}
}

// book keeps what the life of the release brought.
type book struct {
	result  Result
	decided bool
	last    release.Standing
	never   []string       // the signals that were never measured
	at      signal.Instant // of the last look
}

func (b *book) see(old, next release.State, o release.Observed) {
	b.pass(o.Now)
	if c := o.Check; c != nil && next.Checks > old.Checks {
		b.result.Checks = append(b.result.Checks, checkOf(*c))
	}
	if next.Verdict.Tier != old.Verdict.Tier && old.Verdict.Tier != "" {
		b.turn(old.Verdict, next.Verdict, o)
	}
	b.last, b.at, b.never = next.Verdict, o.Now, nil
	for _, u := range next.NeverMeasured() {
		b.never = append(b.never, u.Signal)
	}
}

// pass counts the time since the last look.
func (b *book) pass(now signal.Instant) {
	if b.last.Tier == judge.Blind {
		b.result.BlindSeconds += int64(now.Sub(b.at).D() / time.Second)
	}
}

func (b *book) turn(old, next release.Standing, o release.Observed) {
	source := "check"
	if o.Guard != nil && next.Since == o.Guard.At {
		source = "guard"
	}
	b.result.Transitions = append(b.result.Transitions, Transition{Time: next.Since, Source: source,
		From: small(old.Tier), To: small(next.Tier), Signal: next.Signal, Reason: next.Reason})
	if next.Tier == judge.Rollback && source == "guard" && !b.decided {
		b.decided = true
		b.result.Decision = decision(next, next.Since)
	}
}

// close ends the book.
func (b *book) close(until signal.Instant) Result {
	b.pass(max(b.at, until))
	if !b.decided {
		b.result.Decision = decision(b.last, until)
		b.result.Decision.Without = b.never
	}
	return b.result
}

func decision(s release.Standing, at signal.Instant) Decision {
	return Decision{Verdict: small(s.Tier), Time: at, Signal: s.Signal, Reason: s.Reason}
}

func checkOf(c release.CheckVerdict) Check {
	out := Check{Time: c.Check.At, Window: c.Check.Window, Verdict: small(c.Verdict.Tier), Without: c.Verdict.Without, Signals: []Signal{}}
	for _, e := range c.Verdict.Evidence {
		s := Signal{Name: e.Signal, Tier: small(e.Tier)}
		s.Value = finite(e.Value)
		if e.Baseline != nil {
			s.Baseline = finite(e.Baseline.Value)
		}
		if e.Tier == judge.Blind {
			s.Cause = string(e.Cause)
		}
		out.Signals = append(out.Signals, s)
	}
	return out
}

func finite(n signal.Number) *float64 {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func small(t judge.Tier) string { return strings.ToLower(string(t)) }
