package measure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// chunk is the most bins that one query asks for; Prometheus refuses more than 11,000 points.
const chunk = 10_000

// Read answers each ask in its place, over consecutive bins. It never fails as a whole: what can't
// be learnt is a reading with a cause, and one ask's trouble is not another's. A reading's Queries
// are the expressions whose numbers its bins hold, each of which can be asked alone; those that only
// watch over the coverage are left out.
func (c *Client) Read(ctx context.Context, asks []signal.Ask, r Range) []signal.Reading {
	readings := make([]signal.Reading, len(asks))
	var all sync.WaitGroup
	for i, a := range asks {
		all.Go(func() {
			readings[i] = unknown(signal.Reading{Signal: a.Signal}, signal.Fault, "")
			c.catch(func() { readings[i] = c.read(ctx, a, r) })
		})
	}
	all.Wait()
	return readings
}

func (c *Client) read(ctx context.Context, a signal.Ask, r Range) signal.Reading {
	reading := signal.Reading{Signal: a.Signal}
	if err := r.check(); err != nil {
		return unknown(reading, signal.QueryError, err.Error())
	}
	switch a.Kind {
	case signal.Alert:
		return c.alert(ctx, a, r)
	case signal.Growth:
		return c.growth(ctx, a, r)
	case signal.Query:
		c = c.inOwnWords()
	}
	if text, _ := c.overlap(ctx, a, r.To); text != "" { // where nobody answers the question itself says so
		return unknown(reading, signal.Overlap, text)
	}
	native := c.able.native()
	q, err := phrase(a, r.Bin, c.replicas, native)
	if err != nil {
		return unknown(reading, signal.QueryError, err.Error())
	}
	reading.Queries = table{}.behind(q.columns)
	if a.Kind == signal.Query {
		return c.number(ctx, reading, q, r)
	}
	t, err := c.counts(ctx, q.columns, r, q.lookback)
	switch {
	case err != nil && a.Kind == signal.Quantile && native && c.lacksNative(ctx, err):
		return c.read(ctx, a, r)
	case err != nil:
		cause, detail := explain(err)
		return unknown(reading, cause, detail)
	}
	if !t.silent() {
		if err := c.seenTwice(ctx, a, t, r); err != nil {
			cause, detail := explain(err)
			return unknown(reading, cause, detail)
		}
	}
	reading = c.count(ctx, reading, a, q, t, r)
	if reading.Cause == signal.Empty {
		reading = c.instead(ctx, reading, a, r.To)
	}
	switch a.Kind {
	case signal.Rate:
		perSecond(reading.Bins, r.Bin)
	case signal.Quantile:
		within, err := c.enclose(ctx, a, t, r)
		if err != nil {
			cause, detail := explain(err)
			return unknown(reading, cause, detail)
		}
		above(&reading, a.Over, t, within)
	}
	return reading
}

// number reads what is to be one number per bin.
func (c *Client) number(ctx context.Context, reading signal.Reading, q question, r Range) signal.Reading {
	answer, err := c.over(ctx, q.columns, r, q.lookback)
	if many, ok := errors.AsType[tooMany](err); ok {
		return manySeries(reading, fmt.Sprintf("more than %d", many.most), many.like)
	}
	if err != nil {
		cause, detail := explain(err)
		return unknown(reading, cause, detail)
	}
	return numbers(reading, answer, r)
}

// count makes bins of a table, and inquires where it is doubtful.
func (c *Client) count(ctx context.Context, reading signal.Reading, a signal.Ask, q question, t table, r Range) signal.Reading {
	reading.Queries = t.behind(q.columns)
	var found table
	if t.silent() || t.any(colAppeared) || t.any(colFell) {
		var err error
		if found, err = c.inquire(ctx, a, t, r); err != nil {
			cause, detail := explain(err)
			return unknown(reading, cause, detail)
		}
	}
	if t.silent() && !found.any(colKnown) {
		return unknown(reading, signal.Empty, "no series matches, now or in the hour before")
	}
	reading.Bins = events(t, found, r)
	spoil(reading.Bins, signal.Duration(newGrain(r.Bin, nil).lately()))
	return reading
}

// counts asks for columns that each have a name, at the end of each bin.
func (c *Client) counts(ctx context.Context, columns []column, r Range, lookback time.Duration) (table, error) {
	m, err := c.over(ctx, columns, r, lookback)
	if err != nil {
		return nil, err
	}
	return newTable(m, columns)
}

// over asks for columns at the end of each bin, in as many queries as the server's limit needs.
func (c *Client) over(ctx context.Context, columns []column, r Range, lookback time.Duration) (model.Matrix, error) {
	var whole model.Matrix
	for _, part := range r.chunks(chunk) {
		span := v1.Range{Start: part.first().Time(), End: part.To.Time(), Step: part.step().D()}
		s := during(span, seriesOf(columns))
		if len(columns) == 1 && columns[0].name == "" {
			s.bytes = min(s.bytes, mostNumber)
		}
		m, err := c.span(ctx, query(columns), span, lookback, s)
		if err != nil {
			return nil, err
		}
		whole = join(whole, m)
	}
	return whole, nil
}

func unknown(r signal.Reading, c signal.Cause, detail string) signal.Reading {
	r.Bins, r.Cause, r.Detail = nil, c, cut(detail)
	return r
}
