package watchdog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// fleet remembers the automatic rollbacks that this process decided, until the caches show them: in the
// release while it is active, in its policy's ledger afterwards.
type fleet struct {
	mu      sync.Mutex
	decided map[string]release.Rollback
	// inherited is whether those of former processes are among them.
	inherited bool
	asking    sync.Mutex
}

// inherit learns, once, of the automatic rollbacks that processes before this one decided: the caches that it begins
// with may not show the last of them.
func (d *Daemon) inherit(ctx context.Context) error {
	d.fleet.asking.Lock() // and not mu, which each look needs
	defer d.fleet.asking.Unlock()
	if d.fleet.inherited {
		return nil
	}
	active, ledgers, err := d.Fleet(ctx)
	if err != nil {
		return fmt.Errorf("look for rollbacks that were decided before: %w", err)
	}
	active = slices.DeleteFunc(active, func(r Record) bool { return !ledgers[Key{r.Namespace, r.Spec.Policy}].Knows(r.Spec.Number) })
	d.fleet.mu.Lock()
	defer d.fleet.mu.Unlock()
	maps.Copy(d.fleet.decided, rollbacks(active, ledgers))
	d.fleet.inherited = true
	return nil
}

// others gives the automatic rollbacks of all releases but one.
func (f *fleet) others(active []Record, ledgers map[Key]release.Ledger, name string) []release.Rollback {
	all := maps.Clone(f.decided)
	maps.Copy(all, rollbacks(active, ledgers))
	delete(all, name)
	return slices.Collect(maps.Values(all))
}

// rollbacks gives the automatic rollbacks that active releases and ledgers tell of, by the releases' names.
func rollbacks(active []Record, ledgers map[Key]release.Ledger) map[string]release.Rollback {
	all := map[string]release.Rollback{}
	for k, l := range ledgers {
		for _, p := range l.Rollbacks {
			r := Record{Namespace: k.Namespace, Spec: release.Spec{Policy: k.Name, Number: p.Release}}
			all[r.Name()] = release.Rollback{Namespace: r.Namespace, Decided: p.Decided}
		}
	}
	for _, r := range active {
		if at, automatic := r.State.Automatic(); automatic {
			all[r.Name()] = release.Rollback{Namespace: r.Namespace, Decided: at}
		}
	}
	return all
}

// note keeps what a release's next state says of an automatic rollback.
func (f *fleet) note(r Record, next release.State) release.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.noted(r, next)
}

func (f *fleet) noted(r Record, next release.State) release.State {
	switch at, automatic := next.Automatic(); {
	case !automatic:
		delete(f.decided, r.Name())
	case r.State.Ladder == nil:
		f.decided[r.Name()] = release.Rollback{Namespace: r.Namespace, Decided: at}
	}
	return next
}

// takeBack forgets a decision that was not saved.
func (f *fleet) takeBack(r Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.State.Ladder == nil {
		delete(f.decided, r.Name())
	}
}

// expire forgets what is too old to count.
func (f *fleet) expire(now signal.Instant, within signal.Duration) {
	maps.DeleteFunc(f.decided, func(_ string, b release.Rollback) bool { return now.Sub(b.Decided) > 2*within })
}
