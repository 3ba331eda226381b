package measure

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// scraped are the labels that a scrape adds, by which two monitors on one pod differ.
var scraped = []string{"job", "instance", "endpoint", "service"}

const (
	// apartKept is how long it is taken for granted by which other labels scrapes differ.
	apartKept = signal.Duration(5 * time.Minute)
	// alikeLeast is how much two series must have counted to be told to be the same.
	alikeLeast = 10
)

// twice counts what several scrapes of one pod brought: the same series but for the labels of a scrape. Twins of a
// pair of servers are none.
func (g grain) twice(a signal.Ask, more ...string) string {
	now := g.named(a, g.now(podded(a)))
	return fmt.Sprintf("count(count without (%s) (%s) > 1)", strings.Join(append(slices.Clone(scraped), more...), ", "), g.single("max", now))
}

// podded selects one series per counter, or per classic histogram, of those that tell their pod.
func podded(a signal.Ask, matches ...string) string {
	matches = append([]string{a.Match, `pod!=""`}, matches...)
	if a.Kind == signal.Quantile {
		return selector(a.Metric+"_bucket", append(matches, infinite)...)
	}
	return selector(a.Metric, matches...)
}

// seenTwice fills in the column of what was scraped twice, where scrapes differ by labels of their own.
func (c *Client) seenTwice(ctx context.Context, a signal.Ask, t table, r Range) error {
	more := c.apart(ctx, a, r.To)
	if len(more) == 0 {
		return nil
	}
	again, err := c.counts(ctx, []column{{colTwice, newGrain(r.Bin, c.replicas).twice(a, more...)}}, r, 0)
	if err == nil {
		t[colTwice] = again[colTwice]
	}
	return err
}

// apart gives the labels by which the scrapes of one pod differ, as far as its counters tell: whatever relabelling
// adds. What can't be asked differs by none.
func (c *Client) apart(ctx context.Context, a signal.Ask, at signal.Instant) []string {
	sel := podded(a)
	if known, ok := c.scrapes.recall(sel, at); ok {
		return known
	}
	pod, err := c.instant(ctx, fmt.Sprintf("topk(1, count by (namespace, pod) (last_over_time(%s[5m])))", sel), at.Time(), 1)
	if err != nil || len(pod) != 1 || pod[0].Metric["pod"] == "" {
		return nil
	}
	var found []string
	if pod[0].Value > 1 {
		one := podded(a, fmt.Sprintf("namespace=%q,pod=%q", pod[0].Metric["namespace"], pod[0].Metric["pod"]))
		m, err := c.raw(ctx, one+"["+spelt(spacing)+"]", at.Time(), spacing)
		if err != nil {
			return nil
		}
		found = differing(m, func(label string) bool {
			return slices.Contains(c.replicas, label) || strings.Contains(a.Part, label)
		})
	}
	c.scrapes.keep(sel, found, at)
	return found
}

// differing gives the labels by which the scrapes of one pod differ: each series of the one counts what one of the other
// does. A label that is left out is not looked at.
func differing(m model.Matrix, leftOut func(string) bool) []string {
	m = slices.DeleteFunc(slices.Clone(m), func(s *model.SampleStream) bool { return len(s.Values) < 3 || rise(s) < alikeLeast })
	found := map[string]bool{}
	for i, one := range m {
		for _, other := range m[i+1:] {
			labels := slices.DeleteFunc(unlike(one.Metric, other.Metric), leftOut)
			if len(labels) == 0 || slices.Contains(labels, model.MetricNameLabel) || !alike(one, other) {
				continue
			}
			if matched(m, labels, one, other) && matched(m, labels, other, one) {
				for _, l := range labels {
					found[l] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// matched tells whether each series with the labels that one has is alike to one with those that another has.
func matched(m model.Matrix, labels []string, one, other *model.SampleStream) bool {
	of := func(s, like *model.SampleStream) bool {
		return !slices.ContainsFunc(labels, func(l string) bool { return s.Metric[model.LabelName(l)] != like.Metric[model.LabelName(l)] })
	}
	for _, s := range m {
		if of(s, one) && !slices.ContainsFunc(m, func(t *model.SampleStream) bool { return of(t, other) && alike(s, t) }) {
			return false
		}
	}
	return true
}

// unlike gives the labels in which two series differ.
func unlike(a, b model.Metric) []string {
	var labels []string
	for name := range a {
		if a[name] != b[name] {
			labels = append(labels, string(name))
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			labels = append(labels, string(name))
		}
	}
	slices.Sort(labels)
	return labels
}

func rise(s *model.SampleStream) float64 {
	return float64(s.Values[len(s.Values)-1].Value - s.Values[0].Value)
}

// alike tells whether two series are of one counter: the samples of both, in the order of time, never fall.
func alike(a, b *model.SampleStream) bool {
	all := slices.Concat(a.Values, b.Values)
	slices.SortFunc(all, func(x, y model.SamplePair) int {
		return cmp.Or(cmp.Compare(x.Timestamp, y.Timestamp), cmp.Compare(x.Value, y.Value))
	})
	for i, x := range all[1:] {
		if was := all[i]; x.Value < was.Value || x.Timestamp == was.Timestamp && x.Value != was.Value {
			return false
		}
	}
	return true
}

// scrapeLabels remembers by which labels the scrapes of one pod differ.
type scrapeLabels struct {
	mu   sync.Mutex
	kept map[string]keptLabels
}

type keptLabels struct {
	labels []string
	at     signal.Instant
}

func (s *scrapeLabels) recall(sel string, at signal.Instant) ([]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[sel]
	return k.labels, ok && at >= k.at && at.Sub(k.at) < apartKept
}

// keep forgets what nobody has asked for lately.
func (s *scrapeLabels) keep(sel string, labels []string, at signal.Instant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e, k := range s.kept {
		if at < k.at || at.Sub(k.at) >= apartKept {
			delete(s.kept, e)
		}
	}
	s.kept[sel] = keptLabels{labels, at}
}
