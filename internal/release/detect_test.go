package release_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// seen is a world: what the slots run and green's share in each route.
func seen(b, g release.SlotView, greens ...float64) release.World {
	w := release.World{Writer: "deployer", Slots: []release.SlotView{b, g}}
	for i, share := range greens {
		w.Routes = append(w.Routes, release.RouteView{Key: fmt.Sprint("route-", i), Shares: map[string]float64{blue: 1 - share, green: share}})
	}
	return w
}

// known is a policy that has been watched for a while: blue carries the traffic, green is idle.
func known() release.Ledger {
	return release.Ledger{LastRelease: 6, Accepted: []release.AcceptedRevision{{Slot: blue, Revision: "b1", Release: 6, Ended: release.Accepted}, {Slot: green, Revision: "g1", Release: 5, Ended: release.Superseded}},
		Carrier: &release.Side{Slot: blue, Revision: "b1", Version: "b1", Replicas: 3}, Stable: &release.Side{Slot: green, Revision: "g1", Version: "g1", Replicas: 3}}
}

func rollingOut(v release.SlotView, updated int32) release.SlotView {
	v.RolledOut, v.Updated = false, updated
	return v
}

func missing(slot string) release.SlotView { return release.SlotView{Slot: slot} }

// told is a birth in a line.
func told(s release.Spec) string {
	text := fmt.Sprintf("%d: %s/%s, back to %s/%s x%d", s.Number, s.Candidate.Slot, s.Candidate.Revision, s.Stable.Slot, s.Stable.Revision, s.Stable.Replicas)
	if s.MidFlight {
		text += ", mid-flight"
	}
	return text
}

func TestDetect(t *testing.T) {
	b1, g1, g2 := running(blue, "b1", 3), running(green, "g1", 3), running(green, "g2", 3)
	rolledBack := known()
	rolledBack.Accepted[1] = release.AcceptedRevision{Slot: green, Revision: "g2", Release: 7, Ended: release.RolledBack}
	rolledBack.LastRelease = 7
	lastOnGreen := known() // release 6 was on green; its stable, blue, is still there
	lastOnGreen.Carrier = &release.Side{Slot: green, Revision: "g1", Replicas: 3}
	lastOnGreen.Stable = &release.Side{Slot: blue, Revision: "b1", Version: "b1", Replicas: 4}
	younger := running(green, "g2", 3)
	younger.Since = 100
	older := b1
	older.Since = 50

	cases := []struct {
		name   string
		ledger release.Ledger
		world  release.World
		want   []string
	}{
		{"nothing new", known(), seen(b1, g1, 0), nil},
		{"pods restarted, labels edited: the same revision", known(), seen(rollingOut(b1, 1), rollingOut(g1, 1), 0), nil},
		{"scaled", known(), seen(running(blue, "b1", 9), running(green, "g1", 0), 0), nil},
		{"traffic goes to an old revision", known(), seen(b1, g1, 1), nil},
		{"rolling out without traffic", known(), seen(b1, rollingOut(g2, 2), 0), nil},
		{"rolled out without traffic", known(), seen(b1, g2, 0), []string{"7: green/g2, back to blue/b1 x3"}},
		{"rollout undone", known(), seen(b1, running(green, "g0", 3), 0), []string{"7: green/g0, back to blue/b1 x3"}},
		{"traffic from the first updated pod", known(), seen(b1, rollingOut(g2, 1), 0.05), []string{"7: green/g2, back to blue/b1 x3"}},
		{"traffic, but no updated pod yet", known(), seen(b1, rollingOut(g2, 0), 0.05), nil},
		{"traffic in one route of two", known(), seen(b1, rollingOut(g2, 1), 0, 0.05), []string{"7: green/g2, back to blue/b1 x3"}},
		{"cut over in one step while nobody looked", known(), seen(running(blue, "b1", 0), g2, 1), []string{"7: green/g2, back to blue/b1 x3"}},
		{"cut over, and blue is another one by now", known(), seen(running(blue, "b9", 3), g2, 1),
			[]string{"7: blue/b9, back to green/g2 x3", "8: green/g2, back to blue/ x0"}},
		{"equal shares at once", known(), seen(b1, g2, 0.5), []string{"7: green/g2, back to blue/b1 x3"}},
		{"in place, the last stable is still there", lastOnGreen, seen(b1, g2, 1), []string{"7: green/g2, back to blue/b1 x4"}},
		{"in place, the last stable is gone", known(), seen(running(blue, "b2", 3), running(green, "g9", 3), 0),
			[]string{"7: blue/b2, back to green/ x0", "8: green/g9, back to blue/b2 x3"}},
		{"in place, the other slot is the rolled back one", rolledBack, seen(running(blue, "b2", 3), g2, 0), []string{"8: blue/b2, back to green/ x0"}},
		{"rolled back and idle", rolledBack, seen(b1, g2, 0), nil},
		{"rolled back and comes again", rolledBack, seen(b1, g2, 0.1), []string{"8: green/g2, back to blue/b1 x3"}},
		{"the slot is deleted", known(), seen(b1, missing(green), 0), nil},
		{"the shares are unknown", known(), seen(b1, g2), nil},

		{"first sight: all on one slot", release.Ledger{}, seen(b1, g2, 0), nil},
		{"first sight: all on the other", release.Ledger{}, seen(b1, g2, 1), nil},
		{"first sight: split", release.Ledger{}, seen(b1, g2, 0.05), []string{"1: green/g2, back to blue/b1 x3, mid-flight"}},
		{"first sight: split the other way", release.Ledger{}, seen(b1, g2, 0.95), []string{"1: blue/b1, back to green/g2 x3, mid-flight"}},
		{"first sight: equal shares, the younger", release.Ledger{}, seen(older, younger, 0.5), []string{"1: green/g2, back to blue/b1 x3, mid-flight"}},
		{"first sight: routes disagree", release.Ledger{}, seen(older, younger, 1, 0), []string{"1: green/g2, back to blue/b1 x3, mid-flight"}},
		{"first sight: one slot is missing", release.Ledger{}, seen(b1, missing(green), 0), nil},
		{"first sight: the shares are unknown", release.Ledger{}, seen(b1, g2), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := *c.ledger.DeepCopy()
			ledger, births := release.Detect(c.ledger, nil, c.world, t0)
			var got []string
			for _, s := range births {
				got = append(got, told(s))
				if s.FirstSeen != t0 {
					t.Errorf("first seen %s", s.FirstSeen)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("births (-want +got):\n%s", d)
			}
			if d := cmp.Diff(before, c.ledger); d != "" {
				t.Errorf("the ledger given was changed:\n%s", d)
			}
			if _, again := release.Detect(ledger, nil, c.world, t0+60); len(again) != 0 {
				t.Errorf("seen again, it begins again: %v", again)
			}
			if n := len(births); n > 0 && ledger.LastRelease != births[n-1].Number {
				t.Errorf("the last release is %d", ledger.LastRelease)
			}
		})
	}
}

// What was made before the ledger was saved begins again under the same number and is found by it. The control is a
// ledger that knows it.
func TestAReleaseThatWasMadeBeforeTheLedgerWasSavedIsFoundByItsNumber(t *testing.T) {
	w := seen(running(blue, "b1", 3), running(green, "g2", 3), 0)
	_, births := release.Detect(known(), nil, w, t0)
	made := []release.Open{{Spec: births[0]}}
	if _, again := release.Detect(known(), made, w, t0+5); len(again) != 1 || told(again[0]) != told(births[0]) {
		t.Errorf("begun again: %v, want %v", again, births)
	}
	if ledger, again := release.Detect(known().Begun(births[0]), made, w, t0+5); len(again) != 0 || ledger.LastRelease != 7 || ledger.Accepted[1].Release != 7 {
		t.Errorf("made again: %v with %+v", again, ledger)
	}
}

func TestARolledBackRevisionIsWatchedOnceOnly(t *testing.T) {
	spec := release.Spec{Policy: "kb", Number: 7, Candidate: release.Side{Slot: green, Revision: "g2"}}
	over := release.Open{Spec: spec, State: release.State{Phase: release.RolledBack, Ladder: &release.Ladder{Step: release.Done}}}
	ledger, _ := release.Detect(known().Begun(spec), []release.Open{over}, seen(running(blue, "b1", 3), running(green, "g2", 3), 0), t0)
	ledger = release.Settle(ledger, over)
	if ledger.Accepted[1].Ended != release.RolledBack {
		t.Fatalf("not settled: %+v", ledger.Accepted)
	}
	w := seen(running(blue, "b1", 3), running(green, "g2", 3), 0.5)
	_, births := release.Detect(ledger, nil, w, t0)
	if len(births) != 1 || births[0].Number != 8 {
		t.Errorf("it comes again: %v, want release 8", births)
	}
	// Its control: while its last steps are pending, it is still the one that is watched.
	open := over
	open.State.Ladder = &release.Ladder{Step: release.WatchStable}
	if _, births := release.Detect(ledger, []release.Open{open}, w, t0); len(births) != 0 {
		t.Errorf("a second release beside the first: %v", births)
	}
}

func TestSettleNotesOnlyWhatIsOver(t *testing.T) {
	spec := release.Spec{Number: 6, Candidate: release.Side{Slot: blue, Revision: "b1"}}
	l := known()
	l.Accepted[0].Ended = ""
	if got := release.Settle(l, release.Open{Spec: spec, State: release.State{Phase: release.Watching}}); got.Accepted[0].Ended != "" {
		t.Errorf("a watched release ended as %s", got.Accepted[0].Ended)
	}
	if got := release.Settle(l, release.Open{Spec: spec, State: release.State{Phase: release.Superseded}}); got.Accepted[0].Ended != release.Superseded || l.Accepted[0].Ended != "" {
		t.Errorf("got %+v from %+v", got.Accepted, l.Accepted)
	}
	spec.Number = 5
	if got := release.Settle(l, release.Open{Spec: spec, State: release.State{Phase: release.Superseded}}); got.Accepted[0].Ended != "" {
		t.Error("an older release of the slot settled the newer one's account")
	}
}

func TestTheCarrierIsRememberedWithTheReplicasItHad(t *testing.T) {
	l, _ := release.Detect(known(), nil, seen(running(blue, "b1", 8), running(green, "g1", 0), 0), t0)
	if l.Carrier.Replicas != 8 {
		t.Errorf("the carrier has %d replicas, want 8", l.Carrier.Replicas)
	}
	// Then it is scaled down and replaced in one step, while nobody looks.
	_, births := release.Detect(l, nil, seen(running(blue, "b1", 0), running(green, "g2", 3), 1), t0)
	if got := births[0].Stable.Replicas; got != 8 {
		t.Errorf("stable had %d replicas, want 8", got)
	}
	// A split without a majority leaves the memory alone.
	l, _ = release.Detect(l, nil, seen(running(blue, "b1", 1), running(green, "g1", 3), 0.5), t0)
	if l.Carrier.Slot != blue || l.Carrier.Replicas != 8 {
		t.Errorf("the carrier is %+v", l.Carrier)
	}
}

// The life of a release by what the shares are: each phase against each world.
func TestLifeByShares(t *testing.T) {
	worlds := map[string]func(*sim){
		"none": shares(0, "ann"), "some": shares(0.05, "ann"), "all": shares(1, "ann"),
		"some in one route": func(s *sim) {
			s.world.Routes = []release.RouteView{{Key: "a", Shares: map[string]float64{green: 1}}, {Key: "b", Shares: map[string]float64{blue: 1}}}
		},
		"all in both routes": func(s *sim) {
			s.world.Routes = []release.RouteView{{Key: "a", Shares: map[string]float64{green: 1}}, {Key: "b", Shares: map[string]float64{green: 1, blue: 0}}}
		},
		"unknown": func(s *sim) { s.world.Problem = "it is mad" },
	}
	to := map[string]func(*sim){"Deployed": func(*sim) {}, "Canary": shares(0.05, "d"), "Watching": cutover}
	want := map[string]map[string]release.Phase{
		"Deployed": {"none": release.Deployed, "some": release.Canary, "all": release.Watching, "some in one route": release.Canary, "all in both routes": release.Watching, "unknown": release.Deployed},
		"Canary":   {"none": release.RolledBack, "some": release.Canary, "all": release.Watching, "some in one route": release.Canary, "all in both routes": release.Watching, "unknown": release.Canary},
		"Watching": {"none": release.RolledBack, "some": release.Watching, "all": release.Watching, "some in one route": release.Watching, "all in both routes": release.Watching, "unknown": release.Watching},
	}
	for from, row := range want {
		for world, phase := range row {
			t.Run(from+", then "+world, func(t *testing.T) {
				s := newSim(t).at(time.Minute, to[from]).at(10*time.Minute, worlds[world]).until(9 * time.Minute)
				s.phase(release.Phase(from))
				s.until(11 * time.Minute).phase(phase)
			})
		}
	}
}

func TestTheShareIsTheLeastOfTheRoutes(t *testing.T) {
	cases := map[int32][]release.RouteView{
		0:   {{Key: "a", Shares: map[string]float64{green: 1}}, {Key: "b", Shares: map[string]float64{blue: 1}}},
		33:  {{Key: "a", Shares: map[string]float64{green: 1.0 / 3, blue: 2.0 / 3}}},
		100: {{Key: "a", Shares: map[string]float64{green: 1}}},
		29:  {{Key: "a", Shares: map[string]float64{green: 0.29, blue: 0.71}}},
	}
	for want, routes := range cases {
		s := newSim(t)
		s.world.Routes = routes
		s.advance(s.observe())
		if s.state.Share != want {
			t.Errorf("got %d %%, want %d %%", s.state.Share, want)
		}
	}
}

// A route of which a third destination has all holds no cutover back; one of which stable has some does.
func TestThirdDestinationsHoldNoCutoverBack(t *testing.T) {
	beside := func(other map[string]float64) func(*sim) {
		return func(s *sim) {
			s.world.Routes = []release.RouteView{{Key: "a", Shares: map[string]float64{green: 1, blue: 0}}, {Key: "b", Shares: other}}
		}
	}
	newSim(t).at(time.Minute, beside(map[string]float64{green: 0, blue: 0})).until(2 * time.Minute).phase(release.Watching)
	newSim(t).at(time.Minute, beside(map[string]float64{green: 0.99, blue: 0.01})).until(2 * time.Minute).phase(release.Canary)
	newSim(t).at(time.Minute, beside(map[string]float64{green: 0, blue: 0})).at(5*time.Minute, shares(0, "ann")).until(6 * time.Minute).phase(release.RolledBack)
}

func TestMidFlightCountsFromTheFirstSight(t *testing.T) {
	s := newSim(t)
	s.spec.MidFlight, s.spec.FirstSeen = true, t0-300
	shares(0.5, "d")(s)
	s.until(time.Minute)
	s.phase(release.Canary)
	if s.state.FirstTraffic != t0-300 {
		t.Errorf("first traffic %s", s.state.FirstTraffic)
	}
}

func TestSettleRemembersAutomaticRollbacks(t *testing.T) {
	var l release.Ledger
	settle := func(number int64, automatic bool, moved string) {
		ladder := &release.Ladder{Step: release.Done, Automatic: automatic, Moved: moved, Decided: signal.Instant(100 * number)}
		if moved == "" {
			ladder.FirstShift = ladder.Decided
		}
		l = release.Settle(l, release.Open{Spec: release.Spec{Number: number}, State: release.State{Phase: release.RolledBack, Ladder: ladder}})
	}
	settle(1, false, "")
	settle(2, true, "kubectl")
	if len(l.Rollbacks) != 0 {
		t.Errorf("a person's rollbacks are remembered as automatic: %v", l.Rollbacks)
	}
	for number := range int64(6) {
		settle(number+3, true, "")
		settle(number+3, true, "") // after a crash a release ends again
	}
	want := []release.PastRollback{{Release: 5, Decided: 500}, {Release: 6, Decided: 600}, {Release: 7, Decided: 700}, {Release: 8, Decided: 800}}
	if !slices.Equal(l.Rollbacks, want) {
		t.Errorf("remembered are %v, want the last four: %v", l.Rollbacks, want)
	}
}
