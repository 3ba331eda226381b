package trend_test

import (
	"math"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

// ramp is a day of half hours with so many events each, of which a share that grows evenly is bad.
func ramp(events, from, to float64) []trend.Count {
	var all []trend.Count
	for i := range 48 {
		share := from + (to-from)*float64(i)/47
		all = append(all, trend.Count{End: born + signal.Instant(i+1)*halfHour, Events: signal.Number(events), Bad: signal.Number(math.Round(events * share))})
	}
	return all
}

// earlier moves counts to so many days before.
func earlier(days signal.Instant, counts []trend.Count) []trend.Count {
	var all []trend.Count
	for _, c := range counts {
		c.End -= days * 24 * hour
		all = append(all, c)
	}
	return all
}

func TestCreepSaysWhatRoseAndAgainstWhat(t *testing.T) {
	const n = 10_000
	day, rising := ramp(n, 0.002, 0.002), ramp(n, 0.002, 0.006)
	few, none, burst := ramp(60, 0, 0), ramp(1000, 0, 0), ramp(1e6, 0.002, 0.00205)
	for i := range few {
		few[i].Events, few[i].Bad = signal.Number(80-i), 1
	}
	burst[46].Bad, burst[47].Bad = 50_000, 60_000
	cases := map[string]struct {
		shares  trend.Shares
		answer  trend.Answer
		cause   signal.Cause
		against trend.Against
		reason  string
	}{
		"no counts": {trend.Shares{}, trend.Unknown, signal.Young, trend.Nothing,
			"error-rate: a trend can't be told from 0 stretches of time with at least 30 events, of 0; it takes 12"},
		"stretches with few events": {trend.Shares{Counts: ramp(20, 0, 0.5)}, trend.Unknown, signal.Few, trend.Nothing,
			"error-rate: a trend can't be told from 0 stretches of time with at least 30 events, of 48; it takes 12"},
		"too few events altogether": {trend.Shares{Counts: ramp(40, 0, 0)}, trend.Unknown, signal.Few, trend.Nothing,
			"error-rate: too few events to tell a trend (0 % to 0 % in 24 h)"},
		"a rise against a day that did not": {trend.Shares{Counts: rising, Before: earlier(1, day)}, trend.Yes, "", trend.DayBefore,
			"error-rate creeps up: 0.25 % to 0.55 % in 24 h, 0.3 points more than in the same hours of a day before"},
		"a rise as on the day before": {trend.Shares{Counts: rising, Before: earlier(1, rising)}, trend.No, "", trend.DayBefore,
			"error-rate does not creep up (0.25 % to 0.55 % in 24 h)"},
		"the day before is found a week back": {trend.Shares{Counts: rising, Before: earlier(7, rising)}, trend.No, "", trend.DayBefore,
			"error-rate does not creep up (0.25 % to 0.55 % in 24 h)"},
		"a rise that may be the day's": {trend.Shares{Counts: rising}, trend.Unknown, signal.Young, trend.Nothing,
			"error-rate rises, 0.25 % to 0.55 % in 24 h: whether with the time of day can't be told before 48 hours are known"},
		"a rise that no day has": {trend.Shares{Counts: ramp(n, 0, 0.01)}, trend.Yes, "", trend.Nothing,
			"error-rate creeps up: 0.12 % to 0.88 % in 24 h"},
		"each day above the one before": {trend.Shares{Counts: append(earlier(1, day), rising...)}, trend.Yes, "", trend.OwnDays,
			"error-rate creeps up: 0.2 % to 0.4 % in 48 h, each day above the one before at the same hour"},
		"each day as the one before": {trend.Shares{Counts: append(earlier(1, rising), rising...)}, trend.No, "", trend.OwnDays,
			"error-rate does not creep up (0.4 % to 0.4 % in 48 h)"},
		"a rise under what matters": {trend.Shares{Counts: rising, Before: earlier(1, day), Matters: 0.01}, trend.No, "", trend.DayBefore,
			"error-rate does not creep up (0.25 % to 0.55 % in 24 h)"},
		"a steady rise that may be chance": {trend.Shares{Counts: few, Before: earlier(1, none)}, trend.Unknown, signal.Few, trend.DayBefore,
			"error-rate: too few events to tell a trend (1.3 % to 2.6 % in 24 h)"},
		"a burst at the end of a rise that does not matter": {trend.Shares{Counts: burst, Before: earlier(1, ramp(1e6, 0.002, 0.002))}, trend.No, "", trend.DayBefore,
			"error-rate does not creep up (0.2 % to 1.1 % in 24 h)"},
		"a rise by a small part": {trend.Shares{Counts: ramp(1e6, 0.05, 0.055), Before: earlier(1, ramp(1e6, 0.05, 0.05))}, trend.No, "", trend.DayBefore,
			"error-rate does not creep up (5.1 % to 5.4 % in 24 h)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.shares.Signal = "error-rate"
			r := trend.Creep(c.shares)
			if r.Answer != c.answer || r.Cause != c.cause || r.Against != c.against || r.Reason != c.reason {
				t.Errorf("got  %s %q %s: %s\nwant %s %q %s: %s", r.Answer, r.Cause, r.Against, r.Reason, c.answer, c.cause, c.against, c.reason)
			}
		})
	}
}
