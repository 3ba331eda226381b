package release

// Codes of incidents: a person is paged, once per episode and reason.
const (
	CodeRollback          Code = "Rollback"          // traffic is being moved back
	CodeRollbackStuck     Code = "RollbackStuck"     // stable can't be made ready, is gone or another revision: the traffic stays
	CodeRollbackNotProven Code = "RollbackNotProven" // the data plane has not shown in time that the traffic moved
	CodeRollbackLost      Code = "RollbackLost"      // another writer's weights stand
	CodeRollbackWithheld  Code = "RollbackWithheld"  // the matrix calls for a rollback that something forbids
	CodeHalted            Code = "Halted"            // an invariant did not hold: nothing is moved by itself
	CodeStableBad         Code = "StableBad"         // stable is bad after a rollback, or as bad as the candidate before
	CodeConsider          Code = "Consider"          // a consider cell holds: a person has to decide
	CodeBlindLasting      Code = "BlindLasting"      // a required signal has been unknown for long
	CodeNeverMeasured     Code = "NeverMeasured"     // a signal with bounds has had no value since the first traffic
	CodeReadinessLost     Code = "ReadinessLost"     // stable could not take the traffic back
	CodeDecisionRefused   Code = "DecisionRefused"   // a person's decision was not obeyed
	CodeCutoverRefused    Code = "CutoverRefused"    // the cutover that somebody wrote can't be true
	CodeNotWatched        Code = "NotWatched"        // a policy's next release can't be made
	CodeSaveRefused       Code = "SaveRefused"       // a release's status is refused for good
	CodeFleetWithheld     Code = "FleetWithheld"     // rollbacks in too many namespaces at once: it is the platform
	CodeNamespaceWithheld Code = "NamespaceWithheld" // too many rollbacks at once in one namespace: what its services share
	CodePrometheusAway    Code = "PrometheusAway"    // a Prometheus can't be reached, refuses, or answers in part
	CodeNotifierRefuses   Code = "NotifierRefuses"   // a notifier refuses whatever it is sent: its key, its token, its channel
	CodeFault             Code = "Fault"             // greenwatch itself fails at a policy, and rests it
	CodeCanaryReminder    Code = "CanaryReminder"    // the traffic has been split for a day
)

// Codes of the story: worth an Event, a line in the log and an edition of the story, but no page.
const (
	CodeDeployed            Code = "Deployed"            // a new revision is rolled out, without traffic
	CodePastRollback        Code = "PastRollback"        // the same revision was rolled back before
	CodeCanaryStarted       Code = "CanaryStarted"       // the candidate has its first traffic
	CodeCutover             Code = "Cutover"             // the candidate has all the traffic: the schedule runs
	CodeCheckDone           Code = "CheckDone"           // a check of the schedule has its verdict
	CodeMilestone           Code = "Milestone"           // a window has ended: its SLOs, baselines and trends
	CodeVerdictChanged      Code = "VerdictChanged"      // another tier stands now
	CodePolicyEdited        Code = "PolicyEdited"        // the policy's traffic or slots were edited in mid-release
	CodeHeld                Code = "Held"                // a person holds automatic action
	CodeHoldEnded           Code = "HoldEnded"           // automatic action is allowed again
	CodeRollbackDecided     Code = "RollbackDecided"     // the ladder was begun, by the matrix or by a person
	CodeRollbackLapsed      Code = "RollbackLapsed"      // the recheck found it clear: nothing was moved
	CodeWarming             Code = "Warming"             // stable is being scaled up
	CodeSharesMoved         Code = "SharesMoved"         // the weights were set, or set again
	CodeProven              Code = "Proven"              // the data plane shows that the traffic moved
	CodeRolledBack          Code = "RolledBack"          // the release has ended in a rollback, by us or by somebody
	CodeTrafficTaken        Code = "TrafficTaken"        // somebody put the candidate's shares back to 0
	CodeStableWatched       Code = "StableWatched"       // the watch over stable after a rollback is over
	CodeCandidateScaledDown Code = "CandidateScaledDown" // the ladder's last step is done
	CodeCandidateKept       Code = "CandidateKept"       // the candidate is not scaled down after all
	CodeAccepted            Code = "Accepted"            // the schedule ended well, or a person accepted
	CodeSuperseded          Code = "Superseded"          // the next release has traffic
	CodeOrphaned            Code = "Orphaned"            // the policy was deleted
)
