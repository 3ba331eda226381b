package measure

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Buckets tells for each ask, of kind Quantile, where the buckets of its histogram end now. One ask's
// trouble is not another's.
func (c *Client) Buckets(ctx context.Context, asks []signal.Ask, now signal.Instant) []signal.Buckets {
	seen := make([]signal.Buckets, len(asks))
	var all sync.WaitGroup
	for i, a := range asks {
		all.Go(func() {
			seen[i] = signal.Buckets{Signal: a.Signal, Cause: signal.Fault}
			c.catch(func() { seen[i] = c.buckets(ctx, a, now) })
		})
	}
	all.Wait()
	return seen
}

func (c *Client) buckets(ctx context.Context, a signal.Ask, now signal.Instant) signal.Buckets {
	seen := signal.Buckets{Signal: a.Signal}
	native := c.able.native()
	vector, err := c.instant(ctx, bucketsExpr(a, native), now.Time(), mostBuckets+1)
	switch {
	case err != nil && native && c.lacksNative(ctx, err):
		return c.buckets(ctx, a, now)
	case err != nil:
		seen.Cause, seen.Detail = explain(err)
		return seen
	case len(vector) == 0:
		if seen.Cause, seen.Detail = c.why(ctx, a, now); seen.Cause == signal.Known {
			seen.Cause, seen.Detail = signal.Empty, "no series of "+a.Metric+" matches now"
		}
		return seen
	}
	for _, s := range vector {
		end, err := strconv.ParseFloat(string(s.Metric[model.BucketLabel]), 64)
		switch col := string(s.Metric[tag]); {
		case col == colNative:
			seen.Native = true
		case col != colBucket:
			cause, detail := explain(unasked(col))
			return signal.Buckets{Signal: a.Signal, Cause: cause, Detail: detail}
		case err == nil && finite(end):
			seen.Ends = append(seen.Ends, signal.Number(end))
		}
	}
	if seen.Native {
		if buckets, err := c.native(ctx, a, now, signal.Duration(5*time.Minute)); err == nil && slices.ContainsFunc(buckets, bucket.coarse) {
			seen.Native, seen.Ends = false, append(seen.Ends, endsOf(buckets)...)
		}
	}
	slices.Sort(seen.Ends)
	seen.Ends = slices.Compact(seen.Ends)
	return seen
}

func bucketsExpr(a signal.Ask, native bool) string {
	columns := []column{{colBucket, grain{}.shared(a, func(sel string) string { return sel })}}
	if native {
		columns = append(columns, column{colNative, "group(histogram_count(" + selector(a.Metric, a.Match) + "))"})
	}
	return query(columns)
}

// coarse names the bounds that no bucket ends at, with the nearest that the histogram can show.
func coarse(bounds []signal.Number, ends []end) string {
	at := make([]signal.Number, len(ends))
	for i, e := range ends {
		at[i] = signal.Number(e.at)
	}
	var missing []string
	for _, bound := range bounds {
		if below, above := signal.Around(at, bound); below != above {
			missing = append(missing, fmt.Sprintf("no bucket ends at %s; the nearest %s", bound, nearest(below, above)))
		}
	}
	return strings.Join(missing, "; ")
}

func nearest(below, above signal.Number) string {
	switch {
	case below.IsNaN():
		return "is " + above.String()
	case above.IsNaN() || math.IsInf(float64(above), 1):
		return fmt.Sprintf("is %s, and nothing above it can be seen", below)
	}
	return fmt.Sprintf("are %s and %s", below, above)
}
