package release

import "github.com/knowledgebeast/greenwatch/internal/signal"

// storyKey is the key of the story among what was told.
const storyKey = "story"

// Pending gives all that is to be done about a saved state: first what changes the cluster, then
// what tells people. It is the only source of actions.
func Pending(s State, o Observed) []Action {
	return append(deeds(s, o), tells(s, o)...)
}

// deeds gives what the ladder's step asks for.
func deeds(s State, o Observed) []Action {
	l := s.Ladder
	if l == nil || s.Foreign(o.Namespace, o.Spec) {
		return nil
	}
	frozen := *l
	a := Action{Ladder: &frozen, Candidate: o.Spec.Candidate, Stable: o.Spec.Stable}
	switch l.Step {
	case Ready:
		v := o.World.Slot(o.Spec.Stable.Slot)
		if !o.World.Live || s.Readiness == Gone || v.Wanted >= l.Needed || o.Now < l.scalesAt() {
			return nil
		}
		a.Deed, a.Replicas = ScaleUp, l.Needed
	case Shift:
		a.Deed = SetShares
		if s.failsAll() {
			frozen.Needed = 1
		}
	case ScaleDown:
		if o.Now < l.Proven.Add(l.Plan.Limits.KeepCandidateFor) || s.Is(ConditionHeld) {
			return nil
		}
		a.Deed = ScaleAway
	default:
		return nil
	}
	a.Key = o.Namespace + "/" + o.Spec.Name() + "/" + string(a.Deed)
	return []Action{a}
}

// tells gives what people have not been told yet.
func tells(s State, o Observed) []Action {
	var out []Action
	for _, in := range s.Incidents {
		out = append(out, pagesOf(s, o, in)...)
	}
	for _, sink := range o.Sinks {
		if r := s.told(sink.Name, storyKey); !sink.Pages && r.Story < s.Story {
			out = append(out, Action{Deed: TellStory, Sink: sink.Name, Key: storyKey, Ref: r.Ref, Story: s.Story})
		}
	}
	return out
}

// pagesOf gives what the pagers have not been told of one incident. One that is over already is still
// opened first: somebody is owed the word.
func pagesOf(s State, o Observed, in Incident) []Action {
	var out []Action
	key := in.Key(o.Namespace, o.Spec.Name())
	at, ever := in.Paged()
	waits := !ever || at > o.Now && !in.Due.IsZero()
	for _, sink := range o.Sinks {
		r := s.told(sink.Name, in.mark())
		a := Action{Key: key, Sink: sink.Name, Incident: in}
		switch {
		case !sink.Pages || !r.Expired.IsZero() || waits:
			continue
		case r.Opened.IsZero():
			a.Deed = OpenPage
		case !in.Closed.IsZero() && r.Closed.IsZero():
			a.Deed = ClosePage
		default:
			continue
		}
		out = append(out, a)
	}
	return out
}

// Needs is what has to be seen and measured before the next Advance.
type Needs struct {
	// Live asks for the world as the API server has it now.
	Live bool
	// Guard asks for a verdict on the candidate, Consider with the consider cells.
	Guard, Consider bool
	// Stable asks for a verdict on stable, after a rollback. Before one it goes with the guard's:
	// wherever that calls for a rollback and stable has traffic of its own.
	Stable bool
	// Health asks what stable's own health endpoint says, before traffic is moved there. It goes with the
	// guard's verdict, too, wherever that calls for a rollback.
	Health bool
	// Before asks for the candidate's requests before its first traffic.
	Before bool
	// Baseline asks for what stable measured before that.
	Baseline bool
	// Traffic asks for the requests of both slots since the weights were set.
	Traffic bool
	// Check asks for the verdict of the check that is due.
	Check bool
	// Milestone asks for the report at the end of a window.
	Milestone bool
}

// Asks reports whether anything is to be measured.
func (n Needs) Asks() bool {
	n.Live = false
	return n != Needs{}
}

// ConsiderEvery is how often the guard looks at the consider cells.
func (p *Plan) ConsiderEvery() signal.Duration { return considerEvery * p.GuardEvery }

// considerEvery is how many guard ticks make one look at the consider cells.
const considerEvery = 4

// InForce is the frozen plan while a ladder is open, whatever became of the policy, unless somebody else wrote it.
func InForce(plan *Plan, namespace string, spec Spec, s State) *Plan {
	if l := s.Ladder; l != nil && l.Step != Done && !s.Foreign(namespace, spec) {
		return &l.Plan
	}
	return plan
}

// Need gives what is due at now. Tick is the guard's last tick, as Tick numbers them: -1 where none
// was taken yet. A person's word comes first, alone: it needs the world and waits for no measurement.
func Need(s State, p People, plan *Plan, now signal.Instant, tick int64) Needs {
	var n Needs
	if OpenWord(s, p, now) {
		return Needs{Live: true}
	}
	if l := s.Ladder; l != nil && l.Step != Done {
		n.Live = true
		due := Tick(s, &l.Plan, now) != tick
		n.Guard = l.Automatic && l.FirstShift.IsZero() && (l.Step == Recheck || l.Step == Ready && due)
		n.Health = l.Automatic && l.FirstShift.IsZero() && (l.Step == Ready || l.Step == Shift)
		n.Traffic = l.Step == Prove
		n.Stable = l.Step == WatchStable && due
		return n
	}
	if plan == nil || s.Phase != Canary && s.Phase != Watching {
		return n
	}
	this := Tick(s, plan, now)
	n.Guard = this != tick // fewer where guardEvery was edited
	n.Consider = n.Guard && (tick < 0 || this/considerEvery != tick/considerEvery)
	n.Before = s.Before == nil && plan.Requests != nil
	n.Baseline = s.Baseline == nil && plan.Baseline > 0
	n.Check = s.Phase == Watching && !s.NextCheck.IsZero() && now >= s.NextCheck.Add(plan.Limits.Settle)
	// First with the check that ends its window, then, while that is in vain, as often as the guard considers.
	_, due := DueMilestone(s, n.Check)
	n.Milestone = due && (n.Check || n.Consider)
	return n
}

// Tick numbers the guard's ticks from the first traffic on.
func Tick(s State, plan *Plan, now signal.Instant) int64 {
	if plan.GuardEvery <= 0 || now < s.FirstTraffic {
		return 0
	}
	return int64(now.Sub(s.FirstTraffic) / plan.GuardEvery)
}

// hurry is how often a ladder looks while it waits for the world.
const hurry = signal.Duration(2e9)

// Wake gives when the release wants to be looked at again though nothing happened; none means that
// only an event does.
func Wake(s State, plan *Plan, now signal.Instant) signal.Instant {
	wake := wakeToWatch(s, plan, now)
	for _, in := range s.Incidents {
		if in.Closed.IsZero() && in.Due > now && (wake.IsZero() || in.Due < wake) {
			wake = in.Due
		}
	}
	return wake
}

func wakeToWatch(s State, plan *Plan, now signal.Instant) signal.Instant {
	if l := s.Ladder; l != nil && l.Step != Done {
		switch l.Step {
		case ScaleDown:
			return max(nextTick(s, &l.Plan, now), l.Proven.Add(l.Plan.Limits.KeepCandidateFor))
		case WatchStable:
			return nextTick(s, &l.Plan, now)
		}
		return now.Add(max(signal.Duration(1e9), min(hurry, l.Plan.GuardEvery)))
	}
	if plan == nil || s.Phase != Canary && s.Phase != Watching {
		return 0
	}
	wake := nextTick(s, plan, now)
	if at := s.NextCheck.Add(plan.Limits.Settle); !s.NextCheck.IsZero() && at < wake {
		wake = max(at, now+1)
	}
	return wake
}

func nextTick(s State, plan *Plan, now signal.Instant) signal.Instant {
	if plan.GuardEvery <= 0 {
		return now + 15
	}
	return s.FirstTraffic.Add(signal.Duration(Tick(s, plan, now)+1) * plan.GuardEvery)
}
