package watchdog

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// answersFor is how long a look waits for answers, all of its questions together: as long as three may take one
// after the other. What is worth less than the next tick of the guard is waited for until that, or for soonest.
// Once the guard calls for a rollback, spareTime is left for the rest.
const (
	answersFor = 30 * time.Second
	soonest    = 5 * time.Second
	spareTime  = time.Second
)

// errDecided is why what is under way is dropped.
var errDecided = errors.New("the guard calls for a rollback")

func dropped(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errDecided) }

// deadline bounds the questions of a look, but for those of the past: a backtest has time.
func (d *Daemon) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.answersFor <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d.answersFor)
}

func (d *Daemon) untilNext(ctx context.Context, plan *release.Plan) (context.Context, context.CancelFunc) {
	if d.answersFor <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, max(soonest, plan.GuardEvery.D()))
}

// view is what a side is judged by now: the rows, up to when there are samples, and how many bins.
type view struct {
	m      measurement
	o      *release.Observed
	side   release.Side
	matrix judge.Matrix
	l      horizon
	bins   int
	first  signal.Instant
}

// readings reads all that the rows ask, side by side. Where what a rollback rests on calls for one, nothing else
// is waited for.
func (d *Daemon) readings(ctx context.Context, in judge.Input, v view, asks []signal.Ask) []signal.Reading {
	acting, others := v.m.apart(asks)
	later, drop := context.WithCancel(ctx)
	defer drop()
	var first, facts, rest []signal.Reading
	together(func() {
		together(
			func() { first = d.readNow(ctx, v.m, v.l, acting, v.bins, v.first) },
			func() {
				facts = d.facts(ctx, v.m, v.matrix, v.side, lookedNow(v.o.Now, v.matrix, v.l))
			})
		facts = append(available(v.matrix, v.o.World.Slot(v.side.Slot), v.side), facts...)
		in.Readings = slices.Concat(first, facts)
		if len(others) > 0 && d.answersFor > 0 && judge.Judge(v.matrix.Only(rollbackCells), in).Tier == judge.Rollback {
			drop()
		}
	}, func() { rest = d.readNow(later, v.m, v.l, others, v.bins, v.first) })
	return slices.Concat(first, rest, facts)
}

// apart tells the questions that a rollback may rest on from the others.
func (m measurement) apart(asks []signal.Ask) (acting, others []signal.Ask) {
	for _, a := range asks {
		if m.classOf(a.Signal) == signal.Acts {
			acting = append(acting, a)
		} else {
			others = append(others, a)
		}
	}
	return acting, others
}

// asker is who asks for a measurement's answers of a class.
func (m measurement) asker(c signal.Class) Asker {
	return Asker{Prometheus: m.plan.Prometheus, Policy: Key{m.plan.Namespace, m.plan.Policy}, Class: max(c, m.class)}
}

// telling gives the measurement whose answers are only shown or recorded.
func (m measurement) telling() measurement {
	m.class = signal.Tells
	return m
}

// classOf is how much hangs on a signal: what its cells may do. What is no signal counts requests, for the proof.
func (m measurement) classOf(name string) signal.Class {
	class := signal.Acts
	for _, r := range m.plan.Matrix.Rows {
		if r.Signal != name {
			continue
		}
		class = signal.Tells
		for _, c := range r.Cells {
			switch c.Tier {
			case judge.Rollback:
				return signal.Acts
			case judge.Consider:
				class = signal.Pages
			}
		}
	}
	return class
}

// weighed asks each question with the weight of its signal, side by side, and gives the answers in their places.
func (d *Daemon) weighed(ctx context.Context, m measurement, asks []signal.Ask, span Span) []signal.Reading {
	classes := map[signal.Class][]int{}
	for i, a := range asks {
		c := m.asker(m.classOf(a.Signal)).Class
		classes[c] = append(classes[c], i)
	}
	out := make([]signal.Reading, len(asks))
	var parts []func()
	for class, places := range classes {
		parts = append(parts, func() {
			of := make([]signal.Ask, len(places))
			for i, at := range places {
				of[i] = asks[at]
				if beside := m.plan.Beside(of[i], m.candidate(), m.stable()); beside != "" {
					of[i].Beside, of[i].Since = beside, m.record.State.FirstTraffic
				}
			}
			for i, r := range d.Read(ctx, m.asker(class), of, span) {
				out[places[i]] = r
			}
		})
	}
	together(parts...)
	return out
}
