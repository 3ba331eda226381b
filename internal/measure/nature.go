package measure

import (
	"context"
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// nature is what series of a name, or of one that is made from it, say that a metric is.
type nature struct {
	name string
	// sel selects such series among those with matchers.
	sel func(metric string, matches ...string) string
	// fits says that it is what was asked for, so that its labels are others; else text says what it is.
	fits bool
	text func(a signal.Ask) string
}

// of selects by a name that has something put to it.
func of(suffix string, more ...string) func(string, ...string) string {
	return func(metric string, matches ...string) string {
		return selector(metric+suffix, append(matches, more...)...)
	}
}

const turnOn = ": %s cannot be counted; turn histogram buckets on"

// histograms are the natures of what a Quantile is asked of, what tells most first.
var histograms = []nature{
	{name: "summary", sel: of("", `quantile!=""`), text: func(a signal.Ask) string { return fmt.Sprintf("%s is a summary"+turnOn, a.Metric, percentile(a)) }},
	{name: "counts", sel: of("_count"), text: func(a signal.Ask) string {
		return fmt.Sprintf("%s has %s_count, but no buckets"+turnOn, a.Metric, a.Metric, percentile(a))
	}},
	{name: "buckets", sel: of("_bucket", `le="+Inf"`), fits: true},
	{name: "native", sel: func(metric string, matches ...string) string {
		return "histogram_count(" + selector(metric, matches...) + ")"
	}, fits: true},
	{name: "number", sel: of("", `quantile=""`), text: func(a signal.Ask) string {
		return fmt.Sprintf("%s is a number per series, a gauge or a counter: %s cannot be counted; name a histogram", a.Metric, percentile(a))
	}},
}

// counters are those of what a Ratio or a Rate is asked of.
var counters = []nature{
	{name: "same", sel: of(""), fits: true},
	{name: "total", sel: of("_total"), text: otherwise("_total")},
	{name: "counts", sel: of("_count"), text: otherwise("_count")},
	{name: "bare", sel: func(metric string, matches ...string) string {
		return selector(strings.TrimSuffix(metric, "_total"), matches...)
	}, text: func(a signal.Ask) string {
		return fmt.Sprintf("%s has no series, but %s has: write that name", a.Metric, strings.TrimSuffix(a.Metric, "_total"))
	}},
}

func otherwise(suffix string) func(signal.Ask) string {
	return func(a signal.Ask) string {
		return fmt.Sprintf("%s has no series, but %s%s has: write that name", a.Metric, a.Metric, suffix)
	}
}

// percentile writes the quantile of a question: P99.
func percentile(a signal.Ask) string { return fmt.Sprintf("P%.4g", 100*float64(a.Q)) }

// naturesOf gives what a question's metric may be.
func naturesOf(a signal.Ask, native bool) []nature {
	var all []nature
	switch a.Kind {
	case signal.Quantile:
		all = histograms
	case signal.Ratio, signal.Rate:
		all = counters
	case signal.Growth:
		all = counters[:1]
	}
	var out []nature
	for _, n := range all {
		if n.name == "native" && !native || n.name == "bare" && !strings.HasSuffix(a.Metric, "_total") {
			continue
		}
		out = append(out, n)
	}
	return out
}

// The columns of what a metric is, followed by a nature's name: with the labels that were asked for, and with any.
const (
	colLabelled = "labelled/"
	colAny      = "any/"
)

// natureColumns ask how many series of each nature there are.
func natureColumns(a signal.Ask, natures []nature) []column {
	var columns []column
	for _, n := range natures {
		if !n.fits {
			columns = append(columns, column{colLabelled + n.name, "count(" + n.sel(a.Metric, a.Match) + ")"})
		}
		columns = append(columns, column{colAny + n.name, "count(" + n.sel(a.Metric) + ")"})
	}
	return columns
}

// why looks at what a metric is of which a question found nothing: it may be of another kind, or have other labels.
// It gives no cause where nothing tells, or nobody answers.
func (c *Client) why(ctx context.Context, a signal.Ask, at signal.Instant) (signal.Cause, string) {
	native := c.able.native()
	natures := naturesOf(a, native)
	if a.Metric == "" || len(natures) == 0 {
		return signal.Known, ""
	}
	columns := natureColumns(a, natures)
	v, err := c.instant(ctx, query(columns), at.Time(), len(columns))
	switch {
	case err != nil && native && a.Kind == signal.Quantile && c.lacksNative(ctx, err):
		return c.why(ctx, a, at)
	case err != nil:
		return signal.Known, ""
	}
	found := map[string]float64{}
	for _, s := range v {
		found[string(s.Metric[tag])] = float64(s.Value)
	}
	return told(a, natures, found)
}

// told says what the series that were found make of it.
func told(a signal.Ask, natures []nature, found map[string]float64) (signal.Cause, string) {
	for _, n := range natures {
		if !n.fits && found[colLabelled+n.name] > 0 {
			return signal.WrongKind, n.text(a)
		}
	}
	labels := strings.Trim(a.Match, ", ")
	for _, n := range natures {
		if many := found[colAny+n.name]; n.fits && many > 0 && labels != "" {
			return signal.Mismatch, fmt.Sprintf("%s has %.0f series, but none with %s, now or in the hour before", a.Metric, many, labels)
		}
	}
	for _, n := range natures {
		if !n.fits && found[colAny+n.name] > 0 {
			return signal.WrongKind, n.text(a)
		}
	}
	return signal.Known, ""
}

// instead gives a reading that found nothing with what the metric is, where that tells more.
func (c *Client) instead(ctx context.Context, reading signal.Reading, a signal.Ask, at signal.Instant) signal.Reading {
	if cause, detail := c.why(ctx, a, at); cause != signal.Known {
		return unknown(reading, cause, detail)
	}
	return reading
}
