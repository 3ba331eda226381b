package release_test

import (
	"slices"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// pair is a step of a release's life, a legal one until a test breaks it.
type pair struct {
	old, next release.State
	o         release.Observed
}

const decidedAt = t0 + 1000

// stays is seen and stays as it is, twenty minutes after the cutover.
func stays() pair {
	s := release.State{Phase: release.Watching, FirstTraffic: t0 + 10, Cutover: t0 + 60, Grid: thePlan().Schedule, Checks: 2,
		Incidents: []release.Incident{{Code: release.CodeConsider, Episode: 1, Opened: t0 + 500}},
		Told:      []release.Told{{Sink: "oncall", Key: "1/Consider", Opened: t0 + 501}}}
	world := newWorld()
	return pair{*s.DeepCopy(), s, release.Observed{Now: t0 + 1200, Namespace: "production", Plan: thePlan(), Mode: release.Enforce, World: world,
		Breaker: release.Breaker{Namespaces: 3, Rollbacks: 3, Within: dur(10 * time.Minute)},
		Spec: release.Spec{Policy: "kb", Number: 7, FirstSeen: t0, Cutover: t0 + 60, Candidate: release.Side{Slot: green, Revision: "g2"},
			Stable: release.Side{Slot: blue, Revision: "b1"}}}}
}

func newWorld() release.World {
	return release.World{Live: true, Slots: []release.SlotView{running(blue, "b1", 3), running(green, "g2", 3)},
		Routes: []release.RouteView{{Key: "main", Shares: map[string]float64{green: 1, blue: 0}}}}
}

// decides begins a rollback, by itself.
func decides() pair {
	p := stays()
	p.next.Phase = release.RollingBack
	p.next.Ladder = &release.Ladder{Step: release.Recheck, Automatic: true, Decided: p.o.Now, Plan: *thePlan(), Routes: []string{"main"}, Needed: 3}
	p.o.Guard = &judge.Verdict{At: p.o.Now, Tier: judge.Rollback}
	return p
}

// obeys begins one by a person's word.
func obeys() pair {
	p := decides()
	p.o.Guard, p.next.Ladder.Automatic, p.next.Ladder.By, p.next.Obeyed = nil, false, "ann", "Rollback by ann: so"
	p.o.Spec.People.Decision = &release.Decision{Choice: release.ChooseRollback, By: "ann", Reason: "so"}
	return p
}

// climbs goes from one step to the next.
func climbs(from, to release.Step) pair {
	p := decides()
	p.next.Ladder.Decided = decidedAt
	p.old = *p.next.DeepCopy()
	for _, x := range []struct {
		s    *release.State
		step release.Step
	}{{&p.old, from}, {&p.next, to}} {
		l := x.s.Ladder
		l.Step = x.step
		if x.step != release.Recheck && x.step != release.Ready {
			l.Tried = true
		}
		if x.step == release.Prove || x.step == release.WatchStable || x.step == release.ScaleDown {
			l.Shifted, l.FirstShift = decidedAt+20, decidedAt+20
		}
		if x.step == release.WatchStable || x.step == release.ScaleDown {
			l.Proven, x.s.Phase = decidedAt+40, release.RolledBack
		}
	}
	return p
}

// judges adds the verdict of a check.
func judges() pair {
	p := stays()
	c, _ := p.next.Grid.Check(p.next.Cutover, 3)
	p.next.Checks, p.next.Lines = 3, []release.CheckLine{{Number: 3, At: c.At, Tier: judge.Proceed}}
	return p
}

// ends is accepted at the end of the schedule.
func ends() pair {
	p := stays()
	p.old.Checks = int32(p.old.Grid.Count())
	p.next.Checks, p.next.Phase = p.old.Checks, release.Accepted
	return p
}

func ladder(p *pair) *release.Ladder { return p.next.Ladder }

// Each case is a legal step, and what breaks it: the legal one is the control.
func TestWhatBreaksAnInvariantIsNamed(t *testing.T) {
	cases := []struct {
		what  string
		legal pair
		spoil func(*pair)
		want  release.Invariant
	}{
		{"a step is left out", climbs(release.Recheck, release.Ready), func(p *pair) { ladder(p).Step, ladder(p).Tried = release.Shift, true }, release.LadderOrder},
		{"a step backward", climbs(release.Shift, release.Prove), func(p *pair) { *ladder(p) = *p.old.Ladder; ladder(p).Step = release.Recheck }, release.LadderOrder},
		{"a rollback begins at a later step", decides(), func(p *pair) { ladder(p).Step = release.Ready }, release.LadderOrder},
		{"a second one begins while one is open", climbs(release.Ready, release.Ready), func(p *pair) { ladder(p).Decided++; ladder(p).Step = release.Recheck }, release.LadderOrder},
		{"a rollback is forgotten", climbs(release.Prove, release.WatchStable), func(p *pair) { p.next.Ladder, p.next.Phase = nil, release.Watching }, release.LadderOrder},
		{"proven without having been tried", climbs(release.Ready, release.Ready), func(p *pair) {
			ladder(p).Step, ladder(p).Tried, ladder(p).Shifted, ladder(p).FirstShift = release.Prove, true, decidedAt+9, decidedAt+9
		}, release.LadderOrder},
		{"set again and not counted", reasserts(), func(p *pair) { ladder(p).Reasserts = p.old.Ladder.Reasserts }, release.LadderOrder},
		{"rolling back without a ladder", climbs(release.Ready, release.Ready), func(p *pair) { p.next.Ladder, p.old.Ladder = nil, nil }, release.LadderFits},
		{"watched with a ladder that is open", climbs(release.Ready, release.Ready), func(p *pair) { p.next.Phase = release.Watching }, release.LadderFits},
		{"rechecked after the weights were set", climbs(release.Recheck, release.Recheck), func(p *pair) { ladder(p).FirstShift = decidedAt }, release.LadderFits},
		{"to be set again though nobody set others", climbs(release.Ready, release.Shift), func(p *pair) { ladder(p).FirstShift = decidedAt }, release.LadderFits},
		{"weights to be set that are not noted as tried", climbs(release.Ready, release.Shift), func(p *pair) { ladder(p).Tried = false }, release.LadderFits},
		{"to be proven without having been set", climbs(release.Shift, release.Prove), func(p *pair) { ladder(p).Shifted, ladder(p).FirstShift = 0, 0 }, release.LadderFits},
		{"stable is watched without proof", climbs(release.Prove, release.WatchStable), func(p *pair) { ladder(p).Proven = 0 }, release.LadderFits},
		{"it goes on though it is lost", climbs(release.Prove, release.WatchStable), func(p *pair) { ladder(p).Lost = "argocd" }, release.LadderFits},
		{"the plan changes", climbs(release.Ready, release.Shift), func(p *pair) { ladder(p).Plan.VirtualService = "other" }, release.PlanFrozen},
		{"the verdict changes", climbs(release.Ready, release.Shift), func(p *pair) { ladder(p).Verdict.Reason = "another" }, release.PlanFrozen},
		{"who decided changes", climbs(release.Ready, release.Shift), func(p *pair) { ladder(p).Automatic, ladder(p).By = false, "ann" }, release.PlanFrozen},
		{"a second rollback", decides(), func(p *pair) {
			p.old.Ladder = &release.Ladder{Step: release.Done, Automatic: true, Decided: t0 + 100, FirstShift: t0 + 120}
		}, release.OneRollback},
		{"a second one after a write without an outcome", decides(), func(p *pair) {
			p.old.Ladder = &release.Ladder{Step: release.Done, Automatic: true, Decided: t0 + 100, Tried: true}
		}, release.OneRollback},
		{"a rollback after another writer's weights stood", decides(), func(p *pair) {
			p.old.Conditions = []signal.Condition{{Type: release.ConditionRollbackLost, Status: "True"}}
		}, release.OneRollback},
		{"a rollback of what is over", decides(), func(p *pair) { p.old.Phase = release.Accepted }, release.OneRollback},
		{"a fourth reassert", reasserts(), func(p *pair) { p.old.Ladder.Reasserts, ladder(p).Reasserts = 3, 4 }, release.EndlessReasserts},
		{"a plan of another namespace", decides(), func(p *pair) { ladder(p).Plan.Namespace = "victim" }, release.OwnNamespace},
		{"a plan of another policy", decides(), func(p *pair) { ladder(p).Plan.Policy = "other" }, release.OwnNamespace},
		{"a slot that the plan lacks", decides(), func(p *pair) { ladder(p).Plan.Slots = ladder(p).Plan.Slots[:1] }, release.OwnSides},
		{"from a slot to itself", decides(), func(p *pair) { p.o.Spec.Stable.Slot = green }, release.OwnSides},
		{"decided while a person holds it", decides(), func(p *pair) { p.o.Spec.People.Hold = &release.Hold{By: "ann", Until: p.o.Now + 1} }, release.PeopleWin},
		{"decided in mode Observe", decides(), func(p *pair) { p.o.Mode = release.Observe }, release.PeopleWin},
		{"decided for what was seen mid-flight", decides(), func(p *pair) { p.o.Spec.MidFlight = true }, release.PeopleWin},
		{"decided after the time for it", decides(), func(p *pair) { p.o.Now = p.next.Cutover.Add(dur(24*time.Hour)) + 1 }, release.PeopleWin},
		{"decided while halted", decides(), func(p *pair) {
			p.old.Conditions = []signal.Condition{{Type: release.ConditionHalted, Status: "True"}}
			p.next.Conditions = p.old.Conditions
		}, release.PeopleWin},
		{"by a word that nobody said", obeys(), func(p *pair) { p.o.Spec.People.Decision = nil }, release.PeopleWin},
		{"by a word that somebody else said", obeys(), func(p *pair) { p.o.Spec.People.Decision.By = "bob" }, release.PeopleWin},
		{"by the same word again", obeys(), func(p *pair) { p.old.Obeyed = p.next.Obeyed }, release.PeopleWin},
		{"by a word that is not kept", obeys(), func(p *pair) { p.next.Obeyed = "" }, release.PeopleWin},
		{"decided without a verdict", decides(), func(p *pair) { p.o.Guard = nil }, release.NotBlind},
		{"decided blind", decides(), func(p *pair) { p.o.Guard.Tier = judge.Blind }, release.NotBlind},
		{"decided though the shares are unknown", decides(), func(p *pair) { p.o.World.Problem = "it is mad" }, release.NotBlind},
		{"decided for a side that is as bad", decides(), func(p *pair) {
			p.o.Stable = &judge.Verdict{Tier: judge.Rollback}
			p.o.World.Routes[0].Shares[blue] = 0.1
		}, release.NeverWorse},
		{"decided for a side that says it is not well", decides(), func(p *pair) { p.o.StableFails = "db" }, release.NeverWorse},
		{"decided after three in the namespace", decides(), func(p *pair) { p.o.Fleet.Rollbacks = rolledBack("production", 1000, 1001, 1002) }, release.BreakerOpen},
		{"decided after those of three namespaces", decides(), func(p *pair) { p.o.Fleet.Rollbacks = threeNamespaces() }, release.BreakerOpen},
		{"the cutover moves", stays(), func(p *pair) { p.next.Cutover++ }, release.CutoverMoved},
		{"a cutover that was not written yet moves", stays(), func(p *pair) { p.o.Spec.Cutover = 0; p.next.Cutover++ }, release.CutoverMoved},
		{"a cutover to come", stays(), func(p *pair) { p.o.Spec.Cutover, p.old.Cutover, p.next.Cutover = 0, 0, p.o.Now+1 }, release.CutoverMoved},
		{"a cutover before the first sight", stays(), func(p *pair) { p.o.Spec.Cutover, p.old.Cutover, p.next.Cutover = 0, 0, t0-1 }, release.CutoverMoved},
		{"the first traffic moves", stays(), func(p *pair) { p.next.FirstTraffic++ }, release.CutoverMoved},
		{"the schedule changes", stays(), func(p *pair) { p.next.Grid = p.next.Grid[:1] }, release.CutoverMoved},
		{"a check is left out", judges(), func(p *pair) { p.next.Checks++ }, release.NoLostCheck},
		{"checks grow fewer", stays(), func(p *pair) { p.next.Checks-- }, release.NoLostCheck},
		{"a check at another time", judges(), func(p *pair) { p.next.Lines[0].At++ }, release.NoLostCheck},
		{"a check without a verdict", judges(), func(p *pair) { p.next.Lines[0].Tier = "" }, release.NoLostCheck},
		{"a check without a line", judges(), func(p *pair) { p.next.Lines = nil }, release.NoLostCheck},
		{"a milestone is lost", stays(), func(p *pair) { p.old.Milestones = []milestone.Milestone{{}} }, release.NoLostCheck},
		{"accepted before the last check", ends(), func(p *pair) { p.old.Checks--; p.next.Checks-- }, release.NoLostCheck},
		{"accepted, and watched again", stays(), func(p *pair) { p.old.Phase = release.Accepted }, release.OverIsOver},
		{"rolled back, and watched again", stays(), func(p *pair) {
			p.old.Phase, p.old.Ladder = release.RolledBack, &release.Ladder{Step: release.Done}
			p.next.Ladder = p.old.Ladder
		}, release.OverIsOver},
		{"who was told is forgotten", stays(), func(p *pair) { p.next.Told = nil }, release.ToldOnce},
		{"an incident is there twice", stays(), func(p *pair) { p.next.Incidents = append(p.next.Incidents, p.next.Incidents[0]) }, release.ToldOnce},
	}
	seen := map[release.Invariant]bool{}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			p := c.legal
			if got := release.Broken(p.old, p.next, p.o); len(got) > 0 {
				t.Fatalf("the legal step breaks %v", got)
			}
			c.spoil(&p)
			if got := release.Broken(p.old, p.next, p.o); !names(got, c.want) {
				t.Errorf("broken: %v, want %s", got, c.want)
			}
		})
		seen[c.want] = true
	}
	for _, i := range release.Invariants() {
		if !seen[i] && !slices.Contains([]release.Invariant{release.DeedIntended, release.ReadyFirst, release.InUse}, i) {
			t.Errorf("nothing breaks %s", i)
		}
	}
}

func names(all []release.Breach, want release.Invariant) bool {
	return slices.ContainsFunc(all, func(b release.Breach) bool { return b.Invariant == want && b.Text != "" })
}

// reasserts sets the weights again against another writer.
func reasserts() pair {
	p := climbs(release.Prove, release.Shift)
	l := p.next.Ladder
	l.Shifted, l.FirstShift, l.Reasserts = p.old.Ladder.Shifted, p.old.Ladder.FirstShift, 1
	return p
}

// What a person's word, a second process or another writer may do is legal.
func TestWhatMayHappenBreaksNoInvariant(t *testing.T) {
	takenOver := climbs(release.Ready, release.Shift)
	takenOver.o.Spec.People.Decision = &release.Decision{Choice: release.ChooseRollback, By: "ann"}
	takenOver.next.Ladder.Automatic, takenOver.next.Ladder.By = false, "ann"

	again := obeys()
	again.old.Ladder = &release.Ladder{Step: release.Done, Automatic: true, Decided: t0 + 100, FirstShift: t0 + 120, Lost: "argocd"}
	again.o.Mode = release.Observe
	again.o.Spec.People.Hold = &release.Hold{By: "bob", Until: again.o.Now + 60}

	lapsed := climbs(release.Shift, release.Shift)
	lapsed.next.Ladder, lapsed.next.Phase = nil, release.Watching

	unheard := climbs(release.Ready, release.Prove)
	unheard.old.Ladder.Tried = true

	accepted := stays()
	accepted.next.Phase, accepted.o.Spec.People.Decision = release.Accepted, &release.Decision{Choice: release.ChooseAccept, By: "ann"}

	for what, p := range map[string]pair{"a person takes a rollback over": takenOver, "a person's rollback after one that was lost": again,
		"a rollback is given up before anything moved": lapsed, "a write without an outcome is seen to be done": unheard,
		"a person accepts early": accepted} {
		if got := release.Broken(p.old, p.next, p.o); len(got) > 0 {
			t.Errorf("%s breaks %v", what, got)
		}
	}
}
