package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// seventh is the release that takes traffic from b1 to g2, in a phase; eighth the one that took stable's slot after it.
func seventh(p release.Phase) release.Open {
	o := release.Open{Spec: release.Spec{Policy: "kb", Number: 7, Candidate: release.Side{Slot: green, Revision: "g2"}, Stable: release.Side{Slot: blue, Revision: "b1"}},
		State: release.State{Phase: p}}
	if p == release.RollingBack || p == release.RolledBack {
		o.State.Ladder = &release.Ladder{Step: release.Ready, Automatic: true, Decided: t0}
	}
	return o
}

var eighth = release.Open{Spec: release.Spec{Policy: "kb", Number: 8, Candidate: release.Side{Slot: blue, Revision: "b9"}, Stable: release.Side{Slot: green, Revision: "g2"}},
	State: release.State{Phase: release.Deployed}}

func begun(specs ...release.Spec) release.Ledger {
	l := known()
	for _, s := range specs {
		l = l.Begun(s)
	}
	return l
}

// Stable's slot was given b9, and people bring b1 back so that the rollback can go on: b1 is what it was, not a release
// of its own, before the traffic is back and after.
func TestWhatIsBroughtBackIsNoRelease(t *testing.T) {
	l := begun(seventh(release.RollingBack).Spec, eighth.Spec)
	for _, share := range []float64{1, 0} {
		open := []release.Open{seventh(release.RollingBack), eighth}
		w := seen(running(blue, "b1", 3), running(green, "g2", 3), share)
		next, births := release.Detect(l, open, w, t0)
		if len(births) > 0 || next.Accepted[0].Revision != "b1" || !next.Replaced(eighth.Spec) || next.Replaced(open[0].Spec) {
			t.Errorf("share %v: %v is born, and the ledger says %+v", share, births, next.Accepted)
		}
		if again, births := release.Detect(next, open, w, t0+60); len(births) > 0 || again.Accepted[0].Revision != "b1" {
			t.Errorf("share %v, seen again: %v is born, and the ledger says %+v", share, births, again.Accepted)
		}
		if _, births := release.Detect(next, nil, w, t0+600); len(births) > 0 {
			t.Errorf("share %v, when all are over: %v is born", share, births)
		}
	}
	// The control: nobody goes back to b1 any more.
	if _, births := release.Detect(l, []release.Open{eighth}, seen(running(blue, "b1", 3), running(green, "g2", 3), 1), t0); len(births) != 1 {
		t.Errorf("%v are born, want b1", births)
	}
}

// A repair that is new itself is a release, and has nothing to go back to.
func TestWhatIsRolledBackIsNobodysStable(t *testing.T) {
	w := seen(running(blue, "b1.1", 3), running(green, "g2", 3), 1)
	for phase, want := range map[release.Phase]string{
		release.RollingBack: "8: blue/b1.1, back to green/ x0",
		release.RolledBack:  "8: blue/b1.1, back to green/ x0",
		release.Watching:    "8: blue/b1.1, back to green/g2 x3",
	} {
		o := seventh(phase)
		if _, births := release.Detect(begun(o.Spec), []release.Open{o}, w, t0); len(births) != 1 || told(births[0]) != want {
			t.Errorf("%s: %v, want %s", phase, births, want)
		}
	}
	settled := release.Settle(begun(seventh(release.RolledBack).Spec), over(seventh(release.RolledBack), true))
	if _, births := release.Detect(settled, nil, seen(running(blue, "b1", 3), running(green, "g2", 3), 0.2), t0+60); len(births) != 1 {
		t.Fatalf("%v are born, want g2", births)
	} else if _, next := release.Detect(settled.Begun(births[0]), nil, w, t0+120); len(next) != 1 || next[0].Stable.Revision != "" {
		t.Errorf("it was rolled back, has traffic again, and is the stable of the next: %v", next)
	}
}

func over(o release.Open, automatic bool) release.Open {
	o.State.Phase = release.RolledBack
	o.State.Ladder = &release.Ladder{Step: release.Done, Automatic: automatic, Decided: t0, FirstShift: t0}
	return o
}

// A policy that is made again while a release of it goes on takes nobody for what they are not.
func TestRolesStandWhenThePolicyIsMadeAgain(t *testing.T) {
	w := seen(running(blue, "b1", 3), running(green, "g2", 3), 0.6) // blue, with less, would be taken for the candidate
	fresh := release.Ledger{LastRelease: 7}
	next, births := release.Detect(fresh, []release.Open{seventh(release.RollingBack)}, w, t0)
	if len(births) > 0 {
		t.Errorf("%v are born beside a rollback that goes on", births)
	}
	// When that has ended, what it was about is watched, as long as it has traffic, and may go back to b1.
	if _, births := release.Detect(next, nil, w, t0+60); len(births) != 1 || told(births[0]) != "8: green/g2, back to blue/b1 x3" {
		t.Errorf("%v are born, want g2", births)
	}
	if _, births := release.Detect(fresh, []release.Open{seventh(release.Canary)}, w, t0); len(births) != 1 || told(births[0]) != "8: green/g2, back to blue/b1 x3, mid-flight" {
		t.Errorf("%v are born beside a canary, want g2", births)
	}
	// The controls: no release, and one of something else.
	other := seventh(release.RollingBack)
	other.Spec.Candidate.Revision = "g1"
	for _, open := range [][]release.Open{nil, {other}, {over(seventh(release.RolledBack), true)}} {
		if _, births := release.Detect(fresh, open, w, t0); len(births) != 1 || told(births[0]) != "8: blue/b1, back to green/g2 x3, mid-flight" {
			t.Errorf("%v are born at first sight, with %v", births, open)
		}
	}
}

// The right to roll a revision back by itself is spent once, however often it is given traffic again; by a new rollout,
// by the acceptance of a release of it, and after a day it is there again.
func TestTheRightToRollBackIsSpentOnce(t *testing.T) {
	day := 24 * time.Hour
	idle, again := seen(running(blue, "b1", 3), running(green, "g2", 3), 0), seen(running(blue, "b1", 3), running(green, "g2", 3), 1)
	for name, c := range map[string]struct {
		automatic bool
		then      func(release.Ledger) release.Ledger
		after     time.Duration
		want      int64
	}{
		"it gets traffic again":       {true, nil, time.Minute, 7},
		"a person had it so":          {false, nil, time.Minute, 0},
		"a day later":                 {true, nil, day, 0},
		"just before":                 {true, nil, day - time.Second, 7},
		"for the third time":          {true, func(l release.Ledger) release.Ledger { return ended(t, l, again, release.RolledBack) }, time.Minute, 7},
		"an end that was never saved": {true, func(l release.Ledger) release.Ledger { return ended(t, l, again, release.Accepted, release.RolledBack) }, time.Minute, 7},
		"it was rolled out anew": {true, func(l release.Ledger) release.Ledger {
			l, births := release.Detect(l, nil, seen(running(blue, "b1", 3), running(green, "g3", 3), 0), t0+20)
			return l.Begun(births[0])
		}, time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := release.Settle(begun(seventh(release.RolledBack).Spec), over(seventh(release.RolledBack), c.automatic))
			l, births := release.Detect(l, nil, idle, t0+10)
			if len(births) > 0 {
				t.Fatalf("%v are born without traffic", births)
			}
			if c.then != nil {
				l = c.then(l)
			}
			_, births = release.Detect(l, nil, again, t0.Add(dur(c.after)))
			if len(births) != 1 || births[0].Spent != c.want || births[0].Candidate.Revision != "g2" {
				t.Errorf("born are %+v, want one of g2 with %d spent", births, c.want)
			}
		})
	}
}

// Once a release of it is accepted, what is there is no release any more, and may be gone back to.
func TestAnAcceptedRevisionIsSpentNoMore(t *testing.T) {
	idle, again := seen(running(blue, "b1", 3), running(green, "g2", 3), 0), seen(running(blue, "b1", 3), running(green, "g2", 3), 1)
	for end, want := range map[release.Phase]string{release.Accepted: "9: blue/b2, back to green/g2 x3", release.RolledBack: "9: blue/b2, back to green/ x0"} {
		l := release.Settle(begun(seventh(release.RolledBack).Spec), over(seventh(release.RolledBack), true))
		l, _ = release.Detect(l, nil, idle, t0+10)
		l = ended(t, l, again, end)
		if end == release.Accepted {
			if _, births := release.Detect(l, nil, again, t0+30); len(births) > 0 {
				t.Errorf("%v are born of what was accepted", births)
			}
		}
		_, births := release.Detect(l, nil, seen(running(blue, "b2", 3), running(green, "g2", 3), 1), t0+40)
		if n := len(births); n == 0 || told(births[0]) != want {
			t.Errorf("after %s: born are %+v, want %s", end, births, want)
		}
	}
}

// ended is the ledger after one more release of what has traffic, which was entered as ended so.
func ended(t *testing.T, l release.Ledger, w release.World, phases ...release.Phase) release.Ledger {
	t.Helper()
	l, births := release.Detect(l, nil, w, t0+20)
	l = l.Begun(births[0])
	for _, p := range phases {
		l = release.Settle(l, release.Open{Spec: births[0], State: release.State{Phase: p}})
	}
	return l
}

// A revision that was rolled back is not judged from nothing when it gets traffic again: it is said at once, and no
// traffic is moved by itself. A person may have it so.
func TestWhatWasRolledBackIsNotFought(t *testing.T) {
	s := bad(t)
	s.spec.Spent = 3
	s.until(30 * time.Minute)
	s.happened("1m0s OpenPage PastRollback", "24m30s OpenPage RollbackWithheld")
	s.never("RollingBack")
	s.withheld("Spent")
	if c := s.state.Condition(release.ConditionWithheld); !strings.Contains(c.Message, "as kb-3, and deployer led traffic to it again") {
		t.Errorf("it says %q", c.Message)
	}
	if s.count("OpenPage") != 2 {
		t.Errorf("%d pages:\n%v", s.count("OpenPage"), s.log)
	}
	s.at(31*time.Minute, decision(release.ChooseRollback, "ann")).until(40 * time.Minute)
	s.phase(release.RolledBack)
	control := bad(t).until(30 * time.Minute)
	control.happened("24m30s RollingBack Recheck")
	control.never("OpenPage PastRollback")
}

// A release whose slot holds what was there before again is over, in whichever phase.
func TestAReleaseThatIsReplacedIsOver(t *testing.T) {
	for phase, to := range map[release.Phase]func(*sim){release.Deployed: func(*sim) {}, release.Canary: shares(0.1, "d"), release.Watching: cutover} {
		s := newSim(t).at(time.Minute, to).at(5*time.Minute, revision(green, "g1"))
		s.until(6 * time.Minute).phase(phase)
		s.replaced = true
		s.until(7 * time.Minute).phase(release.Superseded)
	}
	control := newSim(t).at(time.Minute, cutover)
	control.replaced = true // as a ledger that is ahead of the cluster's cache says
	control.until(7 * time.Minute).phase(release.Watching)
}

// Where the next release takes all the traffic in one step, nobody rolled this one back.
func TestTheNextReleaseSupersedesAtOnce(t *testing.T) {
	next := func(s *sim) {
		revision(blue, "b2")(s)
		s.newer = []release.Newer{{Name: "kb-8", Slot: blue, Revision: "b2"}}
	}
	s := newSim(t).at(time.Minute, cutover).at(5*time.Minute, next).at(6*time.Minute, shares(0, "pipeline"))
	s.until(5*time.Minute + 50*time.Second).phase(release.Watching)
	s.until(7 * time.Minute).phase(release.Superseded)
	control := newSim(t).at(time.Minute, cutover).at(5*time.Minute, func(s *sim) {
		s.newer = []release.Newer{{Name: "kb-8", Slot: blue, Revision: "b2"}} // which is not there any more
	}).at(6*time.Minute, shares(0, "pipeline"))
	control.until(7 * time.Minute).phase(release.RolledBack)
}
