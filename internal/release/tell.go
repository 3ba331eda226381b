package release

import (
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// mostIncidents is how many incidents are kept; the oldest that everybody has been told of go first.
const mostIncidents = 16

// alarm is one reason to page: when it is raised, and when it is over.
type alarm struct {
	code     Code
	severity Severity
	raised   func(*turn) (text string, yes bool)
	over     func(*turn) bool
}

var alarms = []alarm{
	{CodeRollback, Critical, rollbackRaised, rollbackOver},
	{CodeRollbackStuck, Critical, stuckRaised, stuckOver},
	{CodeRollbackNotProven, Critical, notProvenRaised, notProvenOver},
	{CodeRollbackLost, Critical, conditionRaised(ConditionRollbackLost), releaseOver},
	{CodeRollbackWithheld, Critical, withheldRaised, episodeOver},
	{CodeFleetWithheld, Critical, conditionRaised(ConditionFleetWithheld), conditionOver(ConditionFleetWithheld)},
	{CodeNamespaceWithheld, Critical, conditionRaised(ConditionNamespaceWithheld), conditionOver(ConditionNamespaceWithheld)},
	{CodeHalted, Critical, neverRaised, conditionOver(ConditionHalted)},
	{CodeStableBad, Critical, stableBadRaised, releaseOver},
	{CodeConsider, Warning, considerRaised, episodeOver},
	{CodeBlindLasting, Error, blindRaised, episodeOver},
	{CodeNeverMeasured, Warning, neverMeasuredRaised, neverMeasuredOver},
	{CodeReadinessLost, Warning, readinessRaised, readinessOver},
	{CodeDecisionRefused, Warning, neverRaised, decisionOver},
	{CodeCutoverRefused, Warning, conditionRaised(ConditionCutoverRefused), releaseOver},
	{CodeCanaryReminder, Info, canaryRaised, canaryOver},
	{CodePastRollback, Warning, pastRaised, releaseOver},
}

// tellIncidents opens and closes incidents, each once per episode and reason.
func tellIncidents(t *turn) {
	for _, a := range alarms {
		over := a.over(t)
		if text, yes := a.raised(t); yes && !over {
			t.page(a.code, a.severity, text)
		}
		if !over {
			continue
		}
		for i := range t.s.Incidents {
			if in := &t.s.Incidents[i]; in.Code == a.code && in.Closed.IsZero() {
				in.Closed = t.o.Now
			}
		}
	}
	t.forget()
}

// page opens an incident, unless it is open already or this episode had it. What comes up again
// outside of an episode, after it was clear as long as ends one, counts as an episode of its own. One that
// was over before anybody was paged for it goes on.
func (t *turn) page(code Code, severity Severity, text string) {
	if in := t.incident(code); in != nil && (in.Closed.IsZero() || in.Episode == t.s.Episode.Number) {
		if _, ever := in.Paged(); !ever {
			in.Closed, in.Due = 0, max(in.Due, t.o.Now)
		}
		if in.Closed.IsZero() || t.s.Episode.Open() || t.o.Now.Sub(in.Closed) < max(t.clearFor(), relapse) {
			return
		}
		t.s.Episode.Number++
	}
	t.raise(code, t.s.Episode.Number, severity, text)
}

func (t *turn) raise(code Code, episode int64, severity Severity, text string) {
	due, word := t.afford(code, severity)
	t.s.Incidents = append(t.s.Incidents, Incident{Code: code, Episode: episode, Severity: severity,
		Opened: t.o.Now, Due: due, Text: clip(text, 500-len(word)) + word})
}

// incident gives the newest incident of that code, or nil.
func (t *turn) incident(code Code) *Incident {
	for i := range slices.Backward(t.s.Incidents) {
		if t.s.Incidents[i].Code == code {
			return &t.s.Incidents[i]
		}
	}
	return nil
}

// forget drops the oldest incidents that are closed, if possible such as were told, and with them what
// was told of them.
func (t *turn) forget() {
	for len(t.s.Incidents) > mostIncidents {
		i := t.forgettable()
		if i < 0 {
			break
		}
		t.s.Incidents = slices.Delete(t.s.Incidents, i, i+1)
	}
	t.s.Told = slices.DeleteFunc(t.s.Told, func(r Told) bool {
		return r.Key != storyKey && !slices.ContainsFunc(t.s.Incidents, func(in Incident) bool { return in.mark() == r.Key })
	})
}

// forgettable gives the oldest incident of a former episode that is closed: one that paged nobody, so that
// the budget goes on counting those that did; one that needs no more telling, or else any; -1 if there is none. An incident of the running episode is what keeps its page
// from being sent again.
func (t *turn) forgettable() int {
	closed := func(in Incident) bool {
		return !in.Closed.IsZero() && (in.Episode < t.s.Episode.Number || in.Episode < t.incident(in.Code).Episode)
	}
	told := func(in Incident) bool { return closed(in) && len(pagesOf(*t.s, t.o, in)) == 0 }
	silent := func(in Incident) bool {
		_, paged := in.Paged()
		return told(in) && !paged
	}
	for _, first := range []func(Incident) bool{silent, told} {
		if i := slices.IndexFunc(t.s.Incidents, first); i >= 0 {
			return i
		}
	}
	return slices.IndexFunc(t.s.Incidents, closed)
}

// tellBlind says whether the release is judged without enough evidence, and why.
func tellBlind(t *turn) {
	if t.s.Over() || t.s.Verdict.Tier != judge.Blind {
		t.set(ConditionBlind, false, "Sees", "")
		return
	}
	t.set(ConditionBlind, true, orElse(string(t.s.Verdict.Cause), "Unknown"), t.s.Verdict.Reason)
}

// tellStory counts an edition of the story for every change that is worth telling.
func tellStory(t *turn) {
	if !Same(tellable(t.old), tellable(*t.s)) {
		t.s.Story++
	}
	t.s.Settled = len(tells(*t.s, t.o)) == 0
}

// tellable leaves out what was told, so that telling is not news, and what nobody is told of.
func tellable(s State) State {
	s.Told, s.Story, s.Settled = nil, 0, false
	s.Before, s.Episode.ClearSince, s.Obeyed = nil, 0, ""
	s.Unmeasured = s.NeverMeasured()
	return s
}

func releaseOver(t *turn) bool { return t.s.Over() }

func episodeOver(t *turn) bool {
	return t.s.Over() || !t.s.Episode.Open() || t.s.Phase == RolledBack && t.s.Ladder.Step != WatchStable
}

// decisionOver tells whether a refused decision is history: the release is over, or it was taken back.
func decisionOver(t *turn) bool { return t.s.Over() || t.o.Spec.People.Decision == nil }

func neverRaised(*turn) (string, bool) { return "", false }

func conditionRaised(kind string) func(*turn) (string, bool) {
	return func(t *turn) (string, bool) {
		c := t.s.Condition(kind)
		if c == nil || c.Status != "True" {
			return "", false
		}
		return c.Message, true
	}
}

func conditionOver(kind string) func(*turn) bool {
	return func(t *turn) bool { return !t.s.Is(kind) }
}

// rollbackRaised waits for the recheck; where stable can't take the traffic, stuckRaised says so.
func rollbackRaised(t *turn) (string, bool) {
	l := t.s.Ladder
	if l == nil || l.Step == Recheck || t.foreignPlan() || l.Moved != "" || l.Decided.IsZero() || !t.s.begun() {
		return "", false
	}
	return l.Verdict.Reason, true
}

// begun tells whether a rollback has been started in earnest: it has somewhere to go, or has gone.
func (s State) begun() bool {
	return !s.Ladder.FirstShift.IsZero() || s.Phase == RollingBack && s.Readiness != Gone
}

// lapsedOver tells whether a rollback that was given up is history: it may be decided again in the same episode,
// and nobody would be paged anew.
func lapsedOver(t *turn) bool { return t.s.Over() || !t.s.Episode.Open() }

func rollbackOver(t *turn) bool {
	l := t.s.Ladder
	if l == nil {
		return lapsedOver(t)
	}
	return l.Step == ScaleDown || l.Step == Done
}

func stuckRaised(t *turn) (string, bool) {
	l := t.s.Ladder
	if l == nil || l.Stuck == "" {
		return "", false
	}
	return l.Stuck, t.late(l) || l.Refused || l.Step != Recheck && t.s.Readiness == Gone
}

func stuckOver(t *turn) bool {
	l := t.s.Ladder
	if l == nil {
		return lapsedOver(t)
	}
	return l.Step != Recheck && l.Step != Ready && l.Step != Shift && !t.foreignPlan()
}

func notProvenRaised(t *turn) (string, bool) {
	l := t.s.Ladder
	if l == nil || l.Step != Prove || !t.late(l) {
		return "", false
	}
	return orElse(l.Stuck, fmt.Sprintf("not proven within %s", l.Plan.Limits.ProofWithin)), true
}

func notProvenOver(t *turn) bool { return t.s.Ladder == nil || t.s.Ladder.Step != Prove }

func withheldRaised(t *turn) (string, bool) {
	c := t.s.Condition(ConditionWithheld)
	if c == nil || c.Status != "True" || c.Reason == withheldFleet || c.Reason == withheldNamespace || !t.watched() || t.s.Verdict.Alike {
		return "", false
	}
	return clip(t.s.Verdict.Reason+"; not rolled back: "+c.Message, 500), true
}

func stableBadRaised(t *turn) (string, bool) {
	l := t.s.Ladder
	if l == nil || l.StableBad == "" {
		return "", false
	}
	return l.StableBad, true
}

// considerRaised leaves a rollback that is withheld, since it is not the release, to the page of its own, and to the
// message what the service's callers get from both sides alike.
func considerRaised(t *turn) (string, bool) {
	return t.s.Verdict.Reason, t.watched() && t.s.Verdict.Tier == judge.Consider && !t.s.Verdict.Alike && !t.s.Is(ConditionWithheld)
}

// blindRaised leaves a Prometheus that is away to the incident of its own. What was unknown since it was
// away may stand for a moment longer than it is.
func blindRaised(t *turn) (string, bool) {
	v := t.s.Verdict
	if !t.watched() || v.Tier != judge.Blind || !pagesBlind(v.Cause) || v.Cause.OfServer() || t.o.Away || t.o.BlindFor <= 0 {
		return "", false
	}
	return v.Reason, t.o.Now.Sub(v.Since) >= t.o.BlindFor
}

func readinessRaised(t *turn) (string, bool) {
	if !t.watched() || t.s.Readiness != Gone || t.o.Plan == nil {
		return "", false
	}
	early := t.s.Cutover.IsZero() || t.o.Now.Sub(t.s.Cutover) < t.o.Plan.Limits.KeepStableFor
	return t.s.ReadinessReason, early
}

func readinessOver(t *turn) bool { return t.s.Over() || t.s.Readiness != Gone }

func canaryRaised(t *turn) (string, bool) {
	return "the traffic has been split for a day", t.s.Phase == Canary && !t.s.FirstTraffic.IsZero() && t.o.Now.Sub(t.s.FirstTraffic) >= canaryReminder
}

// pastRaised tells at the first traffic that the very revision was rolled back before.
func pastRaised(t *turn) (string, bool) {
	return t.spent(), t.o.Spec.Spent > 0 && t.watched()
}

func canaryOver(t *turn) bool { return t.s.Phase != Canary }
