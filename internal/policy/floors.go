package policy

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// Floors are the least that a policy may ask for: how often its releases are guarded and checked, how long an episode must
// have been clear, how many releases are kept. What a policy writes below is lifted, and said: it is watched all
// the same.
type Floors struct {
	GuardEvery   time.Duration `json:"guardEvery"`
	EpisodeClear time.Duration `json:"episodeClear"`
	HistoryLimit int32         `json:"historyLimit"`
}

// Lifted says what of a policy is below the floors, and what is in force instead.
func Lifted(p *v1alpha1.WatchPolicy, d Defaults) []error {
	_, notes := lift(InForce(p.Spec, d), d.Floors)
	return notes
}

// mostChecks is in how many checks a window may be cut for its interval to be lifted no further than needed.
const mostChecks = 1 << 24

// seldom is the least multiple of a window's interval that is no less than the floor and divides the window, or the
// window itself. What does not divide it as it is stays, and is said where it is read.
func seldom(every, window, floor time.Duration) time.Duration {
	if every <= 0 || every >= floor || window < every || window%every != 0 {
		return every
	}
	most := window / every
	if every < time.Second || most > mostChecks {
		return window
	}
	for checks := window / floor; checks > 1; checks-- {
		if most%checks == 0 {
			return window / checks
		}
	}
	return window
}

// lift gives a spec that is in force with what is below the floors lifted.
func lift(spec v1alpha1.WatchPolicySpec, f Floors) (v1alpha1.WatchPolicySpec, []error) {
	var notes []error
	note := func(path string, was, least any, floor string) {
		notes = append(notes, Error{Reason: Invalid, Path: path,
			Text: fmt.Sprintf("%v is less than the daemon's file allows (floors.%s); %v is in force", was, floor, least)})
	}
	duration := func(path, floor string, text *v1alpha1.Duration, least time.Duration) {
		// What is no duration is said where it is read.
		if d, err := time.ParseDuration(string(*text)); err == nil && d >= 0 && d < least {
			note(path, *text, least, floor)
			*text = v1alpha1.Duration(least.String())
		}
	}
	duration("spec.schedule.guardEvery", "guardEvery", &spec.Schedule.GuardEvery, f.GuardEvery)
	spec.Schedule.Windows = slices.Clone(spec.Schedule.Windows)
	start := time.Duration(0)
	for i := range spec.Schedule.Windows {
		w := &spec.Schedule.Windows[i]
		every, wrong := time.ParseDuration(string(w.Every))
		until, wrongToo := time.ParseDuration(string(w.Until))
		if least := seldom(every, until-start, f.GuardEvery); wrong == nil && wrongToo == nil && every < least {
			note(fmt.Sprintf("spec.schedule.windows[%d].every", i), w.Every, least, "guardEvery")
			w.Every = v1alpha1.Duration(least.String())
		}
		start = until
	}
	duration("spec.timing.episodeClear", "episodeClear", &spec.Timing.EpisodeClear, f.EpisodeClear)
	if n := ptr.Deref(spec.HistoryLimit, f.HistoryLimit); n > 0 && n < f.HistoryLimit {
		note("spec.historyLimit", n, f.HistoryLimit, "historyLimit")
		spec.HistoryLimit = &f.HistoryLimit
	}
	return spec, notes
}
