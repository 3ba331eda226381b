package watchdog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Reasons that a policy's status tells besides those that are found in the cluster.
const (
	reasonReleaseRefused = "ReleaseRefused" // its next release can't be made, so that it is not watched
	ReasonEditPending    = "EditPending"    // an edit of it waits for the next release; it is watched all the same
)

// reclaim adds the releases that the ledger has open and the list lacks: whoever took their label away, or lost it,
// ends nobody's watch. Those that are over, or not there any more, are remembered to be dropped from the ledger.
func (d *Daemon) reclaim(ctx context.Context, p Policy, records []Record, l *looking) ([]Record, error) {
	var errs []error
	for _, number := range p.Ledger.Open {
		if slices.ContainsFunc(records, func(r Record) bool { return r.Spec.Number == number }) {
			continue
		}
		r, open, err := d.Reclaim(ctx, p.Key, number)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("look for release %d, which is not listed: %w", number, err))
		case open:
			l.wrote = true
			records = append(records, r)
		default:
			l.ended = append(l.ended, number)
		}
	}
	return sorted(records), errors.Join(errs...)
}

// ledger gives a policy's ledger without the releases that were found to have ended.
func (l *looking) ledgerOf(p Policy) release.Ledger {
	ledger := p.Ledger
	for _, number := range l.ended {
		ledger = ledger.Without(number)
	}
	return ledger
}

// strange tells whether the ledger knows nothing of one of the releases.
func strange(l release.Ledger, records []Record) bool {
	return slices.ContainsFunc(records, func(r Record) bool { return !l.Knows(r.Spec.Number) })
}

// detect makes the releases that begin, and saves the ledger after them: a crash in between finds the
// release again by its number. It gives the releases that are known even if something fails, and the policy with the
// ledger as it was saved.
func (d *Daemon) detect(ctx context.Context, p Policy, records []Record, l *looking) (Policy, []Record, error) {
	sight, err := d.Observe(ctx, p.Plan, p.Ledger.Memory(p.Plan.VirtualService), false)
	if err != nil {
		return p, records, err
	}
	base, err := d.base(ctx, p, l.ledgerOf(p), records, sight)
	if err != nil {
		return p, records, err
	}
	ledger, births := release.Detect(base, opens(records), sight.World, d.now())
	if len(births) > 0 || strange(base, records) || !slices.Equal(ledger.Accepted, base.Accepted) {
		// A birth is decided on what is so now, not on what the caches remember, and so is whether a release is ours.
		if p, err = d.Fresh(ctx, p); err != nil {
			return p, records, err
		}
		if records, sight, err = d.live(ctx, p, records); err != nil {
			return p, records, err
		}
		if base, err = d.base(ctx, p, l.ledgerOf(p), records, sight); err != nil {
			return p, records, err
		}
		ledger, births = release.Detect(base, opens(records), sight.World, d.now())
	}
	l.world = sight.World
	problems := slices.Concat(p.Problems, sight.Problems, d.overlapping(p))
	if len(births) > 0 {
		if records, ledger, err = d.begin(ctx, p, births, records, base, ledger, l); err != nil {
			return p, records, errors.Join(err, d.unbegun(ctx, p, ledger, problems, err))
		}
	}
	if err := d.saveLedger(ctx, p, ledger, append(problems, edits(p, records)...)); err != nil {
		err = fmt.Errorf("save the policy's status: %w", err)
		if len(births) > 0 {
			d.unwatched(ctx, p, err)
		}
		return p, records, err
	}
	d.begun.clear(p.Key)
	d.resolve(p.Key, release.CodeNotWatched)
	p.Ledger, l.sure = ledger, true
	return p, records, nil
}

// base is the ledger that a look begins with: of the plan's slots as they are, with the routes as they were seen. A
// policy that is seen for the first time may have had releases before it was deleted and made again: its own are
// numbered after those.
func (d *Daemon) base(ctx context.Context, p Policy, ledger release.Ledger, records []Record, sight Sight) (release.Ledger, error) {
	if ledger.LastRelease == 0 && len(ledger.Accepted) == 0 && sight.World.Known() {
		last, err := d.LastNumber(ctx, p.Key)
		if err != nil {
			return ledger, fmt.Errorf("look for releases of a policy of that name: %w", err)
		}
		ledger.LastRelease = last
	}
	ledger = ledger.Renew(p.Plan, sight.World, opens(records))
	ledger.Routes = sight.Routes
	return ledger, nil
}

// mostTaken is how many numbers are tried for one release that others have made releases with.
const mostTaken = 4

// begin makes releases, and gives the ledger that has them; where that fails, the former one with those that were made.
func (d *Daemon) begin(ctx context.Context, p Policy, births []release.Spec, records []Record, former, next release.Ledger, l *looking) ([]Record, release.Ledger, error) {
	for _, spec := range births {
		spec.Policy, spec.Service = p.Key.Name, p.Plan.Service()
		spec.Number = made(records, former, spec)
		r, err := d.make(ctx, p, spec, next.LastRelease)
		if err != nil {
			return records, former, fmt.Errorf("create release %s: %w", spec.Name(), err)
		}
		l.wrote = true
		former, next = former.Begun(r.Spec), next.Begun(r.Spec)
		records = slices.DeleteFunc(records, func(o Record) bool { return o.Spec.Number == r.Spec.Number })
		records = append(records, r)
	}
	return sorted(records), next, nil
}

// made gives the number of the release that a former look made for the same sides and could not enter in the ledger, so
// that looks that can't save make no release each; where there is none, the release's own.
func made(records []Record, former release.Ledger, spec release.Spec) int64 {
	for _, r := range records {
		if r.State.Phase == "" && !former.Knows(r.Spec.Number) && r.Spec.Number <= release.Farthest &&
			r.Spec.Candidate.Is(spec.Candidate) && r.Spec.Stable.Is(spec.Stable) {
			return r.Spec.Number
		}
	}
	return spec.Number
}

// make makes one release, under the next free number if another has its own: somebody else's, or one of ours that could
// not be entered in the ledger before something newer was rolled out.
func (d *Daemon) make(ctx context.Context, p Policy, spec release.Spec, last int64) (r Record, err error) {
	for range mostTaken {
		r, err = d.Create(ctx, Record{Namespace: p.Key.Namespace, Spec: spec})
		if !errors.Is(err, ErrTaken) {
			return r, err
		}
		greatest, lerr := d.LastNumber(ctx, p.Key)
		if lerr != nil {
			return r, errors.Join(err, lerr)
		}
		spec.Number = max(spec.Number, last, greatest) + 1
	}
	return r, err
}

// unwatched pages a person where a release that should begin can't be made, or not be entered in the ledger, so that
// what was rolled out is not watched: at once where that was refused for good, and else when it has lasted.
func (d *Daemon) unwatched(ctx context.Context, p Policy, why error) (said bool) {
	if errors.Is(why, ErrConflict) || ctx.Err() != nil {
		return false
	}
	since := d.begun.failed(p.Key, d.now())
	if errors.Is(why, ErrRefused) || d.now().Sub(since) >= d.settings().BlindFor {
		d.raise(p.Key, release.CodeNotWatched, release.Critical, why.Error())
	}
	return true
}

// unbegun does so for a release that can't be made, and says it in the policy's status.
func (d *Daemon) unbegun(ctx context.Context, p Policy, ledger release.Ledger, problems []Problem, why error) error {
	if !d.unwatched(ctx, p, why) {
		return nil
	}
	problems = append(problems, Problem{Reason: reasonReleaseRefused, Message: "what was rolled out is not watched: " + why.Error()})
	if err := d.saveLedger(ctx, p, ledger, problems); err != nil {
		return fmt.Errorf("say so in the policy's status: %w", err)
	}
	return nil
}

// unmade remembers since when policies' releases can't be made.
type unmade struct {
	mu    sync.Mutex
	since map[Key]signal.Instant
}

func (u *unmade) failed(k Key, at signal.Instant) signal.Instant {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.since[k]; !known {
		u.since[k] = at
	}
	return u.since[k]
}

func (u *unmade) clear(k Key) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.since, k)
}

// edits says that the policy was edited while a release of it goes on by what it began with.
func edits(p Policy, records []Record) []Problem {
	for _, r := range slices.Backward(records) {
		if s := r.Spec.Service; s != nil && !r.State.Over() && !s.Is(p.Plan) {
			text := fmt.Sprintf("traffic or slots were edited while release %s is active: it goes on by those that it began with, and the edit takes force with the next release", r.Spec.Name())
			if p.Plan.For(r.Spec).Mode != p.Plan.Mode {
				text += fmt.Sprintf("; until then nothing is rolled back by itself, since mode: %s speaks of the VirtualService and Deployments that the policy names", p.Plan.Mode)
			}
			return []Problem{{Reason: ReasonEditPending, Message: text}}
		}
	}
	return nil
}

// live reads the releases and the world anew from the API server.
func (d *Daemon) live(ctx context.Context, p Policy, records []Record) ([]Record, Sight, error) {
	fresh, err := d.Releases(ctx, p.Key, true)
	if err != nil {
		return records, Sight{}, err
	}
	for _, r := range records { // one whose label was lost may not be listed yet
		if p.Ledger.Knows(r.Spec.Number) && !slices.ContainsFunc(fresh, func(f Record) bool { return f.Spec.Number == r.Spec.Number }) {
			fresh = append(fresh, r)
		}
	}
	sight, err := d.Observe(ctx, p.Plan, p.Ledger.Memory(p.Plan.VirtualService), true)
	return sorted(fresh), sight, err
}

// vouched remembers the releases that a ledger was seen to know: when their policy is gone or made again, nothing else
// tells them from what somebody else wrote.
type vouched struct {
	mu    sync.Mutex
	names map[string]bool
}

func (v *vouched) add(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.names[name] = true
}

func (v *vouched) has(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.names[name]
}

func (v *vouched) forget(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.names, name)
}
