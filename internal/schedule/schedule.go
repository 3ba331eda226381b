// Package schedule is the arithmetic of checks: windows and a cutover give the times of all checks.
//
// It holds no timer and no state. A check that was missed is still found by its number, at its own
// time, and the grid never drifts.
//
// +kubebuilder:object:generate=true
package schedule

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Window is a part of the schedule: from the end of the window before to Until, a check Every.
type Window struct {
	// +kubebuilder:validation:MaxLength=32
	Name  string          `json:"name"`
	Until signal.Duration `json:"until"`
	Every signal.Duration `json:"every"`
}

// Schedule is the windows in order.
//
// +kubebuilder:validation:MaxItems=8
type Schedule []Window

// Check is one check of the schedule.
type Check struct {
	// Number counts from 1.
	Number int
	// From and At enclose the stretch that is judged; At is the check's time.
	From, At signal.Instant
	Window   string
}

// Count gives the number of checks: 64 by default.
func (s Schedule) Count() int {
	n := 0
	start := signal.Duration(0)
	for _, w := range s {
		n += w.count(start)
		start = w.Until
	}
	return n
}

// count gives how many checks a window that begins at start holds; one that can't be, none.
func (w Window) count(start signal.Duration) int {
	if w.Every <= 0 || w.Until < start {
		return 0
	}
	return int((w.Until - start) / w.Every)
}

// End gives the time of the last moment of the schedule.
func (s Schedule) End(cutover signal.Instant) signal.Instant {
	if len(s) == 0 {
		return cutover
	}
	return cutover.Add(s[len(s)-1].Until)
}

// Check gives the check of that number, from 1 to Count. A window's checks are counted from the
// window's start; what is left of a window after its last whole interval belongs to the next check.
func (s Schedule) Check(cutover signal.Instant, number int) (Check, bool) {
	start, before := signal.Duration(0), cutover
	left := number
	for _, w := range s {
		n := w.count(start)
		at := func(i int) signal.Instant { return cutover.Add(start + signal.Duration(i)*w.Every) }
		if left <= n && left >= 1 {
			from := before
			if left > 1 {
				from = at(left - 1)
			}
			return Check{Number: number, From: from, At: at(left), Window: w.Name}, true
		}
		left -= n
		if n > 0 {
			before = at(n)
		}
		start = w.Until
	}
	return Check{}, false
}

// Last gives the last check of the window of that index, from 0.
func (s Schedule) Last(cutover signal.Instant, window int) (Check, bool) {
	if window < 0 || window >= len(s) {
		return Check{}, false
	}
	return s.Check(cutover, s[:window+1].Count())
}

// Due gives the first check after number done whose time has come by now.
func (s Schedule) Due(cutover signal.Instant, done int, now signal.Instant) (Check, bool) {
	c, ok := s.Check(cutover, done+1)
	if !ok || c.At > now {
		return Check{}, false
	}
	return c, true
}

// Window gives the name of the window that now falls into, and whether there is one.
func (s Schedule) Window(cutover, now signal.Instant) (string, bool) {
	for _, w := range s {
		if now < cutover.Add(w.Until) {
			return w.Name, true
		}
	}
	return "", false
}

// Validate gives all that is wrong with the schedule, each with its path below the schedule.
func (s Schedule) Validate() []error {
	var errs []error
	if len(s) == 0 {
		errs = append(errs, fmt.Errorf("windows: is empty; name at least one window"))
	}
	start := signal.Duration(0)
	for i, w := range s {
		if w.Every < signal.Duration(1e9) {
			errs = append(errs, fmt.Errorf("windows[%d].every: %s is less than 1s", i, w.Every))
		}
		if w.Until <= start {
			errs = append(errs, fmt.Errorf("windows[%d].until: window %q ends at %s, before it begins at %s", i, w.Name, w.Until, start))
		} else if w.Until-start < w.Every {
			errs = append(errs, fmt.Errorf("windows[%d].every: %s is longer than the window, which lasts %s", i, w.Every, w.Until-start))
		}
		start = w.Until
	}
	return errs
}

// Default is the checklist's schedule: 12 + 46 + 6 = 64 checks.
func Default() Schedule {
	const h, m = signal.Duration(3600e9), signal.Duration(60e9)
	return Schedule{
		{Name: "active", Until: h, Every: 5 * m},
		{Name: "enhanced", Until: 24 * h, Every: 30 * m},
		{Name: "standard", Until: 168 * h, Every: 24 * h},
	}
}
