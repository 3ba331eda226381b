package trend

import (
	"fmt"
	"math"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var nan = math.NaN()

// sentence says for an on-call engineer what memory does.
func (c Climb) sentence(at signal.Instant, judged []course) string {
	switch {
	case c.Pods == 0:
		return "memory is unknown: no pod was seen in the last half hour"
	case c.Answer == Unknown:
		return fmt.Sprintf("memory can't be judged yet: %d of %d pods were seen for the two hours from their start that it takes", c.Judged, c.Pods)
	case c.Answer == No && c.Climbing > 0:
		return fmt.Sprintf("memory climbs in %d of %d pods only", c.Climbing, c.Pods)
	case c.Answer == No && filling(judged):
		return fmt.Sprintf("memory is filling up, ever slower (%s), and is expected to settle below the limit", rate(c.PerHour))
	case c.Answer == No:
		return fmt.Sprintf("memory does not climb to the limit (%s in %d pods)", rate(c.PerHour), c.Judged)
	}
	return c.alarm(at)
}

func (c Climb) alarm(at signal.Instant) string {
	s := fmt.Sprintf("memory only climbs: %s in %d of %d pods", rate(c.PerHour), c.Climbing, c.Pods)
	if c.Stable >= mebibyte/10 {
		s += fmt.Sprintf(", beyond stable's own %s", rate(c.Stable))
	}
	if c.LimitAt.IsZero() {
		return s + "; no limit is known, and in " + span(c.Reach) + " it has doubled"
	}
	return s + fmt.Sprintf("; the first reaches its limit of %s in %s", bytes(c.Limit), span(c.LimitAt.Sub(at)))
}

func filling(judged []course) bool {
	n := 0
	for _, c := range judged {
		if c.net >= slowest && !math.IsInf(c.rest, 1) {
			n++
		}
	}
	return 2*n > len(judged)
}

func rate(n signal.Number) string { return bytes(n) + "/h" }

// bytes writes a number of bytes in the unit that fits.
func bytes(n signal.Number) string {
	v, unit := float64(n)/mebibyte, "MiB"
	if math.Abs(v) >= 1024 {
		v, unit = v/1024, "GiB"
	}
	return digits(v) + " " + unit
}

// digits writes two to three digits that matter, and no more.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a < 0.05:
		return "0"
	case a < 10:
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// span writes a time as a person would: minutes, hours or days.
func span(d signal.Duration) string {
	switch t := d.D(); {
	case t < time.Minute:
		return "less than a minute"
	case t < 2*time.Hour:
		return fmt.Sprintf("%.0f min", t.Minutes())
	case t < 72*time.Hour:
		return fmt.Sprintf("%.0f h", t.Hours())
	default:
		return fmt.Sprintf("%.0f days", t.Hours()/day)
	}
}

// sentence says for an on-call engineer how a share moves.
func (r Rise) sentence(name string, given int) string {
	moved := fmt.Sprintf("%s to %s in %s", percent(r.From), percent(r.To), span(r.Over))
	switch {
	case r.Answer == Unknown && r.Counts < fewest:
		return fmt.Sprintf("%s: a trend can't be told from %d stretches of time with at least %d events, of %d; it takes %d", name, r.Counts, crowd, given, fewest)
	case r.Answer == Unknown && r.Cause == signal.Few:
		return fmt.Sprintf("%s: too few events to tell a trend (%s)", name, moved)
	case r.Answer == Unknown:
		return fmt.Sprintf("%s rises, %s: whether with the time of day can't be told before 48 hours are known", name, moved)
	case r.Answer == No:
		return fmt.Sprintf("%s does not creep up (%s)", name, moved)
	}
	s := fmt.Sprintf("%s creeps up: %s", name, moved)
	switch r.Against {
	case DayBefore:
		s += fmt.Sprintf(", %s points more than in the same hours of a day before", points(r.By))
	case OwnDays:
		s += ", each day above the one before at the same hour"
	}
	return s
}

func percent(n signal.Number) string { return points(n) + " %" }

// points writes a share in percent, to two digits that matter.
func points(n signal.Number) string {
	v := 100 * float64(n)
	if math.Abs(v) >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}
