package watchdog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// mostRounds is how often a release is advanced in one look. A whole rollback with a hot stable takes
// four: decide, recheck, shift, and what came of it.
const mostRounds = 8

// retryIn is when a failed write to the cluster is tried again.
const retryIn = signal.Duration(1e9)

// Sync looks at one policy and its releases once, and gives when to look again. What fails for one
// release, or for the policy's own status, holds up no other.
func (d *Daemon) Sync(ctx context.Context, k Key) (signal.Instant, error) {
	l := &looking{knocks: d.ears.open(k)}
	defer d.ears.shut(k)
	wake, err := d.sync(ctx, k, l)
	if err != nil || l.wrote {
		d.trusted.set(k, false)
	}
	return wake, err
}

// looking is what one look has done so far.
type looking struct {
	wrote bool
	// world is what detect saw.
	world release.World
	// knocks are the wake-ups since it began.
	knocks <-chan struct{}
	// ended are releases that the ledger has open and that are over.
	ended []int64
	// sure is whether the ledger is known to be the newest, so that what it does not know is not ours.
	sure bool
}

func (d *Daemon) sync(ctx context.Context, k Key, l *looking) (signal.Instant, error) {
	p, err := d.Policy(ctx, k)
	if err != nil {
		return 0, fmt.Errorf("read policy %s: %w", k, err)
	}
	if p.Plan != nil && !d.trusted.is(k) { // where that fails the cached one does: what it saves may conflict
		if fresh, err := d.Fresh(ctx, p); err == nil {
			p = fresh
		}
	}
	d.meetPolicy(p)
	records, err := d.releases(ctx, k)
	if err != nil {
		return 0, fmt.Errorf("read releases of %s: %w", k, err)
	}
	var errs []error
	if records, err = d.reclaim(ctx, p, records, l); err != nil {
		errs = append(errs, fmt.Errorf("policy %s: %w", k, err))
	}
	switch {
	case p.Plan != nil:
		d.meet(p.Plan.Prometheus)
		if p, records, err = d.detect(ctx, p, records, l); err != nil {
			errs = append(errs, fmt.Errorf("detect releases of %s: %w", k, err))
		}
	case p.Gone:
		d.buckets.forget(k)
		d.overlaps.forget(k)
		d.budgets.forget(k)
		l.sure = true
	default:
		d.buckets.forget(k)
		d.overlaps.forget(k)
		if p, err = d.invalid(ctx, p, records, l); err != nil {
			errs = append(errs, fmt.Errorf("say what is wrong with policy %s: %w", k, err))
		}
	}
	var wake signal.Instant
	for _, i := range d.wordsFirst(records) {
		if !l.sure && !p.Ledger.Knows(records[i].Spec.Number) {
			continue
		}
		if !records[i].State.Active() {
			errs = append(errs, d.tidy(ctx, records[i], l))
			continue
		}
		at, err := d.follow(ctx, p, records, i, l)
		if err != nil {
			errs = append(errs, fmt.Errorf("release %s: %w", records[i].Name(), err))
		}
		wake = earlier(wake, at)
		if !records[i].State.Active() {
			d.book.forget(records[i].Name())
			d.vouched.forget(records[i].Name())
		}
	}
	if errors.Join(errs...) == nil {
		d.resolve(k, release.CodeSaveRefused)
	}
	if p.Plan != nil && errors.Join(errs...) == nil {
		at, err := d.lookAtBuckets(ctx, p, records, l)
		wake, errs = earlier(wake, at), append(errs, err)
		at, err = d.lookAtOverlaps(ctx, p, records, l)
		wake, errs = earlier(wake, at), append(errs, err)
		at, err = d.sayBudget(ctx, p)
		wake, errs = earlier(wake, at), append(errs, err, d.sayMeasured(ctx, p, records))
		at, err = d.sayHistory(ctx, p, records, l)
		wake, errs = earlier(wake, at), append(errs, err)
	}
	return wake, errors.Join(errs...)
}

// invalid says what is wrong with a policy.
func (d *Daemon) invalid(ctx context.Context, p Policy, records []Record, l *looking) (Policy, error) {
	if strange(p.Ledger, records) {
		var err error
		if p, err = d.Fresh(ctx, p); err != nil {
			return p, err
		}
	}
	l.sure = true
	return p, d.saveLedger(ctx, p, l.ledgerOf(p), p.Problems)
}

// tidy saves a release once more that needs no more care and yet is listed: whoever saved it last died
// before it was taken off the list.
func (d *Daemon) tidy(ctx context.Context, r Record, l *looking) error {
	l.wrote = true
	if _, err := d.Save(ctx, r, r); err != nil {
		return fmt.Errorf("release %s: save: %w", r.Name(), err)
	}
	return nil
}

// releases reads the active releases: live as soon as one of them has something open, or where the
// cache may not have the last write yet.
func (d *Daemon) releases(ctx context.Context, k Key) ([]Record, error) {
	cached, err := d.Releases(ctx, k, false)
	if err != nil {
		return nil, err
	}
	records := cached
	if !d.trusted.is(k) || slices.ContainsFunc(cached, intends) {
		if records, err = d.Releases(ctx, k, true); err != nil {
			return nil, err
		}
		for _, name := range d.book.keep(k, records) {
			d.ticks.forget(name)
			d.probes.forget(name)
			d.owns.forget(name)
		}
		d.trusted.set(k, slices.EqualFunc(sorted(cached), sorted(records), same))
	}
	return sorted(records), nil
}

func sorted(records []Record) []Record {
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.Spec.Number, b.Spec.Number) })
	return records
}

// same tells whether two reads of a release gave the same.
func same(a, b Record) bool {
	return reflect.DeepEqual(a.Spec, b.Spec) && release.Same(a.State, b.State)
}

// intends tells whether a release has an intention that is saved and not yet seen through: to act, to
// tell, or to end.
func intends(r Record) bool {
	return r.State.Phase == "" || r.State.Ladder != nil && r.State.Ladder.Step != release.Done || r.State.Over() || !r.State.Settled
}

func opens(records []Record) []release.Open {
	var out []release.Open
	for _, r := range records {
		out = append(out, release.Open{Spec: r.Spec, State: r.State})
	}
	return out
}

// follow advances one release until nothing more can be done now.
func (d *Daemon) follow(ctx context.Context, p Policy, records []Record, i int, l *looking) (signal.Instant, error) {
	var outcomes []release.Outcome
	for range mostRounds {
		word := d.hasWord(records[i])
		o, changed, err := d.round(ctx, p, records, i, outcomes, l)
		if err != nil {
			return 0, err
		}
		outcomes = d.perform(ctx, &records[i], o)
		if failed(outcomes) {
			break
		}
		if len(outcomes) == 0 && !word && (!changed || !climbing(records[i].State)) {
			return d.awake(records[i], release.Wake(records[i].State, p.Plan, o.Now)), nil
		}
	}
	if _, _, err := d.round(ctx, p, records, i, outcomes, l); err != nil {
		return 0, err
	}
	return d.now().Add(retryIn), failure(outcomes)
}

// awake gives a moment of a release's time in the daemon's.
func (d *Daemon) awake(r Record, at signal.Instant) signal.Instant {
	if at.IsZero() {
		return 0
	}
	return at.Add(-d.own(r))
}

// round observes, advances and saves once, and posts what there is to tell.
func (d *Daemon) round(ctx context.Context, p Policy, records []Record, i int, outcomes []release.Outcome, l *looking) (release.Observed, bool, error) {
	o, err := d.observe(ctx, p, records, i, l)
	if err != nil {
		return o, false, err
	}
	o.Outcomes = append(o.Outcomes, outcomes...)
	changed, err := d.advance(ctx, &records[i], o, p.Ledger)
	if err != nil {
		return o, false, err
	}
	l.wrote = l.wrote || changed
	d.book.put(records[i])
	d.post(records[i], o.Sinks)
	return o, changed, nil
}

// failure gives what failed as an error, for another try later and later. What was refused or met a
// conflict is tried again soon: the world has moved.
func failure(outcomes []release.Outcome) error {
	var errs []error
	for _, o := range outcomes {
		if o.Result == release.Failed {
			errs = append(errs, fmt.Errorf("%s: %s", o.Action.Deed, o.Detail))
		}
	}
	return errors.Join(errs...)
}

// climbing tells whether the ladder may have another step that needs no waiting.
func climbing(s release.State) bool { return s.Ladder != nil && s.Phase == release.RollingBack }

func failed(outcomes []release.Outcome) bool {
	return slices.ContainsFunc(outcomes, func(o release.Outcome) bool { return o.Result != release.Performed })
}

// advance gives the release its next state and saves it if it differs.
func (d *Daemon) advance(ctx context.Context, r *Record, o release.Observed, ledger release.Ledger) (changed bool, err error) {
	next := *r
	if next.State, err = d.decide(ctx, *r, &o); err != nil {
		d.ticks.again(r.Name())
		return false, err
	}
	if release.Same(r.State, next.State) {
		return false, nil
	}
	if next.State.Phase != r.State.Phase && !o.World.Live {
		if next.State, err = d.confirm(ctx, *r, &o, ledger); err != nil {
			return false, err
		}
	}
	if next.State = d.unbroken(*r, next.State, o); release.Same(r.State, next.State) {
		return false, nil
	}
	if err := d.keep(ctx, r, next); err != nil {
		return false, err
	}
	return true, nil
}

// keep saves a release's next state, and says what is new.
func (d *Daemon) keep(ctx context.Context, r *Record, next Record) error {
	if next.State.Over() && !r.State.Over() {
		if err := d.settle(ctx, next); err != nil {
			return err
		}
	}
	saved, err := d.Save(ctx, *r, next)
	if err != nil {
		if errors.Is(err, ErrRefused) {
			d.raise(Key{r.Namespace, r.Spec.Policy}, release.CodeSaveRefused, release.Critical, fmt.Sprintf("release %s, %s: %v", r.Spec.Name(), next.State.Phase, err))
		}
		if errors.Is(err, ErrConflict) {
			d.fleet.takeBack(*r)
		}
		// What was measured in vain is measured again.
		d.ticks.again(r.Name())
		return fmt.Errorf("save: %w", err)
	}
	old := r.State
	*r = saved
	d.book.saved(saved)
	d.meter.Advanced(old, r.State)
	d.Say(*r, old)
	return nil
}

// confirm decides a step of the release's life again, on the world as it is: the caches may still show
// what was so before this process' own last write, and a life that ended does not begin again.
func (d *Daemon) confirm(ctx context.Context, r Record, o *release.Observed, ledger release.Ledger) (release.State, error) {
	plan := release.InForce(o.Plan, r.Namespace, r.Spec, r.State)
	if plan == nil {
		return d.decide(ctx, r, o)
	}
	sight, err := d.Observe(ctx, plan, ledger.Memory(plan.VirtualService), true)
	if err != nil {
		d.fleet.takeBack(r)
		d.ticks.again(r.Name())
		return r.State, err
	}
	o.World = sight.World
	d.see(ctx, r, plan, &o.World)
	d.unready(Key{r.Namespace, r.Spec.Policy}, &o.World, d.own(r), false)
	return d.decide(ctx, r, o)
}

// decide advances the state. Only where a rollback may be decided the rest of the fleet counts: then
// one release is decided after the other, so that two can't both be the last that the breaker allows.
func (d *Daemon) decide(ctx context.Context, r Record, o *release.Observed) (release.State, error) {
	if o.Guard == nil || o.Guard.Tier != judge.Rollback {
		return d.fleet.note(r, release.Advance(r.State, *o)), nil
	}
	if r.State.Ladder == nil { // what is decided goes on, whatever others did
		if err := d.inherit(ctx); err != nil {
			return r.State, err
		}
	}
	active, ledgers := d.Active(), d.Ledgers()
	active = slices.DeleteFunc(active, func(o Record) bool { return !d.knows(o, ledgers[Key{o.Namespace, o.Spec.Policy}]) })
	d.fleet.mu.Lock()
	defer d.fleet.mu.Unlock()
	d.fleet.expire(o.Now, o.Breaker.Within)
	o.Fleet = release.Fleet{Rollbacks: d.fleet.others(active, ledgers, r.Name())}
	return d.fleet.noted(r, release.Advance(r.State, *o)), nil
}

// perform does what the saved state asks of the cluster.
func (d *Daemon) perform(ctx context.Context, r *Record, o release.Observed) []release.Outcome {
	var outcomes []release.Outcome
	for _, a := range release.Pending(r.State, o) {
		if a.Tells() {
			continue
		}
		if ok, err := d.permits(ctx, r, a, o); err != nil {
			return append(outcomes, release.Outcome{Action: a, Result: release.Failed, At: o.Now, Detail: err.Error()})
		} else if !ok {
			return outcomes
		}
		result, detail := d.Perform(ctx, r.Namespace, a)
		outcomes = append(outcomes, release.Outcome{Action: a, Result: result, At: d.nowOf(*r), Detail: detail})
	}
	return outcomes
}

// settle notes in the ledger how a release ends, before the release itself says so: after a crash in
// between the release is still active and ends again. The log is pruned on the way.
func (d *Daemon) settle(ctx context.Context, r Record) error {
	d.ticks.forget(r.Name())
	d.probes.forget(r.Name())
	d.owns.forget(r.Name())
	p, err := d.Policy(ctx, Key{r.Namespace, r.Spec.Policy})
	if err != nil || p.Gone {
		return err
	}
	p, err = d.Fresh(ctx, p)
	if err != nil {
		return fmt.Errorf("read the policy's status: %w", err)
	}
	if !p.Ledger.Knows(r.Spec.Number) {
		return nil
	}
	ledger := release.Settle(p.Ledger, release.Open{Spec: r.Spec, State: r.State})
	if reflect.DeepEqual(ledger, p.Ledger) {
		return nil
	}
	if err := d.saveLedger(ctx, p, ledger, p.Problems); err != nil {
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
