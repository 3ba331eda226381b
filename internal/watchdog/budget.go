package watchdog

import (
	"context"
	"fmt"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// budgetClear is for how long a policy must have kept within its budget until its status says so: one that uses
// it up again and again is not written to each minute.
const budgetClear = signal.Duration(5 * 60e9)

// budgets remembers when policies had last used up their budgets; the zero value is ready for use.
type budgets struct {
	mu    sync.Mutex
	spent map[Key]signal.Instant
}

// look gives whether a policy's status should say that its budget is used up, and when to look again.
func (b *budgets) look(k Key, spent bool, at signal.Instant) (say bool, again signal.Instant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if spent {
		if b.spent == nil {
			b.spent = map[Key]signal.Instant{}
		}
		b.spent[k] = at
	}
	last, ok := b.spent[k]
	if !ok || at.Sub(last) >= budgetClear {
		delete(b.spent, k)
		return false, 0
	}
	return true, last.Add(budgetClear)
}

func (b *budgets) forget(k Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.spent, k)
}

// sayBudget says in a policy's status whether it has used up its budget of Prometheus' time, and gives when to
// look again.
func (d *Daemon) sayBudget(ctx context.Context, p Policy) (signal.Instant, error) {
	if d.Overspent == nil {
		return 0, nil
	}
	spent, again := d.budgets.look(p.Key, d.Overspent(Asker{Prometheus: p.Plan.Prometheus, Policy: p.Key}), d.now())
	if spent == p.Overspent {
		return again, nil
	}
	p, err := d.Fresh(ctx, p) // the status may have been written since
	if err != nil {
		return 0, err
	}
	if err := d.SaveBudget(ctx, p, spent); err != nil {
		return 0, fmt.Errorf("say whether the query budget is used up: %w", err)
	}
	return again, nil
}
