package measure

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// The columns of an overlap.
const (
	colMine   = "mine"   // series that the ask's selector takes
	colTheirs = "theirs" // those that the other slot's takes
	colBoth   = "both"   // those that both take
)

// How long what was found of two selectors is taken for granted: where both take series, and, at first, where one takes
// none yet. Each time it still takes none it is twice as long.
const (
	overlapKept  = signal.Duration(time.Hour)
	overlapAgain = signal.Duration(5 * time.Minute)
)

// Overlaps says of each ask that takes series of the other slot's selector, its Beside, which selectors these are. Its
// error is that of an ask that could not be answered, where the others overlap in nothing.
func (c *Client) Overlaps(ctx context.Context, asks []signal.Ask, now signal.Instant) (texts []string, err error) {
	for _, a := range asks {
		text, failed := c.overlap(ctx, a, now)
		switch {
		case failed != nil:
			err = failed
		case text != "":
			texts = append(texts, a.Signal+": "+text)
		}
	}
	if len(texts) > 0 {
		return texts, nil
	}
	return nil, err
}

// overlap says which series both slots' selectors take; empty where there are none, or the ask tells no slots apart.
func (c *Client) overlap(ctx context.Context, a signal.Ask, at signal.Instant) (string, error) {
	if a.Beside == "" || a.Beside == a.Match || a.Kind != signal.Ratio && a.Kind != signal.Rate && a.Kind != signal.Quantile {
		return "", nil
	}
	known, ok := c.overlaps.recall(a, at)
	if ok {
		return known.text, nil
	}
	columns := overlapColumns(a)
	v, err := c.instant(ctx, query(columns), at.Time(), len(columns))
	if err != nil {
		return "", err
	}
	found := map[string]float64{}
	for _, s := range v {
		found[string(s.Metric[tag])] = float64(s.Value)
	}
	next := overlap{at: at, keep: overlapKept}
	switch {
	case found[colBoth] > 0:
		next.text = fmt.Sprintf("%.0f series of %s are taken by both slots' selectors, {%s} and {%s}", found[colBoth], subject(a), trimmed(a.Match), trimmed(a.Beside))
	case found[colMine] == 0 || found[colTheirs] == 0:
		next.keep = min(max(2*known.keep, overlapAgain), overlapKept)
	}
	c.overlaps.put(a, next)
	return next.text, nil
}

func subject(a signal.Ask) string {
	if a.Metric == "" {
		return "its metrics"
	}
	return a.Metric
}

func trimmed(match string) string { return strings.Trim(match, ", \t\n") }

// overlapColumns count the series of both selectors, and those that match all of both.
func overlapColumns(a signal.Ask) []column {
	of := func(matches ...string) string { return "count(" + selector(a.Metric, matches...) + ")" }
	if a.Kind == signal.Quantile { // a native histogram has no buckets
		of = func(matches ...string) string {
			buckets := selector(a.Metric+"_bucket", append([]string{infinite}, matches...)...)
			return "(count(" + buckets + ") or count(" + selector(a.Metric, matches...) + "))"
		}
	}
	return []column{{colMine, of(a.Match)}, {colTheirs, of(a.Beside)}, {colBoth, of(a.Match, a.Beside)}}
}

// overlaps remembers what was found of pairs of selectors, since the first traffic of each release.
type overlaps struct {
	mu   sync.Mutex
	kept map[string]overlap
}

type overlap struct {
	text string
	at   signal.Instant
	keep signal.Duration
}

// fresh tells whether it says something of a moment.
func (o overlap) fresh(at signal.Instant, within signal.Duration) bool {
	return at.Sub(o.at) < within && o.at.Sub(at) < within
}

func (o *overlaps) recall(a signal.Ask, at signal.Instant) (overlap, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, ok := o.kept[pair(a)]
	return k, ok && k.fresh(at, k.keep)
}

func (o *overlaps) put(a signal.Ask, next overlap) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.kept, func(_ string, k overlap) bool { return !k.fresh(next.at, 2*overlapKept) })
	o.kept[pair(a)] = next
}

// pair is alike for both slots' questions.
func pair(a signal.Ask) string {
	return fmt.Sprintf("%q %q %q %d", a.Metric, min(a.Match, a.Beside), max(a.Match, a.Beside), a.Since)
}
