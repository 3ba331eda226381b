package watchdog

import (
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
}

// others gives the automatic rollbacks of all releases but one.
func (f *fleet) others(active []Record, ledgers map[Key]release.Ledger, name string) []release.Rollback {
	all := maps.Clone(f.decided)
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
	delete(all, name)
	return slices.Collect(maps.Values(all))
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
