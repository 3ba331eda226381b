package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// done tells the release's life so far, and the ladder's steps, with their times.
func (c composer) done() []string {
	s := c.State
	var lines []string
	add := func(at signal.Instant, text string) {
		if !at.IsZero() {
			lines = append(lines, c.moment(at, text))
		}
	}
	add(c.Spec.FirstSeen, "first seen")
	add(s.FirstTraffic, "first traffic")
	add(s.Cutover, "cutover: all the traffic")
	if s.Ladder != nil {
		c.climbed(*s.Ladder, add)
	}
	switch s.Phase {
	case release.Accepted, release.Superseded, release.Orphaned:
		add(s.Ended, strings.ToLower(string(s.Phase)))
	}
	if summary := checked(s); summary != "" {
		lines = append(lines, summary)
	}
	return lines
}

func (c composer) climbed(l release.Ladder, add func(signal.Instant, string)) {
	if l.Moved == "" || l.Automatic {
		add(l.Decided, c.decision(l))
	}
	if l.Moved != "" {
		add(c.State.Ended, c.plain(l.Moved)+" took the traffic away: nothing is scaled")
		return
	}
	add(l.Warmed, fmt.Sprintf("%s is being scaled up to %d replicas", c.stable(), l.Needed))
	add(l.FirstShift, "weights set to "+c.stable())
	if l.Reasserts > 0 {
		add(l.Shifted, fmt.Sprintf("weights set again, reassert %d", l.Reasserts))
	}
	add(l.Proven, fmt.Sprintf("proven: the requests have left %s, %s after the decision", c.candidate(), l.Proven.Sub(l.Decided)))
	if l.Lost != "" {
		lost := c.State.Condition(release.ConditionRollbackLost)
		if lost == nil {
			lost = &signal.Condition{LastTransitionTime: l.Shifted}
		}
		add(lost.LastTransitionTime, "lost: the weights of "+c.plain(l.Lost)+" stand")
	}
	if l.Step == release.Done && !l.Proven.IsZero() && l.Lost == "" {
		add(c.State.Ended, c.finished(l))
	}
}

func (c composer) decision(l release.Ladder) string {
	if l.Automatic {
		return c.with("rollback decided by the matrix", l.Verdict.Reason)
	}
	reason := strings.TrimPrefix(l.Verdict.Reason, l.By+" decided: ")
	return c.with("rollback decided by "+c.plain(cmp.Or(l.By, "a person")), reason)
}

func (c composer) finished(l release.Ladder) string {
	if l.Stuck != "" {
		return c.with(c.candidate()+" is kept", l.Stuck)
	}
	return c.candidate() + " scaled down"
}

// checked counts the checks by their verdicts, the best first.
func checked(s release.State) string {
	if s.Checks == 0 {
		return ""
	}
	order := []judge.Tier{judge.Proceed, judge.Investigate, judge.Consider, judge.Rollback, judge.Blind}
	counts, late := make([]int, len(order)), 0
	for _, l := range s.Lines {
		if i := slices.Index(order, l.Tier); i >= 0 {
			counts[i]++
		}
		if l.Late {
			late++
		}
	}
	var parts []string
	for i, n := range counts {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, order[i]))
		}
	}
	if late > 0 {
		parts = append(parts, fmt.Sprintf("%d of them late", late))
	}
	text := fmt.Sprintf("%d of %d checks done", s.Checks, s.Grid.Count())
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

// next says what comes by itself.
func (c composer) next() []string {
	s := c.State
	switch s.Phase {
	case release.Deployed:
		return []string{"The watch begins with the first traffic."}
	case release.Canary:
		return []string{"The schedule of checks begins when it has all the traffic."}
	case release.Watching:
		return c.nextCheck()
	case release.RollingBack, release.RolledBack:
		if l := s.Ladder; l != nil && l.Step != release.Done {
			return c.nextStep(*l)
		}
	}
	return []string{"Nothing more: the release is over."}
}

func (c composer) nextCheck() []string {
	s := c.State
	end := s.Grid.End(s.Cutover)
	if s.NextCheck.IsZero() {
		return []string{"All checks are done: accepted when no episode is open."}
	}
	return []string{
		fmt.Sprintf("Check %d of %d at %s.", s.Checks+1, s.Grid.Count(), c.time(s.NextCheck)),
		fmt.Sprintf("The schedule ends at %s.", c.time(end)),
	}
}

func (c composer) nextStep(l release.Ladder) []string {
	limits := l.Plan.Limits
	lines := map[release.Step][]string{
		release.Recheck: {"It is judged again before anything is moved."},
		release.Ready:   {fmt.Sprintf("The traffic moves when %d replicas of %s are ready.", max(l.Needed, 1), c.stable())},
		release.Shift:   {"The weights are being set."},
		release.Prove:   {fmt.Sprintf("The proof is due by %s.", c.time(l.Decided.Add(limits.ProofWithin)))},
		release.WatchStable: {
			fmt.Sprintf("%s is watched until %s.", c.stable(), c.time(l.Proven.Add(limits.WatchStableFor))),
			c.scaleDown(l)},
		release.ScaleDown: {c.scaleDown(l)},
	}[l.Step]
	if l.Stuck != "" {
		lines = append(lines, c.with("Stuck, and tried again", l.Stuck))
	}
	return lines
}

func (c composer) scaleDown(l release.Ladder) string {
	return fmt.Sprintf("%s is scaled down at %s, unless its slot is used again.", c.candidate(), c.time(l.Proven.Add(l.Plan.Limits.KeepCandidateFor)))
}
