package watchdog

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// measurement is what is measured for one observation, and by which plan.
type measurement struct {
	plan   *release.Plan
	record Record
	need   release.Needs
	// skew is by how much Prometheus' clock is ahead of the release's time: one for all questions, which are asked in
	// its time while all else is in the release's.
	skew signal.Duration
	// replays is until when, in its own time, it is not believed: its clock was set back.
	replays signal.Instant
	// own is by how much the release's time is ahead of the daemon's.
	own signal.Duration
	// class is the least weight of its questions.
	class signal.Class
}

func (m measurement) candidate() release.Side { return m.record.Spec.Candidate }
func (m measurement) stable() release.Side    { return m.record.Spec.Stable }

// measure fills in what the release needs, side by side and by one deadline: what has not come by then is
// unknown, and the rest is judged.
func (d *Daemon) measure(ctx context.Context, m measurement, o *release.Observed) {
	ctx, cancel := d.deadline(ctx)
	defer cancel()
	aside, drop := context.WithCancelCause(ctx)
	defer drop(nil)
	together(func() {
		d.watch(ctx, m, o)
		if decides(m, o) && d.answersFor > 0 {
			time.AfterFunc(spareTime, func() { drop(errDecided) })
		}
	}, func() { d.record(aside, m, o) })
	if decides(m, o) {
		o.Milestone = nil
	}
}

// watch measures what a rollback rests on, and what proves it.
func (d *Daemon) watch(ctx context.Context, m measurement, o *release.Observed) {
	if m.need.Guard {
		d.guard(ctx, m, o)
	}
	if m.need.Health || o.Guard != nil && o.Guard.Tier == judge.Rollback {
		o.StableFails = d.stableFails(ctx, m, o)
	}
	if m.need.Stable {
		v := d.judgeNow(ctx, m, o, m.stable(), rollbackCells, m.record.State.Ladder.Shifted)
		o.Stable = &v
		d.ticks.set(m.record.Name(), release.Tick(m.record.State, m.plan, o.Now))
	}
	if m.need.Traffic {
		o.Traffic = d.traffic(ctx, m, o)
	}
}

// record measures what no rollback waits for. What was so before the release can be asked for again: it does
// not hold up the next tick.
func (d *Daemon) record(ctx context.Context, m measurement, o *release.Observed) {
	soon, cancel := d.untilNext(ctx, m.plan)
	defer cancel()
	together(func() {
		if m.need.Before {
			o.Before = d.before(soon, m)
		}
	}, func() {
		if m.need.Baseline {
			o.Baseline = d.baseline(soon, m)
		}
	}, func() {
		if m.need.Check {
			o.Check = d.check(ctx, m, o)
		}
	}, func() {
		if m.need.Milestone {
			o.Milestone = d.milestone(ctx, m, o.Now)
		}
	})
}

// decides tells whether the guard has just found what calls for a rollback: nothing may hold that up.
func decides(m measurement, o *release.Observed) bool {
	return o.Guard != nil && o.Guard.Tier == judge.Rollback && m.record.State.Verdict.Tier != judge.Rollback
}

func rollbackCells(c judge.Cell) bool { return c.Tier == judge.Rollback }

func considerCells(c judge.Cell) bool { return c.Tier == judge.Rollback || c.Tier == judge.Consider }

// guard judges the candidate now, and stable too where the answer could depend on it: traffic does
// not move to a side that is as bad.
func (d *Daemon) guard(ctx context.Context, m measurement, o *release.Observed) {
	cells, probes := rollbackCells, []signal.Ask(nil)
	if m.need.Consider {
		// All endpoints are asked: what a check looks into must have lasted, too.
		cells, probes = considerCells, m.plan.AsksOf(signal.Probe, m.candidate().Slot, m.candidate().Version)
	}
	var v judge.Verdict
	together(
		func() { d.ask(ctx, m, probes, o.Now) },
		func() { v = d.judgeNow(ctx, m, o, m.candidate(), cells, m.record.State.FirstTraffic) },
	)
	o.Guard, o.GuardConsider = &v, m.need.Consider
	d.ticks.set(m.record.Name(), release.Tick(m.record.State, m.plan, d.guarded(m, o)))
	d.meter.Guarded(v.Tier, cause(v), m.plan.GuardEvery)
	if v.Tier == judge.Rollback && o.World.Most(m.stable().Slot) > 0 {
		s := d.judgeNow(ctx, m, o, m.stable(), rollbackCells, 0)
		o.Stable = &s
	}
}

// guarded is when the guard has looked: while a rollback goes on, when it had its answers, since the next step
// waits for no second look because they came late.
func (d *Daemon) guarded(m measurement, o *release.Observed) signal.Instant {
	if l := m.record.State.Ladder; l != nil && l.Step != release.Done {
		return max(o.Now, d.now().Add(m.own))
	}
	return o.Now
}

func cause(v judge.Verdict) signal.Cause {
	for _, e := range v.Evidence {
		if v.Tier == judge.Blind && e.Signal == v.Signal {
			return e.Cause
		}
	}
	return signal.Known
}

// judgeNow judges a side over bins that end at the newest complete scrape and begin no earlier than
// first: as many as the bounds last, and more where those leave it open.
func (d *Daemon) judgeNow(ctx context.Context, m measurement, o *release.Observed, side release.Side, cells func(judge.Cell) bool, first signal.Instant) judge.Verdict {
	matrix := ofSide(m, m.plan.Matrix.Only(cells), side)
	in := judge.Input{At: o.Now, Split: o.World.Split(m.candidate().Slot), Generation: m.plan.Generation, FirstTraffic: first, Skew: m.skew}
	if side == m.candidate() {
		in.Baseline = m.record.State.Baseline
	}
	asks := asked(m.plan, matrix, side)
	var l horizon
	if len(asks) > 0 {
		l = d.horizon(ctx, m, o.Now, asks)
		matrix = matrix.Coarser(2 * l.interval)
	}
	in.Readings = d.readings(ctx, in, view{m, o, side, matrix, l, matrix.Longest(cells), first}, asks)
	v := judge.Judge(matrix, in)
	if wanting := only(asks, judge.Wanting(v)); len(wanting) > 0 {
		in = in.With(d.readNow(ctx, m, l, wanting, judge.MostBins, first))
		v = judge.Judge(matrix, in)
	}
	if side != m.candidate() {
		return v
	}
	together(
		func() { in.Others = d.compared(ctx, m, l, matrix, v) },
		func() { o.StableLast = d.stableLast(ctx, m, o, l, v) },
	)
	if len(in.Others) > 0 {
		v = judge.Judge(matrix, in)
	}
	return v
}

// only keeps the questions of the named signals.
func only(asks []signal.Ask, names []string) []signal.Ask {
	var out []signal.Ask
	for _, a := range asks {
		if slices.Contains(names, a.Signal) {
			out = append(out, a)
		}
	}
	return out
}

// asked gives the questions of the rows that are left.
func asked(plan *release.Plan, matrix judge.Matrix, side release.Side) []signal.Ask {
	return inMatrix(plan.Asks(side.Slot, side.Version), matrix)
}

func inMatrix(asks []signal.Ask, matrix judge.Matrix) []signal.Ask {
	var rows []string
	for _, r := range matrix.Rows {
		rows = append(rows, r.Signal)
	}
	return only(asks, rows)
}

// horizon is up to when there are samples, or why there are none.
type horizon struct {
	end signal.Instant
	// interval is how far apart the samples are, 0 where that is not known.
	interval signal.Duration
	cause    signal.Cause
	detail   string
}

func (d *Daemon) horizon(ctx context.Context, m measurement, at signal.Instant, asks []signal.Ask) horizon {
	fresh := d.newest(ctx, m, asks, at)
	d.heard(m.plan.Prometheus, fresh.Cause, fresh.Detail, at.Add(-m.own))
	switch {
	case fresh.Cause == signal.Empty || fresh.Cause == signal.Gap:
		return horizon{end: at}
	case fresh.Cause != signal.Known:
		return horizon{cause: fresh.Cause, detail: fresh.Detail}
	case at.Sub(fresh.At) > m.plan.Limits.Settle:
		return horizon{cause: signal.Lag, detail: "the newest samples are of " + fresh.At.String()}
	}
	return horizon{end: fresh.At, interval: whole(fresh.Interval)}
}

// whole rounds an interval to whole seconds, which scrapes are apart but for a jitter.
func whole(d signal.Duration) signal.Duration {
	return signal.Duration(d.D().Round(time.Second))
}

// readNow reads the newest bins, or says why there are none.
func (d *Daemon) readNow(ctx context.Context, m measurement, l horizon, asks []signal.Ask, bins int, first signal.Instant) []signal.Reading {
	if l.cause != signal.Known || len(asks) == 0 {
		return all(asks, l.cause, l.detail)
	}
	bin := m.plan.Matrix.Coarser(2 * l.interval).Bin
	span := earliest(Span{From: l.end.Add(-bin * signal.Duration(bins)), To: l.end, Bin: bin}, first)
	if span.From >= span.To {
		return all(asks, signal.Young, "less than one bin since the first traffic")
	}
	readings := d.read(ctx, m, asks, span)
	for _, r := range readings {
		if r.Cause.OfServer() { // the newest samples were told all the same
			d.heard(m.plan.Prometheus, r.Cause, r.Detail, d.now())
		}
	}
	return readings
}

// all answers every question with the same cause.
func all(asks []signal.Ask, c signal.Cause, detail string) []signal.Reading {
	out := make([]signal.Reading, len(asks))
	for i, a := range asks {
		out[i] = signal.Reading{Signal: a.Signal, Cause: c, Detail: detail}
	}
	return out
}

// available answers the rows that Kubernetes answers. A Deployment that was deleted, or holds another
// revision, serves nothing of the side that is asked about.
func available(matrix judge.Matrix, v release.SlotView, side release.Side) []signal.Reading {
	var out []signal.Reading
	for _, r := range matrix.Rows {
		if r.Kind == signal.Kubernetes && !v.Unseen {
			a := signal.Availability{Wanted: v.Wanted, Ready: v.Ready, UnreadySince: v.UnreadySince, Ticks: v.Ticks}
			if !v.Found {
				a.Wanted, a.Ready, a.Gone = max(1, side.Replicas), 0, true
			}
			out = append(out, signal.Reading{Signal: r.Signal, Availability: &a})
		}
	}
	return out
}

// check judges the check that is due, as of its own time, over the whole stretch since the one before.
// The bins reach back as far as the longest bound, so that what began before the stretch is seen whole.
func (d *Daemon) check(ctx context.Context, m measurement, o *release.Observed) *release.CheckVerdict {
	m = m.telling()
	s := m.record.State
	c, ok := s.Grid.Check(s.Cutover, int(s.Checks)+1)
	if !ok {
		return nil
	}
	late := isLate(m.plan, c, o.Now)
	matrix := m.plan.Matrix
	if late {
		matrix = ofThePast(matrix)
	}
	matrix = matrix.Coarser(finest(c))
	asks := asked(m.plan, matrix, m.candidate())
	if len(asks) > 0 {
		matrix = matrix.Coarser(2 * whole(d.newest(ctx, m, asks, c.At).Interval))
	}
	in := judge.Input{At: c.At, Split: o.World.Split(m.candidate().Slot), Generation: m.plan.Generation, Stretch: judge.Whole, Since: c.From,
		FirstTraffic: s.FirstTraffic, Baseline: s.Baseline, Skew: m.skew}
	var facts []signal.Reading
	together(
		func() { in.Readings = d.readCheck(ctx, m, asks, matrix, c) },
		func() {
			facts = d.facts(ctx, m, matrix, m.candidate(), looked{at: o.Now, span: sinceLast(c, matrix.Bin)})
		})
	in.Readings = append(in.Readings, facts...)
	if !late {
		in.Readings = append(in.Readings, available(matrix, o.World.Slot(m.candidate().Slot), m.candidate())...)
	}
	v := judge.Judge(matrix, in)
	unusual := judge.Unusual(matrix, in, v)
	in.Others = append(d.compared(ctx, m, horizon{end: c.At}, matrix, v), d.lastWeek(ctx, m, c.At, matrix.Bin, unusual)...)
	if in.Usual = len(unusual) > 0; in.Usual || len(in.Others) > 0 {
		v = judge.Judge(matrix, in)
	}
	if dropped(ctx) { // it is due still
		return nil
	}
	d.meter.Checked(v.Tier, late)
	return &release.CheckVerdict{Check: c, Late: late, Verdict: v}
}

// mostOfCheck is how many bins one check looks through at most: those of a day in half minutes. What it takes to judge
// grows with them, and a policy may write any bin beside any schedule.
const mostOfCheck = 2880

// finest gives how long the bins of a check are at least, in whole seconds.
func finest(c schedule.Check) signal.Duration {
	const second = signal.Duration(1e9)
	return (c.At.Sub(c.From)/mostOfCheck + second - 1) / second * second
}

func (d *Daemon) readCheck(ctx context.Context, m measurement, asks []signal.Ask, matrix judge.Matrix, c schedule.Check) []signal.Reading {
	if len(asks) == 0 {
		return nil
	}
	bin := matrix.Bin
	bins := max(judge.MostBins, (c.At.Sub(c.From)+bin-1)/bin+signal.Duration(matrix.Longest(anyCell)-1))
	span := earliest(Span{From: c.At.Add(-bin * bins), To: c.At, Bin: bin}, m.record.State.FirstTraffic)
	if span.From >= span.To {
		return all(asks, signal.Young, "less than one bin since the first traffic")
	}
	return d.read(ctx, m, asks, span)
}

func anyCell(judge.Cell) bool { return true }

// isLate tells whether a check is judged so late that the cluster may look otherwise by now.
func isLate(plan *release.Plan, c schedule.Check, at signal.Instant) bool {
	grace := max(2*plan.GuardEvery, signal.Duration(10e9))
	return at > c.At.Add(plan.Limits.Settle+grace)
}

// ofThePast leaves out what only the present can answer.
func ofThePast(m judge.Matrix) judge.Matrix {
	return without(m, func(r judge.Row) bool {
		return r.Kind == signal.Kubernetes || r.Kind == signal.Pods || r.Kind == signal.Probe
	})
}

// sinceLast is the row of whole bins that ends with a check and holds all since the one before.
func sinceLast(c schedule.Check, bin signal.Duration) Span {
	bins := max(1, (c.At.Sub(c.From)+bin-1)/bin)
	return Span{From: c.At.Add(-bin * bins), To: c.At, Bin: bin}
}

// beforeBins is how many bins before the first traffic are asked for what reached the candidate then.
const beforeBins = 10

// before gives the candidate's requests per second before its first traffic, nil where Prometheus
// can't be asked now. Where nothing was counted nothing is known to have reached it: 0.
func (d *Daemon) before(ctx context.Context, m measurement) *signal.Number {
	ask, ok := m.plan.AskRequests(m.candidate().Slot, m.candidate().Version)
	if !ok {
		return nil
	}
	bin := m.plan.Matrix.Bin
	end := m.record.State.FirstTraffic.Add(-bin)
	r := d.read(ctx, m, []signal.Ask{ask}, Span{From: end.Add(-bin * beforeBins), To: end, Bin: bin})[0]
	switch r.Cause {
	case signal.Known, signal.Empty, signal.Mismatch: // callers count nothing of a slot that they never called
	default:
		return nil
	}
	var sum, seconds signal.Number
	for _, b := range r.Bins {
		if b.Cause == signal.Known || b.Cause == signal.Idle {
			sum += b.Total
			seconds += signal.Number(bin.D().Seconds())
		}
	}
	rate := signal.Number(0)
	if seconds > 0 {
		rate = sum / seconds
	}
	return &rate
}

// traffic counts both slots' requests over the newest bin, which tells something once it lies, with
// the sample before it, wholly after the weights were set.
func (d *Daemon) traffic(ctx context.Context, m measurement, o *release.Observed) *release.Traffic {
	c, ok := m.plan.AskRequests(m.candidate().Slot, m.candidate().Version)
	if !ok {
		return nil
	}
	s, _ := m.plan.AskRequests(m.stable().Slot, m.stable().Version)
	fresh := d.newest(ctx, m, []signal.Ask{c, s}, o.Now)
	d.heard(m.plan.Prometheus, fresh.Cause, fresh.Detail, o.Now.Add(-m.own))
	shifted := m.record.State.Ladder.Shifted
	bin := max(2*fresh.Interval, signal.Duration(2e9))
	from := fresh.At.Add(-bin)
	if fresh.Cause != signal.Known || from.Add(-fresh.Interval) < shifted {
		return nil
	}
	span := Span{From: from, To: fresh.At, Bin: bin}
	read := d.read(ctx, m, []signal.Ask{c, s}, span)
	t := &release.Traffic{From: from.Add(-fresh.Interval), To: fresh.At}
	t.Candidate, t.CandidateCause = counted(read[0])
	t.Stable, t.StableCause = counted(read[1])
	return t
}

// counted gives the requests of a reading's newest bin; none is a count, too.
func counted(r signal.Reading) (signal.Number, signal.Cause) {
	if r.Cause != signal.Known {
		return 0, r.Cause
	}
	if len(r.Bins) == 0 {
		return 0, signal.Empty
	}
	b := r.Bins[len(r.Bins)-1]
	if b.Cause == signal.Idle {
		return 0, signal.Known
	}
	return b.Total, b.Cause
}

// JudgeOnce judges a release's candidate now by the whole matrix, and does nothing else. Only Clock, Read,
// Newest, Befallen and Probe of the edges are used.
func JudgeOnce(ctx context.Context, e Edges, plan *release.Plan, r Record, w release.World, at signal.Instant) judge.Verdict {
	d := &Daemon{Edges: e, settings: func() Settings { return Settings{} }, meter: unmetered{}, log: zap.NewNop(),
		clocks: clocks{servers: map[string]*clock{}}, away: away{servers: map[string]*server{}}}
	o := release.Observed{Now: at, World: w}
	own := d.owns.of(r.Name(), r.State, at)
	o.Now = at.Add(own)
	m := d.timed(ctx, measurement{plan: plan, record: r, own: own})
	return d.judgeNow(ctx, m, &o, r.Spec.Candidate, anyCell, r.State.FirstTraffic)
}
