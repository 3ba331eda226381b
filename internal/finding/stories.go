package finding

import (
	"cmp"
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// stories are what is told without a page, in the order of a release's life.
func stories() []Entry {
	table := []Entry{
		{
			Code: release.CodeDeployed, Title: "New revision deployed", news: reached(release.Deployed),
			Text: func(f Facts) string {
				return f.candidate() + " is rolled out and waits for traffic, which " + f.stable() + " carries"
			},
			Do: "Give {candidate} traffic when you are ready.",
		},
		{
			Code: release.CodePastRollback, Title: "Rolled back before", Severity: release.Warning, news: opened(release.CodePastRollback),
			Text: func(f Facts) string { return f.because("this revision was rolled back before") },
			Do:   "Make sure that what was wrong with {candidate} is repaired elsewhere before it gets traffic. If its weights came back from where they are kept, such as Git, set them there to {weights}.",
		},
		{
			Code: release.CodeCanaryStarted, Title: "Canary started", news: canaryStarted,
			Text: func(f Facts) string {
				return fmt.Sprintf("%s has its first traffic: %d %%", f.candidate(), f.State.Share)
			},
			Do: "Move on to 100 % when the canary is good; the schedule begins there.",
		},
		{
			Code: release.CodeCutover, Title: "Cutover", news: cutover,
			Text: cutoverText,
			Do:   "Nothing: greenwatch keeps watch.",
		},
		{
			Code: release.CodeCheckDone, Title: "Check done", Audience: Record, news: checks,
			Text: checkText,
			Do:   "Nothing, unless another finding says so.",
		},
		{
			Code: release.CodeMilestone, Title: "Milestone", news: milestones,
			Text: milestoneText,
			Do:   "Look at what is missed or unknown: kubectl greenwatch why {release} -n {namespace} --milestone with the window's name.",
		},
		{
			Code: release.CodeVerdictChanged, Title: "Verdict changed", news: verdictChanged,
			Text: verdictText,
			Do:   "Ask why: kubectl greenwatch why {release} -n {namespace}",
		},
		{
			Code: release.CodePolicyEdited, Title: "Policy edited", news: conditionCame(release.ConditionPolicyEdited),
			Text: func(Facts) string {
				return "the policy's traffic or slots were edited: this release goes by those that it began with, the next by the edit"
			},
			Do: "Nothing, if the edit was meant for the next release; to have it in force now, accept this one: kubectl greenwatch accept {release} -n {namespace}",
		},
		{
			Code: release.CodeHeld, Title: "Held", news: held,
			Text: heldText,
			Do:   "Resume when it is over: kubectl greenwatch resume {release} -n {namespace}",
		},
		{
			Code: release.CodeHoldEnded, Title: "Hold ended", news: holdEnded,
			Text: func(Facts) string { return "the hold is over: automatic action is allowed again" },
			Do:   "Nothing: greenwatch acts again by itself.",
		},
		{
			Code: release.CodeRollbackDecided, Title: "Rollback decided", news: decided,
			Text: decidedText,
			Do:   "Nothing yet: the steps of the rollback follow.",
		},
		{
			Code: release.CodeRollbackLapsed, Title: "Rollback lapsed", news: lapsed,
			Text: lapsedText,
			Do:   "Nothing, unless another finding says so: the watch goes on.",
		},
		{
			Code: release.CodeWarming, Title: "Warming stable", news: happened(warmed),
			Text: func(f Facts) string {
				return fmt.Sprintf("%s is being scaled up: %d ready replicas are needed before the traffic moves", f.stable(), f.State.Ladder.Needed)
			},
			Do: "Nothing yet: the traffic moves as soon as {stable} is ready.",
		},
		{
			Code: release.CodeSharesMoved, Title: "Shares moved", news: happened(shifted),
			Text: sharesText,
			Do:   "Nothing yet: the proof follows.",
		},
		{
			Code: release.CodeProven, Title: "Rollback proven", news: happened(proven),
			Text: provenText,
			Do:   "Find out what is wrong with {candidate}.",
		},
		{
			Code: release.CodeRolledBack, Title: "Rolled back", news: rolledBack,
			Text: func(f Facts) string { return f.candidate() + " was rolled back to " + f.stable() },
			Do:   "Find out what is wrong with {candidate}; it stays up for a while to be looked at.",
		},
		{
			Code: release.CodeTrafficTaken, Title: "Traffic taken away", news: trafficTaken,
			Text: func(f Facts) string {
				return f.State.Ladder.Moved + " took the traffic away from " + f.candidate() + ": the release has ended and nothing is scaled"
			},
			Do: "Scale {candidate} down yourself when it is no longer needed.",
		},
		{
			Code: release.CodeStableWatched, Title: "Stable watched", news: stableWatched,
			Text: func(f Facts) string { return "the watch over " + f.stable() + " after the rollback is over" },
			Do:   "Nothing, unless another finding says so.",
		},
		{
			Code: release.CodeCandidateScaledDown, Title: "Rollback completed", news: scaledDown,
			Text: func(f Facts) string { return f.candidate() + " is scaled down: the rollback is completed" },
			Do:   "Nothing.",
		},
		{
			Code: release.CodeCandidateKept, Title: "Candidate kept", news: candidateKept,
			Text: func(f Facts) string {
				return with(f.candidate()+" is not scaled down after the rollback", f.State.Ladder.Stuck)
			},
			Do: "Nothing: whoever uses the slot now looks after it.",
		},
		{
			Code: release.CodeAccepted, Title: "Accepted", news: reached(release.Accepted),
			Text: acceptedText,
			Do:   "Nothing: {stable} is no longer kept for a rollback.",
		},
		{
			Code: release.CodeSuperseded, Title: "Superseded", news: reached(release.Superseded),
			Text: func(f Facts) string {
				return "the next release has traffic: " + f.candidate() + " is no longer watched as a release"
			},
			Do: "Nothing: the next release is watched.",
		},
		{
			Code: release.CodeOrphaned, Title: "Orphaned", Severity: release.Warning, news: reached(release.Orphaned),
			Text: func(f Facts) string {
				return "the policy was deleted, or does not know this release: " + f.candidate() + " is no longer watched"
			},
			Do: "Create the policy {policy} again if the service is to be watched.",
		},
	}
	for i := range table {
		table[i].Severity = cmp.Or(table[i].Severity, release.Info)
		table[i].Audience = cmp.Or(table[i].Audience, Everyone)
	}
	return table
}

func cutoverText(f Facts) string {
	text := fmt.Sprintf("%s carries all the traffic since %s", f.candidate(), f.State.Cutover)
	if n := f.State.Grid.Count(); n > 0 {
		text += fmt.Sprintf(": %d checks follow until %s", n, f.State.Grid.End(f.State.Cutover))
	}
	return text
}

func checkText(f Facts) string {
	c := f.Check
	text := fmt.Sprintf("check %d of %d (%s) for %s: %s", c.Number, f.State.Grid.Count(), c.Window, c.At, c.Called())
	if c.Signal != "" {
		text += ", " + c.Signal
	}
	if c.Cause != "" {
		text += ", " + c.Cause
	}
	if c.Late {
		text += ", judged late"
	}
	return text
}

func verdictText(f Facts) string {
	now, was := f.State.Verdict, f.Before.Verdict.Tier
	text := "the verdict is " + f.State.Called()
	if was != "" {
		text += fmt.Sprintf(", after %s", was)
	}
	return with(text, now.Reason)
}

func heldText(f Facts) string {
	h := f.State.Condition(release.ConditionHeld)
	if p := f.Spec.People.Hold; p != nil {
		return with(fmt.Sprintf("%s holds automatic action until %s", cmp.Or(p.By, "somebody"), p.Until), p.Reason)
	}
	return with("automatic action is held", h.Message)
}

func decidedText(f Facts) string {
	l := f.State.Ladder
	if l.Automatic {
		return with("a rollback to "+f.stable()+" is decided by the matrix", l.Verdict.Reason)
	}
	text := "a rollback to " + f.stable() + " is decided by " + cmp.Or(l.By, "a person")
	if d := f.Spec.People.Decision; d != nil {
		return with(text, d.Reason)
	}
	return text
}

// lapsedText tells what a rollback that moved nothing was given up for.
func lapsedText(f Facts) string {
	why := "it was clear when judged again"
	switch {
	case f.State.Verdict.Tier != judge.Rollback:
	case f.State.Is(release.ConditionHeld):
		why = "a person holds it"
	default:
		why = "stable is no better"
	}
	return with("the rollback to "+f.stable()+" was given up before anything was moved", why)
}

func sharesText(f Facts) string {
	l := f.State.Ladder
	if l.Reasserts > 0 {
		return fmt.Sprintf("the weights were set to %s again, reassert %d against another writer", f.stable(), l.Reasserts)
	}
	return "the weights were set to " + f.stable()
}

func provenText(f Facts) string {
	l := f.State.Ladder
	return fmt.Sprintf("the requests have left %s, %s after the decision", f.candidate(), l.Proven.Sub(l.Decided))
}

func acceptedText(f Facts) string {
	d := f.Spec.People.Decision
	if d != nil && d.Choice == release.ChooseAccept {
		return with(f.candidate()+" is accepted by "+cmp.Or(d.By, "a person"), d.Reason)
	}
	return fmt.Sprintf("%s is accepted after %d checks", f.candidate(), f.State.Checks)
}

// worthSaying tells whether a first verdict is news: that all is well is expected.
func worthSaying(t judge.Tier) bool { return t != "" && t != judge.Proceed }
