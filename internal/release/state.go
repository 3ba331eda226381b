package release

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Phase is where a release is in its life.
//
// +kubebuilder:validation:Enum=Deployed;Canary;Watching;RollingBack;RolledBack;Accepted;Superseded;Orphaned
type Phase string

// The phases. The last four are ends; RolledBack may still have steps to do.
const (
	Deployed    Phase = "Deployed"    // rolled out, without traffic
	Canary      Phase = "Canary"      // some traffic, not all
	Watching    Phase = "Watching"    // all the traffic has been seen: the schedule runs
	RollingBack Phase = "RollingBack" // decided, not yet proven
	RolledBack  Phase = "RolledBack"
	Accepted    Phase = "Accepted"
	Superseded  Phase = "Superseded"
	Orphaned    Phase = "Orphaned" // its policy was deleted
)

// Side is a slot and the revision in it.
type Side struct {
	// +kubebuilder:validation:MaxLength=63
	Slot string `json:"slot"`
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision"`
	// Version is for people: the image tag, or app.kubernetes.io/version.
	// +kubebuilder:validation:MaxLength=128
	Version string `json:"version,omitempty"`
	// Replicas is spec.replicas when the side was first seen in this role.
	Replicas int32 `json:"replicas,omitempty"`
}

// Is reports whether both are the same revision in the same slot.
func (s Side) Is(o Side) bool { return s.Slot == o.Slot && s.Revision == o.Revision }

// Farthest is the greatest number of a release that is believed: the schema takes twice as many, so that whoever makes
// a release with a number next to its end leaves room for more all the same.
const Farthest = 500_000_000

// Spec is what a release is, written once, but for Cutover (write-once) and People (theirs).
type Spec struct {
	// +kubebuilder:validation:MaxLength=253
	Policy string `json:"policy"`
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Number    int64 `json:"number"`
	Candidate Side  `json:"candidate"`
	// Stable is what carried the majority of the traffic when the candidate was first seen. Its
	// revision is empty where that is gone already.
	Stable Side `json:"stable"`
	// MidFlight marks a release that was under way at the first sight of its policy: it is observed only.
	MidFlight bool `json:"midFlight,omitempty"`
	// Spent is the number of the release in which this very revision was rolled back by itself a while ago, and has not
	// been rolled out anew since: the right to do that by itself is spent. 0 where it is not.
	Spent     int64          `json:"spent,omitempty"`
	FirstSeen signal.Instant `json:"firstSeen"`
	// Cutover is the first moment of 100 % in every watched route, not before FirstSeen.
	Cutover signal.Instant `json:"cutover,omitempty"`
	// Service is what the policy's traffic and slots were when the release began; it goes by these to its end.
	Service *Service `json:"service,omitempty"`
	People  People   `json:"people,omitzero"`
}

// People is what people said of a release; the daemon never writes it.
type People struct {
	Hold     *Hold     `json:"hold,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
	// Reports are what people saw that no metric shows.
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=32
	Reports []Report `json:"reports,omitempty"`
}

// Hold forbids automatic action for a time, which ends within a year of the release's first sight.
type Hold struct {
	// +kubebuilder:validation:MaxLength=128
	By string `json:"by"`
	// +kubebuilder:validation:MaxLength=512
	Reason string         `json:"reason,omitempty"`
	Until  signal.Instant `json:"until"`
}

// Choice is what a person can decide.
//
// +kubebuilder:validation:Enum=Rollback;Accept
type Choice string

// The choices.
const (
	ChooseRollback Choice = "Rollback"
	ChooseAccept   Choice = "Accept"
)

// Decision is a person's decision.
type Decision struct {
	Choice Choice `json:"choice"`
	// +kubebuilder:validation:MaxLength=128
	By string `json:"by"`
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// At tells one decision from the same said again, after the first was refused, say. It is only compared.
	At signal.Instant `json:"at,omitempty"`
}

// Step is a step of the ladder, the program counter of a rollback.
//
// +kubebuilder:validation:Enum=Recheck;Ready;Shift;Prove;WatchStable;ScaleDown;Done
type Step string

// The steps, in order.
const (
	Recheck     Step = "Recheck"     // judge again: only what holds now acts
	Ready       Step = "Ready"       // make stable ready to carry the load
	Shift       Step = "Shift"       // set the shares
	Prove       Step = "Prove"       // see in the data plane that traffic moved
	WatchStable Step = "WatchStable" // watch over stable
	ScaleDown   Step = "ScaleDown"   // later: scale the candidate down
	Done        Step = "Done"
)

// Ladder is a rollback: what was decided, the plan frozen at that moment, and how far it is.
type Ladder struct {
	Step Step `json:"step"`
	// Automatic is false when a person decided; By is who did then.
	Automatic bool `json:"automatic,omitempty"`
	// +kubebuilder:validation:MaxLength=128
	By      string         `json:"by,omitempty"`
	Decided signal.Instant `json:"decided"`
	// Verdict is why, in brief; its evidence stands in State.Decision.
	Verdict judge.Verdict `json:"verdict"`
	// Plan is frozen: the ladder reads only this.
	Plan Plan `json:"plan"`
	// Routes are the keys of the watched routes.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=253
	Routes []string `json:"routes"`
	// Ports are, for each of Routes, the port that stable's destination was last seen with there: 0 where it
	// named none, -1 where the route was never seen to lead to stable, so that stable is not added to it.
	// +kubebuilder:validation:MaxItems=32
	Ports []int64 `json:"ports,omitempty"`
	// Needed is how many ready replicas of stable the candidate's load takes.
	Needed int32 `json:"needed"`
	// Before is the candidate's requests per second before its first traffic: probes, previews.
	Before signal.Number `json:"before"`

	// Tried marks that setting weights was asked for: from then on a write may have been made that no outcome
	// tells of.
	Tried bool `json:"tried,omitempty"`

	Warmed signal.Instant `json:"warmed,omitempty"` // scaling up was asked for
	// Scaled is how often stable was scaled up, ScaledAt when last. It is once, unless somebody sets its replicas
	// otherwise: Scaler names who did last.
	// +kubebuilder:validation:Minimum=0
	Scaled   int32          `json:"scaled,omitempty"`
	ScaledAt signal.Instant `json:"scaledAt,omitempty"`
	// +kubebuilder:validation:MaxLength=128
	Scaler  string         `json:"scaler,omitempty"`
	Shifted signal.Instant `json:"shifted,omitempty"` // weights were set, last
	Proven  signal.Instant `json:"proven,omitempty"`
	// FirstShift is when weights were set for the first time: reasserts count from here.
	FirstShift signal.Instant `json:"firstShift,omitempty"`
	Reasserts  int32          `json:"reasserts,omitempty"`
	// Moved names who took the traffic off the candidate before greenwatch did.
	// +kubebuilder:validation:MaxLength=128
	Moved string `json:"moved,omitempty"`
	// Stuck names why the ladder can't go on now; it is tried again all the same.
	// +kubebuilder:validation:MaxLength=512
	Stuck string `json:"stuck,omitempty"`
	// Refused marks that a write was refused, which trying again is unlikely to mend.
	Refused bool `json:"refused,omitempty"`
	// StableBad is what was wrong with stable after the rollback.
	// +kubebuilder:validation:MaxLength=512
	StableBad string `json:"stableBad,omitempty"`
	// Lost is set when another writer's weights stand.
	// +kubebuilder:validation:MaxLength=128
	Lost string `json:"lost,omitempty"`
}

// Standing is the tier that stands now and since when.
type Standing struct {
	Tier  judge.Tier     `json:"tier"`
	Since signal.Instant `json:"since"`
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal,omitempty"`
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// Cause is why it is unknown, for Blind.
	Cause signal.Cause `json:"cause,omitempty"`
	// Alike marks what befalls stable now as badly: it is told, and nobody is paged for it.
	Alike bool `json:"alike,omitempty"`
}

// CheckLine is one check in a line.
type CheckLine struct {
	Number int32 `json:"n"`
	// +kubebuilder:validation:MaxLength=32
	Window string         `json:"window"`
	At     signal.Instant `json:"at"`
	Tier   judge.Tier     `json:"tier"`
	// Late marks a check that was judged after the daemon was away.
	Late bool `json:"late,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal,omitempty"`
	// +kubebuilder:validation:MaxLength=32
	Cause string `json:"cause,omitempty"`
	// Without names, for a sentence, the signals with bounds that the check could not answer.
	// +kubebuilder:validation:MaxLength=256
	Without string `json:"without,omitempty"`
}

// Called is the check's tier by its name, with what it was judged without.
func (l CheckLine) Called() string { return l.Tier.Called(l.Without) }

// Readiness says whether stable could take the traffic back.
//
// +kubebuilder:validation:Enum=Hot;Partial;Warm;Gone
type Readiness string

// The grades of readiness.
const (
	Hot     Readiness = "Hot"     // enough ready replicas for the candidate's load
	Partial Readiness = "Partial" // some ready replicas
	Warm    Readiness = "Warm"    // scaled down, can be scaled up
	Gone    Readiness = "Gone"    // deleted, another revision, destination unusable
)

// Episode is a stretch of trouble.
type Episode struct {
	Number int64          `json:"number"`
	Opened signal.Instant `json:"opened,omitempty"`
	// ClearSince is when it last became clear; the episode is closed EpisodeClear after that.
	ClearSince signal.Instant `json:"clearSince,omitempty"`
	// Closed is when the last episode was closed. Relapsed marks one that was opened soon after: it is
	// not closed before it has been clear for long.
	Closed   signal.Instant `json:"closed,omitempty"`
	Relapsed bool           `json:"relapsed,omitempty"`
}

// Open tells whether there is trouble, or was until lately.
func (e Episode) Open() bool { return !e.Opened.IsZero() }

// Code names something that greenwatch can say; the catalogue is in package finding.
//
// +kubebuilder:validation:MaxLength=48
type Code string

// Severity is a page's.
//
// +kubebuilder:validation:Enum=critical;error;warning;info
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	Error    Severity = "error"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Incident is something that a person is paged for, once per episode and reason.
type Incident struct {
	Code     Code           `json:"code"`
	Episode  int64          `json:"episode"`
	Severity Severity       `json:"severity"`
	Opened   signal.Instant `json:"opened"`
	Closed   signal.Instant `json:"closed,omitempty"`
	// Due is when people are paged for it if it lasts, where the policy's pages were used up when it opened.
	Due signal.Instant `json:"due,omitempty"`
	// Text is what was so when it was opened.
	// +kubebuilder:validation:MaxLength=512
	Text string `json:"text,omitempty"`
}

// Told is what one sink was told of one thing: an incident (by its key) or the story.
type Told struct {
	// +kubebuilder:validation:MaxLength=63
	Sink string `json:"sink"`
	// Key is the incident's episode and code, or "story".
	// +kubebuilder:validation:MaxLength=128
	Key string `json:"key"`
	// Ref is what the sink needs to edit its message later.
	// +kubebuilder:validation:MaxLength=128
	Ref string `json:"ref,omitempty"`
	// Story is the number of the story's edition that was told last.
	Story int64 `json:"story,omitempty"`
	// Opened and Closed are when an incident's trigger and resolve were delivered.
	Opened signal.Instant `json:"opened,omitempty"`
	Closed signal.Instant `json:"closed,omitempty"`
	// Expired is when it was given up.
	Expired signal.Instant `json:"expired,omitempty"`
}

// SeenHold is a hold and the moment at which it was first seen: no hold lasts for longer than a week from then.
type SeenHold struct {
	// +kubebuilder:validation:MaxLength=256
	Fact  string         `json:"fact,omitempty"`
	Since signal.Instant `json:"since,omitempty"`
}

// State is the life of one release so far: what can't be observed again, and enough to resume.
type State struct {
	Phase Phase `json:"phase,omitempty"`
	// Mode is what the policy says of this very release: Enforce only where it lets greenwatch act on this VirtualService
	// and these Deployments, so that whoever wrote it was asked for the rights on them. The daemon's ceiling does not
	// count. It stays when the policy is gone. Admission goes by it: whose word Rollback needs rights of its own.
	Mode         Mode           `json:"mode,omitempty"`
	FirstTraffic signal.Instant `json:"firstTraffic,omitempty"`
	// Cutover mirrors Spec.Cutover, which is written first and wins.
	Cutover signal.Instant `json:"cutover,omitempty"`
	Ended   signal.Instant `json:"ended,omitempty"`
	// Share is the candidate's least share over the watched routes, in percent, rounded down.
	Share int32 `json:"share"`
	// Grid is the schedule, frozen at cutover.
	Grid schedule.Schedule `json:"grid,omitempty"`
	// Checks is how many checks have their verdict; NextCheck is the time of the next.
	Checks    int32          `json:"checks"`
	NextCheck signal.Instant `json:"nextCheck,omitempty"`
	// Before is the candidate's requests per second before its first traffic; unset until measured.
	Before *signal.Number `json:"before,omitempty"`
	// Baseline is what stable measured before the first traffic, by signal; unset until measured.
	// +kubebuilder:validation:MaxItems=32
	Baseline []judge.Baseline `json:"baseline,omitempty"`

	Verdict Standing `json:"verdict,omitzero"`
	// Unmeasured are the signals with bounds that have never had a value since the first traffic.
	// +kubebuilder:validation:MaxItems=32
	Unmeasured []Unmeasured `json:"unmeasured,omitempty"`
	// Lines are the checks, the oldest first.
	// +kubebuilder:validation:MaxItems=80
	Lines []CheckLine `json:"lines,omitempty"`
	// Latest is the latest check with full evidence.
	Latest *judge.Verdict `json:"latest,omitempty"`
	// Transitions are the latest changes of the standing verdict, with full evidence.
	// +kubebuilder:validation:MaxItems=4
	Transitions []judge.Verdict `json:"transitions,omitempty"`
	// Decision is the verdict, with full evidence, that the rollback rests on.
	Decision *judge.Verdict `json:"decision,omitempty"`
	// Milestones are the reports at the ends of the windows, in their order.
	// +kubebuilder:validation:MaxItems=8
	Milestones []milestone.Milestone `json:"milestones,omitempty"`

	Readiness Readiness `json:"readiness,omitempty"`
	// +kubebuilder:validation:MaxLength=512
	ReadinessReason string `json:"readinessReason,omitempty"`
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []signal.Condition `json:"conditions,omitempty"`
	Episode    Episode            `json:"episode,omitzero"`
	Ladder     *Ladder            `json:"ladder,omitempty"`
	// Obeyed is the person's decision that has been acted on or refused, as "choice by at: reason". It goes
	// when the decision is taken away.
	// +kubebuilder:validation:MaxLength=256
	Obeyed string `json:"obeyed,omitempty"`

	// Hold is the person's hold that was seen last, and since when.
	Hold SeenHold `json:"hold,omitzero"`

	// Story counts the editions of the release's story: it grows with whatever is worth telling.
	Story int64 `json:"story"`
	// +kubebuilder:validation:MaxItems=32
	Incidents []Incident `json:"incidents,omitempty"`
	// +kubebuilder:validation:MaxItems=128
	Told []Told `json:"told,omitempty"`
	// Settled is whether everybody was told everything: an ended release then needs no more care.
	Settled bool `json:"settled,omitempty"`
}

// Conditions of a release.
const (
	ConditionHeld              = "Held"              // a person holds automatic action
	ConditionBlind             = "Blind"             // a required signal is unknown
	ConditionRollbackReady     = "RollbackReady"     // stable could take the traffic back
	ConditionLate              = "Late"              // the latest check was judged late
	ConditionWithheld          = "Withheld"          // an action is forbidden by mode, breaker or hold
	ConditionFleetWithheld     = "FleetWithheld"     // rollbacks in too many namespaces: the platform
	ConditionNamespaceWithheld = "NamespaceWithheld" // too many rollbacks in the namespace: what its services share
	ConditionRollbackLost      = "RollbackLost"      // another writer's weights stand
	ConditionHalted            = "Halted"            // an invariant did not hold: nothing is moved by itself
	ConditionPolicyEdited      = "PolicyEdited"      // the policy's traffic or slots are not those that the release goes by
	ConditionCutoverRefused    = "CutoverRefused"    // the cutover in the spec can't be true
)

// Name gives the name of a policy's release.
func (s Spec) Name() string { return fmt.Sprintf("%s-%d", s.Policy, s.Number) }

// Key gives the incident's dedup key: facts only, so that a repeat is the same incident.
func (i Incident) Key(namespace, release string) string {
	return fmt.Sprintf("%s/%s/%d/%s", namespace, release, i.Episode, i.Code)
}

// mark names the incident among those of its release.
func (i Incident) mark() string { return fmt.Sprintf("%d/%s", i.Episode, i.Code) }

// Active tells whether there is still something to watch or to do.
func (s State) Active() bool {
	return !s.Over() || !s.Settled
}

// Over tells whether the release's life is over: nothing is watched or done any more, though
// something may still have to be told.
func (s State) Over() bool {
	switch s.Phase {
	case Accepted, Superseded, Orphaned:
		return true
	case RolledBack:
		return s.Ladder == nil || s.Ladder.Step == Done
	}
	return false
}

// Automatic gives when the matrix decided on a rollback by itself, if it did and the weights were set for it
// or may yet be.
func (s State) Automatic() (decided signal.Instant, is bool) {
	l := s.Ladder
	if l == nil || !l.Automatic || l.FirstShift.IsZero() && l.Step == Done {
		return 0, false
	}
	return l.Decided, true
}

// Condition gives the condition of that type, or nil.
func (s State) Condition(kind string) *signal.Condition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind {
			return &s.Conditions[i]
		}
	}
	return nil
}

// Is tells whether the condition of that type is True.
func (s State) Is(kind string) bool {
	c := s.Condition(kind)
	return c != nil && c.Status == "True"
}
