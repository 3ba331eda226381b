package watchdog

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// looked is where and when facts are looked at.
type looked struct {
	at signal.Instant
	// span is the row of moments at whose ends alerts are asked for.
	span Span
	// cause is why Prometheus can't be asked, if it is known already.
	cause  signal.Cause
	detail string
}

// lookedNow looks at this moment alone: unlike samples, facts need not settle.
func lookedNow(at signal.Instant, matrix judge.Matrix, l horizon) looked {
	out := looked{at: at, span: Span{From: at.Add(-matrix.Bin), To: at, Bin: matrix.Bin}}
	if l.cause.Shut() || l.cause == signal.Timeout {
		out.cause, out.detail = l.cause, l.detail
	}
	return out
}

// facts answers the rows that say what is so at a moment, but for the slot's availability.
func (d *Daemon) facts(ctx context.Context, m measurement, matrix judge.Matrix, side release.Side, l looked) []signal.Reading {
	var alerts, growth, pods, probed []signal.Reading
	together(
		func() { alerts = d.alerts(ctx, m, matrix, side, l) },
		func() { growth = d.growth(ctx, m, matrix, side, l) },
		func() { pods = d.pods(ctx, m, matrix, side, l) },
		func() { probed = d.probed(ctx, m, matrix, side, l) },
	)
	return slices.Concat(alerts, growth, reported(m, matrix, side, l), pods, probed)
}

// pods tells what has befallen the pods of a side, by one look for all rows.
func (d *Daemon) pods(ctx context.Context, m measurement, matrix judge.Matrix, side release.Side, l looked) []signal.Reading {
	asks := inMatrix(m.plan.AsksOf(signal.Pods, side.Slot, side.Version), matrix)
	if len(asks) == 0 {
		return nil
	}
	t, err := d.troubles(ctx, m, side, l.at)
	if err != nil {
		return all(asks, signal.Unseen, clip(err.Error()))
	}
	var out []signal.Reading
	for _, a := range asks {
		trouble := since(t, a, m.record.State.Baseline)
		out = append(out, signal.Reading{Signal: a.Signal, Detail: trouble.Where, Bins: []signal.Bin{{End: l.span.To, Value: signal.Number(trouble.Count)}}})
	}
	return out
}

func (d *Daemon) troubles(ctx context.Context, m measurement, side release.Side, now signal.Instant) (release.Troubles, error) {
	if d.Befallen == nil {
		return release.Troubles{}, errors.New("the pods of the past are not known")
	}
	slot, _ := m.plan.Slot(side.Slot)
	first := m.record.State.FirstTraffic
	if !first.IsZero() {
		first = first.Add(-m.own) // pods tell their own by the cluster's clocks
	}
	return d.Befallen(ctx, m.plan.Namespace, slot.Deployment, side.Revision, first, now.Add(-m.own))
}

// since gives what is asked for of the troubles. A pod that is older than the first traffic tells of one
// restart since; that all of them had fewer at the first traffic tells of more.
func since(t release.Troubles, a signal.Ask, baseline []judge.Baseline) release.Trouble {
	switch a.Of {
	case podsRestarts:
		n := t.Restarts
		for _, b := range baseline {
			if b.Signal == a.Signal && !b.Value.IsNaN() {
				n.Count = max(n.Count, t.Ever-int32(b.Value))
			}
		}
		return n
	case podsOOMKills:
		return t.OOMKills
	}
	return t.CrashLoops
}

// What is asked of pods, as policies name it.
const (
	podsRestarts = "Restarts"
	podsOOMKills = "OOMKills"
)

// podsBaseline is how often the candidate's containers were started again by its first traffic.
func (d *Daemon) podsBaseline(ctx context.Context, m measurement) []judge.Baseline {
	var out []judge.Baseline
	for _, a := range m.plan.AsksOf(signal.Pods, m.candidate().Slot, m.candidate().Version) {
		if a.Of != podsRestarts {
			continue
		}
		if t, err := d.troubles(ctx, m, m.candidate(), m.record.State.FirstTraffic); err == nil {
			out = append(out, judge.Baseline{Signal: a.Signal, Value: signal.Number(t.Ever)})
		}
	}
	return out
}

// reported counts the reports that people made of the release.
func reported(m measurement, matrix judge.Matrix, side release.Side, l looked) []signal.Reading {
	var out []signal.Reading
	for _, a := range inMatrix(m.plan.AsksOf(signal.Report, side.Slot, side.Version), matrix) {
		made := m.record.Spec.People.Reported(a.Of)
		out = append(out, signal.Reading{Signal: a.Signal, Detail: inWords(made), Bins: []signal.Bin{{End: l.span.To, Value: signal.Number(len(made))}}})
	}
	return out
}

// inWords says the newest of reports.
func inWords(made []release.Report) string {
	if len(made) == 0 {
		return ""
	}
	r := made[len(made)-1]
	text := r.ID + " by " + r.By
	if r.Text != "" {
		text += ": " + r.Text
	}
	return clip(text)
}

// clip keeps a detail within the 512 bytes that the schema allows.
func clip(s string) string { return cut(s, 500) }

// cut cuts a text that is longer than that, in bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// alerts asks for the alerts among the rows. What fired at the candidate's first traffic is told apart.
func (d *Daemon) alerts(ctx context.Context, m measurement, matrix judge.Matrix, side release.Side, l looked) []signal.Reading {
	asks := inMatrix(m.plan.AsksOf(signal.Alert, side.Slot, side.Version), matrix)
	switch {
	case len(asks) == 0:
		return nil
	case l.cause != signal.Known:
		return all(asks, l.cause, l.detail)
	}
	if side == m.candidate() {
		for i := range asks {
			asks[i].Since = m.record.State.FirstTraffic
		}
	}
	return d.readHeard(ctx, m, asks, l.span, l.at)
}

// readHeard reads, and notes whether the server was there to answer.
func (d *Daemon) readHeard(ctx context.Context, m measurement, asks []signal.Ask, span Span, at signal.Instant) []signal.Reading {
	readings := d.read(ctx, m, asks, span)
	for _, r := range readings {
		d.heard(m.plan.Prometheus, r.Cause, r.Detail, at.Add(-m.own))
	}
	return readings
}

// growth asks whether the candidate's memory climbs, as of the newest moment.
func (d *Daemon) growth(ctx context.Context, m measurement, matrix judge.Matrix, side release.Side, l looked) []signal.Reading {
	asks := inMatrix(m.plan.AsksOf(signal.Growth, side.Slot, side.Version), matrix)
	switch {
	case len(asks) == 0 || side != m.candidate():
		return nil
	case l.cause != signal.Known:
		return all(asks, l.cause, l.detail)
	}
	stable := m.plan.AsksOf(signal.Growth, m.stable().Slot, m.stable().Version)
	for i, a := range asks {
		asks[i].Since, asks[i].Beside = m.record.State.FirstTraffic, only(stable, []string{a.Signal})[0].Match
	}
	return d.readHeard(ctx, m, asks, l.span.last(), l.at)
}

// ofSide leaves out what says nothing of a side: an alert that does not tell the slots apart speaks of the
// candidate's release.
func ofSide(m measurement, matrix judge.Matrix, side release.Side) judge.Matrix {
	if side == m.candidate() {
		return matrix
	}
	return without(matrix, func(r judge.Row) bool {
		return slices.ContainsFunc(m.plan.Questions, func(q release.Question) bool { return q.Signal == r.Signal && !release.OfSlot(q) })
	})
}

// without leaves rows out.
func without(m judge.Matrix, out func(judge.Row) bool) judge.Matrix {
	rows := make([]judge.Row, 0, len(m.Rows))
	for _, r := range m.Rows {
		if !out(r) {
			rows = append(rows, r)
		}
	}
	m.Rows = rows
	return m
}
