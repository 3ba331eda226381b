package finding

import (
	"cmp"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// pages are what a person is paged for.
func pages() []Entry {
	table := []Entry{
		{
			Code: release.CodeRollback, Title: "Rolling back", Severity: release.Critical,
			Text: func(f Facts) string { return f.because("rolling back to " + f.stable()) },
			Do:   "See that the traffic arrives at {stable}; another page follows if it does not. Then find out what is wrong with {candidate}.",
		},
		{
			Code: release.CodeRollbackStuck, Title: "Rollback stuck", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("the rollback to " + f.stable() + " can't go on and the traffic stays on " + f.candidate())
			},
			Do: "Make {stable} able to serve, or repair {candidate} where it is. The rollback goes on by itself as soon as it can.",
		},
		{
			Code: release.CodeRollbackNotProven, Title: "Rollback not proven", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("the weights lead to " + f.stable() + ", but requests still arrive at " + f.candidate() + " or can't be counted")
			},
			Do: "Look where the requests go: other routes, long-lived connections, a sidecar without the new configuration, or a metric that is missing.",
		},
		{
			Code: release.CodeRollbackLost, Title: "Rollback lost to another writer", Severity: release.Critical,
			Text: lost,
			Do:   "Stop the other writer, and set the weights where it has them from, such as Git, to {weights}. Then move the traffic to {stable}. Nothing more is done automatically for this release.",
		},
		{
			Code: release.CodeRollbackWithheld, Title: "Rollback withheld", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("the matrix calls for a rollback to " + f.stable() + ", which is withheld")
			},
			Do: "Decide: kubectl greenwatch rollback {release} -n {namespace}, or repair {candidate} where it is.",
		},
		{
			Code: release.CodeHalted, Title: "Halted", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("greenwatch was about to do what must never be, and did not: it moves nothing by itself any more")
			},
			Do: "Decide: kubectl greenwatch rollback {release} -n {namespace}, or accept; or hold, then resume, to let greenwatch act again. Look who wrote the release's status (kubectl get --show-managed-fields), and report the daemon's log (message: halted).",
		},
		{
			Code: release.CodeStableBad, Title: "Stable is bad", Severity: release.Critical,
			Text: func(f Facts) string { return f.because(f.stable() + " is bad after the rollback") },
			Do:   "Neither side is well: look for a cause that both share, such as a dependency, a migration or the load. Nothing more is moved automatically.",
		},
		{
			Code: release.CodeConsider, Title: "Consider a rollback", Severity: release.Warning,
			Text: func(f Facts) string { return f.because("consider a rollback to " + f.stable()) },
			Do:   "Decide: kubectl greenwatch rollback {release} -n {namespace}, or keep {candidate} and watch. Nothing is moved automatically in this tier.",
		},
		{
			Code: release.CodeBlindLasting, Title: "Blind", Severity: release.Error,
			Text: func(f Facts) string {
				return f.because("can't be judged, so it would not be rolled back automatically")
			},
			Do: "Bring the signal back (its query, its scrape, its Prometheus), and watch {candidate} by other means until then.",
		},
		{
			Code: release.CodeNeverMeasured, Title: "Never measured", Severity: release.Warning,
			Text: func(f Facts) string { return f.because("it is judged without a signal that was never measured") },
			Do:   "Mend the signal's metric or its labels, or take it out of the policy: kubectl greenwatch check {policy} -n {namespace} shows what each signal reads. Watch {candidate} by other means until then.",
		},
		{
			Code: release.CodeReadinessLost, Title: "Rollback readiness lost", Severity: release.Warning,
			Text: func(f Facts) string { return f.because("the traffic can't be moved back to " + f.stable()) },
			Do:   "Bring {stable} back if a rollback is still to be an option; else be ready to repair {candidate} where it is.",
		},
		{
			Code: release.CodeDecisionRefused, Title: "Decision refused", Severity: release.Warning,
			Text: itself("a person's decision is refused"),
			Do:   "Remove the reason and decide again, or decide otherwise.",
		},
		{
			Code: release.CodeFleetWithheld, Title: "All rollbacks withheld", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("all automatic rollbacks are withheld")
			},
			Do: "Look at what the services share: nodes, mesh, network, Prometheus. A person's rollback is obeyed all the same: kubectl greenwatch status -A, then rollback.",
		},
		{
			Code: release.CodeNamespaceWithheld, Title: "A namespace's rollbacks withheld", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("the automatic rollbacks of namespace " + f.Namespace + " are withheld")
			},
			Do: "Look at what the services of {namespace} share: a dependency, a database, a quota. Other namespaces are not touched, and a person's rollback is obeyed all the same: kubectl greenwatch status -n {namespace}, then rollback.",
		},
		{
			Code: release.CodePrometheusAway, Title: "Prometheus does not answer", Severity: release.Error,
			Text: func(f Facts) string {
				return f.because("Prometheus does not answer as it should, so nothing that it measures is judged or rolled back automatically")
			},
			Do: "Bring Prometheus back, or the network to it; where it refuses, look at the token and the tenant in the daemon's file; where it turns questions away, or answers in part, at its load, its limits, and the stores behind it. Checks that were missed are judged afterwards, each at its own time.",
		},
		{
			Code: release.CodeNotifierRefuses, Title: "Notifier refuses", Severity: release.Error,
			Text: itself("a notifier refuses whatever it is sent"),
			Do:   "Put a key or token that is valid into the file that the daemon's file names for it, or mend its channel: what waits is sent as soon as the file changes, and every few minutes besides. Until then nobody hears from it: kubectl greenwatch status -A shows what is watched.",
		},
		{
			Code: release.CodeCutoverRefused, Title: "Cutover refused", Severity: release.Warning,
			Text: itself("the cutover that somebody wrote is not taken"),
			Do:   "Find out who wrote spec.cutover of release {release}: that is greenwatch's to write. It goes by what it sees itself.",
		},
		{
			Code: release.CodeNotWatched, Title: "Not watched", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("what was rolled out is not watched, since its release can't be made")
			},
			Do: "Watch the service by other means, and remove what stands in the way: the policy's condition Ready says so as soon as it is gone.",
		},
		{
			Code: release.CodeSaveRefused, Title: "Release can't be saved", Severity: release.Critical,
			Text: func(f Facts) string {
				return f.because("the API server refuses what greenwatch writes, so nothing is done for that release")
			},
			Do: "Watch the service by other means. Look at the CRDs' version, admission policies and greenwatch's rights; it is tried again all the time.",
		},
		{
			Code: release.CodeFault, Title: "greenwatch failed", Severity: release.Error,
			Text: func(f Facts) string {
				return f.because("greenwatch itself failed at this policy")
			},
			Do: "Watch the service by other means. The daemon's log has the stack (message: caught a panic): report it, and undo the last change of the policy if there was one.",
		},
		{
			Code: release.CodeCanaryReminder, Title: "Traffic still split", Severity: release.Info,
			Text: itself("the traffic is still split"),
			Do:   "Give {candidate} all the traffic, or take it back to {stable}: the schedule of checks begins at 100 %.",
		},
	}
	for i := range table {
		table[i].Audience = OnCall
		table[i].news = opened(table[i].Code)
	}
	return table
}

func lost(f Facts) string {
	if l := f.State.Ladder; l != nil && l.Lost != "" {
		return "the rollback to " + f.stable() + " was undone by " + l.Lost + ", whose weights stand"
	}
	return f.because("the rollback to " + f.stable() + " was undone by another writer")
}

// itself gives the incident's own words where they say all, and instead where there are none.
func itself(instead string) func(Facts) string {
	return func(f Facts) string { return cmp.Or(with("", f.Incident.Text), instead) }
}

// opened finds the incidents of a code that were opened, or opened again, since before.
func opened(code release.Code) func(Facts) []Facts {
	return func(f Facts) []Facts {
		var found []Facts
		for _, i := range f.State.Incidents {
			if i.Code == code && !holds(f.Before.Incidents, i) {
				f.Incident = i
				found = append(found, f)
			}
		}
		return found
	}
}

func holds(incidents []release.Incident, one release.Incident) bool {
	for _, i := range incidents {
		if i.Code == one.Code && i.Episode == one.Episode && i.Opened == one.Opened {
			return true
		}
	}
	return false
}
