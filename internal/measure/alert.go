package measure

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// The columns of an alert's answer.
const (
	colFiring   = "firing"   // series that fire at the bin's end
	colStanding = "standing" // those of them that fired at the first traffic, too
	colAlive    = "alive"    // targets that the server knows of: it was there to evaluate rules
)

// alert reads how many of an alert's series fire at the end of each bin, by what Prometheus itself records
// of its rules. Their absence is none that fires where the rule is known to be loaded, which only the
// present tells; else it is unknown.
func (c *Client) alert(ctx context.Context, a signal.Ask, r Range) signal.Reading {
	reading := signal.Reading{Signal: a.Signal, Detail: cut("alert " + a.Of)}
	firing := firingSelector(a)
	columns := []column{{colFiring, "count(" + firing + ")"}}
	if !a.Since.IsZero() {
		columns = append(columns, column{colStanding, fmt.Sprintf("count(%s and %s)", firing, at(firing, a.Since))})
	}
	reading.Queries = []string{columns[0].expr}
	t, err := c.counts(ctx, columns, r, 0)
	if err != nil {
		cause, detail := explain(err)
		return unknown(reading, cause, detail)
	}
	var lasting func(signal.Instant) int
	if len(t[colStanding]) > 0 {
		lasting, err = c.lasting(ctx, a, r.To)
		if err != nil {
			cause, detail := explain(err)
			return unknown(reading, cause, detail)
		}
	}
	absent := rule{cause: signal.Unseen, detail: "it is not known of the past whether the rule of alert " + a.Of + " was loaded"}
	if !r.Past {
		absent = c.rule(ctx, a.Of)
	}
	if absent.cause != signal.Known {
		reading.Detail = absent.detail
	}
	reading.Bins = r.bins(func(end signal.Instant) signal.Bin { return alertBin(t, end, lasting, absent.cause) })
	return reading
}

func firingSelector(a signal.Ask) string {
	return selector("ALERTS", fmt.Sprintf("alertname=%q", a.Of), `alertstate="firing"`, a.Match)
}

// at fixes a selector at a moment.
func at(selector string, t signal.Instant) string { return fmt.Sprintf("%s @ %d", selector, t) }

// alertBin is how many series fire at a bin's end. Of those that fired at the first traffic the ones that
// ended meanwhile and fire again are new.
func alertBin(t table, end signal.Instant, lasting func(signal.Instant) int, absent signal.Cause) signal.Bin {
	n, ok := t[colFiring][end]
	switch {
	case !ok && absent != signal.Known:
		return signal.Bin{Cause: absent}
	case !ok:
		return signal.Bin{}
	case !(n >= 0 && n <= mostEvents):
		return signal.Bin{Cause: signal.NaN}
	}
	b := signal.Bin{Value: signal.Number(n), Total: signal.Number(n)}
	if standing := t[colStanding][end]; standing > 0 {
		b.Part = signal.Number(min(standing, float64(lasting(end))))
	}
	return b
}

// endedAfter is how long a series must be neither pending nor firing, while the server is alive, to have
// ended: a server that starts again needs so long, at most, until its rules and targets are what they were.
const endedAfter = 5 * time.Minute

// mostSteps is how many moments of an alert's past are looked at; a server answers with 11,000 at most.
const mostSteps = 10_000

// lasting looks at the series that fired at the first traffic, and gives how many of them have not ended
// since, by a moment.
func (c *Client) lasting(ctx context.Context, a signal.Ask, to signal.Instant) (func(signal.Instant) int, error) {
	firing := firingSelector(a)
	active := selector("ALERTS", fmt.Sprintf("alertname=%q", a.Of), a.Match)
	step := max(time.Minute, (to.Sub(a.Since).D()/mostSteps).Truncate(time.Second)+time.Second)
	// The state is a label, and one series may go from firing to pending and back.
	expr := query([]column{
		{colStanding, fmt.Sprintf("max without (alertstate) (%s) and ignoring (alertstate) %s", active, at(firing, a.Since))},
		{colAlive, "count(up)"},
	})
	r := v1.Range{Start: a.Since.Time(), End: to.Time(), Step: step}
	m, err := c.span(ctx, expr, r, 0, during(r, mostLasting+1))
	if err != nil {
		return nil, err
	}
	var alive points
	var ends []signal.Instant
	for _, s := range m {
		if s.Metric[tag] == colAlive {
			alive = newPoints(s)
		}
	}
	for _, s := range m {
		if s.Metric[tag] == colStanding {
			ends = append(ends, ended(s, alive, a.Since, to, signal.Duration(step)))
		}
	}
	return func(end signal.Instant) (n int) {
		for _, e := range ends {
			if e.IsZero() || e > end {
				n++
			}
		}
		return n
	}, nil
}

// ended gives when a series had ended, if it had: not there for long enough while the server was.
func ended(s *model.SampleStream, alive points, from, to signal.Instant, step signal.Duration) signal.Instant {
	there := newPoints(s)
	var since signal.Instant
	for t := from; t <= to; t = t.Add(step) {
		_, active := there[t]
		_, heard := alive[t]
		switch {
		case active || !heard:
			since = 0
		case since.IsZero():
			since = t
		case t.Sub(since).D() >= endedAfter:
			return t
		}
	}
	return 0
}
