package measure

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// above counts, in the known bins of a histogram's reading, the observations above each bound, and says
// which bounds no bucket ends at. Between two buckets' ends a classic histogram knows no more than that;
// and so it is within a wide bucket of a native one, such as a custom one. Its others are so narrow that its own
// interpolation is taken for the count.
func above(reading *signal.Reading, bounds []signal.Number, t table, within map[signal.Number]bucket) {
	ends := t.ends()
	for i := range reading.Bins {
		b := &reading.Bins[i]
		if b.Cause != signal.Known {
			continue
		}
		for _, bound := range bounds {
			if wide, ok := within[bound]; ok && t.isNative(b.End) {
				b.Over = append(b.Over, t.enclosed(*b, bound, wide))
				continue
			}
			b.Over = append(b.Over, t.over(*b, bound, ends))
		}
	}
	if len(t[colNativeTotal]) == 0 && len(ends) > 0 {
		reading.Detail = cut(coarse(bounds, ends))
	}
}

// end is where a bucket ends, and the column that counts up to there.
type end struct {
	at     float64
	column string
}

// ends gives the ends of all classic buckets, in order.
func (t table) ends() []end {
	var ends []end
	for name := range t {
		text, is := strings.CutPrefix(name, colBucket)
		if at, err := strconv.ParseFloat(text, 64); is && err == nil && !math.IsNaN(at) {
			ends = append(ends, end{at, name})
		}
	}
	slices.SortFunc(ends, func(a, b end) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	return ends
}

func (t table) over(b signal.Bin, bound signal.Number, ends []end) signal.Over {
	o := signal.Over{Bound: bound, Most: b.Total}
	if share, ok := t[colFraction+bound.String()][b.End]; ok && t.isNative(b.End) {
		if share >= 0 && share <= 1 {
			o.Least = min(b.Total, signal.Number(math.Round(float64(b.Total)*(1-share))))
			o.Most = o.Least
		}
		return o
	}
	for _, e := range ends {
		upTo, ok := t[e.column][b.End]
		if !ok || !finite(upTo) {
			continue
		}
		rest := max(0, b.Total-signal.Number(upTo))
		if e.at <= float64(bound) {
			o.Most = min(o.Most, rest)
		}
		if e.at >= float64(bound) {
			o.Least = max(o.Least, rest)
		}
	}
	if o.Least > o.Most { // buckets that contradict each other tell nothing
		o.Least, o.Most = 0, b.Total
	}
	return o
}

func (t table) isNative(at signal.Instant) bool {
	_, ok := t[colNativeTotal][at]
	return ok
}
