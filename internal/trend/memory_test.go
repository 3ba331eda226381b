package trend_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

// line is a pod whose memory climbs by so many MiB an hour, from a level in MiB, seen once a minute.
func line(level, perHour float64, length signal.Instant, limit signal.Number) trend.Pod {
	p := trend.Pod{Limit: limit, Starts: []signal.Instant{born}}
	for at := born; at <= born+length; at += 60 {
		p.Points = append(p.Points, trend.Point{At: at, Value: signal.Number((level + perHour*float64(at-born)/3600) * mib)})
	}
	return p
}

// times gives so many pods alike.
func times(n int, p trend.Pod) []trend.Pod {
	var all []trend.Pod
	for range n {
		all = append(all, p)
	}
	return all
}

func TestMemorySaysWhatClimbsAndWhenTheLimitIsReached(t *testing.T) {
	flat, leak := line(400, 0, 6*hour, gib), line(400, 10, 6*hour, gib)
	gone := leak
	gone.Points = gone.Points[:5*60]
	const reach, doubles = 564 * signal.Duration(360e9), 46 * signal.Duration(3600e9)
	cases := map[string]struct {
		usage trend.Usage
		want  trend.Climb
	}{
		"nothing is known without pods": {trend.Usage{},
			trend.Climb{Answer: trend.Unknown, Cause: signal.Gap, PerHour: nan, Stable: nan, Reason: "memory is unknown: no pod was seen in the last half hour"}},
		"a steady climb reaches the limit": {trend.Usage{Pods: times(4, leak)},
			trend.Climb{Answer: trend.Yes, PerHour: 10 * mib, Limit: gib, LimitAt: born + 6*hour + 56*hour + 24*60, Reach: reach, Pods: 4, Judged: 4, Climbing: 4,
				Reason: "memory only climbs: 10 MiB/h in 4 of 4 pods; the first reaches its limit of 1 GiB in 56 h"}},
		"three of four pods are most": {trend.Usage{Pods: append(times(3, leak), flat)},
			trend.Climb{Answer: trend.Yes, PerHour: 10 * mib, Limit: gib, LimitAt: born + 6*hour + 56*hour + 24*60, Reach: reach, Pods: 4, Judged: 4, Climbing: 3,
				Reason: "memory only climbs: 10 MiB/h in 3 of 4 pods; the first reaches its limit of 1 GiB in 56 h"}},
		"half of the pods are not most": {trend.Usage{Pods: append(times(2, leak), times(2, flat)...)},
			trend.Climb{Answer: trend.No, PerHour: 0, Limit: gib, LimitAt: born + 6*hour + 56*hour + 24*60, Reach: reach, Pods: 4, Judged: 4, Climbing: 2,
				Reason: "memory climbs in 2 of 4 pods only"}},
		"a pod that is gone does not count": {trend.Usage{Pods: append(times(2, flat), times(3, gone)...)},
			trend.Climb{Answer: trend.No, Pods: 2, Judged: 2, Reason: "memory does not climb to the limit (0 MiB/h in 2 pods)"}},
		"a limit that is reached in over a week does not matter": {trend.Usage{Pods: times(2, line(400, 10, 6*hour, 4*gib))},
			trend.Climb{Answer: trend.No, PerHour: 10 * mib, Pods: 2, Judged: 2, Reason: "memory does not climb to the limit (10 MiB/h in 2 pods)"}},
		"without a limit it must double": {trend.Usage{Pods: times(2, line(400, 10, 6*hour, 0))},
			trend.Climb{Answer: trend.Yes, PerHour: 10 * mib, Reach: doubles, Pods: 2, Judged: 2, Climbing: 2,
				Reason: "memory only climbs: 10 MiB/h in 2 of 2 pods; no limit is known, and in 46 h it has doubled"}},
		"young pods are unknown": {trend.Usage{Pods: append(times(1, leak), times(2, trend.Pod{Points: leak.Points[5*60:]})...)},
			trend.Climb{Answer: trend.Unknown, Cause: signal.Young, PerHour: 10 * mib, Limit: gib, LimitAt: born + 6*hour + 56*hour + 24*60, Reach: reach, Pods: 3, Judged: 1, Climbing: 1,
				Reason: "memory can't be judged yet: 1 of 3 pods were seen for the two hours from their start that it takes"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.usage.At = born + 6*hour
			if d := cmp.Diff(c.want, trend.Memory(c.usage), nearly); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestStablesOwnClimbIsTakenOff(t *testing.T) {
	before := line(400, 8, 24*hour, gib)
	for i := range before.Points {
		before.Points[i].At -= 24 * hour
	}
	before.Starts = nil
	u := trend.Usage{At: born + 6*hour, Pods: times(2, line(400, 12, 6*hour, gib)), Stable: []trend.Pod{before}}
	if c := trend.Memory(u); c.Answer != trend.No || math.Abs(float64(c.PerHour)-4*mib) > 1 {
		t.Errorf("4 MiB/h more than stable: got %+v", c)
	}
	u.Pods = times(2, line(400, 24, 6*hour, gib))
	const want = "memory only climbs: 16 MiB/h in 2 of 2 pods, beyond stable's own 8 MiB/h; the first reaches its limit of 1 GiB in 30 h"
	if c := trend.Memory(u); c.Answer != trend.Yes || c.Reason != want {
		t.Errorf("16 MiB/h more than stable: got %+v, want %q", c, want)
	}
}

func TestARestartDoesNotHideAClimb(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "seen by the fall": false} {
		t.Run(name, func(t *testing.T) {
			p := line(100, 100, 8*hour, gib)
			for i := range p.Points[5*60:] {
				p.Points[5*60+i].Value -= 500 * mib
			}
			if p.Starts = nil; told {
				p.Starts = []signal.Instant{born, born + 5*hour}
			}
			c := trend.Memory(trend.Usage{At: born + 8*hour, Pods: []trend.Pod{p}})
			if c.Answer != trend.Yes || math.Abs(float64(c.PerHour)-100*mib) > 1 {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestAClimbMustHaveBeenThereHalfAnHourBefore(t *testing.T) {
	p := line(400, 0, 3*hour, gib)
	for i, q := range p.Points {
		p.Points[i].Value += signal.Number(200 * max(0, float64(q.At-born)/3600-1.35) * mib)
	}
	for hours, want := range map[float64]trend.Answer{2: trend.No, 3: trend.Yes} {
		if c := trend.Memory(asOf(trend.Usage{Pods: []trend.Pod{p}}, hours)); c.Answer != want {
			t.Errorf("at %v h: got %+v, want %s", hours, c, want)
		}
	}
}

func TestACacheThatFillsUpIsSaidToSettle(t *testing.T) {
	p := line(0, 0, 6*hour, gib)
	for i := range p.Points {
		age := float64(p.Points[i].At-born) / 3600
		p.Points[i].Value = signal.Number(600-300*math.Exp(-age/1.5)) * mib
	}
	c := trend.Memory(trend.Usage{At: born + 4*hour, Pods: []trend.Pod{p}})
	if c.Answer != trend.No || c.Reason != "memory is filling up, ever slower (48 MiB/h), and is expected to settle below the limit" {
		t.Errorf("got %+v", c)
	}
	p.Limit = 600 * mib
	if c = trend.Memory(trend.Usage{At: born + 4*hour, Pods: []trend.Pod{p}}); c.Answer != trend.Yes {
		t.Errorf("it settles at its limit: got %+v", c)
	}
}

var nan = signal.Number(math.NaN())

// nearly takes numbers for equal that differ by a rounding, and moments that differ by a second.
var nearly = cmp.Options{
	cmp.Comparer(func(a, b signal.Number) bool { return a.IsNaN() && b.IsNaN() || math.Abs(float64(a-b)) < 1 }),
	cmp.Comparer(func(a, b signal.Instant) bool { return max(a, b)-min(a, b) <= 1 }),
}
