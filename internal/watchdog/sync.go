package watchdog

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// mostRounds is how often a release is advanced in one look. A whole rollback with a hot stable takes
// four: decide, recheck, shift, and what came of it.
const mostRounds = 8

// retryIn is when a failed write to the cluster is tried again.
const retryIn = signal.Duration(1e9)

// Sync looks at one policy and its releases once, and gives when to look again.
func (d *Daemon) Sync(ctx context.Context, k Key) (signal.Instant, error) {
	p, err := d.Policy(ctx, k)
	if err != nil {
		return 0, fmt.Errorf("read policy %s: %w", k, err)
	}
	records, err := d.releases(ctx, k)
	if err != nil {
		return 0, fmt.Errorf("read releases of %s: %w", k, err)
	}
	if p.Plan != nil {
		if records, err = d.detect(ctx, p, records); err != nil {
			return 0, fmt.Errorf("detect releases of %s: %w", k, err)
		}
	}
	var wake signal.Instant
	for i := range records {
		at, err := d.follow(ctx, p, records, i)
		if err != nil {
			return 0, fmt.Errorf("release %s: %w", records[i].Name(), err)
		}
		wake = earlier(wake, at)
		if !records[i].State.Active() {
			d.book.forget(records[i].Name())
		}
	}
	return wake, nil
}

// releases reads the active releases: live as soon as one of them has something open, since the
// cache may not have this process' own last write yet.
func (d *Daemon) releases(ctx context.Context, k Key) ([]Record, error) {
	records, err := d.Releases(ctx, k, false)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(records, intends) {
		if records, err = d.Releases(ctx, k, true); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(records, func(a, b Record) int { return int(a.Spec.Number - b.Spec.Number) })
	return records, nil
}

// intends tells whether a release has an intention that is saved and not yet seen through.
func intends(r Record) bool {
	return r.State.Phase == "" || r.State.Ladder != nil && r.State.Ladder.Step != release.Done || r.State.Over()
}

// detect makes the releases that begin, and saves the ledger after them: a crash in between finds the
// release again by its number.
func (d *Daemon) detect(ctx context.Context, p Policy, records []Record) ([]Record, error) {
	sight, err := d.Observe(ctx, p.Plan, p.Ledger.Routes, false)
	if err != nil {
		return nil, err
	}
	ledger, births := release.Detect(p.Ledger, opens(records), sight.World, now())
	ledger.Routes = sight.Routes
	if len(births) > 0 {
		// A birth is decided on what is so now, not on what the caches remember.
		if records, err = d.Releases(ctx, p.Key, true); err != nil {
			return nil, err
		}
		ledger, births = release.Detect(p.Ledger, opens(records), sight.World, now())
		ledger.Routes = sight.Routes
	}
	for _, spec := range births {
		spec.Policy = p.Key.Name
		r, err := d.Create(ctx, Record{Namespace: p.Key.Namespace, Spec: spec})
		if err != nil {
			return nil, fmt.Errorf("create release %s: %w", spec.Name(), err)
		}
		records = append(records, r)
	}
	problems := append(slices.Clone(p.Problems), sight.Problems...)
	if err := d.SaveLedger(ctx, p, ledger, problems); err != nil {
		return nil, fmt.Errorf("save the policy's status: %w", err)
	}
	return records, nil
}

func opens(records []Record) []release.Open {
	var out []release.Open
	for _, r := range records {
		out = append(out, release.Open{Spec: r.Spec, State: r.State})
	}
	return out
}

// follow advances one release until nothing more can be done now.
func (d *Daemon) follow(ctx context.Context, p Policy, records []Record, i int) (signal.Instant, error) {
	var outcomes []release.Outcome
	for range mostRounds {
		o, err := d.observe(ctx, p, records, i)
		if err != nil {
			return 0, err
		}
		o.Outcomes = append(o.Outcomes, outcomes...)
		changed, err := d.advance(ctx, &records[i], o)
		if err != nil {
			return 0, err
		}
		outcomes = d.perform(ctx, records[i], o)
		d.book.put(records[i])
		d.post(records[i], o.Sinks)
		if failed(outcomes) {
			break
		}
		if len(outcomes) == 0 && (!changed || !climbing(records[i].State)) {
			return release.Wake(records[i].State, p.Plan, o.Now), nil
		}
	}
	return d.unfinished(ctx, p, records, i, outcomes)
}

// unfinished records what went wrong, and asks for another look soon.
func (d *Daemon) unfinished(ctx context.Context, p Policy, records []Record, i int, outcomes []release.Outcome) (signal.Instant, error) {
	o, err := d.observe(ctx, p, records, i)
	if err != nil {
		return 0, err
	}
	o.Outcomes = append(o.Outcomes, outcomes...)
	if _, err := d.advance(ctx, &records[i], o); err != nil {
		return 0, err
	}
	d.book.put(records[i])
	d.post(records[i], o.Sinks)
	return now().Add(retryIn), nil
}

// climbing tells whether the ladder may have another step that needs no waiting.
func climbing(s release.State) bool { return s.Ladder != nil && s.Phase == release.RollingBack }

func failed(outcomes []release.Outcome) bool {
	return slices.ContainsFunc(outcomes, func(o release.Outcome) bool { return o.Result != release.Performed })
}

// advance gives the release its next state and saves it if it differs. A rollback is decided under a
// lock, so that two decisions can't both be the last one that the breaker allows.
func (d *Daemon) advance(ctx context.Context, r *Record, o release.Observed) (changed bool, err error) {
	next := *r
	next.State = d.decide(*r, &o)
	if release.Same(r.State, next.State) {
		return false, nil
	}
	if next.State.Over() && !r.State.Over() {
		if err := d.settle(ctx, next); err != nil {
			return false, err
		}
	}
	saved, err := d.Save(ctx, *r, next)
	if err != nil {
		d.undecide(*r)
		if errors.Is(err, ErrConflict) {
			d.policies.Add(Key{r.Namespace, r.Spec.Policy})
		}
		return false, fmt.Errorf("save: %w", err)
	}
	old := r.State
	*r = saved
	d.meter.Advanced(old, r.State)
	d.Say(*r, old)
	return true, nil
}

func (d *Daemon) decide(r Record, o *release.Observed) release.State {
	d.fleet.mu.Lock()
	defer d.fleet.mu.Unlock()
	d.fleet.expire(o.Now, o.BreakerWithin)
	o.Fleet = release.Fleet{Rollbacks: d.fleet.others(d.Active(), r.Name())}
	next := release.Advance(r.State, *o)
	if l := next.Ladder; l != nil && l.Automatic && r.State.Ladder == nil {
		d.fleet.decided[r.Name()] = l.Decided
	}
	if next.Ladder == nil {
		delete(d.fleet.decided, r.Name())
	}
	return next
}

func (d *Daemon) undecide(r Record) {
	d.fleet.mu.Lock()
	defer d.fleet.mu.Unlock()
	if r.State.Ladder == nil {
		delete(d.fleet.decided, r.Name())
	}
}

// perform does what the saved state asks of the cluster.
func (d *Daemon) perform(ctx context.Context, r Record, o release.Observed) []release.Outcome {
	var outcomes []release.Outcome
	for _, a := range release.Pending(r.State, o) {
		if a.Tells() {
			continue
		}
		result, detail := d.Perform(ctx, r.Namespace, a)
		outcomes = append(outcomes, release.Outcome{Action: a, Result: result, At: now(), Detail: detail})
	}
	return outcomes
}

// settle notes in the ledger how a release ends, before the release itself says so: after a crash in
// between the release is still active and ends again. The log is pruned on the way.
func (d *Daemon) settle(ctx context.Context, r Record) error {
	d.ticks.forget(r.Name())
	p, err := d.Policy(ctx, Key{r.Namespace, r.Spec.Policy})
	if err != nil || p.Gone {
		return err
	}
	ledger := release.Settle(p.Ledger, release.Open{Spec: r.Spec, State: r.State})
	if reflect.DeepEqual(ledger, p.Ledger) {
		return nil
	}
	if err := d.SaveLedger(ctx, p, ledger, p.Problems); err != nil {
		return fmt.Errorf("settle the policy's status: %w", err)
	}
	if p.Plan != nil && p.Plan.HistoryLimit > 0 {
		return d.Prune(ctx, p.Key, int(p.Plan.HistoryLimit))
	}
	return nil
}

func earlier(a, b signal.Instant) signal.Instant {
	if a.IsZero() || !b.IsZero() && b < a {
		return b
	}
	return a
}
