package watchdog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// How often a server is asked how far back it keeps samples: once it has answered, and while it does not.
const (
	historyEvery = signal.Duration(3600e9)
	historyAgain = signal.Duration(300e9)
	historyFor   = 5 * time.Second
)

// histories remembers what servers said; the zero value is ready for use.
type histories struct {
	mu sync.Mutex
	of map[wanted]history
}

// wanted is how far back a server is wanted to go.
type wanted struct {
	server string
	need   signal.Duration
}

type history struct {
	short string
	known bool
	due   signal.Instant
	// failed is that it did not answer.
	failed bool
}

// wake is when a look is worth its cost although nothing happens: something stands to be unsaid, or was not told yet.
func (h history) wake(stands string) signal.Instant {
	if stands == "" && !h.failed {
		return 0
	}
	return h.due
}

func (h *histories) get(w wanted) history {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[w]
}

// put keeps what a server said, and drops what nobody has asked for of late.
func (h *histories) put(w wanted, said history, now signal.Instant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = map[wanted]history{}
	}
	for k, old := range h.of {
		if now.Sub(old.due) > historyEvery {
			delete(h.of, k)
		}
	}
	h.of[w] = said
}

// sayHistory says in a policy's status whether its Prometheus keeps too little, and gives when to look again. Where the
// server does not tell, what was said stands. It comes last in a look, as no release waits for it.
func (d *Daemon) sayHistory(ctx context.Context, p Policy, records []Record, l *looking) (signal.Instant, error) {
	if d.History == nil {
		return 0, nil
	}
	need, what := reachOf(p.Plan)
	w := wanted{p.Plan.Prometheus, need}
	said := d.histories.get(w)
	if now := d.now(); said.due <= now {
		err := d.unlessSpoken(ctx, p.Key, l, records, func(ctx context.Context) { said = d.askHistory(ctx, p, need) })
		if err != nil {
			return 0, err
		}
		d.histories.put(w, said, now)
	}
	text := ""
	if said.short != "" {
		text = fmt.Sprintf("Prometheus %s %s; %s needs %s: keep as much, or what is compared with it stays unknown", p.Plan.Prometheus, said.short, what, inDays(need))
	}
	if !said.known || text == p.HistoryShort {
		return said.wake(p.HistoryShort), nil
	}
	p, err := d.Fresh(ctx, p) // the status may have been written since
	if err != nil {
		return 0, err
	}
	if err := d.SaveHistory(ctx, p, text); err != nil {
		return 0, fmt.Errorf("say how far back Prometheus goes: %w", err)
	}
	return said.wake(text), nil
}

func (d *Daemon) askHistory(ctx context.Context, p Policy, need signal.Duration) history {
	timed, cancel := context.WithTimeout(ctx, historyFor)
	defer cancel()
	by := Asker{Prometheus: p.Plan.Prometheus, Policy: p.Key, Class: signal.Tells}
	short, known, err := d.History(timed, by, need, d.now()) // days are asked about: no clock is that wrong
	if err != nil {
		return history{due: d.now().Add(historyAgain), failed: true}
	}
	return history{short: cut(short, 300), known: known, due: d.now().Add(historyEvery)}
}

// reachOf gives how far back a plan's questions go at most, in whole days, and what for: a week and what is compared
// with it, or the last window with its baseline.
func reachOf(plan *release.Plan) (need signal.Duration, what string) {
	const day = signal.Duration(24 * 3600e9)
	const compared = signal.Duration(3600e9)
	need, what = week+compared, "the comparison with last week"
	if n := len(plan.Schedule); n > 0 {
		if last := plan.Schedule[n-1]; last.Until+plan.Baseline > need {
			need, what = last.Until+plan.Baseline, "the milestone of window "+last.Name
		}
	}
	return (need + day - 1) / day * day, what
}

// inDays writes whole days.
func inDays(t signal.Duration) string { return fmt.Sprintf("%dd", t/signal.Duration(24*3600e9)) }
