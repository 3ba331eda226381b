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
	colBefore   = "before"   // series that fired at the first traffic
	colStanding = "standing" // by alert: those that fire of one that fired at the first traffic, too
	colAlive    = "alive"    // targets that the server knows of: it was there to evaluate rules
)

// alert reads how many of an alert's series fire at the end of each bin, by what Prometheus itself records
// of its rules. Their absence is none that fires where the rule is known to be loaded, which only the
// present tells; else it is unknown.
func (c *Client) alert(ctx context.Context, a signal.Ask, r Range) signal.Reading {
	reading := signal.Reading{Signal: a.Signal, Detail: cut("alert " + a.Of), Queries: []string{countFiring(a)}}
	f, err := c.firings(ctx, a, r)
	if err != nil {
		cause, detail := explain(err)
		return unknown(reading, cause, detail)
	}
	absent := rule{cause: signal.Unseen, detail: "it is not known of the past whether the rule of alert " + a.Of + " was loaded"}
	if !r.Past {
		absent = c.rule(ctx, a.Of)
	}
	if absent.cause != signal.Known {
		reading.Detail = absent.detail
	}
	reading.Bins = r.bins(func(end signal.Instant) signal.Bin { return f.bin(end, absent.cause) })
	return reading
}

func firingSelector(a signal.Ask) string {
	return selector("ALERTS", fmt.Sprintf("alertname=%q", a.Of), `alertstate="firing"`, a.Match)
}

func countFiring(a signal.Ask) string { return "count(" + firingSelector(a) + ")" }

// at fixes a selector at a moment.
func at(selector string, t signal.Instant) string { return fmt.Sprintf("%s @ %d", selector, t) }

// firings are what fires at the end of each bin.
type firings struct {
	all, before points
	// standing are the series of each alert that fired at the first traffic, ended is when that had ended, if it had.
	standing map[model.Fingerprint]points
	ended    map[model.Fingerprint]signal.Instant
}

// firings asks what fires. Which labels tell one alert from another is learnt where one had fired already.
func (c *Client) firings(ctx context.Context, a signal.Ask, r Range) (firings, error) {
	id, known := c.identities.recall(a)
	f, err := c.countFirings(ctx, a, r, id, known)
	if err == nil && !known && len(f.all) > 0 && len(f.before) > 0 {
		if id, err = c.identify(ctx, a); err == nil {
			f, err = c.countFirings(ctx, a, r, id, true)
		}
	}
	if err == nil && len(f.standing) > 0 {
		f.ended, err = c.ended(ctx, a, r.To, id)
	}
	return f, err
}

func (c *Client) countFirings(ctx context.Context, a signal.Ask, r Range, id identity, known bool) (firings, error) {
	firing := firingSelector(a)
	columns := []column{{colFiring, countFiring(a)}}
	switch {
	case a.Since.IsZero():
	case known:
		columns = append(columns, column{colStanding, fmt.Sprintf("count %[1]s (%[2]s) and max %[1]s (%[3]s)", id.grouping(), firing, at(firing, a.Since))})
	default:
		columns = append(columns, column{colBefore, "count(" + at(firing, a.Since) + ")"})
	}
	m, err := c.over(ctx, columns, r, 0)
	if err != nil {
		return firings{}, err
	}
	f := firings{standing: map[model.Fingerprint]points{}}
	var single model.Matrix
	for _, s := range m {
		if s.Metric[tag] == colStanding {
			f.standing[alertOf(s)] = newPoints(s)
		} else {
			single = append(single, s)
		}
	}
	t, err := newTable(single, columns)
	f.all, f.before = t[colFiring], t[colBefore]
	return f, err
}

// bin is how many series fire at a bin's end. Of those of alerts that fired at the first traffic the ones whose alert
// ended meanwhile and fires again are new.
func (f firings) bin(end signal.Instant, absent signal.Cause) signal.Bin {
	n, ok := f.all[end]
	switch {
	case !ok && absent != signal.Known:
		return signal.Bin{Cause: absent}
	case !ok:
		return signal.Bin{}
	case !(n >= 0 && n <= mostEvents):
		return signal.Bin{Cause: signal.NaN}
	}
	b := signal.Bin{Value: signal.Number(n), Total: signal.Number(n)}
	for id, series := range f.standing {
		if ended := f.ended[id]; series[end] > 0 && (ended.IsZero() || ended > end) {
			b.Part = min(b.Value, b.Part+signal.Number(series[end]))
		}
	}
	return b
}

// endedAfter is how long an alert must be neither pending nor firing, while the server is alive, to have
// ended: a server that starts again needs so long, at most, until its rules and targets are what they were.
const endedAfter = 5 * time.Minute

// mostSteps is how many moments of an alert's past are looked at; a server answers with 11,000 at most.
const mostSteps = 10_000

// ended looks at the alerts that fired at the first traffic, and gives when those had ended that have since.
func (c *Client) ended(ctx context.Context, a signal.Ask, to signal.Instant, id identity) (map[model.Fingerprint]signal.Instant, error) {
	active := selector("ALERTS", fmt.Sprintf("alertname=%q", a.Of), a.Match)
	step := max(time.Minute, (to.Sub(a.Since).D()/mostSteps).Truncate(time.Second)+time.Second)
	// The state is no label of an identity: an alert may go from firing to pending and back.
	expr := query([]column{
		{colStanding, fmt.Sprintf("max %[1]s (%[2]s) and max %[1]s (%[3]s)", id.grouping(), active, at(firingSelector(a), a.Since))},
		{colAlive, "count(up)"},
	})
	r := v1.Range{Start: a.Since.Time(), End: to.Time(), Step: step}
	m, err := c.span(ctx, expr, r, 0, during(r, mostLasting+1))
	if err != nil {
		return nil, err
	}
	var alive points
	for _, s := range m {
		if s.Metric[tag] == colAlive {
			alive = newPoints(s)
		}
	}
	ended := map[model.Fingerprint]signal.Instant{}
	for _, s := range m {
		if s.Metric[tag] == colStanding {
			ended[alertOf(s)] = endOf(s, alive, a.Since, to, signal.Duration(step))
		}
	}
	return ended, nil
}

// endOf gives when an alert had ended, if it had: not there for long enough while the server was.
func endOf(s *model.SampleStream, alive points, from, to signal.Instant, step signal.Duration) signal.Instant {
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
