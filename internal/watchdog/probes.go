package watchdog

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// probes remembers what health endpoints said, by release, for as long as a bound may last. It is kept in
// memory alone: after a restart a bound needs its whole time again. The zero value is ready for use, by any
// goroutine.
type probes struct {
	mu   sync.Mutex
	seen map[string]map[string][]look
	// asking lets who asks an endpoint at the same moment share the answer.
	asking singleflight.Group
}

// look is one answer of an endpoint, or none.
type look struct {
	at      signal.Instant
	failing signal.Number
	cause   signal.Cause
	text    string
}

// mostLooks bounds what is remembered of one endpoint. A check of a day does not see more of it, but the
// guard saw it all.
const mostLooks = 4 * judge.MostBins

// forgotten is how long an endpoint is remembered that nobody asks any more.
const forgotten = signal.Duration(3600e9)

// endpoint names what is asked: the same signal of the two slots are two endpoints.
func endpoint(a signal.Ask) string { return a.Signal + " " + a.URL }

func (p *probes) note(name string, a signal.Ask, l look) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]map[string][]look{}
	}
	if p.seen[name] == nil {
		p.seen[name] = map[string][]look{}
	}
	of := p.seen[name]
	looks := append(of[endpoint(a)], l)
	of[endpoint(a)] = looks[max(0, len(looks)-mostLooks):]
	maps.DeleteFunc(of, func(_ string, looks []look) bool { return l.at.Sub(looks[len(looks)-1].at) > forgotten })
}

// until gives the looks at an endpoint up to a moment, the oldest first.
func (p *probes) until(name string, a signal.Ask, at signal.Instant) []look {
	p.mu.Lock()
	defer p.mu.Unlock()
	looks := slices.Clone(p.seen[name][endpoint(a)])
	return slices.DeleteFunc(looks, func(l look) bool { return l.at > at })
}

// forget forgets the endpoints of a release that is over.
func (p *probes) forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.seen, name)
}

// ask asks endpoints, side by side, and notes what they say. One that was asked at this very moment is not
// asked again.
func (d *Daemon) ask(ctx context.Context, m measurement, asks []signal.Ask, at signal.Instant) {
	if d.Probe == nil {
		return
	}
	var parts []func()
	for _, a := range asks {
		parts = append(parts, func() {
			d.probes.asking.Do(m.record.Name()+" "+endpoint(a), func() (any, error) { //nolint:errcheck // what came of it is noted
				d.askOne(ctx, m, a, at)
				return nil, nil
			})
		})
	}
	together(parts...)
}

func (d *Daemon) askOne(ctx context.Context, m measurement, a signal.Ask, at signal.Instant) {
	if looks := d.probes.until(m.record.Name(), a, at); len(looks) > 0 && looks[len(looks)-1].at == at {
		return
	}
	n, text, err := d.Probe(ctx, m.plan.Namespace, a)
	l := look{at: at, failing: signal.Number(n), text: clip(text)}
	if err != nil {
		l.cause, l.text = signal.Unseen, clip(err.Error())
	}
	d.probes.note(m.record.Name(), a, l)
}

// probed asks the endpoints among the rows, and gives what they have said until the end of the span.
func (d *Daemon) probed(ctx context.Context, m measurement, matrix judge.Matrix, side release.Side, l looked) []signal.Reading {
	asks := inMatrix(m.plan.AsksOf(signal.Probe, side.Slot, side.Version), matrix)
	if len(asks) == 0 {
		return nil
	}
	if d.Probe == nil {
		return all(asks, signal.Unseen, "what a health endpoint said in the past is not known")
	}
	d.ask(ctx, m, asks, l.at)
	bin := l.span.Bin
	most := max(judge.MostBins, int(l.span.To.Sub(l.span.From)/bin)+matrix.Longest(anyCell))
	stands := max(bin, m.plan.ConsiderEvery()) * 3 / 2
	var out []signal.Reading
	for _, a := range asks {
		out = append(out, binned(a.Signal, d.probes.until(m.record.Name(), a, l.span.To), Span{To: l.span.To, Bin: bin}, most, stands))
	}
	return out
}

// binned puts looks into bins that end with the span, as many as there are since the first look. Between two
// looks the earlier one stands, for so long.
func binned(name string, looks []look, s Span, most int, stands signal.Duration) signal.Reading {
	r := signal.Reading{Signal: name}
	if len(looks) == 0 {
		r.Cause, r.Detail = signal.Unseen, "it has not been asked yet"
		return r
	}
	n := min(most, int(s.To.Sub(looks[0].at)/s.Bin)+1)
	for i := n - 1; i >= 0; i-- {
		r.Bins = append(r.Bins, said(looks, s.To.Add(-s.Bin*signal.Duration(i)), s.Bin, stands))
	}
	unknown := r.Bins[n-1].Cause != signal.Known
	for _, l := range slices.Backward(looks) {
		if unknown || l.cause == signal.Known {
			r.Detail = l.text
			break
		}
	}
	return r
}

// said is what was said in one bin: the best of it, since what lasts is so at every look; without a look, what
// was said last before.
func said(looks []look, end signal.Instant, bin, stands signal.Duration) signal.Bin {
	b, before := signal.Bin{End: end, Cause: signal.Gap}, signal.Bin{End: end, Cause: signal.Gap}
	for _, l := range looks {
		switch {
		case l.at > end:
		case l.at > end.Add(-bin):
			b = better(b, l)
		case l.at > end.Add(-stands):
			before = better(signal.Bin{End: end, Cause: signal.Gap}, l)
		}
	}
	if b.Cause == signal.Gap {
		return before
	}
	return b
}

func better(b signal.Bin, l look) signal.Bin {
	switch known := l.cause == signal.Known; {
	case known && (b.Cause != signal.Known || l.failing < b.Value):
		b.Value, b.Cause = l.failing, signal.Known
	case !known && b.Cause == signal.Gap:
		b.Cause = l.cause
	}
	return b
}

// stableFails asks the endpoints that are stable's own, if a pod is there to answer, and gives what they say
// is not well: more than any cell of their signal lets pass. That nothing answers says nothing.
func (d *Daemon) stableFails(ctx context.Context, m measurement, o *release.Observed) string {
	if d.Probe == nil || o.World.Slot(m.stable().Slot).Ready == 0 {
		return ""
	}
	var own []string
	for _, q := range m.plan.Questions {
		if release.OfSlot(q) {
			own = append(own, q.Signal)
		}
	}
	asks := only(m.plan.AsksOf(signal.Probe, m.stable().Slot, m.stable().Version), own)
	d.ask(ctx, m, asks, o.Now)
	var fails []string
	for _, a := range asks {
		looks := d.probes.until(m.record.Name(), a, o.Now)
		if l := looks[len(looks)-1]; l.cause == signal.Known && l.failing > least(a.Over) {
			fails = append(fails, a.Signal+": "+l.text)
		}
	}
	return clip(strings.Join(fails, ", "))
}

func least(bounds []signal.Number) signal.Number {
	if len(bounds) == 0 {
		return 0
	}
	return bounds[0]
}
