package measure

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

const (
	// growthEvery is how often it is asked whether memory climbs: the moments are the same for everybody
	// who asks. What climbs in hours need not be asked about each minute.
	growthEvery = signal.Duration(15 * 60e9)
	// growthStep is how far apart the samples of memory are taken, the least of each step, and growthOver
	// how far back.
	growthStep = signal.Duration(2 * 60e9)
	growthOver = signal.Duration(48 * 3600e9)
)

// The columns of a growth's answer, each a series for every container.
const (
	colMemory  = "memory"
	colStarted = "started"
	colLimit   = "limit"
)

// growth tells in how many seconds memory reaches its limit: infinite where it does not climb.
func (c *Client) growth(ctx context.Context, a signal.Ask, r Range) signal.Reading {
	first, last := tick(r.first()), tick(r.To)
	if first == last {
		if known, ok := c.grown.recall(a, last); ok {
			return at1(known, r)
		}
	}
	reading, climbs := c.climbs(ctx, a, first, last)
	if reading.Cause != signal.Known {
		return reading
	}
	reading.Bins = r.bins(func(end signal.Instant) signal.Bin { return climbBin(climbs[tick(end)]) })
	reading.Detail = cut(climbs[last].Reason)
	if first == last {
		c.grown.keep(a, last, reading)
	}
	return reading
}

// at1 gives a reading that is remembered as that of a bin.
func at1(known signal.Reading, r Range) signal.Reading {
	b := known.Bins[0]
	known.Bins = r.bins(func(signal.Instant) signal.Bin { return b })
	return known
}

func tick(t signal.Instant) signal.Instant { return t - t%signal.Instant(growthEvery/1e9) }

// climbs asks for the memory of both sides, and what it does at each tick.
func (c *Client) climbs(ctx context.Context, a signal.Ask, first, last signal.Instant) (signal.Reading, map[signal.Instant]trend.Climb) {
	reading := signal.Reading{Signal: a.Signal}
	from := max(first.Add(-growthOver), a.Since)
	columns := memoryColumns(a, a.Match)
	reading.Queries = []string{columns[0].expr}
	if from >= last {
		return unknown(reading, signal.Young, tooSoon), nil
	}
	pods, err := c.containers(ctx, columns, from, last)
	if err != nil {
		cause, detail := explain(err)
		return unknown(reading, cause, detail), nil
	}
	if len(pods) == 0 {
		return c.instead(ctx, unknown(reading, signal.Empty, "no series matches, now or since the first traffic"), a, last), nil
	}
	var stable []trend.Pod
	if a.Beside != "" && !a.Since.IsZero() {
		if stable, err = c.containers(ctx, memoryColumns(a, a.Beside), a.Since.Add(-growthOver), a.Since); err != nil {
			cause, detail := explain(err)
			return unknown(reading, cause, detail), nil
		}
	}
	for i := range pods {
		pods[i].Starts = append(pods[i].Starts, a.Since) // traffic fills caches, as a start does
	}
	climbs := map[signal.Instant]trend.Climb{}
	for at := first; at <= last; at = at.Add(growthEvery) {
		if at <= from {
			climbs[at] = trend.Climb{Answer: trend.Unknown, Cause: signal.Young, Reason: tooSoon}
			continue
		}
		climbs[at] = trend.Memory(trend.Usage{At: at, Pods: lately(pods, at), Stable: stable})
	}
	return reading, climbs
}

const tooSoon = "it takes two hours from the first traffic to see a climb"

func climbBin(c trend.Climb) signal.Bin {
	switch c.Answer {
	case trend.Yes:
		return signal.Bin{Value: signal.Number(c.Reach.D().Seconds())}
	case trend.No:
		return signal.Bin{Value: signal.Number(math.Inf(1))}
	}
	return signal.Bin{Cause: c.Cause}
}

// lately leaves out what is older than is looked at, so that the answer at a moment is the same whoever asks.
func lately(pods []trend.Pod, at signal.Instant) []trend.Pod {
	out := make([]trend.Pod, 0, len(pods))
	for _, p := range pods {
		i, _ := slices.BinarySearchFunc(p.Points, at.Add(-growthOver), func(q trend.Point, t signal.Instant) int { return cmp.Compare(q.At, t) })
		p.Points = p.Points[i:]
		out = append(out, p)
	}
	return out
}

// memoryColumns asks for the containers that a selector matches. Of twins the largest counts.
func memoryColumns(a signal.Ask, match string) []column {
	by := strings.Join(containerLabels, ", ")
	step := model.Duration(growthStep.D())
	out := []column{{colMemory, fmt.Sprintf("max by (%s) (min_over_time(%s[%s]))", by, selector(a.Metric, match), step)}}
	if a.Of != "" {
		out = append(out, column{colStarted, fmt.Sprintf("max by (%s) (%s)", by, selector(a.Of, match))})
	}
	if a.PromQL != "" {
		out = append(out, column{colLimit, fmt.Sprintf("max by (namespace, pod, container) (%s)", a.PromQL)})
	}
	return out
}

// containerLabels tell containers apart, whether a kubelet or they themselves tell their memory.
var containerLabels = []string{"namespace", "pod", "container", "instance"}

// containers gives the record of each container's memory.
func (c *Client) containers(ctx context.Context, columns []column, from, to signal.Instant) ([]trend.Pod, error) {
	step := signal.Instant(growthStep / 1e9)
	r := v1.Range{Start: (from - from%step).Time(), End: to.Time(), Step: growthStep.D()}
	m, err := c.span(ctx, query(columns), r, 0, during(r, mostContainers))
	if err != nil {
		return nil, err
	}
	var pods []trend.Pod
	for _, s := range m {
		if s.Metric[tag] != colMemory {
			continue
		}
		pods = append(pods, trend.Pod{Name: podName(s.Metric), Points: pointsOf(s),
			Starts: startsOf(m, s.Metric), Limit: limitOf(m, s.Metric)})
	}
	slices.SortFunc(pods, func(a, b trend.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, nil
}

func podName(m model.Metric) string {
	return fmt.Sprintf("%s/%s/%s", m["pod"], m["container"], m["instance"])
}

func pointsOf(s *model.SampleStream) []trend.Point {
	out := make([]trend.Point, 0, len(s.Values))
	for _, v := range s.Values {
		if n := float64(v.Value); n >= 0 && !math.IsInf(n, 1) {
			out = append(out, trend.Point{At: signal.At(v.Timestamp.Time()), Value: signal.Number(n)})
		}
	}
	return out
}

// startsOf gives the moments, in seconds since 1970, that a container's process has been said to have started at.
func startsOf(m model.Matrix, of model.Metric) []signal.Instant {
	var out []signal.Instant
	name := podName(of)
	for _, s := range m {
		if s.Metric[tag] != colStarted || podName(s.Metric) != name {
			continue
		}
		for _, v := range s.Values {
			if n := float64(v.Value); n > 0 && n < math.MaxUint32 && (len(out) == 0 || out[len(out)-1] != signal.Instant(n)) {
				out = append(out, signal.Instant(n))
			}
		}
	}
	return out
}

// limitOf gives a container's newest limit: that with its own labels, as far as the limit has them.
func limitOf(m model.Matrix, of model.Metric) signal.Number {
	for _, s := range m {
		if s.Metric[tag] == colLimit && concerns(s.Metric, of) {
			if n := float64(s.Values[len(s.Values)-1].Value); finite(n) {
				return max(0, signal.Number(n))
			}
		}
	}
	return 0
}

func concerns(limit, container model.Metric) bool {
	for _, l := range [...]model.LabelName{"namespace", "pod", "container"} {
		if a, b := limit[l], container[l]; a != "" && b != "" && a != b {
			return false
		}
	}
	return true
}

// grown remembers the newest answer to each question.
type grown struct {
	mu   sync.Mutex
	kept map[string]grownAt
}

type grownAt struct {
	at      signal.Instant
	reading signal.Reading
}

func grownKey(a signal.Ask) string {
	return fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%d", a.Signal, a.Metric, a.Match, a.Beside, a.Of, a.PromQL, a.Since)
}

func (g *grown) recall(a signal.Ask, at signal.Instant) (signal.Reading, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k, ok := g.kept[grownKey(a)]
	return k.reading, ok && k.at == at
}

// keep forgets what nobody has asked for lately.
func (g *grown) keep(a signal.Ask, at signal.Instant, r signal.Reading) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, k := range g.kept {
		if at.Sub(k.at).D() > time.Hour {
			delete(g.kept, key)
		}
	}
	g.kept[grownKey(a)] = grownAt{at, r}
}
