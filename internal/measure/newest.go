package measure

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// spacing is the stretch from whose samples the scrape interval is learnt.
const spacing = 10 * time.Minute

// Freshness says up to when there are samples, and how dense they are.
type Freshness struct {
	// At is the end of the newest complete scrape: every target that is still heard has been
	// scraped at or after it, or within the second before. A bin that ends there is whole.
	At signal.Instant
	// Interval is the longest scrape interval of the jobs behind the asks; 0 while no series has two
	// samples.
	Interval signal.Duration
	// Cause and Detail say why nothing is known.
	Cause  signal.Cause
	Detail string
}

// Newest looks at the series of all asks together, as of now. Asks without a metric name (all of kind
// Query) are left out; alone they give the cause Empty.
func (c *Client) Newest(ctx context.Context, asks []signal.Ask, now signal.Instant) Freshness {
	fresh := Freshness{Cause: signal.Fault}
	c.catch(func() { fresh = c.newestOf(ctx, selectors(asks), now) })
	return fresh
}

func (c *Client) newestOf(ctx context.Context, sels []string, now signal.Instant) Freshness {
	if len(sels) == 0 {
		return Freshness{Cause: signal.Empty, Detail: "no ask names a metric"}
	}
	answer, err := c.instant(ctx, newestExpr(sels), now.Time(), mostTargets)
	if err != nil {
		return failed(err)
	}
	scrapes, err := newScrapes(answer, now, len(sels))
	if err != nil {
		return failed(err)
	}
	if len(scrapes.newest) == 0 {
		return c.silence(ctx, sels, now)
	}
	interval, err := c.interval(ctx, scrapes.longest, sels, now)
	if err != nil {
		return failed(err)
	}
	return Freshness{At: complete(scrapes.newest, interval), Interval: interval}
}

// silence tells series that went silent from those that never were.
func (c *Client) silence(ctx context.Context, sels []string, now signal.Instant) Freshness {
	v, err := c.instant(ctx, heardExpr(sels), now.Time(), 1)
	if err != nil {
		return failed(err)
	}
	if len(v) > 0 {
		return Freshness{Cause: signal.Gap, Detail: "series are known, but have no sample that Prometheus holds to be current"}
	}
	return Freshness{Cause: signal.Empty, Detail: "no series matches, now or in the hour before"}
}

func failed(err error) Freshness {
	cause, detail := explain(err)
	return Freshness{Cause: cause, Detail: detail}
}

// intervalOf is the scrape interval of a series; the same question is not asked again within a minute.
func (c *Client) intervalOf(ctx context.Context, sels []string, s series, now signal.Instant) (signal.Duration, error) {
	expr := rawExpr(sels, s)
	if known, ok := c.intervals.recall(expr, now); ok {
		return known, nil
	}
	answer, err := c.raw(ctx, expr, now.Time(), spacing)
	if err != nil {
		return 0, err
	}
	found := median(answer)
	if s.samples >= settledSamples && found > 0 {
		c.intervals.keep(expr, found, now)
	}
	return found, nil
}

// interval is the longest of the jobs' scrape intervals, each from the samples of one series. Of many jobs those with
// the fewest samples are asked about.
func (c *Client) interval(ctx context.Context, longest map[string]series, sels []string, now signal.Instant) (signal.Duration, error) {
	jobs := slices.SortedFunc(maps.Keys(longest), func(a, b string) int {
		return cmp.Or(cmp.Compare(longest[a].samples, longest[b].samples), cmp.Compare(a, b))
	})
	jobs = jobs[:min(mostJobs, len(jobs))]
	found := make([]signal.Duration, len(jobs))
	errs := make([]error, len(jobs))
	var all sync.WaitGroup
	for i, job := range jobs {
		all.Go(func() {
			errs[i] = errFault
			c.catch(func() { found[i], errs[i] = c.intervalOf(ctx, sels, longest[job], now) })
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return slices.Max(append(found, 0)), nil
}

// selectors gives the selectors behind the asks, each once.
func selectors(asks []signal.Ask) []string {
	var sels []string
	for _, a := range asks {
		switch {
		case a.Metric == "":
		case a.Kind == signal.Ratio, a.Kind == signal.Rate, a.Kind == signal.Growth:
			sels = append(sels, selector(a.Metric, a.Match))
		case a.Kind == signal.Quantile:
			sels = append(sels, selector(a.Metric, a.Match), selector(a.Metric+"_bucket", a.Match, `le="+Inf"`))
		}
	}
	slices.Sort(sels)
	return slices.Compact(sels)
}

// The columns of newestExpr: samples is followed by the selector's index.
const (
	colNewest  = "newest"
	colSamples = "samples/"
)

// newestExpr asks for each target's newest sample's time, and for the series with the most samples
// of each job and selector.
func newestExpr(sels []string) string {
	by := strings.Join(targetLabels, ", ")
	stamps := make([]string, len(sels))
	columns := make([]column, 1, len(sels)+1)
	for i, s := range sels {
		stamps[i] = fmt.Sprintf("max by (%s) (timestamp(%s))", by, s)
		columns = append(columns, column{colSamples + strconv.Itoa(i),
			fmt.Sprintf("topk by (job) (1, count_over_time(%s[%s]))", s, model.Duration(spacing))})
	}
	columns[0] = column{colNewest, strings.Join(stamps, " or ")}
	return query(columns)
}

func heardExpr(sels []string) string {
	heard := make([]string, len(sels))
	for i, s := range sels {
		heard[i] = fmt.Sprintf("count(present_over_time(%s[%s]))", s, model.Duration(History))
	}
	return strings.Join(heard, " or ")
}

// series is one series of the selector with this index, by its labels less the name.
type series struct {
	selector int
	labels   model.Metric
	samples  float64
}

// rawExpr asks for the samples of s.
func rawExpr(sels []string, s series) string {
	var matches []string
	for _, name := range slices.Sorted(maps.Keys(s.labels)) {
		matches = append(matches, fmt.Sprintf("%s=%q", quoteLabel(string(name)), s.labels[name]))
	}
	sel := sels[s.selector]
	if list := strings.Join(matches, ","); list != "" {
		sel = narrow(sel, list)
	}
	return sel + "[" + model.Duration(spacing).String() + "]"
}

// narrow adds matchers to a selector as selector makes them.
func narrow(sel, list string) string {
	if head, ok := strings.CutSuffix(sel, "}"); ok {
		return head + "," + list + "}"
	}
	return sel + "{" + list + "}"
}

func quoteLabel(name string) string {
	if model.LegacyValidation.IsValidLabelName(name) {
		return name
	}
	return strconv.Quote(name)
}

// scrapes is what newestExpr was answered.
type scrapes struct {
	newest  []time.Time       // one per target
	longest map[string]series // by job: the series with the most samples
}

// newScrapes reads the answer to a question about so many selectors, as of now. What it says of samples that are
// not there yet, or of selectors that were not asked about, makes it none.
func newScrapes(v model.Vector, now signal.Instant, selectors int) (scrapes, error) {
	s := scrapes{longest: map[string]series{}}
	for _, sample := range v {
		col, n := string(sample.Metric[tag]), float64(sample.Value)
		if col == colNewest {
			if !(n > 0 && n <= float64(now)) {
				return scrapes{}, &v1.Error{Type: v1.ErrBadResponse, Msg: fmt.Sprintf("a newest sample is of %g s since 1970, at %s", n, now)}
			}
			s.newest = append(s.newest, time.UnixMilli(int64(n*1000+0.5)))
			continue
		}
		index, err := strconv.Atoi(strings.TrimPrefix(col, colSamples))
		if err != nil || index < 0 || index >= selectors {
			return scrapes{}, unasked(col)
		}
		if job := string(sample.Metric["job"]); n > s.longest[job].samples {
			labels := sample.Metric.Clone()
			delete(labels, tag)
			s.longest[job] = series{selector: index, labels: labels, samples: n}
		}
	}
	return s, nil
}

// complete gives the end of the newest scrape that no target still heard lacks. A target is heard
// no more once it has missed two scrapes: waiting for it would stop the clock for as long as the
// server holds its last sample to be current.
func complete(newest []time.Time, interval signal.Duration) signal.Instant {
	last := slices.MaxFunc(newest, time.Time.Compare)
	at := last
	for _, t := range newest {
		if t.Before(at) && last.Sub(t) <= 2*interval.D() {
			at = t
		}
	}
	// Samples in a begun second are within a bin that ends with it.
	return signal.At(at.Add(time.Second - time.Nanosecond))
}

// median is the middle distance of the samples of the longest series in v, in tenths of a second:
// a missed scrape doesn't change it.
func median(m model.Matrix) signal.Duration {
	var stamps []model.Time
	for _, s := range m {
		if t := times(s); len(t) > len(stamps) {
			stamps = t
		}
	}
	if len(stamps) < 2 {
		return 0
	}
	gaps := make([]time.Duration, len(stamps)-1)
	for i := range gaps {
		gaps[i] = stamps[i+1].Sub(stamps[i])
	}
	slices.Sort(gaps)
	return signal.Duration(gaps[(len(gaps)-1)/2].Round(100 * time.Millisecond))
}

// times gives the times of all samples of s, in order.
func times(s *model.SampleStream) []model.Time {
	t := make([]model.Time, len(s.Values))
	for i, v := range s.Values {
		t[i] = v.Timestamp
	}
	return t
}
