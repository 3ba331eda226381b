package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// finest is how far apart the ends of a native histogram's bucket are, at most, within which its own interpolation is
// taken for the count.
const finest = 1.2

// bucket is one of a native histogram that holds observations, by its ends.
type bucket struct{ from, to float64 }

// exponential tells whether the ends are those of a bucket that is one of equal ratios, and narrow. Those of custom
// buckets are what somebody wrote, as a classic histogram's: what lies between them is not known.
func (b bucket) exponential() bool {
	from, to := min(math.Abs(b.from), math.Abs(b.to)), max(math.Abs(b.from), math.Abs(b.to))
	if !(from > 0 && to/from <= finest) || b.from < 0 != (b.to < 0) {
		return false
	}
	width := math.Log2(to / from)
	whole := func(x float64) bool { return math.Abs(x-math.Round(x)) < 1e-6*max(1, math.Abs(x)) }
	return whole(math.Log2(1/width)) && whole(math.Log2(to)/width)
}

// coarse tells whether what lies between the ends is not known. That around zero is none.
func (b bucket) coarse() bool { return b.from != -b.to && !b.exponential() }

// endsOf gives the ends of buckets that can be bounds.
func endsOf(buckets []bucket) []signal.Number {
	var ends []signal.Number
	for _, b := range buckets {
		for _, end := range []float64{b.from, b.to} {
			if finite(end) && end != 0 {
				ends = append(ends, signal.Number(end))
			}
		}
	}
	return ends
}

// wide gives the bucket that a bound lies within, if what it holds on either side of it can't be told.
func wide(buckets []bucket, bound signal.Number) (bucket, bool) {
	i := slices.IndexFunc(buckets, func(b bucket) bool { return b.from < float64(bound) && float64(bound) < b.to })
	if i < 0 || !buckets[i].coarse() {
		return bucket{}, false
	}
	return buckets[i], true
}

// native gives the buckets of a native histogram that hold observations, as of a moment and a while before.
func (c *Client) native(ctx context.Context, a signal.Ask, at signal.Instant, while signal.Duration) ([]bucket, error) {
	expr := fmt.Sprintf("sum(last_over_time(%s[%s]))", selector(a.Metric, a.Match), spelt(while.D()))
	answer, err := c.answer(ctx, "query", url.Values{"query": {expr}, "time": {seconds(at.Time())}}, model.ValVector, atOnce(1))
	if err != nil {
		return nil, err
	}
	return readBuckets(answer.buckets), nil
}

// readBuckets reads buckets as JSON has them: a rule, both ends, and a count.
func readBuckets(raw []byte) []bucket {
	var list [][]any
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []bucket
	for _, words := range list {
		if len(words) != 4 {
			return nil
		}
		from, to := fmt.Sprint(words[1]), fmt.Sprint(words[2])
		f, err := strconv.ParseFloat(from, 64)
		u, err2 := strconv.ParseFloat(to, 64)
		if err != nil || err2 != nil || !(f < u) {
			return nil
		}
		out = append(out, bucket{f, u})
	}
	return out
}

// enclose asks, for the bounds that lie within a wide bucket of a native histogram, what lies up to its ends, and gives
// those buckets by their bounds.
func (c *Client) enclose(ctx context.Context, a signal.Ask, t table, r Range) (map[signal.Number]bucket, error) {
	if len(a.Over) == 0 || len(t[colNativeTotal]) == 0 {
		return nil, nil
	}
	buckets, err := c.native(ctx, a, r.To, r.To.Sub(r.From)+r.Bin)
	if err != nil {
		return nil, err
	}
	g, within := newGrain(r.Bin, c.replicas), map[signal.Number]bucket{}
	ends := map[signal.Number]bool{}
	for _, bound := range a.Over {
		if b, ok := wide(buckets, bound); ok || len(buckets) == 0 {
			within[bound] = b
			ends[signal.Number(b.from)], ends[signal.Number(b.to)] = true, true
		}
	}
	var columns []column
	for end := range ends {
		if finite(float64(end)) && len(buckets) > 0 {
			columns = append(columns, g.fraction(a, end))
		}
	}
	if len(columns) == 0 {
		return within, nil
	}
	slices.SortFunc(columns, func(x, y column) int { return slices.Compare([]byte(x.name), []byte(y.name)) })
	upTo, err := c.counts(ctx, columns, r, 0)
	for name, points := range upTo {
		t[name] = points
	}
	return within, err
}

// fraction is the column of the part of native observations up to a value.
func (g grain) fraction(a signal.Ask, upTo signal.Number) column {
	native := "sum(" + g.single("avg", g.countedNative(selector(a.Metric, a.Match))) + ")"
	return column{colFraction + upTo.String(), fmt.Sprintf("histogram_fraction(-Inf, %s, %s)", upTo, native)}
}

// enclosed counts what lies over a bound within a wide bucket: what is beyond its upper end surely, and what is beyond
// its lower one at most.
func (t table) enclosed(b signal.Bin, bound signal.Number, within bucket) signal.Over {
	beyond := func(end float64, otherwise signal.Number) signal.Number {
		if share, ok := t[colFraction+signal.Number(end).String()][b.End]; ok && share >= 0 && share <= 1 {
			return min(b.Total, signal.Number(math.Round(float64(b.Total)*(1-share))))
		}
		return otherwise
	}
	return signal.Over{Bound: bound, Least: beyond(within.to, 0), Most: beyond(within.from, b.Total)}
}
