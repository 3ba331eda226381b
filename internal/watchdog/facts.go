package watchdog

import (
	"context"
	"slices"

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
	if l.cause == signal.Away || l.cause == signal.Timeout {
		out.cause, out.detail = l.cause, l.detail
	}
	return out
}

// facts answers the rows that say what is so at a moment, but for the slot's availability.
func (d *Daemon) facts(ctx context.Context, m measurement, matrix judge.Matrix, side release.Side, l looked) []signal.Reading {
	return d.alerts(ctx, m, matrix, side, l)
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
	readings := d.Read(ctx, m.plan.Prometheus, asks, l.span)
	for _, r := range readings {
		d.heard(m.plan.Prometheus, r.Cause, l.at)
	}
	return readings
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
